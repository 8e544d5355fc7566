"""Runs: every life of a flow from start to stop, and what happened in it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from nicegui import ui

from flowhost.errors import NotFoundError
from flowhost.services.views import EventView, NodeView, RunDetail, RunSummary
from flowhost.ui import format as fmt
from flowhost.ui.flow_panel import KIND_TONES
from flowhost.ui.flow_sums import sums_line
from flowhost.ui.live import Live
from flowhost.ui.node_panel import COUNTERS
from flowhost.ui.overview_sums import Figure
from flowhost.ui.patience import RESPONSE_S
from flowhost.ui.shell import empty_state, frame, not_found
from flowhost.ui.state_mark import StateMark, tone, word
from flowhost.ui.table import Cell, Column, DataTable
from flowhost.ui.tags import Tag, link
from flowhost.ui.texts import t

LONGEST_NUMBER = 18
"""Digits a run's number may have; more would be no number the database knows."""


def register(live: Live) -> None:
    """Put the pages at `/runs` and `/runs/{id}`."""

    @ui.page("/runs", response_timeout=RESPONSE_S)
    async def runs(flow: str = "") -> None:
        feed = live.runs(flow or None)
        first = await feed.now()
        names = [flow_now.name for flow_now in await live.overview.now() if flow_now.id == flow]
        title = t("runs.of", name=names[0] if names else flow) if flow else t("runs.title")
        with frame(live, "runs", title) as shell:
            page = RunsPage(title, flow)
            page.show(first)

        def show(answer: tuple[RunSummary, ...]) -> None:
            shell.fresh()
            page.show(answer)

        feed.follow(show, shell.stale)

    @ui.page("/runs/{run_id}", response_timeout=RESPONSE_S)
    async def run(run_id: str) -> None:
        try:
            feed = live.run(int(run_id) if run_id.isdecimal() and len(run_id) <= LONGEST_NUMBER else 0)
            first = await feed.now()
        except NotFoundError:
            with frame(live, "runs", t("run.title", id=run_id)):
                not_found(t("run.not_found.title", id=run_id), t("run.not_found.text"), t("run.back"), "/runs")
            return
        with frame(live, "runs", t("run.title", id=run_id)) as shell:
            page = RunPage(first)

        def show(answer: RunDetail) -> None:
            shell.fresh()
            page.show(answer)

        if first.summary.ended_at is None:
            feed.follow(show, shell.stale)


class RunsPage(Tag):
    """The list, newest first."""

    def __init__(self, title: str, flow: str) -> None:
        super().__init__("div", "", "fh-page")
        with self:
            with Tag("div", "", "fh-bar"):
                Tag("h1", title)
                if flow:
                    link(t("runs.all"), "/runs", "fh-link")
            self._empty = empty_state("history", t("runs.empty.title"), t("runs.empty.text"))
            self._table = DataTable(
                (
                    Column(t("runs.column.run"), "fh-narrow"), Column(t("runs.column.outcome")),
                    Column(t("runs.column.flow")), Column(t("runs.column.started")),
                    Column(t("runs.column.lasted"), "num"),
                    Column(t("runs.column.revision"), "num fh-roomy"),
                    *(
                        Column(t(f"runs.column.{name}"), f"num{_ROOMY.get(name, '')}", t(f"runs.hint.{name}"))
                        for name in _SUM
                    ),
                    Column(t("runs.column.errors"), "num"),
                    Column(t("runs.column.reason"), "wide"),
                ),
                "fh-runs",
            )  # fmt: skip

    def show(self, runs: Sequence[RunSummary]) -> None:
        """Bring the list up to date."""
        self._empty.show_if(not runs)
        self._table.show_if(runs)
        self._table.show([(str(run.id), _run_cells(run)) for run in runs])


