"""The connection dialog for pages without a flow."""

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

log = logging.getLogger(__name__)


class LinkDialog(Element, component=Path(__file__).parent / "link_dialog.js"):
    """Makes and changes connections of the host.

    Args:
        asks: answers its questions.
        may_edit: without it everything can be looked at and tested where that is allowed, and nothing changed.
        on_saved: told the flows that were started anew.
    """

    def __init__(self, asks: Asks, *, may_edit: bool, on_saved: Callable[[list[str]], Any]) -> None:
        super().__init__()
        self._asks = asks
        self.props["facts"] = json.dumps({"words": {**WORDS, **BENCH_WORDS}, "mayEdit": may_edit})
        self.on("ask", lambda event: self._on_ask(event.args))
        self.on("saved", lambda event: on_saved([str(name) for name in event.args or []]))

    def create(self) -> None:
        """Open it for a new connection."""
        _ = self.run_method("create")

    def edit(self, link: Mapping[str, Any]) -> None:
        """Open it for one there is."""
        _ = self.run_method("edit", link)

    def _on_ask(self, frame: Any) -> None:
        if isinstance(frame, dict):
            _ = background_tasks.create(self._answer(frame), name="question of a form")

    async def _answer(self, frame: Mapping[str, Any]) -> None:
        answer = await self._asks.answer(caller(), frame.get("what"), frame.get("args"))
        # through JSON: times become text, and nothing but plain data reaches the browser
        plain = json.loads(json.dumps({"n": frame.get("n"), **answer}, default=str))
        if not self.is_deleted:
            _ = self.run_method("answer", plain)
