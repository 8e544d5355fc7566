"""One flow on the overview: its row, and what a search finds it by."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from flowhost.services.views import FlowOverview, ValueView
from flowhost.ui import format as fmt
from flowhost.ui.flow_sums import FlowTotals
from flowhost.ui.letter_filter import Wanted
from flowhost.ui.live import Live
from flowhost.ui.operate import FlowSwitch, draining
from flowhost.ui.recent import RecentValues, is_recent
from flowhost.ui.shell import Alert
from flowhost.ui.sparkline import Sparkline
from flowhost.ui.state_mark import StateMark, doubtful, last_error, state_of, trouble_of, word
from flowhost.ui.tags import Tag, link
from flowhost.ui.texts import t

VALUES_SHOWN = 3
COLUMNS = 9


class FlowRow(Tag):
    """A flow's row; `show` changes only what differs."""

    def __init__(self, live: Live, flow: FlowOverview) -> None:
        super().__init__("tbody", "", "fh-flow-row", data_testid="flow-row", data_flow=flow.id)
        self.flow = flow
        with self:
            with Tag("tr"):
                self._make_cells(live, flow)
            with Tag("tr").show_if(condition=False) as self._alert_row, Tag("td", colspan=COLUMNS):
                self._alert = Alert(lambda: self._failed(""))
        self.show(flow)

    def _make_cells(self, live: Live, flow: FlowOverview) -> None:
        with Tag("td"):
            self._state = StateMark(state_of(flow), data_testid="flow-state")
        with Tag("td", "", "fh-flow-cell"):
            self._name = link(flow.name, f"/flows/{flow.id}", "fh-flow-name")
            self._area = Tag("div", "", "fh-sub")
            self._about = Tag("div", "", "fh-sub fh-flow-about", data_testid="flow-about")
            self._trouble = Tag("div", "", "fh-trouble")
        with Tag("td", "", "num fh-rate-cell"), Tag("div", "", "fh-rate"):
            self._spark = Sparkline()
            self._rate = Tag("span", "", "fh-figure", data_testid="flow-rate")
        with Tag("td", "", "num"):
            self._totals = FlowTotals()
        self._pending, self._errors = Tag("td"), Tag("td")
        with Tag("td", "", "num"):
            self._dead = link("", Wanted(flow=flow.id).address(), "").put("data-testid", "flow-dead")
        with Tag("td"):
            self._values = ValueLines()
        with Tag("td", "", "fh-actions"):
            self._switch = FlowSwitch(live, flow, self.show, self._failed)

    def show(self, flow: FlowOverview) -> None:
        """Bring the row up to date."""
        self.flow = flow
        self._state.show(state_of(flow), flow.state_text, doubt=doubtful(flow))
        self._name.set_text(flow.name)
        self._area.set_text(flow.area)
        self._about.set_text(flow.description).show_if(flow.description).put("title", flow.description or None)
        trouble, look = told(flow)
        self._trouble.set_text(fmt.without_folders(trouble)).show_if(trouble)
        self._trouble.put("title", trouble or None).look(look)
        on = flow.state not in ("stopped", "ended", "failed")
        self._rate.set_text(fmt.rate(flow.rate_per_s) if on else "–")
        self._spark.show(flow.spark)
        self._totals.show(flow.sums)
        for cell, number, tone in (
            (self._pending, flow.sums.pending, ""),
            (self._errors, flow.errors, "fh-warn" if is_recent(flow.last_error_at) else ""),
        ):
            cell.set_text(fmt.short_count(number)).look(f"num {tone if number else 'fh-zero'}")
            cell.put("title", fmt.count(number))
        self._dead.set_text(fmt.short_count(flow.dead_letters)).look("fh-bad" if flow.dead_letters else "fh-zero")
        self._dead.put("title", t("overview.dead_hover", count=fmt.count(flow.dead_letters), run=fmt.count(flow.dead)))
        if flow.errors and flow.last_error:
            self._errors.put("title", t("overview.errors_hover", count=fmt.count(flow.errors), last=last_error(flow)))
        self._values.show(flow.last_values, running=on)
        self._switch.show(flow)

    def _failed(self, text: str) -> None:
        self._alert_row.show_if(text)
        if text:
            self._alert.say(text)
        else:
            self._alert.take_back()


