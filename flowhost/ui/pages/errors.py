"""What stands where a page cannot: no page at this address, or a fault of ours while it was made."""

from __future__ import annotations

import asyncio
import logging

from nicegui import Client, app, ui
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from flowhost.ui.live import Live
from flowhost.ui.shell import empty_state, frame, pages
from flowhost.ui.tags import Tag, link
from flowhost.ui.texts import t

log = logging.getLogger(__name__)


def register(live: Live) -> None:
    """Put them in place of NiceGUI's own."""

    @app.exception_handler(404)
    async def no_such_page(request: Request, _: Exception) -> Response:
        if "text/html" not in request.headers.get("accept", ""):  # a program asked, or a page for a part of it
            return JSONResponse({"error": "not found", "message": f"{request.url.path}: there is nothing"}, 404)
        with Client(ui.page(""), request=request) as client:
            _show(live, "search_off", t("missing.title", path=request.url.path), t("missing.text"))
        return await asyncio.to_thread(client.build_response, request, 404)  # it looks at files

    @app.on_page_exception
    def broken_page(error: Exception) -> None:
        log.error("a page cannot be made", exc_info=error)
        detail = t("error.unexpected", detail=f"{type(error).__name__}: {error}")
        _show(live, "error_outline", t("broken.title"), detail)


def _show(live: Live, sign: str, title: str, text: str) -> None:
    with frame(live, "", title), Tag("div", "", "fh-page"):
        box = empty_state(sign, title, text)
    with box, Tag("div", "", "fh-ways"):
        for name, target in pages(live):
            link(t(f"nav.{name}"), target, "fh-link")
