"""Samples through expressions and drafts, in the process beside the host; no target is touched."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from flowhost.errors import ConfigError, ConflictError, ForbiddenError
from flowhost.services.access import LOCAL_USER, Principal
from flowhost.services.flow_tests import test_flows as run_tests
from flowhost.services.host import Host

ME = LOCAL_USER
FLOW = """\
flowhost: 1
id: line
nodes:
  temps: {type: mqtt.subscribe, connection: nowhere, config: {topics: ["plant/#"]}}
  good: {type: filter, config: {where: "payload.value > 0"}}
  warm: {type: map, config: {set: {f: "payload.value * 1.8 + 32"}}}
  mean: {type: window, config: {every_s: 60, compute: {m: "mean(payload.f)"}}}
  out: {type: mqtt.publish, connection: nowhere, config: {topic: "uns/{topic}"}}
  sums: {type: mqtt.publish, connection: nowhere, config: {topic: "uns/mean"}}
wires:
  - temps -> good
  - good -> warm
  - warm -> out
  - warm -> mean
  - mean -> sums
"""
GIVEN = {"temps": [{"topic": "a", "payload": {"value": v}} for v in (10, -1, 20)] + [{"topic": "b", "payload": 7}]}


@pytest.fixture
async def line(host: Host) -> Host:
    await host.connections.create(ME, "nowhere", "mqtt.broker", {"host": "127.0.0.1", "port": 1})
    await host.flows.import_file(ME, FLOW)
    return host


async def test_a_sample_shows_what_each_node_put_out_and_each_target_would_get(line: Host) -> None:
    found = await line.samples.run(ME, "line", GIVEN, "60s")
    nodes = {node["node"]: node for node in found["nodes"]}
    payloads = {
        name: [message["payload"] for output in node["outputs"] for message in output["messages"]]
        for name, node in nodes.items()
    }
    assert payloads["temps"] == [item["payload"] for item in GIVEN["temps"]]
    assert payloads["good"] == [{"value": 10}, {"value": 20}]
    assert payloads["warm"] == [{"f": 50.0}, {"f": 68.0}]
    assert payloads["mean"] == [{"m": 59.0}]
    assert (nodes["good"]["in"], nodes["good"]["filtered"], nodes["good"]["dead"]) == (4, 1, 1)
    assert "value" in nodes["good"]["error"]
    assert [message["payload"] for message in nodes["out"]["received"]["messages"]] == [{"f": 50.0}, {"f": 68.0}]
    assert nodes["sums"]["received"]["count"] == 1
    assert nodes["warm"]["received"] is None
    assert found["balanced"]


@pytest.mark.expects_error_log
async def test_a_sample_becomes_a_test_that_flowhost_test_runs(line: Host) -> None:
    case = {
        "name": "warm",
        "given": GIVEN,
        "dead": 1,
        "expect": {"out": [{"payload": {"f": 50.0}}, {"payload": {"f": 68.0}}]},
    }
    path = await line.samples.keep(ME, "line", case)
    with pytest.raises(ConflictError, match="another name"):
        await line.samples.keep(ME, "line", case)
    await line.samples.keep(ME, "line", {**case, "name": "wrong", "dead": 0})
    assert [(one["name"], bool(one["failures"])) for one in await line.samples.cases(ME, "line")] == [
        ("warm", False), ("wrong", True),
    ]  # fmt: skip
    results = await asyncio.to_thread(run_tests, [path.parent])
    assert [(one.name, bool(one.failures)) for one in results] == [("warm", False), ("wrong", True)]


async def test_what_does_not_fit_is_said(line: Host) -> None:
    for given, words in (
        ({"good": [{"payload": 1}]}, "no source"),
        ({"temps": [{"paylaod": 1}]}, "unknown key"),
        ({"temps": [{}] * 1001}, "1000 messages"),
    ):
        with pytest.raises(ConfigError, match=words):
            await line.samples.run(ME, "line", given)
    with pytest.raises(ConfigError, match="not a duration"):
        await line.samples.run(ME, "line", GIVEN, "soon")
    viewer = Principal("vera", frozenset({"viewer"}))
    for refused in (line.samples.run(viewer, "line", {}), line.samples.keep(viewer, "line", {})):
        with pytest.raises(ForbiddenError):
            await refused


async def test_expressions_are_tried_on_a_message(host: Host) -> None:
    message = {"payload": {"value": 20, "tags": ["a"]}, "topic": "plant/a", "quality": "good", "unit": "Cel"}

    async def ask(text: str, **more: Any) -> Any:
        return (await host.asks.answer(ME, "expression", {"text": text, "message": message, **more}))["value"]

    assert await ask("payload.value * 2") == {"value": 40}
    assert await ask("uns/{topic}", template=True) == {"value": "uns/plant/a"}
    assert await ask("payload.value *") == {
        "error": (await ask("payload.value *"))["error"], "column": 16, "text_wrong": True,
    }  # fmt: skip
    missing = await ask("1 + payload.pressure")
    assert (missing["column"], missing["text_wrong"]) == (5, False)
    assert "pressure" in missing["error"]
    assert await ask("payload.value", message=None) == {}
    assert await ask("1 + 1", message=None) == {"value": 2}
    assert await ask("payload.value + 1", message=None) == {"never_bool": True}
    assert await ask("payload.value > 1", message=None) == {}
    words = (await host.asks.answer(ME, "expression.words", {}))["value"]
    assert "payload" in words["names"]
    assert any(one["name"] == "coalesce" for one in words["functions"])
    assert any(one["code"] == "Cel" and "°C" in one["spellings"] for one in words["units"])
