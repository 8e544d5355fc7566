"""Chains of inline transforms as generated functions: values, counters, failures, state."""

from __future__ import annotations

from typing import Any

import pytest

from flowhost.sdk import Message, Meta


def figures(snapshot: Any, node_id: str) -> tuple[int, ...]:
    n = snapshot.nodes[node_id]
    return (n.in_, n.out, n.filtered, n.dead, n.errors)


async def test_chain_gives_what_its_nodes_say(rig, control, node) -> None:
    control.batches = [[{"v": 10, "s": "RUN"}, {"v": -1, "s": "RUN"}, {"v": 100, "s": "STOP"}]]
    flow = rig.flow(
        node("src", "t.source"),
        node("positive", "filter", where="payload.v > 0"),
        node("fahren", "convert", field="v", **{"from": "Cel", "to": "[degF]"}),
        node("shape", "map", set={"tag": "topic + '/x'", "value": "payload.v", "old": "payload.s"}),
        node("end", "t.sink"),
        wires="src -> positive, positive -> fahren, fahren -> shape, shape -> end",
    )
    snapshot = await rig.run(flow)
    assert [m.payload for m in control.written] == [
        {"tag": "t/x", "value": 50.0, "old": "RUN"},
        {"tag": "t/x", "value": 212.0, "old": "STOP"},
    ]
    assert {m.meta.unit for m in control.written} == {"[degF]"}
    assert figures(snapshot, "positive") == (3, 2, 1, 0, 0)
    assert figures(snapshot, "shape") == (2, 2, 0, 0, 0)


async def test_unchanged_message_is_passed_on_as_it_is(rig, control, node) -> None:
    message = Message({"v": 1}, Meta(topic="a"))
    control.batches = [[message]]
    flow = rig.flow(
        node("src", "t.source"), node("f", "filter", where="payload.v == 1"), node("end", "t.sink"),
        wires="src -> f, f -> end",
    )  # fmt: skip
    await rig.run(flow)
    assert control.written[0] is message


@pytest.mark.expects_error_log
async def test_failing_message_is_dead_and_its_neighbours_go_on(rig, control, node) -> None:
    control.batches = [[{"v": 1}, {"w": 2}, {"v": "x"}, {"v": 4}]]
    flow = rig.flow(
        node("src", "t.source"),
        node("twice", "map", set={"v": "payload.v * 2.0"}),
        node("small", "filter", where="payload.v < 100"),
        node("end", "t.sink"),
        wires="src -> twice, twice -> small, small -> end",
    )
    snapshot = await rig.run(flow)
    assert [m.payload["v"] for m in control.written] == [2.0, 8.0]
    assert figures(snapshot, "twice") == (4, 2, 0, 2, 2)
    assert figures(snapshot, "small") == (2, 2, 0, 0, 0)
    first = next(e for e in rig.events if e.kind == "dead")
    assert (first.node, first.topic) == ("twice", "t")
    assert "payload.v is missing" in first.text
    assert control.positions == [(0, control.positions[0][1])]


async def test_failure_leaves_by_the_error_port_with_its_cause(rig, control, node) -> None:
    control.batches = [[{"v": 1}, {"v": None}, {"v": 3}]]
    flow = rig.flow(
        node("src", "t.source"),
        node("ok", "map", keep=True, set={"w": "1"}),
        node("limit", "filter", where="payload.v < 2"),
        node("good", "discard"),
        node("end", "t.sink"),
        wires="src -> ok, ok -> limit, limit -> good, limit.error -> end",
    )
    snapshot = await rig.run(flow)
    (failed,) = control.written
    assert failed.payload == {"v": None, "w": 1}, "as it entered the failing node, with what nodes before it did"
    assert failed.meta.headers["error.node"] == "limit"
    assert failed.meta.headers["error"]
    assert figures(snapshot, "limit") == (3, 2, 1, 0, 1)


async def test_state_before_a_failing_node_is_touched_once(rig, control, node) -> None:
    control.batches = [[{"c": 1}, {"c": 3}, {"c": 6, "bad": True}, {"c": 10}]]
    flow = rig.flow(
        node("src", "t.source"),
        node("d", "delta", value="payload.c", into="d"),
        node("check", "filter", where="get(payload, 'bad') == None"),
        node("fail", "map", set={"d": "payload.d"}),
        node("end", "t.sink"),
        wires="src -> d, d -> check, check -> fail, fail -> end",
    )
    await rig.run(flow)
    assert [m.payload["d"] for m in control.written] == [2, 4]


