"""Views of a live flow: what pages show, made from the deployed document and the newest figures."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Literal

import msgspec

from flowhost.engine.snapshot import FlowSnapshot, NodeSnapshot, NodeTotals, RunEvent, ValueSnapshot
from flowhost.graph.document import FlowDocument
from flowhost.graph.library import NodeLibrary
from flowhost.sdk import Sink, Source
from flowhost.services.dead_lately import lately_words, letters_words
from flowhost.services.live import LiveFlow
from flowhost.services.views import (
    ConnectionView,
    EventView,
    FlowDetail,
    FlowOverview,
    FlowSums,
    FlowTotals,
    NodeView,
    RunDetail,
    RunSummary,
    TotalsView,
    ValueView,
    WireView,
)
from flowhost.store import EventRecord, RunFigures, RunRecord

Kind = Literal["source", "transform", "sink", "unknown"]

VALUES_SHOWN = 5
TEXT_LIMIT = 120
_ELSEWHERE = ("used", "filtered", "pending")
"""What may become of a message besides its being delivered or lost."""
_TOLD = (*_ELSEWHERE, "held", "before", "repeated")


def overview(live: LiveFlow) -> FlowOverview:
    """The flow's tile."""
    figures = live.figures()
    snapshot = live.snapshot
    last_error, last_error_at = _last_error(live)
    troubles, dead_lately = _troubles(live), sum(live.dead_lately().values())
    return FlowOverview(
        id=live.id,
        name=live.document.name or live.id,
        area=live.document.area,
        state=live.state,
        state_text=_state_text(live, troubles, dead_lately),
        desired=live.desired,
        ails=bool(troubles),
        dead_lately=dead_lately,
        rate_per_s=live.rate(live.sources, "made"),
        out_rate_per_s=live.rate(live.sinks, "out"),
        in_total=figures.messages_in if figures else 0,
        out_total=figures.messages_out if figures else 0,
        errors=figures.errors if figures else 0,
        dead=figures.dead if figures else 0,
        dead_letters=live.dead_letters,
        pending=snapshot.total("pending") if snapshot else 0,
        on_disk=_on_disk(snapshot) if snapshot else 0,
        sums=_sums(figures, _counted(snapshot)),
        spark=tuple(live.spark),
        last_values=_delivered(snapshot, live.sinks) if snapshot else (),
        last_error=last_error,
        last_error_at=last_error_at,
        drain_until=live.drain_until,
        run_id=live.last_run,
        started_at=live.started_at,
        nodes_count=len(live.document.nodes),
        revision=live.record.revision,
        description=live.document.description.strip(),
    )


def detail(live: LiveFlow, library: NodeLibrary) -> FlowDetail:
    """The flow's page."""
    snapshot = live.snapshot
    views = nodes(live.document, library, snapshot, live)
    return FlowDetail(
        overview=overview(live),
        document=live.document,
        nodes=views if live.run else tuple(_at_rest(view, interrupted=live.state == "starting") for view in views),
        wires=_wires(live),
        connections=_connections(snapshot) if snapshot and live.run is not None else (),
        problems=live.problems,
        guarantees=live.guarantees or (),
        events=tuple(live.events),
        totals=_flow_totals(live),
        life=live.record.created_at.isoformat(),
    )


def nodes(
    document: FlowDocument, library: NodeLibrary, snapshot: FlowSnapshot | None, live: LiveFlow | None = None
) -> tuple[NodeView, ...]:
    """Every node with its figures."""
    by_node: dict[str, list[ValueView]] = {}
    for value in _values(snapshot) if snapshot else ():
        by_node.setdefault(value.node, []).append(value)
    ledger = live.ledger if live is not None else None
    dead_lately = live.dead_lately() if live is not None else {}
    waiting = _waiting(snapshot)
    views = []
    for node_id, entry in document.nodes.items():
        known = snapshot.nodes.get(node_id) if snapshot else None
        kind = kind_of(entry.type, library)
        views.append(
            NodeView(
                id=node_id,
                type=entry.type,
                title=entry.name or node_id,
                kind=kind,
                rate_per_s=live.rate(frozenset([node_id]), _moving(kind)) if live else 0.0,
                values=tuple(by_node.get(node_id, ())),
                totals=_totals(ledger.nodes.get(node_id)) if ledger is not None else None,
                last_error_at=live.erred_at.get(node_id) if live else None,
                waiting=waiting.get(node_id, 0),
                open_dead=bool(known and known.dead and live and live.dead_letters),
                **(
                    _counters(known, snapshot, entry.connection, dead_lately.get(node_id, 0))
                    if known and snapshot
                    else {}
                ),
            )
        )
    return tuple(views)


