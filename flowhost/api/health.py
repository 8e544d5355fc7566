"""Health for supervisors and load balancers: `live` says the process answers, `ready` that it does all it promises."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Response, status

from flowhost.services.host import Host


def health_router(host: Host) -> APIRouter:
    """`/api/health/live` and `/api/health/ready`; open to all, they tell nothing about flows."""
    router = APIRouter(prefix="/api/health")

    @router.get("/live")
    async def live() -> dict[str, str]:
        return {"status": "live"}

    @router.get("/ready")
    async def ready(response: Response) -> dict[str, Any]:
        reasons = await host.not_ready()
        if not reasons:
            return {"status": "ready"}
        response.status_code = status.HTTP_503_SERVICE_UNAVAILABLE
        return {"status": "not ready", "reasons": list(reasons)}

    return router
