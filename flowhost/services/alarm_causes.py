"""Which alarms follow from which: a broker that is away is one cause, however many flows and queues it holds up."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence

from flowhost.graph.document import ConnectionEntry, FlowDocument
from flowhost.store import AlarmRecord

Key = tuple[str, str, str]
DOWN = "connection_down"
RETRYING = "node_retrying"
STUCK = ("node_failed", RETRYING)
WAITING = frozenset({"waiting_long", "waiting_many"})
"""Over by themselves once their target takes messages again. Disks, losses and dead letters ask for a person of their
own, so they never stand beneath another alarm."""
OF_ONE_LINK = frozenset({"client_id"})
"""Settings that name a link, not the target: they differ between links to the same one."""


def causes(
    alarms: Sequence[AlarmRecord], document_of: Callable[[str], FlowDocument | None]
) -> Mapping[Key, AlarmRecord]:
    """The alarm each follows from, by its key; those that follow from none are left out.

    Args:
        alarms: those that stand.
        document_of: a flow with the connections of the host it uses; None if there is none of this id.
    """
    standing = {alarm.key: alarm for alarm in alarms}
    documents = {flow: document_of(flow) for flow in {alarm.flow_id for alarm in alarms if alarm.flow_id}}
    first = _first_of_each_target(alarms, documents)
    found: dict[Key, AlarmRecord] = {}
    for alarm in alarms:
        near = _near(alarm, standing, documents.get(alarm.flow_id))
        cause = first.get(near.key, near) if near is not None else first.get(alarm.key)
        if cause is not None and cause.key != alarm.key:
            found[alarm.key] = cause
    return found


def _near(alarm: AlarmRecord, standing: Mapping[Key, AlarmRecord], flow: FlowDocument | None) -> AlarmRecord | None:
    """What holds this one up in its own flow: the connection of its node, else the node itself."""
    entry = flow.nodes.get(alarm.subject) if flow is not None else None
    if entry is None or alarm.kind not in WAITING.union(STUCK):
        return None
    if entry.connection and (down := standing.get((DOWN, alarm.flow_id, entry.connection))) is not None:
        return down
    stuck = (standing.get((kind, alarm.flow_id, alarm.subject)) for kind in STUCK if alarm.kind in WAITING)
    return next((one for one in stuck if one is not None), None)


def _first_of_each_target(
    alarms: Sequence[AlarmRecord], documents: Mapping[str, FlowDocument | None]
) -> Mapping[Key, AlarmRecord]:
    """By the key of each connection that is down and each node that tries again, the first that found its target so.

    Nodes that stand still are left out: each of them wants a person of its own.
    """
    first: dict[str, AlarmRecord] = {}
    target_of: dict[Key, str] = {}
    # a connection that is down is the better cause: its nodes only notice
    for alarm in sorted(alarms, key=lambda one: (one.kind != DOWN, one.raised_at, one.id)):
        flow = documents.get(alarm.flow_id)
        name = connection_of(alarm, flow) if flow is not None and alarm.kind in (DOWN, RETRYING) else ""
        entry = flow.connections.get(name) if flow is not None else None
        if entry is not None:
            target_of[alarm.key] = _target(entry)
            first.setdefault(target_of[alarm.key], alarm)
    return {key: first[target] for key, target in target_of.items()}


def connection_of(alarm: AlarmRecord, flow: FlowDocument) -> str:
    """The connection an alarm is about, as its flow calls it; empty where it is about none."""
    if alarm.kind == DOWN:
        return alarm.subject
    entry = flow.nodes.get(alarm.subject)
    return entry.connection or "" if entry is not None and alarm.kind in STUCK else ""


def _target(entry: ConnectionEntry) -> str:
    """Connections with the same settings lead to the same place, whatever each flow calls them."""
    config = {name: value for name, value in entry.config.items() if name not in OF_ONE_LINK}
    return json.dumps([entry.type, config], sort_keys=True, default=str)
