"""One flow: its picture with live figures, and a panel that says more about what is picked."""

from __future__ import annotations

from collections.abc import Mapping

from nicegui import ui

from flowhost.errors import FlowHostError, NotFoundError
from flowhost.graph.document import NodeEntry
from flowhost.services.by_hand import saved_in
from flowhost.services.host_views import NodeTypeView
from flowhost.services.views import FlowOverview
from flowhost.ui import flow_export
from flowhost.ui import format as fmt
from flowhost.ui.by_hand import SendNow
from flowhost.ui.caller import caller
from flowhost.ui.delete_dialog import DeleteDialog
from flowhost.ui.flow_panel import FlowPanel
from flowhost.ui.flow_sums import sums_line
from flowhost.ui.graph_view import GraphView, describe
from flowhost.ui.letter_filter import Wanted
from flowhost.ui.live import FlowNow, Live
from flowhost.ui.node_panel import NodePanel
from flowhost.ui.operate import FlowSwitch, draining
from flowhost.ui.overview_sums import Figure
from flowhost.ui.patience import RESPONSE_S
from flowhost.ui.recent import is_recent
from flowhost.ui.rights import guard
from flowhost.ui.shell import Alert, frame, not_found
from flowhost.ui.sparkline import Sparkline
from flowhost.ui.state_mark import StateMark, doubtful, state_of, trouble_of
from flowhost.ui.tags import Button, Tag, icon, link
from flowhost.ui.texts import t
from flowhost.ui.versions_dialog import VersionsDialog


def register(live: Live) -> None:
    """Put the page at `/flows/{id}`."""

    @ui.page("/flows/{flow_id}", response_timeout=RESPONSE_S)
    async def flow(flow_id: str, node: str = "", imported: str = "") -> None:
        feed = live.flow(flow_id)
        try:
            now = await feed.now()
        except NotFoundError:
            with frame(live, "flows", flow_id):
                title, text = t("flow.not_found.title", id=flow_id), t("flow.not_found.text")
                not_found(title, text, t("flow.back"), "/")
            return
        edited = await live.host.drafts.changed(caller(), flow_id)
        types = {kind.id: kind for kind in await live.host.plugins.node_types(caller())}
        with frame(live, "flows", now.detail.overview.name) as shell:
            page = FlowPage(live, now, types, node, edited=edited)

        if imported in ("made", "copied", "replaced"):
            _say_imported(now.detail.overview, imported)

        def show(answer: FlowNow) -> None:
            shell.fresh()
            page.show(answer)

        def gone() -> None:
            if not page.deleting:  # the dialog that deletes it says so itself
                shell.gone(t("flow.gone", name=now.detail.overview.name))

        feed.follow(show, shell.stale, gone)


def _say_imported(flow: FlowOverview, how: str) -> None:
    """Once: the address that a reload takes does not say it any more."""
    words = t(f"import.done.{how}", name=flow.name, revision=flow.revision)
    ui.notify(words, type="positive", timeout=8000)
    ui.navigate.history.replace(f"/flows/{flow.id}")


