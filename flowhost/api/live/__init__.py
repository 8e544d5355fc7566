"""The socket of the flow editor: edits, live figures, values and who else is there."""

from flowhost.api.live.route import live_router

__all__ = ["live_router"]
