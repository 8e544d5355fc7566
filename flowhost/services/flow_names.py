"""Flows as people call them."""

from __future__ import annotations


def called(name: str, flow_id: str) -> str:
    """The name with the id behind it; the id alone where they are the same or there is no name."""
    return f"{name} ({flow_id})" if name and name != flow_id else flow_id
