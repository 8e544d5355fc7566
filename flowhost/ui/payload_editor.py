"""A payload as text to edit; what is wrong is said at its place while it is typed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from nicegui.element import Element
from nicegui.events import GenericEventArguments

from flowhost.services.letter_views import PayloadView
from flowhost.services.typed_json import PayloadError, read
from flowhost.ui.tags import Tag, icon
from flowhost.ui.texts import t

LARGEST = 500_000
"""Characters that can be edited in a browser."""


class PayloadText(Element, component=Path(__file__).parent / "assets" / "payload_text.js"):
    """The text, with line numbers."""

    def __init__(self, on_text: Callable[[GenericEventArguments], None]) -> None:
        super().__init__()
        self.props["name"] = t("letter.payload")
        self.props["version"] = 0
        self.on("content", on_text)

    def load(self, text: str) -> None:
        """Show this text instead."""
        self.props["text"] = text
        self.props["version"] += 1

    def mark_line(self, line: int | None) -> None:
        """Mark a line; None takes the mark away."""
        self.props["fault"] = line

    def lock(self, *, locked: bool) -> None:
        """Let it be read only."""
        self.props["locked"] = locked

    def go_to(self, line: int, column: int) -> None:
        """Put the cursor there."""
        _ = self.run_method("goTo", line, column)


class PayloadEditor(Tag):
    """The newest revision of a payload, to be changed.

    Args:
        on_change: told when text or its soundness changed.

    Attributes:
        typed: the text as it is now.
        fault: why it is no payload; None if it is one.
    """

    def __init__(self, on_change: Callable[[], Any]) -> None:
        super().__init__("div", "", "fh-payload-editor")
        self.typed = ""
        self.fault: PayloadError | None = None
        self._loaded = ""
        self._on_change = on_change
        with self:
            self._area = PayloadText(self._typed)
            with Tag("div", "", "fe-problem fe-problem-error", role="alert") as self._wrong:
                icon("error_outline")
                self._said = Tag("span", data_testid="payload-fault")
            self._hint = Tag("p", t("letter.types"), "fh-sub")

    @property
    def changed(self) -> bool:
        """Something was typed that is not what was loaded."""
        return self.typed.strip() != self._loaded.strip()

    def load(self, payload: PayloadView, *, locked: bool) -> None:
        """Show this payload."""
        too_large = len(payload.text) > LARGEST
        self.typed = self._loaded = payload.text
        self._area.load(payload.text[:LARGEST])
        self._area.lock(locked=locked or too_large)
        self._hint.show_if(not locked)
        self._judge()
        if too_large:
            self._say(t("letter.too_large"))

    def show_fault(self) -> None:
        """Put the cursor where the fault is."""
        if self.fault is not None and self.fault.line is not None:
            self._area.go_to(self.fault.line, self.fault.column or 1)

    def _typed(self, event: GenericEventArguments) -> None:
        self.typed = str(event.args or "")
        self._judge()
        self._on_change()

    def _judge(self) -> None:
        self.fault = None
        if self.changed:
            try:
                read(self.typed)
            except PayloadError as error:
                self.fault = error
        self._area.mark_line(self.fault.line if self.fault is not None else None)
        self._say(str(self.fault) if self.fault is not None else "")

    def _say(self, text: str) -> None:
        self._said.set_text(text)
        self._wrong.show_if(text)