class FlowPage(Tag):
    """The page's content.

    Args:
        live: gives the services.
        now: the flow as it is.
        types: every installed node type by id.
        node: id of the node that is picked at first.
        edited: it has edits that are not deployed.
    """

    def __init__(
        self, live: Live, now: FlowNow, types: Mapping[str, NodeTypeView], node: str = "", *, edited: bool = False
    ) -> None:
        super().__init__("div", "", "fh-flow-page")
        self._live = live
        self._types = types
        self._now = now
        self._node_panel: NodePanel | None = None
        self._node = ""
        with self:
            self._head = FlowHead(live, now.detail.overview, edited=edited)
            with Tag("div", "", "fh-flow-body"):
                self._make_graph(node)
                with Tag("div", "", "fh-side") as self._side:
                    self._flow_panel = FlowPanel(now.detail)
        self._select(node)

    @property
    def deleting(self) -> bool:
        """Whether the flow is being deleted from here, or was."""
        return self._head.delete_dialog.deleting

    def show(self, now: FlowNow) -> None:
        """Bring head, picture and panel up to date."""
        changed = now.detail.document != self._now.detail.document
        self._now = now
        self._head.show(now.detail.overview)
        if changed:
            self._redraw()
        self._graph.send(now.figures)
        self._flow_panel.show(now.detail)
        self._show_node()

    def _make_graph(self, picked: str = "") -> None:
        picture = describe(self._now.detail.document, self._types)
        self._graph = GraphView(picture, self._now.figures, self._select, picked)

    def _redraw(self) -> None:
        """Another revision runs: draw it in place of the old one."""
        old = self._graph
        slot = old.parent_slot
        self._select("")
        if slot is not None:
            with slot:
                self._make_graph()
            self._graph.move(target_index=0)
        old.delete()

    def _select(self, node: str) -> None:
        if node == self._node:
            return
        if self._node_panel is not None:
            self._node_panel.delete()
            self._node_panel = None
        detail = self._now.detail
        entry = detail.document.nodes.get(node)
        self._node = node if entry else ""
        self._flow_panel.show_if(entry is None)
        if entry is not None:
            with self._side:
                kind, paths = self._types.get(entry.type), [path for path in detail.guarantees if path.sink == node]
                send = (lambda: self._send_now(entry)) if kind is not None and kind.by_hand else None
                self._node_panel = NodePanel(entry, kind, lambda: self._select(""), paths, detail.document.nodes, send)
            self._show_node()

    def _send_now(self, entry: NodeEntry) -> SendNow:
        return SendNow(self._live.host.hand, self._now.detail.overview.id, entry.id, saved_in(entry))

    def _show_node(self) -> None:
        if self._node_panel is None:
            return
        node = next((node for node in self._now.detail.nodes if node.id == self._node), None)
        if node is not None:
            self._node_panel.show(node, self._now.detail.overview.dead_letters)


