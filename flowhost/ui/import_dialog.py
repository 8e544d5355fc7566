"""Bring in flow files: chosen, or pasted as text; what has to be decided is asked before anything is done."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from nicegui import ui
from nicegui.element import Element
from nicegui.events import GenericEventArguments

from flowhost.errors import ConfirmationError, FlowHostError
from flowhost.services.flow_files import Conflicts, FlowSource, ImportChoices, ImportItem, OfConnections
from flowhost.services.flow_names import called
from flowhost.services.views import FlowOverview
from flowhost.ui.caller import caller
from flowhost.ui.change_words import ChangeWords, change_words
from flowhost.ui.deploy_dialog import changes_lines
from flowhost.ui.live import Live
from flowhost.ui.shell import Alert
from flowhost.ui.tags import Button, Tag, icon
from flowhost.ui.texts import t

MOST_CHANGES = 20
"""Differences of a flow that are listed."""


class FlowText(Element, component=Path(__file__).parent / "assets" / "flow_text.js"):
    """Text of a flow file, pasted or read from a file in the browser; or several files."""

    def __init__(self, on_sources: Callable[[list[FlowSource]], None], on_too_big: Callable[[], None]) -> None:
        super().__init__()
        self.on("content", lambda event: on_sources(_sources([{"name": t("import.this"), "text": event.args or ""}])))
        self.on("files", lambda event: on_sources(_sources(event.args)))
        self.on("toobig", on_too_big)
        self.props["label"] = t("import.choose")
        self.props["hint"] = t("import.placeholder")
        self.props["name"] = t("import.title")


class ImportDialog:
    """The dialog and what it asks of the host.

    Args:
        live: gives the services.
        imported: told about new flows, where there are several; a single one is opened.
    """

    def __init__(self, live: Live, imported: Callable[[Sequence[FlowOverview]], None]) -> None:
        self._live = live
        self._imported = imported
        self._sources: list[FlowSource] = []
        self._names: dict[str, str] = {}
        with ui.dialog() as self._dialog, Tag("div", "", "fh-dialog", role="dialog", aria_label=t("import.title")):
            Tag("h2", t("import.title"))
            Tag("p", t("import.text"), "fh-sub")
            self._text = FlowText(self._on_sources, self._on_too_big)
            self._found = Tag("div", "", "fh-import-found", data_testid="import-found")
            with Tag("label", "", "fh-choice") as self._links:
                self._use_host = Tag("input", "", "fh-check", type="checkbox", data_testid="import-use-host")
                Tag("span", t("import.use_host"))
            self._use_host.on("change", self._on_use_host, js_handler="(e) => emit(e.target.checked)")
            with Tag("div", "", "fh-dialog-buttons fh-says"):
                self._alert = Alert()
                Button(t("import.cancel"), "close", self._close, "fh-quiet")
                self._skip = Button(t("import.skip"), "redo", self._on_skip, data_testid="import-skip")
                self._copy = Button(t("import.copy"), "content_copy", self._on_copy, data_testid="import-copy")
                self._replace = Button(t("import.replace"), "sync", self._on_replace, data_testid="import-replace")
                self._anyway = Button(t("import.anyway"), "warning", self._on_anyway, data_testid="import-anyway")
                self._do = Button(t("import.do"), "check", self._on_import, "fh-primary", data_testid="import-do")
        self._choices("do")
        self._links.show_if(False)
        self._conflicts: Conflicts = "refuse"
        self._connections: OfConnections = "own"

    def open(self) -> None:
        """Show the dialog, without an old error."""
        self._take_back()
        self._dialog.value = True

    def _close(self) -> None:
        self._dialog.value = False

    def _choices(self, *names: str) -> None:
        """Which buttons there are."""
        for name in ("do", "skip", "copy", "replace", "anyway"):
            button: Button = getattr(self, f"_{name}")
            button.show_if(name in names)

    def _take_back(self) -> None:
        self._alert.take_back()
        self._found.clear()
        self._links.show_if(False)
        self._conflicts = "refuse"
        self._choices("do")

    def _on_sources(self, sources: list[FlowSource]) -> None:
        self._sources = sources
        self._take_back()

    def _on_too_big(self) -> None:
        self._alert.say(t("import.too_big"))

    async def _on_import(self) -> None:
        """Look first: what has to be decided is asked for, what is clear is done."""
        self._take_back()
        if not any(source.text.strip() for source in self._sources):
            self._alert.say(t("import.empty"))
            return
        self._do.busy(t("import.busy"))
        try:
            items = await self._live.host.files.plan(caller(), self._sources)
        except FlowHostError as error:
            self._alert.say(str(error))
            return
        finally:
            self._do.busy(None)
        self._names = {item.flow: called(item.title, item.flow) for item in items}
        if len(items) > 1 or any(_to_decide(item) for item in items):
            self._list(items, await self._change_words(items))
        self._links.show_if(any(item.differing for item in items))
        if refused := [item for item in items if item.refused]:
            name = "" if len(items) == 1 else f"{refused[0].source}: "
            self._alert.say(f"{name}{refused[0].refused}")
        elif any(item.state == "exists" for item in items):
            self._choices("skip", "copy", "replace") if len(items) > 1 else self._choices("copy", "replace")
        elif any(_to_decide(item) for item in items):
            self._choices("anyway")
        else:
            await self._take(confirm=False)

    def _on_use_host(self, event: GenericEventArguments) -> None:
        self._connections = "host" if event.args else "own"

    async def _on_skip(self) -> None:
        await self._decided("skip")

    async def _on_copy(self) -> None:
        await self._decided("copy")

    async def _on_replace(self) -> None:
        await self._decided("replace")

    async def _decided(self, conflicts: Conflicts) -> None:
        self._conflicts = conflicts
        await self._take(confirm=False)

    async def _on_anyway(self) -> None:
        await self._take(confirm=True)

    async def _change_words(self, items: Sequence[ImportItem]) -> Mapping[str, ChangeWords]:
        """How people call what differs, for each flow that is here."""
        flows = [item.flow for item in items if item.changes]
        return {flow: await change_words(self._live.host, caller(), flow) for flow in flows}

    def _list(self, items: Sequence[ImportItem], words: Mapping[str, ChangeWords]) -> None:
        with self._found:
            for item in items:
                look = "error" if item.refused else "warning" if _to_decide(item) else "fine"
                with Tag("div", "", f"fe-problem fe-problem-{look}", data_testid="import-item"):
                    icon({"error": "error_outline", "warning": "warning_amber", "fine": "check"}[look])
                    with Tag("div"):
                        Tag("span", _words(item))
                        _problems(item)
                        if item.flow in words:
                            with Tag("div", "", "fe-changes", data_testid="import-changes"):
                                changes_lines(item.changes, words[item.flow], MOST_CHANGES)

    async def _take(self, *, confirm: bool) -> None:
        self._alert.take_back()
        files = self._live.host.files
        try:
            choices = ImportChoices(
                conflicts=self._conflicts, connections=self._connections, missing_ok=True, confirm=confirm
            )
            done = await files.take(caller(), self._sources, choices)
        except FlowHostError as error:
            self._alert.say(str(error))
            self._choices("anyway" if isinstance(error, ConfirmationError) else "do")
            return
        if all(one.done == "left out" for one in done):
            self._alert.say(t("import.nothing", flow=", ".join(self._names.get(one.flow, one.flow) for one in done)))
            return
        taken = [one for one in done if one.done != "left out"]
        flows = [await self._live.host.flows.detail(caller(), one.flow) for one in taken]
        faults = [problem for flow in flows for problem in flow.problems if problem.severity == "error"]
        # who imports all the same has read them
        if faults and not confirm:
            self._imported([flow.overview for flow in flows])
            self._choices("do")
            self._alert.say(t("import.faulty", place=faults[0].place, message=faults[0].message, count=len(faults)))
            return
        self._sources = []
        _ = self._text.run_method("empty")
        self._close()
        if len(taken) == 1:
            ui.navigate.to(f"/flows/{taken[0].flow}?imported={taken[0].done}")
        else:
            self._imported([flow.overview for flow in flows])


def _to_decide(item: ImportItem) -> bool:
    # what is here just so is left as it is, whatever is wrong with it
    return item.state == "exists" or bool(item.missing or item.differing or (item.errors and item.state == "new"))


def _words(item: ImportItem) -> str:
    """What is to be known of a file."""
    if item.refused:
        return f"{item.source}: {item.refused}"
    parts = [t(f"import.state.{item.state}", flow=called(item.title, item.flow), count=item.nodes)]
    if item.state == "exists" and item.running:
        parts.append(t("import.running"))
    if item.state == "exists" and item.edited:
        parts.append(t("import.edited"))
    if item.differing:
        parts.append(t("import.differing", names=", ".join(item.differing)))
    if item.missing:
        parts.append(t("import.missing", types=", ".join(item.missing)))
    if item.comments and item.state != "same":
        parts.append(t("import.comments"))
    return " ".join(parts)


def _problems(item: ImportItem) -> None:
    """All that keeps it from being started."""
    if not item.errors or item.refused or item.state == "same":
        return
    Tag("span", " " + t("import.errors", count=len(item.errors)))
    with Tag("ul", "", "fh-import-errors"):
        for error in item.errors:
            Tag("li", error, data_testid="import-error")


def _sources(files: Any) -> list[FlowSource]:
    found = files if isinstance(files, list) else []
    return [
        FlowSource(name=str(file.get("name")), text=str(file.get("text"))) for file in found if isinstance(file, dict)
    ]
