"""Places within a page that other pages lead to."""

from __future__ import annotations

from urllib.parse import quote


def anchor_of(connection: str) -> str:
    """Where a connection of the host stands on its page."""
    return f"connection-{quote(connection, safe='')}"
