"""What the flows do while the demo's plant is switched: rates, what waits on disk, what is dead, and a sum to check."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from flowhost.services.views import SPARK_POINTS, FlowOverview
from flowhost.ui import format as fmt
from flowhost.ui.flow_sums import sums_line
from flowhost.ui.sparkline import Sparkline
from flowhost.ui.state_mark import StateMark, doubtful, state_of, trouble_of
from flowhost.ui.tags import Tag, link
from flowhost.ui.texts import t

COLUMNS = (("flow", ""), ("in", "num"), ("out", "num"), ("waiting", "num"), ("dead", "num"))

BACKLOG = 20.0
"""Messages from which on a backlog fills the height of its curve."""


class DemoFlows(Tag):
    """One row per flow."""

    def __init__(self) -> None:
        super().__init__("table", "", "fh-table fh-demo-flows", data_testid="demo-flows")
        self._rows: dict[str, DemoRow] = {}
        with self, Tag("thead"), Tag("tr"):
            for name, look in COLUMNS:
                Tag("th", t(f"demo.column.{name}"), look, scope="col", title=t(f"demo.hint.{name}"))

    def show(self, flows: Sequence[FlowOverview]) -> None:
        """Bring all rows up to date."""
        for key in self._rows.keys() - {flow.id for flow in flows}:
            self._rows.pop(key).delete()
        for flow in sorted(flows, key=lambda flow: flow.name):
            row = self._rows.get(flow.id)
            if row is None:
                with self:
                    row = self._rows[flow.id] = DemoRow(flow)
            row.show(flow)


class DemoRow(Tag):
    """A flow's figures, and below them where its messages are."""

    def __init__(self, flow: FlowOverview) -> None:
        super().__init__("tbody", "", "", data_testid="demo-flow", data_flow=flow.id)
        self._backlog: deque[float] = deque(maxlen=SPARK_POINTS)
        with self:
            with Tag("tr"):
                with Tag("td"):
                    self._name = link(flow.name, f"/flows/{flow.id}", "fh-flow-name")
                    with Tag("div", "", "fh-demo-state"):
                        self._state = StateMark(state_of(flow), data_testid="flow-state")
                        self._ails = Tag("span", "", "fh-warn fh-demo-ails", data_testid="demo-ails")
                self._in = _figure("demo-in")
                self._out = _figure("demo-out")
                with Tag("td", "", "num"), Tag("div", "", "fh-rate"):
                    self._curve = Sparkline(least=BACKLOG)
                    self._waiting = Tag("span", "", "fh-figure", data_testid="demo-waiting")
                self._dead = Tag("td", "", "num", data_testid="demo-dead")
            with Tag("tr"), Tag("td", colspan=len(COLUMNS)):
                self._sum = Tag("div", "", "fh-demo-sum", data_testid="demo-sum", title=t("hint.totals"))

    def show(self, flow: FlowOverview) -> None:
        """Bring the row up to date."""
        self._name.set_text(flow.name)
        words = trouble_of(flow)[0] if flow.ails or doubtful(flow) else ""
        self._state.show(state_of(flow), flow.state_text, doubt=doubtful(flow))
        self._ails.set_text(fmt.without_folders(words)).show_if(words).put("title", words or None)
        self._in.set_text(fmt.rate(flow.rate_per_s))
        self._out.set_text(fmt.rate(flow.out_rate_per_s))
        self._backlog.append(flow.on_disk)
        self._curve.show(tuple(self._backlog))
        self._waiting.set_text(fmt.count(flow.on_disk)).look(f"fh-figure {'fh-busy' if flow.on_disk else 'fh-zero'}")
        self._dead.set_text(fmt.count(flow.dead_letters)).look(f"num {'fh-bad' if flow.dead_letters else 'fh-zero'}")
        self._sum.set_text(sums_line(flow.sums))


def _figure(handle: str) -> Tag:
    with Tag("td", "", "num"):
        return Tag("span", "", "fh-figure", data_testid=handle)
