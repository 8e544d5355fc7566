"""What follows from what: one broker that is away is one cause, for all flows and queues behind it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from flowhost.graph.document import FlowDocument
from flowhost.graph.jsonform import from_json
from flowhost.services.alarm_causes import causes
from flowhost.store import AlarmRecord

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
BROKER = {"type": "mqtt.broker", "config": {"host": "10.0.0.1", "client_id": "a"}}


def flow(id_: str, **connections: Any) -> FlowDocument:
    nodes = {"out": {"type": "mqtt.publish", "connection": "broker"}, "file": {"type": "file.write"}}
    return from_json(
        {"flowhost": 1, "id": id_, "name": id_, "nodes": nodes, "wires": [], "connections": connections}
    )  # fmt: skip


FLOWS = {
    "one": flow("one", broker=BROKER),
    "two": flow("two", broker={**BROKER, "config": {"host": "10.0.0.1", "client_id": "b"}}),
    "other": flow("other", broker={**BROKER, "config": {"host": "10.0.0.2"}}),
}


def alarm(kind: str, flow_id: str, subject: str, after_s: int = 0) -> AlarmRecord:
    at = BEGAN + timedelta(seconds=after_s)
    return AlarmRecord(
        id=after_s + 1, kind=kind, flow_id=flow_id, flow_name=flow_id, subject=subject, severity="error", text="",
        advice="", since=at, raised_at=at,
    )  # fmt: skip


def found(*alarms: AlarmRecord) -> dict[tuple[str, str, str], tuple[str, str, str]]:
    return {key: cause.key for key, cause in causes(alarms, FLOWS.get).items()}


def test_queues_follow_from_the_connection_and_flows_from_the_first_that_found_it_away() -> None:
    first = alarm("connection_down", "two", "broker", 0)
    later = alarm("connection_down", "one", "broker", 1)
    apart = alarm("connection_down", "other", "broker", 2)
    old = alarm("waiting_long", "one", "out", 3)
    many = alarm("waiting_many", "other", "out", 4)
    assert found(many, old, apart, later, first) == {
        later.key: first.key, old.key: first.key, many.key: apart.key,
    }  # fmt: skip


def test_a_queue_follows_from_its_node_where_no_connection_is_down() -> None:
    stuck = alarm("node_retrying", "one", "file", 0)
    old = alarm("waiting_long", "one", "file", 1)
    other = alarm("waiting_long", "one", "out", 2)
    assert found(stuck, old, other) == {old.key: stuck.key}


def test_what_needs_a_person_of_its_own_stands_alone() -> None:
    down = alarm("connection_down", "one", "broker")
    kinds = ("dropped", "gone", "parked", "outbox_full", "dead_letters")
    assert found(down, *(alarm(kind, "one", "out") for kind in kinds), alarm("disk", "", "")) == {}


def test_a_flow_that_is_gone_is_nobodys_cause() -> None:
    assert found(alarm("connection_down", "gone", "broker"), alarm("waiting_long", "gone", "out")) == {}


def test_nodes_that_try_the_same_target_again_are_one_cause_whatever_flow_they_are_of() -> None:
    first = alarm("node_retrying", "two", "out", 0)
    later = alarm("node_retrying", "one", "out", 1)
    apart = alarm("node_retrying", "other", "out", 2)
    old = alarm("waiting_long", "one", "out", 3)
    assert found(old, apart, later, first) == {later.key: first.key, old.key: first.key}
    # a connection that is down says more, even where it was found later
    down = alarm("connection_down", "one", "broker", 4)
    assert found(first, down) == {first.key: down.key}


def test_each_node_that_stands_still_wants_a_person_of_its_own() -> None:
    assert found(alarm("node_failed", "one", "out"), alarm("node_failed", "two", "out", 1)) == {}
