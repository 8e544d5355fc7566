"""What pages see of a flow, from figures a worker could have told."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from flowhost.engine.snapshot import ConnectionSnapshot, FlowSnapshot, NodeSnapshot
from flowhost.graph.document import FlowDocument, NodeEntry
from flowhost.services import pictures
from flowhost.services.live import LiveFlow

DOCUMENT = FlowDocument(
    id="line", name="Line",
    nodes={
        "plc": NodeEntry(id="plc", type="opcua.subscribe", connection="plc"),
        "named": NodeEntry(id="named", type="map"),
        "out": NodeEntry(id="out", type="mqtt.publish", connection="broker"),
    },
    wires=(),
)  # fmt: skip
LIBRARY: Any = SimpleNamespace(nodes={})


def snapshot(*, plc_up: bool = True, **nodes: NodeSnapshot) -> FlowSnapshot:
    shown = {name: NodeSnapshot(state="running") for name in DOCUMENT.nodes} | nodes
    links = {
        "plc": ConnectionSnapshot(type="opcua.client", up=plc_up, text="" if plc_up else "down since 10:15:29"),
        "broker": ConnectionSnapshot(type="mqtt.broker", up=True, text="connected"),
    }
    return FlowSnapshot(flow="line", state="running", nodes=shown, connections=links)


@pytest.fixture
def live() -> LiveFlow:
    record: Any = SimpleNamespace(id="line", desired="running", revision=1)
    made = LiveFlow(record, DOCUMENT, frozenset({"plc"}), frozenset({"out"}))
    made.run = 1
    return made


def test_a_node_whose_connection_is_down_tries_again() -> None:
    seen = {node.id: node for node in pictures.nodes(DOCUMENT, LIBRARY, snapshot(plc_up=False))}
    assert (seen["plc"].state, seen["plc"].text) == ("retrying", "plc: down since 10:15:29")
    assert [seen[name].state for name in ("named", "out")] == ["running", "running"]
    (begins, *_) = pictures.nodes(DOCUMENT, LIBRARY, snapshot(plc_up=False, plc=NodeSnapshot(state="starting")))
    assert begins.state == "retrying"
    assert pictures.nodes(DOCUMENT, LIBRARY, snapshot())[0].state == "running"


def test_it_is_known_when_a_node_failed_last(live: LiveFlow) -> None:
    before = datetime.now(UTC)
    live.take(snapshot(named=NodeSnapshot(state="running", errors=1, last_error="is text")), 1)
    first = pictures.overview(live)
    assert first.last_error == "named: is text"
    assert first.last_error_at is not None
    assert before <= first.last_error_at <= datetime.now(UTC)
    live.take(snapshot(named=NodeSnapshot(state="running", errors=1, last_error="is text")), 2)
    assert pictures.overview(live).last_error_at == first.last_error_at  # it did not come again
    both = {
        "named": NodeSnapshot(state="running", errors=1, last_error="is text"),
        "out": NodeSnapshot(state="running", errors=3, last_error="refused"),
    }
    live.take(snapshot(**both), 3)
    assert pictures.overview(live).last_error == "out: refused"
    assert pictures.overview(live).last_error_at == live.erred_at["out"] > first.last_error_at