def _totals(node: NodeTotals | None) -> TotalsView | None:
    if node is None:
        return None
    return TotalsView(
        in_total=node.in_, made=node.made, out=node.out, used=node.used, filtered=node.filtered, dead=node.dead,
        dropped=node.dropped, pending=node.pending, drift=node.drift, repeated=node.repeated,
    )  # fmt: skip


def _flow_totals(live: LiveFlow) -> FlowTotals | None:
    ledger = live.ledger
    if ledger is None or not ledger.since_ns:
        return None
    nodes = {name: node for name, node in ledger.nodes.items() if name in live.document.nodes}
    sums = _accounted(
        sum(nodes[name].made for name in live.sources if name in nodes),
        sum(nodes[name].out for name in live.sinks if name in nodes),
        {
            name: sum(getattr(node, name) for node in nodes.values())
            for name in (*_ELSEWHERE, "dead", "dropped", "repeated")
        },
    )
    return FlowTotals(
        since=_time(ledger.since_ns),
        messages_in=sums.in_total,
        messages_out=sums.out_total,
        dead=sums.dead,
        dropped=sums.dropped,
        drift=sum(abs(node.drift) for node in nodes.values()),
        sums=sums,
    )


def _at_rest(view: NodeView, *, interrupted: bool) -> NodeView:
    """A node of a run that is over: it does not run any more, whatever was heard of it last."""
    if view.state not in ("starting", "running", "retrying"):
        return view
    return replace(view, state="interrupted" if interrupted else "stopped", text="")


def run_summary(run: RunRecord, live: LiveFlow | None = None) -> RunSummary:
    """A run's row; with `live`, the figures of this moment."""
    present = live.figures() if live is not None and live.run == run.id else None
    figures = present or run.figures
    counted = _counted(live.snapshot) if live is not None and present else run.figures.nodes.values()
    return RunSummary(
        id=run.id,
        flow_id=run.flow_id,
        flow_name=run.flow_name,
        revision=run.revision,
        started_at=run.started_at,
        ended_at=run.ended_at,
        outcome=run.outcome,
        messages_in=figures.messages_in,
        messages_out=figures.messages_out,
        errors=figures.errors,
        dead=figures.dead,
        dropped=figures.dropped,
        reason=run.reason,
        sums=_sums(figures, counted),
    )


def run_detail(
    run: RunRecord,
    events: list[EventRecord],
    document: FlowDocument | None,
    library: NodeLibrary,
    live: LiveFlow | None,
) -> RunDetail:
    """A run's page: its final figures, or the present ones while it is on."""
    on = live is not None and live.run == run.id
    snapshot = live.snapshot if on and live is not None else _kept_snapshot(run)
    views = nodes(document, library, snapshot, live if on else None) if document is not None else ()
    return RunDetail(
        summary=run_summary(run, live),
        events=tuple(event_view(event) for event in events),
        events_left_out=run.events_left_out,
        nodes=views if on else tuple(_at_rest(view, interrupted=run.outcome == "interrupted") for view in views),
        document=document,
    )


def event_view(event: EventRecord) -> EventView:
    """A kept event as pages see it."""
    return EventView(
        time=event.time, kind=event.kind, text=event.text, node=event.node, topic=event.topic, count=event.count
    )


def event_record(run: int, event: RunEvent) -> EventRecord:
    """An event of a worker as history keeps it."""
    return EventRecord(
        run_id=run,
        time=_time(event.time_ns),
        kind=event.kind,
        text=event.text,
        node=event.node,
        topic=event.topic,
    )


def kind_of(type_id: str, library: NodeLibrary) -> Kind:
    """What a node type does; `unknown` where its plugin is missing."""
    node_type = library.nodes.get(type_id)
    if node_type is None:
        return "unknown"
    if issubclass(node_type, Source):
        return "source"
    return "sink" if issubclass(node_type, Sink) else "transform"


