"""A line in a dialog that says what a deployment waits for, once that takes a while."""

from __future__ import annotations

from nicegui import ui

from flowhost.ui.tags import Tag, icon
from flowhost.ui.texts import t

SHOWN_AFTER_S = 0.8


class Waits(Tag):
    """Shown while a flow is being stopped for another revision; the dialog may be closed meanwhile.

    Attributes:
        busy: something is under way.
    """

    def __init__(self) -> None:
        super().__init__("p", "", "fe-waits", role="status", data_testid="waits")
        self.visible = False
        self.busy = False
        with self:
            icon("autorenew", "fh-spin")
            self._words = Tag("span")
            self._timer = ui.timer(SHOWN_AFTER_S, self._show, active=False)

    def begin(self, drain_s: float) -> None:
        """Something has begun; it waits for at most so long for what is on its way, 0 if for nothing."""
        self.busy = True
        self._words.set_text(t("deploy.waits", seconds=round(drain_s)))
        if drain_s:
            self._timer.activate()

    def end(self) -> None:
        """It is over."""
        self.busy = False
        self._timer.deactivate()
        self.show_if(condition=False)

    def tell_if_closed(self, text: str, dialog: ui.dialog) -> None:
        """Say an error on the page where nobody sees the dialog any more."""
        if not dialog.value:
            ui.notify(text, type="negative", timeout=8000)

    def _show(self) -> None:
        self._timer.deactivate()
        self.show_if(self.busy)
