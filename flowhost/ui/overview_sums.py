"""The head line of the overview: what all flows do together, and the processes they run in."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import zip_longest

from flowhost.services.host_views import HostStatus
from flowhost.services.views import FlowOverview
from flowhost.ui import format as fmt
from flowhost.ui.recent import is_recent
from flowhost.ui.sparkline import Sparkline
from flowhost.ui.state_mark import state_of, word
from flowhost.ui.tags import Tag
from flowhost.ui.texts import t

GROUPS = ("running", "trouble", "stopped")
"""Every flow is in exactly one of them, so that their numbers add up."""
ON = ("starting", "running", "draining")


class Sums(Tag):
    """Figures in one strip."""

    def __init__(self) -> None:
        super().__init__("section", "", "fh-sums", data_testid="sums")
        self._flows: Sequence[FlowOverview] = ()
        self._alarmed: frozenset[str] = frozenset()
        with self:
            self._running = Figure(t("sum.running"))
            self._in = Figure(t("sum.in"), t("sum.per_s"))
            with self._in:
                self._spark = Sparkline()
            self._out = Figure(t("sum.out"), t("sum.per_s"))
            self._waiting = Figure(t("sum.waiting"), hint=t("hint.waiting"))
            self._errors = Figure(t("sum.errors"), hint=t("hint.errors"))
            with Tag("a", "", "fh-sum-link", href="/work"):
                self._dead = Figure(t("sum.dead"), hint=t("hint.dead"))
            self._workers = Figure(t("sum.workers"))

    def show_flows(self, flows: Sequence[FlowOverview]) -> None:
        """Add up the flows."""
        self._flows = flows
        on = [flow for flow in flows if flow.state in ON]
        number = {name: sum(group_of(flow, self._alarmed) == name for flow in flows) for name in GROUPS}
        run, retrying = (sum(flow.state == "running" for flow in flows), sum(flow.ails for flow in flows))
        self._running.show(
            t("sum.running_value", running=run, all=len(flows)),
            "fh-warn" if number["trouble"] else "",
            t("sum.retrying", count=retrying) if retrying else "",
        )
        self._running.put("title", " · ".join(f"{t(f'overview.{name}')} {number[name]}" for name in GROUPS))
        self._in.show(fmt.rate(sum(flow.rate_per_s for flow in on)))
        self._out.show(fmt.rate(sum(flow.out_rate_per_s for flow in on)))
        self._spark.show(added([flow.spark for flow in on]))
        self._waiting.show(fmt.short_count(sum(flow.sums.pending for flow in flows)))
        errors, dead = sum(flow.errors for flow in flows), sum(flow.dead_letters for flow in flows)
        fresh = any(flow.errors and is_recent(flow.last_error_at) for flow in flows)
        self._errors.show(fmt.short_count(errors), "fh-warn" if fresh else "")
        self._dead.show(fmt.short_count(dead), "fh-bad" if dead else "")

    def show_alarms(self, alarmed: frozenset[str]) -> None:
        """Flows with an alarm that stands are in trouble."""
        self._alarmed = alarmed
        self.show_flows(self._flows)

    def show_host(self, status: HostStatus) -> None:
        """Show the worker processes."""
        running = sum(worker.state == "running" for worker in status.workers)
        tone = "" if running == len(status.workers) else "fh-bad"
        self._workers.show(t("sum.workers_value", running=running, all=len(status.workers)), tone)
        lines = (
            t("sum.workers_hover", name=w.name, state=word(w.state), flows=w.flows, restarts=w.restarts)
            for w in status.workers
        )
        self._workers.put("title", "\n".join(lines))


class Figure(Tag):
    """A number with its name above."""

    def __init__(self, name: str, unit: str = "", hint: str = "") -> None:
        super().__init__("div", "", "fh-sum", title=hint or None)
        with self, Tag("div", "", "fh-sum-text"):
            Tag("div", name, "fh-sum-name")
            with Tag("div", "", "fh-sum-line"):
                self._number = Tag("span", "", "fh-sum-number")
                self._unit = Tag("span", unit, "fh-unit")

    def show(self, number: str, tone: str = "", more: str | None = None) -> None:
        """Show this number in this tone, with smaller words behind it in place of the unit."""
        self._number.set_text(number).look(f"fh-sum-number {tone}".strip())
        if more is not None:
            self._unit.set_text(more)


def added(curves: Sequence[Sequence[float]]) -> list[float]:
    """Rates of several flows added up, newest under newest."""
    backwards = zip_longest(*(tuple(reversed(curve)) for curve in curves), fillvalue=0.0)
    return [sum(second) for second in backwards][::-1]


def group_of(flow: FlowOverview, alarmed: Collection[str] = ()) -> str:
    """The one of `GROUPS` a flow is in; `alarmed` are the ids of flows with an alarm that stands."""
    ails = state_of(flow) in ("retrying", "failed") or flow.dead_lately or flow.id in alarmed
    if ails or (flow.desired == "running" and flow.state == "stopped"):
        return "trouble"
    return "running" if flow.state == "running" else "stopped"
