"""`/api/v1`: what needs a token."""

from __future__ import annotations

from functools import cache
from typing import Any

from fastapi import APIRouter, Request
from fastapi.openapi.utils import get_openapi
from fastapi.responses import JSONResponse

from flowhost import __version__
from flowhost.api.alarms import alarms_router
from flowhost.api.answers import Caller, authorized_route, bearer_of, unauthorized
from flowhost.api.connections import connections_router
from flowhost.api.dead_letters import dead_letters_router
from flowhost.api.flow_files import flow_files_router
from flowhost.api.secrets import secrets_router
from flowhost.services.host import Host

METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


def v1_router(host: Host) -> APIRouter:
    """Everything under `/api`. Without a token every path answers 401, known or not: trying names tells nothing."""
    router = APIRouter()
    router.include_router(alarms_router(host))
    router.include_router(dead_letters_router(host))
    router.include_router(connections_router(host))
    router.include_router(flow_files_router(host))
    router.include_router(secrets_router(host))
    described = APIRouter(route_class=authorized_route(host))

    @cache
    def description() -> dict[str, Any]:
        return get_openapi(title="FlowHost", version=__version__, routes=router.routes)

    @described.get("/api/v1/openapi.json", include_in_schema=False)
    async def openapi(caller: Caller) -> dict[str, Any]:  # noqa: ARG001 - it needs a token like all else
        return description()

    router.include_router(described)

    @router.api_route("/api/v1", methods=METHODS, include_in_schema=False)
    @router.api_route("/api/v1/{path:path}", methods=METHODS, include_in_schema=False)
    async def others(request: Request) -> JSONResponse:
        if host.caller(bearer_of(request)) is None:
            return unauthorized()
        message = f"{request.method} {request.url.path}: there is nothing of this name and method"
        return JSONResponse({"error": "not found", "message": message}, status_code=404)

    @router.api_route("/api/{path:path}", methods=METHODS, include_in_schema=False)
    async def unknown(path: str) -> JSONResponse:
        return JSONResponse({"error": "not found", "message": f"/api/{path}: there is no such path"}, status_code=404)

    return router
