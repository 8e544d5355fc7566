"""The side panel while no node is picked: what the flow is for, its connections, and what happened."""

from __future__ import annotations

from flowhost.services.views import ConnectionView, EventView, FlowDetail, FlowTotals
from flowhost.ui import format as fmt
from flowhost.ui.flow_sums import CAME, WENT
from flowhost.ui.guarantees import SinkGuarantees
from flowhost.ui.own_connections import ails_words
from flowhost.ui.table import Cell
from flowhost.ui.tags import Tag
from flowhost.ui.texts import t

EVENTS_SHOWN = 30
_TOTALS = (*CAME, WENT[0], "repeated", *WENT[1:])
_ALWAYS = ("in_total", "out_total", "pending")
KIND_TONES = {
    "info": "off", "lost": "bad", "restored": "ok", "gap": "warn", "gone": "bad", "warning": "warn",
    "error": "bad", "dead": "bad",
}  # fmt: skip


class FlowPanel(Tag):
    """The flow's own panel."""

    def __init__(self, detail: FlowDetail) -> None:
        super().__init__("aside", "", "fh-panel", data_testid="flow-panel")
        with self:
            with Tag("div", "", "fh-panel-head"):
                Tag("h2", t("flow.about"))
            self._about = Tag("p", "", "fh-panel-summary fh-lines-kept", data_testid="flow-about")
            Tag("p", t("flow.pick_a_node"), "fh-sub fh-hint")
            self._totals = Totals()
            with Tag("div", "", "fh-panel-part") as self._problems_part:
                Tag("h3", t("flow.problems"))
                self._problems = Lines()
            with Tag("div", "", "fh-panel-part") as self._guarantees_part:
                Tag("h3", t("guarantee.heading"))
                self._guarantees = SinkGuarantees()
            with Tag("div", "", "fh-panel-part") as self._connections_part:
                Tag("h3", t("flow.connections"))
                self._connections = Lines()
            with Tag("div", "", "fh-panel-part"):
                Tag("h3", t("flow.events"))
                self._no_events = Tag("p", t("flow.no_events"), "fh-sub")
                self._events = Lines()
        self.show(detail)

    def show(self, detail: FlowDetail) -> None:
        """Bring it up to date."""
        self._about.set_text(detail.overview.description or t("flow.no_description"))
        self._totals.show(detail.totals, detail.overview.dead_letters)
        self._problems_part.show_if(detail.problems)
        self._problems.show(
            [
                (Cell(problem.message, tone="bad" if problem.severity == "error" else "warn"), problem.place, "")
                for problem in detail.problems
            ]
        )
        self._guarantees_part.show_if(detail.guarantees)
        self._guarantees.show(detail.guarantees, detail.document.nodes)
        self._connections_part.show_if(detail.connections)
        self._connections.show([_connection(link, detail) for link in detail.connections])
        self._no_events.show_if(not detail.events)
        newest = sorted(detail.events, key=lambda event: event.time, reverse=True)[:EVENTS_SHOWN]
        self._events.show([_event(event) for event in newest])


class Totals(Tag):
    """What the flow has done since it first ran."""

    def __init__(self) -> None:
        super().__init__("div", "", "fh-panel-part", data_testid="totals")
        with self:
            self._title = Tag("h3")
            with Tag("dl", "", "fh-facts fh-ledger"):
                self._numbers = {name: self._fact(name) for name in _TOTALS}

    def show(self, totals: FlowTotals | None, open_letters: int) -> None:
        """Bring it up to date; nothing is shown of a flow that never ran. Letters that were seen to alarm nobody."""
        self.show_if(totals)
        if totals is None:
            return
        self._title.set_text(t("totals.since", time=fmt.clock(totals.since))).put("title", fmt.exact(totals.since))
        for name, (row, number) in self._numbers.items():
            count = getattr(totals.sums, name)
            number.set_text(fmt.count(count)).put("data-count", count)
            bad = name == "dropped" or (name == "dead" and open_letters)
            number.look("fh-bad" if count and bad else "")
            row.show_if(count or name in _ALWAYS)

    @staticmethod
    def _fact(name: str) -> tuple[Tag, Tag]:
        with Tag("div", "", "fh-fact", title=t(f"totals.hint.{name}"), data_total=name) as row:
            Tag("dt", t(f"totals.{name}"))
            number = Tag("dd")
        return row, number


class Lines(Tag):
    """A list of dotted lines: what, then smaller more about it, and at the right a word."""

    def __init__(self) -> None:
        super().__init__("ul", "", "fh-lines")
        self._lines: list[_Line] = []

    def show(self, lines: list[tuple[Cell, str, str]]) -> None:
        """Show exactly these lines."""
        while len(self._lines) > len(lines):
            self._lines.pop().delete()
        with self:
            while len(self._lines) < len(lines):
                self._lines.append(_Line())
        for element, (head, more, side) in zip(self._lines, lines, strict=True):
            element.show(head, more, side)


class _Line(Tag):
    def __init__(self) -> None:
        super().__init__("li", "", "fh-line")
        with self:
            self._dot = Tag("span")
            with Tag("div", "", "fh-line-text"):
                self._head = Tag("div")
                self._more = Tag("div", "", "fh-sub")
            self._side = Tag("span", "", "fh-sub fh-line-side")

    def show(self, head: Cell, more: str, side: str) -> None:
        self._dot.look(f"fh-dot fh-dot-{head.tone}")
        self._head.set_text(head.text)
        self._more.set_text(more).show_if(more)
        self._side.set_text(side).put("title", head.hover or None)


def _connection(link: ConnectionView, detail: FlowDetail) -> tuple[Cell, str, str]:
    """An open connection whose node tries again is not well either: a locked database is still open."""
    text = link.text or t("connection.up" if link.up else "connection.down")
    users = {node.id for node in detail.document.nodes.values() if node.connection == link.name}
    ailing = [node for node in detail.nodes if node.id in users and node.state in ("retrying", "failed")]
    if not link.up or not ailing:
        return Cell(link.name, tone="ok" if link.up else "bad"), text, link.type
    words = ails_words(text, [node.title for node in ailing], ailing[0].last_error)
    return Cell(link.name, tone="warn"), words, link.type


def _event(event: EventView) -> tuple[Cell, str, str]:
    times = f" ×{fmt.count(event.count)}" if event.count > 1 else ""
    about = " · ".join(part for part in (event.node, event.topic) if part)
    head = Cell(event.text + times, hover=fmt.exact(event.time), tone=KIND_TONES.get(event.kind, "off"))
    return head, about, fmt.clock(event.time)
