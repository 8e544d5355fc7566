"""Overview: all flows, how they are, and the buttons that start and stop them."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from nicegui import ui

from flowhost.services.host_views import AlarmView
from flowhost.services.views import FlowOverview
from flowhost.ui.alarm_panel import AlarmPanel
from flowhost.ui.import_dialog import ImportDialog
from flowhost.ui.lately import Lately
from flowhost.ui.live import Live
from flowhost.ui.new_flow_dialog import NewFlowDialog
from flowhost.ui.node_hits import NodeHits
from flowhost.ui.overview_row import FlowRow, matches
from flowhost.ui.overview_sums import GROUPS, Sums, group_of
from flowhost.ui.patience import RESPONSE_S
from flowhost.ui.shell import empty_state, frame
from flowhost.ui.tags import Button, Field, Tag, link
from flowhost.ui.texts import t

FILTERS = ("all", *GROUPS)
HEAD_PARTS = 2
"""What stands in the table before the rows: column widths and headings."""
COLUMNS = (
    ("state", ""), ("flow", ""), ("rate", "num"), ("totals", "num"), ("waiting", "num"), ("errors", "num"),
    ("dead", "num"), ("values", ""), ("actions", ""),
)  # fmt: skip


def register(live: Live) -> None:
    """Put the page at `/`."""

    @ui.page("/", response_timeout=RESPONSE_S)
    async def overview() -> None:
        flows = await live.overview.now()
        status = await live.status.now()
        alarms = await live.alarms.now()
        over = await live.lately.now()
        with frame(live, "flows", t("overview.title")) as shell:
            page = Overview(live)
            page.show(flows)
            page.sums.show_host(status)
            page.show_alarms(alarms)
            page.lately.show(over)

        def show(answer: tuple[FlowOverview, ...]) -> None:
            shell.fresh()
            page.show(answer)

        live.overview.follow(show, shell.stale)
        live.status.follow(page.sums.show_host, lambda _: None)
        live.alarms.follow(page.show_alarms, lambda _: None)
        live.lately.follow(page.lately.show, lambda _: None)


class Overview(Tag):
    """The page's content."""

    def __init__(self, live: Live) -> None:
        super().__init__("div", "", "fh-page")
        self._live = live
        self._rows: dict[str, FlowRow] = {}
        self._flows: tuple[FlowOverview, ...] = ()
        self._alarmed: frozenset[str] = frozenset()
        self._words = ""
        self._filter = "all"
        self._new = NewFlowDialog(live)
        self._import = ImportDialog(live, self._imported)
        with self:
            self.sums = Sums()
            self.alarms = AlarmPanel(live)
            self.lately = Lately()
            self._bar()
            self._empty = self._empty_state()
            self._list()
            self._nodes = NodeHits(live)
            self._arrived = Arrived()
            self._none = Tag("p", t("overview.none_match"), "fh-none").show_if(condition=False)

    def show(self, flows: Sequence[FlowOverview]) -> None:
        """Bring sums, filters and rows up to date."""
        self._flows = tuple(sorted(flows, key=lambda flow: (flow.area, flow.name, flow.id)))
        self.sums.show_flows(self._flows)
        for key in self._rows.keys() - {flow.id for flow in flows}:
            self._rows.pop(key).delete()
        for index, flow in enumerate(self._flows):
            row = self._rows.get(flow.id)
            if row is None:
                with self._table:
                    row = self._rows[flow.id] = FlowRow(self._live, flow)
            else:
                row.show(flow)
            place = index + HEAD_PARTS
            if self._table.default_slot.children[place] is not row:
                row.move(target_index=place)
        self._apply_filter()

    def show_alarms(self, alarms: Sequence[AlarmView]) -> None:
        """Bring the alarms up to date, and with them which flows are in trouble."""
        self.alarms.show(alarms)
        self._alarmed = frozenset(alarm.flow_id for alarm in alarms if alarm.flow_id)
        self.sums.show_alarms(self._alarmed)
        self._apply_filter()

    def _bar(self) -> None:
        with Tag("div", "", "fh-bar") as self._tools:
            Tag("h1", t("overview.heading"))
            with Tag("div", "", "fh-segments", role="group"):
                self._choices = {name: self._choice(name) for name in FILTERS}
            Tag("div", "", "fh-grow")
            search = Field("input", self._on_search, "fh-search", type="search", data_testid="search")
            search.put("aria-label", t("overview.search")).put("placeholder", t("overview.search"))
            Button(t("overview.import"), "upload_file", self._import.open, data_testid="import")
            Button(t("templates.button"), "auto_awesome", _to_templates, data_testid="templates")
            Button(t("new.button"), "add", self._new.open, "fh-primary", data_testid="new-flow")

    def _choice(self, name: str) -> Tag:
        with Tag("button", "", "fh-segment", type="button", data_testid=f"filter-{name}") as button:
            Tag("span", t(f"overview.{name}"))
            number = Tag("span", "0", "fh-segment-count")
        button.on("click", lambda: self._on_filter(name))
        return number

    def _list(self) -> None:
        with Tag("table", "", "fh-table fh-flows") as self._table:
            with Tag("colgroup"):
                for name, _ in COLUMNS:
                    Tag("col", "", f"fh-col-{name}")
            with Tag("thead"), Tag("tr"):
                for name, look in COLUMNS:
                    hint = t(f"hint.{name}") if name not in ("state", "flow", "actions") else None
                    Tag("th", t(f"column.{name}"), look, scope="col", title=hint)

    def _empty_state(self) -> Tag:
        box = empty_state("account_tree", t("overview.empty.title"), t("overview.empty.text"))
        with box:
            Tag("p", t("overview.empty.template"))
            Button(t("templates.button"), "auto_awesome", _to_templates, "fh-primary", data_testid="templates-empty")
            Tag("p", t("overview.empty.demo"))
            Tag("code", t("overview.empty.demo_command"), "fh-command")
            Tag("p", t("overview.empty.import"))
            Button(t("overview.import"), "upload_file", self._import.open)
            Tag("p", t("overview.empty.new"))
            Button(t("new.button"), "add", self._new.open, data_testid="new-flow-empty")
        return box

    async def _on_search(self, text: str) -> None:
        self._words = text
        self._apply_filter()
        await self._nodes.search(self._words)

    def _on_filter(self, name: str) -> None:
        self._filter = name
        self._apply_filter()

    def _apply_filter(self) -> None:
        visible = 0
        for row in self._rows.values():
            fits = belongs(row.flow, self._filter, self._alarmed) and matches(row.flow, self._words)
            row.show_if(fits)
            visible += fits
        for name, number in self._choices.items():
            number.set_text(str(sum(belongs(flow, name, self._alarmed) for flow in self._flows)))
            button = number.parent_slot.parent if number.parent_slot else None
            if isinstance(button, Tag):
                button.put("aria-pressed", "true" if name == self._filter else "false")
        self._empty.show_if(not self._flows)
        self._tools.show_if(self._flows)
        self._table.show_if(visible)
        self._none.show_if(self._flows and not visible)

    def _imported(self, flows: Sequence[FlowOverview]) -> None:
        new = {flow.id for flow in flows}
        self.show([*(other for other in self._flows if other.id not in new), *flows])
        self._arrived.show(flows)


class Arrived(Tag):
    """Says which flows an import has brought, each with the way to it."""

    def __init__(self) -> None:
        super().__init__("div", "", "fh-work-changes fh-work-changes-ok", role="status", data_testid="imported")
        self.visible = False

    def show(self, flows: Sequence[FlowOverview]) -> None:
        """Say it, until it is dismissed."""
        self.clear()
        with self:
            with Tag("span", "", "fh-work-changes-text"):
                Tag("span", t("import.arrived", count=len(flows)))
                for flow in flows:
                    Tag("span", " ")
                    link(flow.name, f"/flows/{flow.id}", "fh-link")
            Button(t("error.dismiss"), "close", lambda: self.show_if(condition=False), "fh-quiet")
        self.show_if(condition=True)


def _to_templates() -> None:
    ui.navigate.to("/templates")


def belongs(flow: FlowOverview, choice: str, alarmed: Collection[str]) -> bool:
    """True if a flow is in this group, or all are meant."""
    return choice in ("all", group_of(flow, alarmed))