def ends_of(document: FlowDocument, library: NodeLibrary) -> tuple[frozenset[str], frozenset[str]]:
    """Where messages come in and where they leave."""
    kinds = {node_id: kind_of(entry.type, library) for node_id, entry in document.nodes.items()}
    sources = frozenset(node_id for node_id, kind in kinds.items() if kind == "source")
    return sources, frozenset(node_id for node_id, kind in kinds.items() if kind == "sink")


def one_line(payload: Any) -> str:
    """A payload as one short line."""
    if isinstance(payload, str):
        text = payload
    elif isinstance(payload, float):
        text = f"{payload:.6g}"
    else:
        text = json.dumps(payload, ensure_ascii=False, default=str)
    text = " ".join(text.split())
    return text if len(text) <= TEXT_LIMIT else f"{text[: TEXT_LIMIT - 1]}…"


def _sums(figures: RunFigures | None, nodes: Iterable[Mapping[str, Any]]) -> FlowSums:
    """Where a run's messages are, from the counters of its nodes as history keeps them."""
    if figures is None:
        return FlowSums()
    total = Counter({"dead": figures.dead, "dropped": figures.dropped})
    for node in nodes:
        for name in _TOLD:
            total[name] += node.get(name, 0)
    return _accounted(figures.messages_in, figures.messages_out, total)


def _accounted(came: int, delivered: int, total: Mapping[str, int]) -> FlowSums:
    """The sum with what came from inside, which is what is left of it."""
    gone = delivered + sum(total[name] for name in (*_ELSEWHERE, "dead", "dropped"))
    before, held = total.get("before", 0), min(total.get("held", 0), total["pending"])
    made = gone - came - before
    return FlowSums(
        in_total=came,
        before=before,
        made=max(0, made),
        out_total=delivered,
        used=total["used"],
        filtered=total["filtered"],
        # less than nothing made: messages between the counters of two nodes at this moment
        pending=total["pending"] - held - min(0, made),
        held=held,
        dead=total["dead"],
        dropped=total["dropped"],
        repeated=total.get("repeated", 0),
    )


def _on_disk(snapshot: FlowSnapshot) -> int:
    """Messages that wait on disk; those delivered a moment ago, whose rows are still to go, do not wait."""
    return sum(
        min(edge.pending, snapshot.nodes[edge.node].pending)
        for edge in snapshot.edges
        if edge.durable and edge.node in snapshot.nodes
    )


def _counted(snapshot: FlowSnapshot | None) -> list[dict[str, int]]:
    nodes = snapshot.nodes.values() if snapshot else ()
    return [{name: getattr(node, name) for name in _TOLD} for node in nodes]


def _state_text(live: LiveFlow, troubles: Sequence[str], dead_lately: int) -> str:
    """The state in words; of a running flow, what is not as it should be."""
    letters = letters_words(live.dead_letters) if live.state == "running" else ""
    told = [*troubles[:3], lately_words(dead_lately), letters]
    return "; ".join(words for words in told if words) or live.text


def _troubles(live: LiveFlow) -> list[str]:
    """What holds a running flow up: connections that are down, else nodes that do not get on."""
    if live.state != "running" or live.snapshot is None:
        return []
    links = live.snapshot.connections.items()
    down = [_cause_first(name, c.text or "not connected", c.reason) for name, c in links if not c.up]
    nodes = live.snapshot.nodes.items()
    return down or [_cause_first(name, n.text or n.last_error, n.reason) for name, n in nodes if _ails(n)]


def _cause_first(name: str, text: str, reason: str) -> str:
    """Why, then what and since when: a line that is cut must not lose the cause."""
    since, cause, more = text.partition(reason) if reason else ("", "", "")
    if not cause or not since:
        return f"{name}: {text}"
    return f"{cause}; {name} {since.removesuffix(': ')}{more}"


def _ails(node: NodeSnapshot) -> bool:
    return node.state in ("retrying", "failed")


def _last_error(live: LiveFlow) -> tuple[str, datetime | None]:
    """The failure to tell of, and when it was: that of a node which still ails, else the newest."""
    nodes = live.snapshot.nodes if live.snapshot is not None else {}
    failed = sorted(
        (name for name, node in nodes.items() if node.last_error),
        key=lambda name: (_ails(nodes[name]), live.erred_at.get(name, _time(0))),
    )
    if failed:
        return f"{failed[-1]}: {nodes[failed[-1]].last_error}", live.erred_at.get(failed[-1])
    return (live.text if live.state == "failed" else ""), None


