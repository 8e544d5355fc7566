"""Commands: they parse arguments, call services and print."""

from flowhost.cli.program import main

__all__ = ["main"]
