"""Who is at the browser. Until access exists it is the local user; every service call takes it from here."""

from __future__ import annotations

from flowhost.services.access import LOCAL_USER, Principal


def caller() -> Principal:
    """The person behind the current page."""
    return LOCAL_USER