class ValueLines(Tag):
    """A few last values, each keeping its line while newer ones come."""

    def __init__(self) -> None:
        super().__init__("div", "", "fh-values")
        self._topics: list[str] = []
        self._recent = RecentValues()
        self._nodes: set[str] = set()
        with self:
            self._none = Tag("div", "", "fh-sub")
            self._lines = [_ValueLine() for _ in range(VALUES_SHOWN)]

    def show(self, values: Sequence[ValueView], *, running: bool) -> None:
        """Show the newest values."""
        nodes = {value.node for value in values}
        if not running or (nodes and not nodes & self._nodes):
            self._recent.forget()  # those of sources do not stay once targets have taken something
        self._nodes = nodes or self._nodes
        now = datetime.now(UTC)
        by_topic = self._recent.take(values if running else (), now)
        self._topics = keep_places(self._topics, list(by_topic), VALUES_SHOWN)
        self._none.set_text(t("flow.no_values") if running else t("flow.no_values_stopped"))
        self._none.show_if(not self._topics)
        for index, line in enumerate(self._lines):
            line.show(by_topic[self._topics[index]] if index < len(self._topics) else None, now)


class _ValueLine(Tag):
    def __init__(self) -> None:
        super().__init__("div", "", "fh-value", data_testid="flow-value")
        self.visible = False
        with self:
            with Tag("span", "", "fh-topic") as self._place:
                self._topic = Tag("bdi")
            self._figure = Tag("span", "", "fh-value-figure", data_testid="value")
            self._unit = Tag("span", "", "fh-unit")
            self._quality = Tag("span")
            self._age = Tag("span", "", "fh-age")

    def show(self, value: ValueView | None, now: datetime) -> None:
        self.show_if(value)
        if value is None:
            return
        self._topic.set_text(value.topic or t("value.no_topic"))
        self._place.put("title", f"{value.topic} ({value.node})")
        figure, unit = fmt.reading(value.payload)
        payload = value.payload if figure is None else figure
        number = isinstance(payload, int | float) and not isinstance(payload, bool)
        self._figure.set_text(fmt.value(payload, value.text)).put("title", value.text)
        self._figure.look(f"fh-value-figure {'fh-value-number' if number else ''}".strip())
        self._unit.set_text(fmt.unit(value.unit or unit))
        doubtful = value.quality in ("bad", "uncertain")
        self._quality.set_text(t(f"value.{value.quality}") if doubtful else "")
        self._quality.look(f"fh-quality fh-quality-{value.quality}" if doubtful else "")
        self._quality.put("title", t(f"value.{value.quality}") if doubtful else None)
        self._age.set_text(fmt.age((now - value.time).total_seconds())).put("title", fmt.exact(value.time))


def told(flow: FlowOverview) -> tuple[str, str]:
    """What is not as it should be, or why stopping takes its time, and the look of that."""
    waits = draining(flow)
    return (waits, "fh-trouble fh-past") if waits else trouble_of(flow)


def keep_places(old: Sequence[str], new: Sequence[str], limit: int) -> list[str]:
    """Which topics stand on which line: those already shown stay where they are, newcomers fill the rest.

    Args:
        old: topics shown now, by line.
        new: topics there are, newest first.
        limit: lines.
    """
    if not set(old) & set(new):
        return sorted(new[:limit])
    newcomers = [topic for topic in new if topic not in old]
    kept = [topic if topic in new else (newcomers.pop(0) if newcomers else "") for topic in old]
    return [topic for topic in kept if topic] + newcomers[: limit - len([topic for topic in kept if topic])]


def matches(flow: FlowOverview, words: str) -> bool:
    """True if every word of the search is in the flow's name, area, id, description, state or topics."""
    text = " ".join(
        [
            flow.name, flow.area, flow.id, flow.description, word(state_of(flow)),
            *(value.topic for value in flow.last_values),
        ]
    ).lower()  # fmt: skip
    return all(word in text for word in words.lower().split())
