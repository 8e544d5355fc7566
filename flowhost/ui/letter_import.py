"""Dead letters as a file: the address that gives an export, the one that takes one in, and the dialog for it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse
from nicegui import ui
from nicegui.events import GenericEventArguments

from flowhost.errors import FlowHostError
from flowhost.services.letter_views import LetterQuery
from flowhost.ui import format as fmt
from flowhost.ui.caller import caller
from flowhost.ui.letter_filter import Wanted
from flowhost.ui.live import Live
from flowhost.ui.shell import Alert
from flowhost.ui.tags import Button, Tag, icon
from flowhost.ui.texts import t

EXPORT = "/work/export"
IMPORT = "/work/import"
LARGEST = 64 * 1024 * 1024

SEND = f"""async (e) => {{
  const file = e.target.files[0];
  e.target.value = "";
  if (!file) return;
  emit({{ begun: true }});
  try {{
    const answer = await fetch("{IMPORT}", {{ method: "POST", body: file }});
    emit(await answer.json());
  }} catch (error) {{
    emit({{ error: String(error) }});
  }}
}}"""
"""The file goes straight to the host, however large, and its name stays in the browser."""


def add_routes(app: FastAPI, live: Live) -> None:
    """Put export and import at their addresses."""

    @app.get(EXPORT, include_in_schema=False)
    async def export(request: Request) -> Response:
        ids = request.query_params.getlist("id")
        query = LetterQuery(ids=tuple(ids)) if ids else Wanted.of(dict(request.query_params)).query()
        parts = live.host.dead_letters.export(caller(), query)
        try:  # what is wrong is said before the answer begins
            first = await anext(parts)
        except FlowHostError as error:
            return Response(str(error), 422, media_type="text/plain")
        headers = {"Content-Disposition": 'attachment; filename="dead-letters.json"'}
        return StreamingResponse(_joined(first, parts), media_type="application/json", headers=headers)

    @app.post(IMPORT, include_in_schema=False)
    async def import_(request: Request) -> JSONResponse:
        # a refusal is an answer for the dialog, not a fault that belongs into the browser's console
        body = bytearray()
        async for part in request.stream():
            body += part
            if len(body) > LARGEST:
                return JSONResponse({"error": t("take.too_large", size=LARGEST >> 20)})
        try:
            result = await live.host.dead_letters.import_(caller(), body.decode())
        except UnicodeDecodeError:
            return JSONResponse({"error": t("take.no_text")})
        except FlowHostError as error:
            return JSONResponse({"error": str(error)})
        return JSONResponse({"taken": result.taken, "known": result.known})


async def _joined(first: str, parts: AsyncIterator[str]) -> AsyncIterator[str]:
    yield first
    async for part in parts:
        yield part


class TakeDialog:
    """Takes an exported file in.

    Args:
        taken: told when letters were taken in.
    """

    def __init__(self, taken: Callable[[], Awaitable[None]]) -> None:
        self._taken = taken
        with ui.dialog() as self._dialog, Tag("div", "", "fh-dialog", role="dialog", aria_label=t("take.title")):
            Tag("h2", t("take.title"))
            Tag("p", t("take.text"), "fh-sub")
            self._said = Tag("p", "", "fh-take-said", role="status", data_testid="take-said")
            with Tag("div", "", "fh-dialog-buttons fh-says"):
                self._alert = Alert()
                Button(t("take.close"), "close", self._close, "fh-quiet", data_testid="take-close")
                with Tag("label", "", "fh-button fh-primary fh-file") as self._choose:
                    icon("folder_open")
                    Tag("span", t("take.choose"))
                    file = Tag("input", "", "fh-file-input", type="file", accept=".json", data_testid="take-file")
            file.on("change", self._on_answer, js_handler=SEND)

    def open(self) -> None:
        """Show the dialog, without an old answer."""
        self._alert.take_back()
        self._said.set_text("")
        self._dialog.value = True

    def _close(self) -> None:
        self._dialog.value = False

    async def _on_answer(self, event: GenericEventArguments) -> None:
        answer: dict[str, Any] = event.args if isinstance(event.args, dict) else {}
        self._alert.take_back()
        if answer.get("begun"):
            self._said.set_text(t("take.busy"))
        elif "taken" in answer:
            taken, known = int(answer["taken"]), int(answer.get("known", 0))
            self._said.set_text(t("take.done", taken=fmt.count(taken), known=fmt.count(known)))
            await self._taken()
        else:
            self._said.set_text("")
            self._alert.say(str(answer.get("error") or t("take.no_answer")))