class FlowHead(Tag):
    """Name, state, start and stop, and the flow's figures."""

    def __init__(self, live: Live, flow: FlowOverview, *, edited: bool) -> None:
        super().__init__("section", "", "fh-flow-head", data_testid="flow-head", data_flow=flow.id)
        self._live, self._flow_id = live, flow.id
        with self:
            with Tag("div", "", "fh-flow-title"):
                with Tag("div", "", "fh-crumbs"):
                    link(t("overview.heading"), "/")
                    Tag("span", flow.area)
                with Tag("div", "", "fh-flow-line"):
                    self._name = Tag("h1", flow.name)
                    self._state = StateMark(state_of(flow), data_testid="flow-state")
                    self._switch = FlowSwitch(live, flow, self.show, self._failed)
                    link(t("editor.open"), f"/flows/{flow.id}/edit", "fh-button fh-edit").put("data-testid", "edit")
                    self._more(live, flow)
                self._facts = RunFacts(flow, edited=edited)
            with Tag("div", "", "fh-flow-figures"):
                self._in = Figure(t("flow.figures.in"), t("sum.per_s"), t("hint.rate"))
                with self._in:
                    self._spark = Sparkline()
                self._out = Figure(t("flow.figures.out"), t("sum.per_s"))
                self._in_total = Figure(t("flow.figures.in_total"))
                self._out_total = Figure(t("flow.figures.out_total"))
                self._waiting = Figure(t("sum.waiting"), hint=t("hint.waiting"))
                self._errors = Figure(t("sum.errors"), hint=t("hint.errors"))
                with Tag("a", "", "fh-sum-link", href=Wanted(flow=flow.id).address(), data_testid="flow-dead"):
                    self._dead = Figure(t("sum.dead"), hint=t("hint.dead"))
        with self:
            self._alert = Alert()
        self.show(flow)

    async def _duplicate(self) -> None:
        try:
            made = await self._live.host.files.duplicate(caller(), self._flow_id)
        except FlowHostError as error:
            self._alert.say(str(error))
            return
        ui.navigate.to(f"/flows/{made}/edit")

    def _more(self, live: Live, flow: FlowOverview) -> None:
        """Its versions, and its end."""
        versions = VersionsDialog(live, flow.id)
        self.delete_dialog = DeleteDialog(live, flow.id, flow.name)
        Button(t("flow.versions"), "history", versions.open, data_testid="flow-versions")
        with link("", flow_export.address(flow.id), "fh-button") as export:
            icon("download")
            Tag("span", t("flow.export"))
        export.put("download", f"{flow.id}.yaml").put("title", t("flow.export_hint")).put("data-testid", "flow-export")
        copy = Button(t("flow.duplicate"), "content_copy", self._duplicate, data_testid="flow-duplicate")
        guard(copy, "flow.edit")
        guard(
            Button(t("flow.delete"), "delete_outline", self.delete_dialog.open, data_testid="flow-delete"), "flow.edit"
        )

    def show(self, flow: FlowOverview) -> None:
        """Bring it up to date."""
        self._name.set_text(flow.name)
        self._state.show(state_of(flow), flow.state_text, doubt=doubtful(flow))
        self._switch.show(flow)
        self._facts.show(flow)
        self._in.show(fmt.rate(flow.rate_per_s))
        self._spark.show(flow.spark)
        self._out.show(fmt.rate(flow.out_rate_per_s))
        for figure, number in ((self._in_total, flow.in_total), (self._out_total, flow.out_total)):
            figure.show(fmt.count(number))
            figure.put("title", sums_line(flow.sums))
        self._waiting.show(fmt.short_count(flow.sums.pending))
        fresh = flow.errors and is_recent(flow.last_error_at)
        self._errors.show(fmt.short_count(flow.errors), "fh-warn" if fresh else "")
        self._dead.show(fmt.short_count(flow.dead_letters), "fh-bad" if flow.dead_letters else "")

    def _failed(self, text: str) -> None:
        if text:
            self._alert.say(text)
        else:
            self._alert.take_back()


def _edits(flow_id: str) -> None:
    """What the picture does not show: the way to the draft, and the draft as a file."""
    link(t("flow.edits"), f"/flows/{flow_id}/edit", "fh-warn").put("data-testid", "flow-edits")
    draft = link(t("flow.edits_export"), flow_export.address(flow_id, draft=True), "fh-link fh-edits-file")
    draft.put("download", f"{flow_id}.yaml").put("data-testid", "flow-export-draft")


class RunFacts(Tag):
    """Revision, the run that is on or was last, and the way to all runs of the flow."""

    def __init__(self, flow: FlowOverview, *, edited: bool) -> None:
        super().__init__("div", "", "fh-run-facts")
        with self:
            self._revision = Tag("span")
            if edited:
                _edits(flow.id)
            self._run = link("", f"/runs?flow={flow.id}")
            self._since = Tag("time")
            self._trouble = Tag("span", "", "fh-trouble")
            link(t("runs.of", name=flow.name), f"/runs?flow={flow.id}", "fh-link")

    def show(self, flow: FlowOverview) -> None:
        """Bring it up to date."""
        self._revision.set_text(t("flow.revision", revision=flow.revision))
        if flow.run_id is None:
            self._run.set_text(t("flow.never_ran")).put("href", None)
        else:
            on = flow.state in ("starting", "running", "draining")
            self._run.set_text(t("flow.run_since" if on else "flow.run_last", run=flow.run_id))
            self._run.put("href", f"/runs/{flow.run_id}")
        if flow.started_at is not None:
            self._since.set_text(fmt.clock(flow.started_at)).put("title", fmt.exact(flow.started_at))
        words, look = trouble_of(flow)
        trouble = draining(flow) or words
        self._trouble.set_text(fmt.without_folders(trouble)).show_if(trouble).put("title", trouble or None)
        self._trouble.look(look)