async def test_switch_sends_by_rule_and_else(rig, control, node) -> None:
    control.batches = [[1, 5, 50, 500]]
    flow = rig.flow(
        node("src", "t.source"),
        node("sw", "switch", rules=[
            {"port": "low", "where": "payload < 10"}, {"port": "mid", "where": "payload < 100"}]),
        node("low", "discard"), node("mid", "discard"), node("end", "t.sink"),
        wires="src -> sw, sw.low -> low, sw.mid -> mid, sw.else -> end",
    )  # fmt: skip
    snapshot = await rig.run(flow)
    assert [m.payload for m in control.written] == [500]
    assert (snapshot.nodes["low"].in_, snapshot.nodes["mid"].in_) == (2, 1)


async def test_switch_all_counts_extra_copies_as_made(rig, control, node) -> None:
    control.batches = [[1, 20]]
    rules = [{"port": "small", "where": "payload < 10"}, {"port": "any", "where": "payload > 0"}]
    flow = rig.flow(
        node("src", "t.source"), node("sw", "switch", rules=rules, mode="all"), node("a", "discard"),
        node("b", "t.sink"),
        wires="src -> sw, sw.small -> a, sw.any -> b",
    )  # fmt: skip
    snapshot = await rig.run(flow)
    sw = snapshot.nodes["sw"]
    assert (sw.in_, sw.made, sw.out, sw.filtered) == (2, 1, 3, 0)


async def test_unwired_switch_port_counts_as_filtered(rig, control, node) -> None:
    control.batches = [[1, 20]]
    flow = rig.flow(
        node("src", "t.source"), node("sw", "switch", rules=[{"port": "low", "where": "payload < 10"}]),
        node("end", "t.sink"),
        wires="src -> sw, sw.low -> end",
    )  # fmt: skip
    snapshot = await rig.run(flow)
    assert figures(snapshot, "sw") == (2, 1, 1, 0, 0)


async def test_fan_out_shares_one_message_and_fan_in_takes_all(rig, control, node) -> None:
    control.batches = [[1, 2]]
    flow = rig.flow(
        node("src", "t.source"),
        node("a", "map", set={"v": "payload * 10"}), node("b", "map", set={"v": "payload * 100"}),
        node("both", "filter", where="payload.v > 0"), node("end", "t.sink"),
        wires="src -> a, src -> b, a -> both, b -> both, both -> end",
    )  # fmt: skip
    snapshot = await rig.run(flow)
    assert sorted(m.payload["v"] for m in control.written) == [10, 20, 100, 200]
    assert figures(snapshot, "both") == (4, 4, 0, 0, 0)


@pytest.mark.parametrize(("disabled", "expected"), [("pass", [1, 2]), ("block", [])])
async def test_disabled_node_passes_or_blocks(rig, control, node, disabled, expected) -> None:
    control.batches = [[1, 2]]
    flow = rig.flow(
        node("src", "t.source"), node("never", "filter", where="payload > 99", disabled=disabled),
        node("end", "t.sink"),
        wires="src -> never, never -> end",
    )  # fmt: skip
    snapshot = await rig.run(flow)
    assert [m.payload for m in control.written] == expected
    assert snapshot.nodes["never"].filtered == 2 - len(expected)


async def test_last_values_of_every_node_on_demand(rig, control, node, eventually) -> None:
    control.batches, control.stay_open = [[{"v": 1}, {"v": 2}]], True
    flow = rig.flow(
        node("src", "t.source"), node("a", "map", set={"v": "payload.v * 10"}),
        node("b", "map", set={"w": "payload.v + 1"}), node("end", "t.sink"),
        wires="src -> a, a -> b, b -> end",
    )  # fmt: skip
    runner = await rig.runner(flow)
    runner.watch(True)
    await runner.start()
    await eventually(lambda: len(control.written) == 2)
    values = {(v.node, v.port): v.payload for v in runner.snapshot().values}
    await runner.stop(1)
    assert values["a", "out"] == {"v": 20}
    assert values["b", "out"] == {"w": 21}
    assert values["src", "out"] == {"v": 2}
    runner.watch(False)
    assert runner.snapshot().values == []


@pytest.mark.expects_error_log
async def test_where_that_gives_no_truth_value_is_an_error(rig, control, node) -> None:
    control.batches = [[{"v": 1}]]
    flow = rig.flow(
        node("src", "t.source"), node("f", "filter", where="payload.v"), node("end", "t.sink"),
        wires="src -> f, f -> end",
    )  # fmt: skip
    snapshot = await rig.run(flow)
    assert snapshot.nodes["f"].dead == 1
    assert "true or false" in snapshot.nodes["f"].last_error


async def test_a_chain_of_a_hundred_filters_compiles(rig, control, node) -> None:
    control.batches = [[1]]
    names = [f"f{i}" for i in range(100)]
    wires = ", ".join(f"{a} -> {b}" for a, b in zip(["src", *names], [*names, "end"], strict=True))
    flow = rig.flow(
        node("src", "t.source"), *(node(n, "filter", where="payload > 0") for n in names), node("end", "t.sink"),
        wires=wires,
    )  # fmt: skip
    await rig.run(flow)
    assert [m.payload for m in control.written] == [1]
