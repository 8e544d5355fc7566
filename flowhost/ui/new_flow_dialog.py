"""Begin a flow: a name, and the editor opens."""

from __future__ import annotations

from functools import partial
from typing import Any

from nicegui import ui

from flowhost.errors import FlowHostError
from flowhost.services.flow_templates import id_of
from flowhost.ui.caller import caller
from flowhost.ui.live import Live
from flowhost.ui.shell import Alert
from flowhost.ui.tags import Button, Labelled, Tag
from flowhost.ui.texts import t


class NewFlowDialog:
    """Asks for a name and an area; the id follows from the name.

    Args:
        live: gives the services.
    """

    def __init__(self, live: Live) -> None:
        self._flows = live.host.flows
        self._typed = {"name": "", "area": ""}
        with ui.dialog() as self._dialog, Tag("div", "", "fh-dialog", role="dialog", aria_label=t("new.title")):
            Tag("h2", t("new.title"))
            Tag("p", t("new.text"), "fh-sub")
            self._fields = [
                self._field("name", data_autofocus=True),
                self._field("area", placeholder="plant1/line1"),
            ]
            with Tag("div", "", "fh-dialog-buttons fh-says"):
                self._alert = Alert()
                Button(t("new.cancel"), "close", self._close, "fh-quiet")
                Button(t("new.do"), "check", self._on_create, "fh-primary", data_testid="new-do")

    def _field(self, what: str, **attributes: Any) -> Labelled:
        made = Labelled(
            t(f"new.{what}"), "input", partial(self._on_text, what), data_testid=f"new-{what}", **attributes
        )
        return made.on("keydown.enter", self._on_create)

    def _on_text(self, what: str, text: str) -> None:
        self._typed[what] = text.strip()

    def open(self) -> None:
        """Show the dialog, without what was in it before."""
        self._alert.take_back()
        for field in self._fields:
            field.fresh()
        self._typed = {"name": "", "area": ""}
        self._dialog.value = True

    def _close(self) -> None:
        self._dialog.value = False

    async def _on_create(self) -> None:
        name = self._typed["name"]
        flow_id = id_of(name)
        if not flow_id:
            self._alert.say(t("new.no_name"))
            return
        try:
            await self._flows.create(caller(), flow_id, name, self._typed["area"])
        except FlowHostError as error:
            self._alert.say(str(error))
            return
        ui.navigate.to(f"/flows/{flow_id}/edit")
