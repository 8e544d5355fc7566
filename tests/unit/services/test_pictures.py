"""What pages see of a flow, from figures a worker could have told."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from flowhost.engine.snapshot import ConnectionSnapshot, EdgeSnapshot, FlowSnapshot, NodeSnapshot, ValueSnapshot
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
    record: Any = SimpleNamespace(id="line", desired="running", revision=1, created_at=datetime.now(UTC))
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


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """The host's clock, which stands until it is moved."""
    made = SimpleNamespace(now=100.0)
    monkeypatch.setattr("flowhost.services.live.time.monotonic", lambda: made.now)
    return made


def dying(number: int) -> FlowSnapshot:
    return snapshot(named=NodeSnapshot(state="running", in_=number, dead=number))


def test_a_running_flow_tells_of_the_messages_that_died_in_the_last_minute(
    live: LiveFlow, clock: SimpleNamespace
) -> None:
    live.take(dying(0), 1)
    assert (pictures.overview(live).dead_lately, pictures.overview(live).state_text) == (0, "")
    clock.now += 10
    live.take(dying(120), 2)
    flow, [plc, named, _] = pictures.overview(live), pictures.detail(live, LIBRARY).nodes
    assert (flow.state, flow.ails, flow.dead_lately) == ("running", False, 120)
    assert flow.state_text == "120 messages dead in the last minute"
    assert (named.state, named.dead_lately, named.text) == ("running", 120, "120 messages dead in the last minute")
    assert (plc.dead_lately, plc.text) == (0, "")
    clock.now += 50
    live.take(dying(121), 3)
    assert pictures.overview(live).dead_lately == 121
    clock.now += 10
    assert pictures.overview(live).state_text == "1 message dead in the last minute"
    clock.now += 50
    assert pictures.overview(live).dead_lately == 0
    assert pictures.detail(live, LIBRARY).nodes[1].text == ""


def test_what_holds_a_flow_up_is_told_before_what_died(live: LiveFlow, clock: SimpleNamespace) -> None:
    made = dying(2)
    made.connections["plc"] = ConnectionSnapshot(type="opcua.client", text="down since 10:15:29")
    live.take(made, 1)
    flow = pictures.overview(live)
    assert flow.ails
    assert flow.state_text == "plc: down since 10:15:29; 2 messages dead in the last minute"


def test_of_a_target_that_is_away_the_cause_comes_first(live: LiveFlow, clock: SimpleNamespace) -> None:
    made = snapshot(
        out=NodeSnapshot(
            state="retrying", reason="a.db is locked", text="down since 10:15:29: a.db is locked; next try"
        )
    )
    live.take(made, 1)
    assert pictures.overview(live).state_text == "a.db is locked; out down since 10:15:29; next try"


def test_open_dead_letters_are_told_after_the_last_minute_too(live: LiveFlow, clock: SimpleNamespace) -> None:
    made = dying(12)
    made.dead_letters = 12
    live.take(made, 1)
    clock.now += 70
    assert pictures.overview(live).state_text == "12 open dead letters"
    assert [node.open_dead for node in pictures.detail(live, LIBRARY).nodes] == [False, True, False]
    live.finish("stopped", "", None)
    assert pictures.overview(live).state_text == ""


def test_values_are_told_as_delivered_once_a_target_took_them(live: LiveFlow) -> None:
    made = snapshot()
    made.values = [ValueSnapshot(node="plc", port="out", payload=44.23)]
    live.take(made, 1)
    assert pictures.overview(live).last_values == ()
    made.values.append(ValueSnapshot(node="out", port="out", payload=44.1))
    assert [value.payload for value in pictures.overview(live).last_values] == [44.1]


def test_a_flow_that_stands_still_and_one_that_begins_anew_tell_of_none(live: LiveFlow, clock: SimpleNamespace) -> None:
    live.take(dying(5), 1)
    live.finish("stopped", "", None)
    assert pictures.overview(live).dead_lately == 0
    assert [node.dead_lately for node in pictures.detail(live, LIBRARY).nodes] == [0, 0, 0]
    run: Any = SimpleNamespace(id=2, started_at=datetime.now(UTC))
    live.begin(run)
    clock.now += 1
    live.take(dying(1), 2)
    assert pictures.overview(live).dead_lately == 1


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


def test_a_message_waits_before_a_node_or_is_held_by_it_and_is_said_once() -> None:
    now = snapshot(named=NodeSnapshot(state="running", pending=7), out=NodeSnapshot(state="running", pending=40))
    now.edges = [EdgeSnapshot(node="named", pending=5), EdgeSnapshot(node="out", pending=44, durable=True)]
    seen = {node.id: (node.waiting, node.pending) for node in pictures.nodes(DOCUMENT, LIBRARY, now)}
    # rows of four delivered messages are still to go
    assert seen == {"plc": (0, 0), "named": (5, 7), "out": (40, 40)}
