"""Begin a flow: a name, and the editor opens."""

from __future__ import annotations

from nicegui import ui

from flowhost.errors import FlowHostError
from flowhost.services.flow_templates import id_of
from flowhost.ui.caller import caller
from flowhost.ui.live import Live
from flowhost.ui.shell import Alert
from flowhost.ui.tags import Button, Tag
from flowhost.ui.texts import t


class NewFlowDialog:
    """Asks for a name and an area; the id follows from the name.

    Args:
        live: gives the services.
    """

    def __init__(self, live: Live) -> None:
        self._flows = live.host.flows
        with ui.dialog() as self._dialog, Tag("div", "", "fh-dialog", role="dialog", aria_label=t("new.title")):
            Tag("h2", t("new.title"))
            Tag("p", t("new.text"), "fh-sub")
            self._name = ui.input(t("new.name")).props("outlined dense autofocus").classes("fe-note-field")
            self._name.props["data-testid"] = "new-name"
            self._name.on("keydown.enter", self._on_create)
            self._area = ui.input(t("new.area")).props("outlined dense").classes("fe-note-field")
            self._area.props["data-testid"] = "new-area"
            with Tag("div", "", "fh-dialog-buttons fh-says"):
                self._alert = Alert()
                Button(t("new.cancel"), "close", self._close, "fh-quiet")
                Button(t("new.do"), "check", self._on_create, "fh-primary", data_testid="new-do")

    def open(self) -> None:
        """Show the dialog, without an old error."""
        self._alert.take_back()
        self._dialog.value = True

    def _close(self) -> None:
        self._dialog.value = False

    async def _on_create(self) -> None:
        name = str(self._name.value or "").strip()
        flow_id = id_of(name)
        if not flow_id:
            self._alert.say(t("new.no_name"))
            return
        try:
            await self._flows.create(caller(), flow_id, name, str(self._area.value or "").strip())
        except FlowHostError as error:
            self._alert.say(str(error))
            return
        ui.navigate.to(f"/flows/{flow_id}/edit")