class RunPage(Tag):
    """One run: its figures, events and nodes."""

    def __init__(self, detail: RunDetail) -> None:
        super().__init__("div", "", "fh-page", data_testid="run")
        run = detail.summary
        with self:
            with Tag("div", "", "fh-crumbs"):
                link(t("runs.title"), "/runs")
                link(run.flow_name, f"/flows/{run.flow_id}")
            with Tag("div", "", "fh-bar"):
                Tag("h1", t("run.title", id=run.id))
                self._outcome = StateMark(run.outcome)
                self._reason = Tag("span", "", "fh-sub")
            with Tag("section", "", "fh-sums"):
                self._figures = {name: Figure(t(f"runs.column.{name}")) for name in _FIGURES}
            self._sum = Tag("p", "", "fh-sub fh-account", data_testid="run-sum", title=t("hint.totals"))
            Tag("h2", t("run.nodes"), "fh-section")
            self._no_nodes = Tag("p", t("run.nodes.none"), "fh-none")
            self._nodes = DataTable(
                [Column(t("nodes.node")), Column(t("nodes.type"), "fh-mono fh-roomy"), Column(t("nodes.state"))]
                + [Column(t(f"ledger.{name}"), "num", t(f"ledger.hint.{name}")) for name in (*COUNTERS, "errors")]
                + [Column(t("node.last_error"), "wide")]
            )
            Tag("h2", t("run.events"), "fh-section")
            self._no_events = Tag("p", t("run.events.none"), "fh-none")
            self._events = DataTable(
                (
                    Column(t("events.time"), "fh-narrow"), Column(t("events.kind"), "fh-narrow"),
                    Column(t("events.node"), "fh-narrow"), Column(t("events.text"), "wide"),
                )
            )  # fmt: skip
            self._left_out = Tag("p", "", "fh-sub")
        self.show(detail)

    def show(self, detail: RunDetail) -> None:
        """Bring it up to date."""
        run = detail.summary
        self._outcome.show(run.outcome)
        self._reason.set_text(run.reason)
        for name, (text, hover, look) in _figures(run).items():
            self._figures[name].show(text, look)
            self._figures[name].put("title", hover or None)
        self._sum.set_text(sums_line(run.sums))
        self._no_nodes.show_if(not detail.nodes)
        self._nodes.show_if(detail.nodes)
        self._nodes.show([(node.id, _node_cells(node)) for node in detail.nodes])
        self._no_events.show_if(not detail.events)
        self._events.show_if(detail.events)
        first = detail.events_left_out
        self._events.show([(str(first + i), _event_cells(event)) for i, event in enumerate(detail.events)][::-1])
        left_out = detail.events_left_out
        self._left_out.set_text(t("run.events.left_out", count=fmt.count(left_out))).show_if(left_out)


_SUM = {"in": "", "inside": "", "out": "", "else": "", "waiting": "", "held": "", "lost": "fh-bad"}
"""Columns that add up, with the look of what is not zero: in and inside are the others together."""
_ROOMY = {"inside": " fh-roomy", "else": " fh-roomy", "held": " fh-roomy"}
"""Columns that a small screen leaves out."""
_FIGURES = ("started", "lasted", "revision", "in", "out", "errors", "dead", "dropped")


def _figures(run: RunSummary) -> dict[str, tuple[str, str, str]]:
    """Text, hover text and look of each figure in the head."""
    return {
        "started": (fmt.clock(run.started_at), fmt.exact(run.started_at), ""),
        "lasted": (_lasted(run), fmt.exact(run.ended_at) if run.ended_at else t("run.still_on"), ""),
        "revision": (str(run.revision), "", ""),
        "in": (fmt.count(run.messages_in), "", ""),
        "out": (fmt.count(run.messages_out), "", ""),
        "errors": (fmt.count(run.errors), "", "fh-warn" if run.errors else ""),
        "dead": (fmt.count(run.dead), "", "fh-bad" if run.dead else ""),
        "dropped": (fmt.count(run.dropped), "", "fh-bad" if run.dropped else ""),
    }


def _lasted(run: RunSummary) -> str:
    return fmt.duration(((run.ended_at or datetime.now(UTC)) - run.started_at).total_seconds())


def _run_cells(run: RunSummary) -> list[Cell]:
    sums, line = run.sums, sums_line(run.sums)
    numbers = {
        "in": sums.in_total, "inside": sums.before + sums.made, "out": sums.out_total,
        "else": sums.used + sums.filtered, "waiting": sums.pending, "held": sums.held, "lost": sums.dead + sums.dropped,
    }  # fmt: skip
    return [
        Cell(f"#{run.id}", href=f"/runs/{run.id}"),
        Cell(word(run.outcome), tone=tone(run.outcome)),
        Cell(run.flow_name, href=f"/flows/{run.flow_id}"),
        Cell(fmt.clock(run.started_at), hover=fmt.exact(run.started_at)),
        Cell(_lasted(run), hover=fmt.exact(run.ended_at) if run.ended_at else t("run.still_on")),
        Cell(str(run.revision)),
        *(Cell(fmt.count(numbers[name]), hover=line, look=_SUM[name] if numbers[name] else "fh-zero") for name in _SUM),
        Cell(fmt.count(run.errors), look="fh-warn" if run.errors else "fh-zero"),
        Cell(run.reason, hover=run.reason),
    ]


def _node_cells(node: NodeView) -> list[Cell]:
    alarming = {"dead": "fh-bad", "dropped": "fh-bad", "errors": "fh-warn"}
    numbers = [(name, getattr(node, name)) for name in (*COUNTERS, "errors")]
    return [
        Cell(node.title),
        Cell(node.type),
        Cell(word(node.state), tone=tone(node.state), hover=node.text),
        *(Cell(fmt.count(number), look=alarming.get(name, "") if number else "fh-zero") for name, number in numbers),
        Cell(node.last_error, hover=node.last_error),
    ]


def _event_cells(event: EventView) -> list[Cell]:
    known = event.kind if event.kind in KIND_TONES else "info"
    times = f" ×{fmt.count(event.count)}" if event.count > 1 else ""
    topic = f" ({event.topic})" if event.topic else ""
    return [
        Cell(fmt.clock(event.time), hover=fmt.exact(event.time)),
        Cell(t(f"kind.{known}"), tone=KIND_TONES[known]),
        Cell(event.node),
        Cell(f"{event.text}{topic}{times}", hover=event.text),
    ]
