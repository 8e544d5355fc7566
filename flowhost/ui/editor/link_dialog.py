"""Dialogs for pages without a flow: connections, and flows made of templates."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from nicegui import background_tasks
from nicegui.element import Element

from flowhost.services.asks import Asks
from flowhost.ui.caller import caller
from flowhost.ui.texts.bench import BENCH_WORDS
from flowhost.ui.texts.editor import WORDS
from flowhost.ui.texts.secrets import SECRET_FORM_WORDS

log = logging.getLogger(__name__)


class LinkDialog(Element, component=Path(__file__).parent / "link_dialog.js"):
    """Makes and changes connections and secrets of the host, and makes flows of templates.

    Args:
        asks: answers its questions.
        may_edit: without it everything can be looked at and tested where that is allowed, and nothing changed.
        on_saved: told when a connection was saved: the flows that started anew, and those that do so now.
        on_stored: told what became of flows when a secret was stored, see `flowhost.services.secret_views.Restarts`.
        on_made: told what became of a template, see `flowhost.services.flow_templates.MadeFlow`.
    """

    def __init__(
        self,
        asks: Asks,
        *,
        may_edit: bool,
        on_saved: Callable[[list[str], list[str]], Any] | None = None,
        on_stored: Callable[[Mapping[str, Any]], Any] | None = None,
        on_made: Callable[[Mapping[str, Any]], Any] | None = None,
    ) -> None:
        super().__init__()
        self._asks = asks
        self.props["facts"] = json.dumps({"words": {**WORDS, **BENCH_WORDS, **SECRET_FORM_WORDS}, "mayEdit": may_edit})
        self.on("ask", lambda event: self._on_ask(event.args))
        if on_saved is not None:
            self.on("saved", lambda event: on_saved(*_restarts(event.args)))
        if on_stored is not None:
            self.on("stored", lambda event: on_stored(event.args) if isinstance(event.args, dict) else None)
        if on_made is not None:
            self.on("made", lambda event: on_made(event.args) if isinstance(event.args, dict) else None)

    def create(self) -> None:
        """Open it for a new connection."""
        _ = self.run_method("create")

    def edit(self, link: Mapping[str, Any]) -> None:
        """Open it for one there is."""
        _ = self.run_method("edit", link)

    def secret(self, name: str) -> None:
        """Open it for the value of a secret; without a name for a new one."""
        _ = self.run_method("secret", name)

    def use(self, template: Mapping[str, Any]) -> None:
        """Open it for a template."""
        _ = self.run_method("use", template)

    def _on_ask(self, frame: Any) -> None:
        if isinstance(frame, dict):
            _ = background_tasks.create(self._answer(frame), name="question of a form")

    async def _answer(self, frame: Mapping[str, Any]) -> None:
        answer = await self._asks.answer(caller(), frame.get("what"), frame.get("args"))
        # through JSON: times become text, and nothing but plain data reaches the browser
        plain = json.loads(json.dumps({"n": frame.get("n"), **answer}, default=str))
        if not self.is_deleted:
            _ = self.run_method("answer", plain)


def _restarts(args: Any) -> tuple[list[str], list[str]]:
    told = args if isinstance(args, dict) else {}
    return [str(name) for name in told.get("restarted") or ()], [str(name) for name in told.get("restarting") or ()]
