"""The side panel of one node: how it is, what passed, where its messages went, how it is set."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

from flowhost.graph.document import NodeEntry
from flowhost.graph.guarantee import PathGuarantee
from flowhost.services.host_views import NodeTypeView
from flowhost.services.views import NodeView, ValueView
from flowhost.ui import config_view
from flowhost.ui import format as fmt
from flowhost.ui.by_hand import SendNow
from flowhost.ui.guarantees import PathLines
from flowhost.ui.icons import bundled
from flowhost.ui.recent import RecentValues, is_recent
from flowhost.ui.state_mark import StateMark
from flowhost.ui.table import Cell, Column, DataTable
from flowhost.ui.tags import Tag, icon
from flowhost.ui.texts import t

VALUES_SHOWN = 8
LONG = 26
"""Characters from which on a setting stands below its name."""
COUNTERS = ("in_total", "made", "out", "used", "filtered", "dead", "dropped", "pending")


class NodePanel(Tag):
    """A node's panel.

    Args:
        entry: the node as the flow file has it.
        kind: what is known about its type; None if the plugin is missing.
        on_close: called when the panel is to go.
        paths: of a sink: those that lead to it, with what they promise.
        nodes: of the flow.
        send: of a source that can be told to send: its button.
    """

    def __init__(
        self,
        entry: NodeEntry,
        kind: NodeTypeView | None,
        on_close: Callable[[], None],
        paths: Sequence[PathGuarantee],
        nodes: Mapping[str, NodeEntry],
        send: Callable[[], SendNow] | None = None,
    ) -> None:
        super().__init__("aside", "", "fh-panel", data_testid="inspector", data_node=entry.id)
        with self:
            self._head(entry, kind, on_close)
            with Tag("div", "", "fh-panel-part"):
                self._state = StateMark("idle")
                self._words = Tag("p", "", "fh-sub")
            with Tag("div", "", "fh-panel-part fh-last-error") as self._error_part:
                self._error_title = Tag("h3")
                self._error = Tag("p", "", "fh-error-text", data_testid="last-error")
            self._send = send() if send is not None else None
            self._values = NodeValues()
            self._ledger = Ledger()
            if paths:
                with Tag("div", "", "fh-panel-part"):
                    Tag("h3", t("guarantee.heading"))
                    PathLines(paths, nodes)
            _settings(entry, kind)

    def show(self, node: NodeView, open_letters: int) -> None:
        """Bring the figures up to date; `open_letters` of the flow."""
        self._state.show(node.state, doubt=bool(node.dead_lately or node.open_dead))
        if self._send is not None:
            self._send.show(node)
        self._words.set_text(node.text).show_if(node.text)
        self._error.set_text(node.last_error)
        fresh, at = is_recent(node.last_error_at), node.last_error_at
        self._error.look("fh-error-text" if fresh else "fh-error-text fh-past")
        self._error_title.set_text(t("node.last_error_at", time=fmt.clock(at)) if at else t("node.last_error"))
        self._error_title.put("title", fmt.exact(at) if at else None)
        self._error_part.show_if(node.last_error)
        self._values.show(node.values)
        self._ledger.show(node, open_letters)

    def _head(self, entry: NodeEntry, kind: NodeTypeView | None, on_close: Callable[[], None]) -> None:
        with Tag("div", "", "fh-panel-head"):
            icon(bundled(kind.icon, kind.kind) if kind else "extension_off", "fh-node-icon")
            with Tag("div", "", "fh-grow"):
                Tag("h2", entry.name or entry.id)
                Tag("div", entry.type, "fh-mono fh-sub")
            with Tag("button", "", "fh-icon-button", type="button", title=t("node.close")) as close:
                close.put("aria-label", t("node.close"))
                icon("close")
            close.on("click", on_close)
        Tag("p", kind.summary if kind else t("node.unknown_type", type=entry.type), "fh-panel-summary")


class NodeValues(Tag):
    """The newest values per port, and the newest whole payload where it is more than one figure."""

    def __init__(self) -> None:
        super().__init__("div", "", "fh-panel-part")
        self._recent = RecentValues(VALUES_SHOWN)
        with self:
            Tag("h3", t("node.values"))
            self._none = Tag("p", t("node.values.none"), "fh-sub")
            self._table = DataTable(
                (
                    Column(t("node.value.topic"), "wide"),
                    Column(t("node.value.value"), "num"),
                    Column(t("node.value.age"), "num"),
                ),
                "fh-compact",
            )
            self._json_title = Tag("h4")
            self._json = Tag("pre", "", "fh-json", data_testid="payload")

    def show(self, values: tuple[ValueView, ...]) -> None:
        """Show the newest values."""
        now = datetime.now(UTC)
        recent = self._recent.take(values, now)
        self._none.show_if(not recent)
        self._table.show_if(recent)
        self._table.show([(key, _value_cells(recent[key], now)) for key in sorted(recent)])
        whole = next((value for value in values if isinstance(value.payload, dict | list)), None)
        self._json_title.set_text(t("node.value.json", port=whole.port) if whole else "").show_if(whole)
        self._json.set_text(_pretty(whole.payload) if whole else "").show_if(whole)


class Ledger(Tag):
    """Where a node's messages went; the words add up."""

    def __init__(self) -> None:
        super().__init__("div", "", "fh-panel-part", data_testid="ledger")
        with self:
            Tag("h3", t("node.ledger"))
            with Tag("div", "", "fh-ledger-head") as self._head:
                Tag("span", t("node.ledger.run"))
                Tag("span", t("node.ledger.all"), title=t("node.ledger.all_hint"))
            with Tag("dl", "", "fh-facts fh-ledger"):
                self._numbers = {name: _counter(name) for name in (*COUNTERS, "repeated", "gone", "attempts", "errors")}
            self._sum = Tag("p", "", "fh-sub")
            self._drift = Tag("p", "", "fh-sub", data_testid="drift")

    def show(self, node: NodeView, open_letters: int) -> None:
        """Show this node's counters; dead letters that were all seen to alarm nobody."""
        totals = node.totals
        self._head.show_if(totals)
        for name, (row, label, number, in_all) in self._numbers.items():
            count = getattr(node, name)
            ever = getattr(totals, name, None)
            in_all.set_text("" if ever is None else fmt.count(ever)).show_if(totals)
            in_all.look("fh-in-all" if ever else "fh-in-all fh-zero")
            if name == "out":
                label.set_text(t("ledger.out_sink" if node.kind == "sink" else "ledger.out"))
            tone = {"dead": "fh-bad", "dropped": "fh-bad", "errors": "fh-warn"}.get(name, "")
            past = not is_recent(node.last_error_at) if name == "errors" else name == "dead" and not open_letters
            tone = "" if past else tone
            number.set_text(fmt.count(count)).look(tone if count else "fh-zero")
            row.show_if(count or ever or name in ("out", "in_total" if node.kind != "source" else "made"))
        gone = node.out + node.used + node.filtered + node.dead + node.dropped + node.pending
        off = abs(node.in_total + node.made - gone)
        self._sum.set_text(t("node.ledger.open", count=fmt.count(off)) if off else t("node.ledger.balanced"))
        drift = totals.drift if totals is not None else 0
        words = "node.ledger.drift" if drift > 0 else "node.ledger.twice"
        self._drift.set_text(t(words, count=fmt.count(abs(drift)))).show_if(drift)


