"""Places within a page that other pages lead to."""

from __future__ import annotations

from urllib.parse import quote


def node_page(flow: str, node: str) -> str:
    """The page of a flow, with this node picked on its canvas."""
    return f"/flows/{quote(flow, safe='')}?node={quote(node, safe='')}"


def anchor_of(connection: str) -> str:
    """Where a connection of the host stands on its page."""
    return f"connection-{quote(connection, safe='')}"
