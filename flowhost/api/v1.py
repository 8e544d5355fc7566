"""`/api/v1`: closed until access tokens exist."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import JSONResponse

METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


def v1_router() -> APIRouter:
    """Answers 401 on every path, known or not, so that nothing can be learned by trying names."""
    router = APIRouter()

    @router.api_route("/api/v1", methods=METHODS, include_in_schema=False)
    @router.api_route("/api/v1/{path:path}", methods=METHODS, include_in_schema=False)
    async def closed() -> JSONResponse:
        return JSONResponse(
            {"error": "unauthorized", "message": "a bearer token is needed; this version issues none yet"},
            status_code=401,
            headers={"WWW-Authenticate": 'Bearer realm="flowhost"'},
        )

    @router.api_route("/api/{path:path}", methods=METHODS, include_in_schema=False)
    async def unknown(path: str) -> JSONResponse:
        return JSONResponse({"error": "not found", "message": f"/api/{path}: there is no such path"}, status_code=404)

    return router