def _counter(name: str) -> tuple[Tag, Tag, Tag, Tag]:
    with Tag("div", "", "fh-fact", title=t(f"ledger.hint.{name}"), data_counter=name) as row:
        label = Tag("dt", t(f"ledger.{name}"))
        number = Tag("dd")
        in_all = Tag("dd", "", "fh-in-all")
    return row, label, number, in_all


def _settings(entry: NodeEntry, kind: NodeTypeView | None) -> None:
    with Tag("div", "", "fh-panel-part"):
        Tag("h3", t("node.settings"))
        facts = config_view.rows(entry.config, kind.schema if kind else None)
        if not facts:
            Tag("p", t("node.settings.none"), "fh-sub")
        if entry.connection:
            facts.insert(0, (t("node.connection"), entry.connection))
        if entry.delivery:
            facts += [(f"{t('node.delivery')}: {name}", text) for name, text in config_view.rows(entry.delivery)]
        if entry.disabled:
            facts.insert(0, (t("node.disabled"), t(f"node.disabled.{entry.disabled}")))
        with Tag("dl", "", "fh-facts fh-settings"):
            for name, text in facts:
                with Tag("div", "", "fh-fact fh-fact-long" if len(text) > LONG else "fh-fact"):
                    Tag("dt", name)
                    Tag("dd", text, "fh-mono")


def _value_cells(value: ValueView, now: datetime) -> tuple[Cell, Cell, Cell]:
    inner, inner_unit = fmt.reading(value.payload)
    unit = fmt.unit(value.unit or inner_unit)
    figure = fmt.value(value.payload if inner is None else inner, value.text) + (f"{fmt.THIN}{unit}" if unit else "")
    tone = {"bad": "fh-bad", "uncertain": "fh-warn"}.get(value.quality, "")
    topic = value.topic or t("value.no_topic")
    return (
        Cell(topic if value.port == "out" else f"{value.port}: {topic}", hover=topic),
        Cell(figure, hover=f"{value.text} ({value.quality})", look=tone),
        Cell(fmt.age((now - value.time).total_seconds()), hover=fmt.exact(value.time)),
    )


def _pretty(payload: Mapping[str, object] | list[object]) -> str:
    return json.dumps(payload, ensure_ascii=False, indent=2, default=str)