def _values(snapshot: FlowSnapshot) -> tuple[ValueView, ...]:
    return tuple(_value(value) for value in sorted(snapshot.values, key=lambda value: value.time_ns, reverse=True))


def _delivered(snapshot: FlowSnapshot, sinks: Collection[str]) -> tuple[ValueView, ...]:
    """What targets took; what came in is left out, as it may still fail."""
    return tuple(value for value in _values(snapshot) if value.node in sinks)[:VALUES_SHOWN]


def _value(value: ValueSnapshot) -> ValueView:
    return ValueView(
        node=value.node,
        port=value.port,
        topic=value.topic,
        text=one_line(value.payload),
        payload=value.payload,
        unit=value.unit,
        quality=value.quality,
        time=_time(value.time_ns),
    )


def _counters(node: NodeSnapshot, snapshot: FlowSnapshot, connection: str | None, dead_lately: int) -> dict[str, Any]:
    state, text = _state(node, snapshot, connection)
    text = "; ".join(words for words in (text, lately_words(dead_lately)) if words)
    return {
        "state": state,
        "text": text,
        "in_total": node.in_,
        "out": node.out,
        "made": node.made,
        "used": node.used,
        "filtered": node.filtered,
        "dead": node.dead,
        "dead_lately": dead_lately,
        "dropped": node.dropped,
        "pending": node.pending,
        "repeated": node.repeated,
        "attempts": node.attempts,
        "gone": node.gone,
        "errors": node.errors,
        "last_error": node.last_error,
    }


def _state(node: NodeSnapshot, snapshot: FlowSnapshot, connection: str | None) -> tuple[str, str]:
    """A node whose connection is down waits for it, even while its own code has nothing to complain of."""
    link = snapshot.connections.get(connection) if connection else None
    if node.state in ("starting", "running") and link is not None and not link.up:
        return "retrying", node.text or f"{connection}: {link.text or 'not connected'}"
    return node.state, node.text


def _moving(kind: Kind) -> str:
    """The counter that shows how busy a node is; of a target, what it takes."""
    return {"source": "made", "sink": "out"}.get(kind, "in")


def _wires(live: LiveFlow) -> tuple[WireView, ...]:
    """Only nodes are counted: what a target takes in is the wire's where it has no other."""
    wires, snapshot = live.document.wires, live.snapshot
    into = Counter(wire.target for wire in wires)
    waiting = _waiting(snapshot)
    came = {target: live.rate(frozenset([target]), "in") for target in into}
    # what a source sends tells its wires apart only where several lead to one node
    several = {wire.source for wire in wires if into[wire.target] > 1}
    went = {source: live.rate(frozenset([source]), "out") for source in several}
    return tuple(
        WireView(
            source=wire.source,
            port=wire.port,
            target=wire.target,
            rate_per_s=min(came[wire.target], went[wire.source]) if into[wire.target] > 1 else came[wire.target],
            pending=waiting.get(wire.target, 0),
        )
        for wire in wires
    )


def _waiting(snapshot: FlowSnapshot | None) -> Counter[str]:
    """Messages that wait before each node; those it has done a moment ago, whose rows are still to go, do not wait."""
    waiting: Counter[str] = Counter()
    for edge in snapshot.edges if snapshot else ():
        waiting[edge.node] += edge.pending
    nodes = snapshot.nodes if snapshot else {}
    return Counter({name: min(count, nodes[name].pending) for name, count in waiting.items() if name in nodes})


def _connections(snapshot: FlowSnapshot) -> tuple[ConnectionView, ...]:
    return tuple(
        ConnectionView(name=name, type=link.type, up=link.up, text=link.text)
        for name, link in snapshot.connections.items()
    )


def _kept_snapshot(run: RunRecord) -> FlowSnapshot:
    """The figures history kept; those of another version are read as far as they are known."""
    kept: Mapping[str, Any] = run.figures.nodes
    return FlowSnapshot(
        flow=run.flow_id,
        nodes={name: msgspec.convert(node, NodeSnapshot) for name, node in kept.items()},
    )


def _time(time_ns: int) -> datetime:
    try:
        return datetime.fromtimestamp(time_ns / 1e9, UTC)
    except (OverflowError, ValueError, OSError):
        return datetime.fromtimestamp(0, UTC)  # a device's clock gone wild must not break the page
