"""What first-party types answer about delivery, by config: guarantees of paths and resending are built on it."""

from __future__ import annotations

from typing import Any

import pytest

from flowhost.catalog import load_catalog

CATALOG = load_catalog()
SUBSCRIBE: dict[str, Any] = {"topics": ["a"]}
POLL: dict[str, Any] = {"unit_id": 1, "period_ms": 1000, "tags": [{"name": "a", "address": 0}]}
ROWS: dict[str, Any] = {"table": "t"}
UPSERT: dict[str, Any] = {"table": "t", "mode": "upsert", "keys": ["k"]}

SOURCES = [
    # type, config, is_replayable, has_stable_ids
    ("mqtt.subscribe", {"qos": 0}, False, True),
    ("mqtt.subscribe", {"qos": 0, "id": "payload.n"}, False, True),
    ("mqtt.subscribe", {}, True, False),
    ("mqtt.subscribe", {"id": "topic + text(payload.n)"}, True, True),
    ("mqtt.subscribe", {"qos": 2, "id": "payload.n"}, True, True),
    ("mqtt.subscribe", {"id": "topic + time"}, True, False),
    ("mqtt.subscribe", {"id": "topic + time", "time": "payload.ts"}, True, False),
    ("mqtt.subscribe", {"id": "id"}, True, False),
    ("mqtt.subscribe", {"id": "get(headers, 'mqtt.dup', '')"}, True, False),
    ("opcua.subscribe", {"items": ["ns=2;s=a"]}, False, True),
    ("modbus.poll", POLL, False, True),
    ("sql.poll", {"table": "t", "cursor": "id"}, True, True),
    ("file.read", {"path": "in/*.csv"}, True, True),
    ("sim.generate", {}, True, False),
    ("inject", {"messages": [{"payload": 1}]}, True, False),
    ("schedule", {"every_s": 1}, False, True),
]

SINKS = [
    # type, config, is_idempotent, goes_by_id (None: not asked), is_confirmed
    ("sql.write", ROWS, True, True, True),
    ("sql.write", {**ROWS, "inbox": False}, False, None, True),
    ("sql.write", UPSERT, True, False, True),
    ("sql.write", {**UPSERT, "inbox": False}, True, False, True),
    ("sql.write", {**UPSERT, "columns": {"k": "payload.k", "by": "id"}}, True, False, True),
    ("sql.write", {**UPSERT, "columns": {"k": "id"}}, True, True, True),
    ("http.send", {}, False, None, True),
    ("http.send", {"resend_unanswered": True}, True, True, True),
    ("http.send", {"method": "PUT"}, True, False, True),
    ("http.send", {"method": "PUT", "path": "orders/{url_part(id)}"}, True, True, True),
    ("http.send", {"method": "PUT", "resend_unanswered": False}, False, None, True),
    ("http.send", {"method": "PATCH", "resend_unanswered": True}, True, True, True),
    (
        "http.send",
        {"resend_unanswered": True, "idempotency_header": "", "headers": {"X-Key": "{payload.order}"}},
        True, False, True,
    ),
    (
        "http.send",
        {"resend_unanswered": True, "idempotency_header": "", "headers": {"X-Key": "{id}"}},
        True, True, True,
    ),
    ("http.request", {}, True, None, True),
    ("file.write", {"path": "out/"}, True, True, True),
    ("file.write", {"path": "out/{payload.order}.json"}, True, False, True),
    ("file.write", {"path": "out/{topic}/{id}.json"}, True, True, True),
    ("file.write", {"path": "out.csv", "mode": "append", "format": "csv"}, False, None, True),
    ("mqtt.publish", {"topic": "a"}, False, None, True),
    ("mqtt.publish", {"topic": "a", "qos": 0}, False, None, False),
    ("log", {}, True, None, True),
    ("discard", {}, True, None, True),
]  # fmt: skip

DEDUPES = [
    # config, goes_by_id
    ({}, True),
    ({"id": "payload.n"}, False),
    ({"id": "topic + id"}, True),
]


def asked(type_id: str, config: dict[str, Any]) -> tuple[Any, Any]:
    kind = CATALOG.nodes[type_id]
    return kind, kind.Config.model_validate(config, context={"functions": CATALOG.functions})


@pytest.mark.parametrize(("type_id", "config", "replayable", "stable"), SOURCES)
def test_a_source(type_id: str, config: dict[str, Any], replayable: bool, stable: bool) -> None:
    kind, valid = asked(type_id, {**SUBSCRIBE, **config} if type_id == "mqtt.subscribe" else config)
    assert (kind.is_replayable(valid), kind.has_stable_ids(valid)) == (replayable, stable)


@pytest.mark.parametrize(("type_id", "config", "idempotent", "by_id", "confirmed"), SINKS)
def test_a_sink(type_id: str, config: dict[str, Any], idempotent: bool, by_id: bool | None, confirmed: bool) -> None:
    kind, valid = asked(type_id, config)
    assert (kind.is_idempotent(valid), kind.is_confirmed(valid)) == (idempotent, confirmed)
    assert by_id is None or kind.goes_by_id(valid) is by_id


@pytest.mark.parametrize(("config", "by_id"), DEDUPES)
def test_dedupe(config: dict[str, Any], by_id: bool) -> None:
    kind, valid = asked("dedupe", config)
    assert kind.drops_repeats(valid)
    assert kind.goes_by_id(valid) is by_id


def test_every_source_and_sink_is_asked_here() -> None:
    from flowhost.sdk import Sink, Source

    ends = {name for name, kind in CATALOG.nodes.items() if issubclass(kind, Source | Sink)}
    assert ends == {row[0] for row in (*SOURCES, *SINKS)}
