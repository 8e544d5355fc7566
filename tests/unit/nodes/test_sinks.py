"""log and discard."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from flowhost.graph.document import NodeEntry


def flow_of(messages: list[dict[str, Any]], node_type: str, **config: Any) -> dict[str, NodeEntry]:
    return {
        "src": NodeEntry(id="src", type="inject", config={"messages": messages}),
        "end": NodeEntry(id="end", type=node_type, config=config),
    }


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [r.getMessage() for r in caplog.records if r.getMessage().startswith("end: ")]


async def test_log_writes_topic_payload_unit_and_quality(run_flow, caplog) -> None:
    caplog.set_level(logging.INFO)
    given = [
        {"payload": {"v": 1.5}, "topic": "a/b", "unit": "Cel"},
        {"payload": None, "quality": "bad"},
        {"payload": "x" * 5000, "topic": "long"},
    ]
    await run_flow("src -> end", **flow_of(given, "log"))
    first, second, third = lines(caplog)
    assert first == "end: a/b {'v': 1.5} Cel"
    assert second == "end: (no topic) None quality bad"
    assert len(third) < 2100


async def test_log_writes_the_cause_of_a_failed_message(run_flow, caplog) -> None:
    caplog.set_level(logging.INFO)
    nodes = flow_of([{"payload": {"w": 1}, "topic": "a"}], "log", level="warning")
    nodes["check"] = NodeEntry(id="check", type="filter", config={"where": "payload.v > 1"})
    nodes["good"] = NodeEntry(id="good", type="discard")
    snapshot, _ = await run_flow("src -> check, check -> good, check.error -> end", **nodes)
    (line,) = lines(caplog)
    assert line.startswith("end: a {'w': 1} failed at check: ")
    assert "payload.v is missing" in line
    assert next(r for r in caplog.records if r.getMessage() == line).levelno == logging.WARNING
    assert snapshot.total("dead") == 0


async def test_log_text_is_a_template(run_flow, caplog) -> None:
    caplog.set_level(logging.INFO)
    given = [{"payload": {"v": 1}, "topic": "a"}]
    await run_flow("src -> end", **flow_of(given, "log", text="{topic} is {payload.v}"))
    assert lines(caplog) == ["end: a is 1"]


@pytest.mark.expects_error_log
async def test_log_text_that_fails_on_a_message_refuses_that_message(run_flow, caplog) -> None:
    caplog.set_level(logging.INFO)
    given = [{"payload": {"v": 1}}, {"payload": 5}, {"payload": {"v": 2}}]
    snapshot, events = await run_flow("src -> end", **flow_of(given, "log", text="v is {payload.v}"))
    assert [line for line in lines(caplog) if "v is" in line and "failed" not in line] == ["end: v is 1", "end: v is 2"]
    assert (snapshot.nodes["end"].out, snapshot.nodes["end"].dead) == (2, 1)
    assert any(event.kind == "dead" and event.node == "end" for event in events)


async def test_log_below_the_level_of_the_process_costs_nothing_and_confirms(run_flow, caplog) -> None:
    caplog.set_level(logging.WARNING)
    snapshot, _ = await run_flow("src -> end", **flow_of([{"payload": 1}], "log", level="debug"))
    assert lines(caplog) == []
    assert snapshot.nodes["end"].out == 1


async def test_discard_confirms_and_counts(run_flow) -> None:
    snapshot, _ = await run_flow("src -> end", **flow_of([{"payload": 1}, {"payload": None}], "discard"))
    assert (snapshot.nodes["end"].in_, snapshot.nodes["end"].out, snapshot.nodes["end"].pending) == (2, 2, 0)
