"""Bring in a flow file: choose it or paste its text."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from nicegui import ui
from nicegui.element import Element
from nicegui.events import GenericEventArguments

from flowhost.errors import ConfirmationError, FlowHostError
from flowhost.services.views import FlowOverview
from flowhost.ui.caller import caller
from flowhost.ui.live import Live
from flowhost.ui.shell import Alert
from flowhost.ui.tags import Button, Tag
from flowhost.ui.texts import t


class FlowText(Element, component=Path(__file__).parent / "assets" / "flow_text.js"):
    """Text of a flow file, pasted or read from a file in the browser; hands over the text alone, never a file name."""

    def __init__(self, on_text: Callable[[GenericEventArguments], None], on_too_big: Callable[[], None]) -> None:
        super().__init__()
        self.on("content", on_text)
        self.on("toobig", on_too_big)
        self.props["label"] = t("import.choose")
        self.props["hint"] = t("import.placeholder")
        self.props["name"] = t("import.title")


class ImportDialog:
    """The dialog and what it asks of the host.

    Args:
        live: gives the services.
        imported: told about the new flow.
    """

    def __init__(self, live: Live, imported: Callable[[FlowOverview], None]) -> None:
        self._flows = live.host.flows
        self._imported = imported
        self._content = ""
        with ui.dialog() as self._dialog, Tag("div", "", "fh-dialog", role="dialog", aria_label=t("import.title")):
            Tag("h2", t("import.title"))
            Tag("p", t("import.text"), "fh-sub")
            self._alert = Alert()
            self._text = FlowText(self._on_text, self._on_too_big)
            with Tag("div", "", "fh-dialog-buttons"):
                Button(t("import.cancel"), "close", self._close, "fh-quiet")
                self._anyway = Button(t("import.anyway"), "warning", self._on_anyway, data_testid="import-anyway")
                self._do = Button(t("import.do"), "check", self._on_import, "fh-primary", data_testid="import-do")
        self._anyway.show_if(condition=False)

    def open(self) -> None:
        """Show the dialog, without an old error."""
        self._take_back()
        self._dialog.value = True

    def _close(self) -> None:
        self._dialog.value = False

    def _take_back(self) -> None:
        self._alert.take_back()
        self._anyway.show_if(condition=False)

    def _on_text(self, event: GenericEventArguments) -> None:
        self._content = str(event.args or "")
        self._anyway.show_if(condition=False)

    def _on_too_big(self) -> None:
        self._alert.say(t("import.too_big"))

    async def _on_import(self) -> None:
        await self._bring_in(confirm=False)

    async def _on_anyway(self) -> None:
        await self._bring_in(confirm=True)

    async def _bring_in(self, *, confirm: bool) -> None:
        self._take_back()
        if not self._content.strip():
            self._alert.say(t("import.empty"))
            return
        self._do.busy(t("import.busy"))
        try:
            flow = await self._flows.import_file(caller(), self._content, confirm=confirm)
        except FlowHostError as error:
            self._alert.say(str(error))
            self._anyway.show_if(isinstance(error, ConfirmationError))
            return
        finally:
            self._do.busy(None)
        self._imported(flow)
        faults = [p for p in (await self._flows.detail(caller(), flow.id)).problems if p.severity == "error"]
        if faults:
            self._alert.say(t("import.faulty", place=faults[0].place, message=faults[0].message, count=len(faults)))
            return
        self._content = ""
        _ = self._text.run_method("empty")
        self._close()
