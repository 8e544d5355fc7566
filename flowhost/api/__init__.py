"""REST: routers that call services and nothing else, and the guard before every request."""

from flowhost.api.guard import Guard
from flowhost.api.health import health_router
from flowhost.api.live import live_router
from flowhost.api.v1 import v1_router

__all__ = ["Guard", "health_router", "live_router", "v1_router"]
