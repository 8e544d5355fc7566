"""Stands before every request: who may be talked to as, from where, and what a browser may do with the answer.

NiceGUI's own socket takes any Origin, and a page of another site could so press buttons here; a site that lets its name
point to 127.0.0.1 (DNS rebinding) could read pages. Both are turned away before anything else sees the request.
"""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})

# NiceGUI compiles its templates in the browser and so needs unsafe-eval; nothing is taken from another host
CONTENT_POLICY = "; ".join(
    [
        "default-src 'self'",
        "script-src 'self' 'unsafe-inline' 'unsafe-eval'",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "font-src 'self' data:",
        "connect-src 'self'",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    ]
)
HEADERS = (
    (b"content-security-policy", CONTENT_POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
)


class Guard:
    """ASGI middleware, outermost.

    Args:
        app: what is guarded.
        names: host names and addresses this host may be called by, besides loopback.
        origins: origins pages may come from besides the called address itself: the public one behind a proxy.
    """

    def __init__(self, app: ASGIApp, names: Iterable[str] = (), origins: Iterable[str] = ()) -> None:
        self._app = app
        self._names = LOOPBACK | {name.lower() for name in names}
        self._origins = {origin.lower() for origin in origins}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the request through, or answer it."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        if refusal := self._refusal(scope):
            await _refuse(refusal, scope, receive, send)
            return
        await self._app(scope, receive, _with_headers(send))

    def _refusal(self, scope: Scope) -> tuple[int, str] | None:
        host = _header(scope, b"host")
        if _name_of(host) not in self._names:
            return 421, f"this FlowHost is not called {host!r}: set public_url to the address people use"
        origins = [value for name, value in scope["headers"] if name == b"origin"]
        if len(origins) > 1 or any(not self._same(_text(value), host) for value in origins):
            return 403, "requests from pages of another site are not taken"
        if scope["type"] == "websocket" and not origins:
            return 403, "a socket needs the Origin a browser sends"
        return None

    def _same(self, origin: str, host: str) -> bool:
        """Whether a page of this origin is one of ours; `host` is known to be a name of ours."""
        if origin.lower() in self._origins:
            return True
        parts = urlsplit(origin)
        return parts.scheme in ("http", "https") and bool(host) and parts.netloc.lower() == host.lower()


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            own = {name for name, _ in HEADERS}
            others = [(name, value) for name, value in message.get("headers", []) if name.lower() not in own]
            message = {**message, "headers": [*others, *HEADERS]}
        await send(message)

    return sending


async def _refuse(refusal: tuple[int, str], scope: Scope, receive: Receive, send: Send) -> None:
    status, reason = refusal
    if scope["type"] == "websocket":
        # closed before it was accepted: the server answers 403
        await send({"type": "websocket.close", "code": 1008, "reason": reason})
        return
    await JSONResponse({"error": "refused", "message": reason}, status_code=status)(scope, receive, _with_headers(send))


def _header(scope: Scope, wanted: bytes) -> str:
    """A header that may be there once; two of it are as good as none."""
    found = [value for name, value in scope["headers"] if name == wanted]
    return _text(found[0]) if len(found) == 1 else ""


def _text(value: bytes) -> str:
    return value.decode("latin-1")


def _name_of(host: str) -> str:
    """The name in a Host header, without its port and brackets."""
    try:
        return (urlsplit(f"//{host}").hostname or "").lower()
    except ValueError:
        return ""
