"""How REST answers under `/api/v1`: who asks is looked at first, and every error has a status and says where."""

from __future__ import annotations

import logging
from collections.abc import Callable, Coroutine
from typing import Annotated, Any

from fastapi import Depends, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from typing_extensions import override

from flowhost.errors import (
    ConfigError,
    ConflictError,
    FlowHostError,
    ForbiddenError,
    HostError,
    NotFoundError,
)
from flowhost.services.access import Principal
from flowhost.services.host import Host

log = logging.getLogger(__name__)

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


def authorized_route(host: Host) -> type[APIRoute]:
    """A route class that lets nobody in without a token, and answers errors as JSON.

    The token is looked at before the body is read: a stranger learns nothing from what is wrong with a request.
    """

    class AuthorizedRoute(APIRoute):
        @override
        def get_route_handler(self) -> Handler:
            handle = super().get_route_handler()

            async def answer(request: Request) -> Response:
                caller = host.caller(bearer_of(request))
                if caller is None:
                    return unauthorized()
                request.state.caller = caller
                try:
                    return await handle(request)
                except (RequestValidationError, FlowHostError) as error:
                    return answer_to(error)

            return answer

    return AuthorizedRoute


def _caller(request: Request) -> Principal:
    caller = request.state.caller
    assert isinstance(caller, Principal)
    return caller


Caller = Annotated[Principal, Depends(_caller)]
"""Whoever asks, in the arguments of a route of `authorized_route`."""


def bearer_of(request: Request) -> str:
    """The token a request brings; empty if it brings none."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def unauthorized() -> JSONResponse:
    """To those without a valid token."""
    message = "a bearer token is needed: commands on this machine take that of host.json; others are not issued yet"
    return JSONResponse(
        {"error": "unauthorized", "message": message},
        status_code=401,
        headers={"WWW-Authenticate": 'Bearer realm="flowhost"'},
    )


def answer_to(error: RequestValidationError | FlowHostError) -> JSONResponse:
    """An error as an answer."""
    match error:
        case RequestValidationError():
            problems = [{"place": ".".join(map(str, e["loc"])), "message": e["msg"]} for e in error.errors()]
            return _error(422, "invalid", "; ".join(f"{p['place']}: {p['message']}" for p in problems), problems)
        case ConfigError():
            return _error(422, "invalid", str(error), [{"place": error.place, "message": error.message}])
        case NotFoundError():
            return _error(404, "not found", str(error))
        case ConflictError():
            return _error(409, "conflict", str(error))
        case ForbiddenError():
            return _error(403, "forbidden", str(error))
        case HostError():
            return _error(503, "unavailable", str(error))
        case _:
            log.error("a request failed", exc_info=error)
            return _error(500, "internal", str(error))


def _error(status: int, name: str, message: str, problems: list[dict[str, str]] | None = None) -> JSONResponse:
    content: dict[str, Any] = {"error": name, "message": message}
    if problems is not None:
        content["problems"] = problems
    return JSONResponse(content, status_code=status)
