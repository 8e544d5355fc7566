"""Commands: they parse arguments, call services and print."""

from __future__ import annotations

import sys

__all__ = ["main"]

INTERRUPTED = 130
"""Exit code of a program that Ctrl-C ended before it had begun anything."""


def main() -> None:
    """Entry point."""
    try:
        # the commands take most of a second to load, and Ctrl-C may come at any time
        from flowhost.cli.program import main as run_program

        run_program()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
