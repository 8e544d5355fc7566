"""dedupe: once per id within the window of source time, in bounded memory."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from flowhost.errors import ConfigError


def warnings(node) -> list[str]:
    return [event.text for event in node.harness.events if event.kind == "warning"]


def state_of(node) -> dict[str, int]:
    chain = next(s for s in node.harness._parts.segments if s.nodes[0] == "node")
    return chain._chain[0].state


async def test_the_first_of_an_id_passes_and_later_ones_are_filtered(bench, msg) -> None:
    node = await bench("dedupe")
    ids = ["a", "b", "a", "c", "b", "a"]
    assert await node.give(*(msg(i, id=identity) for i, identity in enumerate(ids))) == [0, 1, 3]
    assert await node.give(msg(9, id="c")) == []
    assert (node.node.in_, node.node.out, node.node.filtered) == (7, 3, 4)


async def test_order_over_all_keys_is_kept(bench, msg) -> None:
    node = await bench("dedupe")
    sent = [msg(i, id=str(i), key=f"k{i % 3}") for i in range(30)]
    assert await node.give(*sent, *sent) == list(range(30))


async def test_the_id_may_come_from_the_payload_as_text_or_number(bench, msg) -> None:
    node = await bench("dedupe", id="payload.n")
    values = [1, 2, 1, "1", 1.5, Decimal("1.5"), "x", "x"]
    out = await node.give(*(msg({"n": n}) for n in values))
    assert [p["n"] for p in out] == [1, 2, 1.5, "x"]


@pytest.mark.parametrize("value", [True, [1], {"a": 1}, b"x"])
async def test_what_is_no_id_is_the_messages_error(bench, msg, value) -> None:
    node = await bench("dedupe", id="payload.n")
    assert await node.give(msg({"n": value}), msg({}), msg({"n": 1})) == [{"n": 1}]
    assert "`id` must give text or a number" in node.errors[0]
    assert "payload.n is missing" in node.errors[1]


async def test_ids_are_compared_within_one_key(bench, msg) -> None:
    node = await bench("dedupe")
    assert len(await node.give(msg(1, id="1", topic="a"), msg(2, id="1", topic="b"), msg(3, id="1", topic="a"))) == 2
    other = await bench("dedupe", by="payload.line")
    rows = [("l1", "a"), ("l2", "b"), ("l1", "b")]
    assert len(await other.give(*(msg({"line": line}, id="1", topic=topic) for line, topic in rows))) == 2


async def test_key_and_id_are_never_mixed_up(bench, msg) -> None:
    node = await bench("dedupe")
    assert len(await node.give(msg(1, key="a", id="b/c"), msg(2, key="a/b", id="c"))) == 2


async def test_the_window_counts_source_time_from_the_last_sighting(bench, msg) -> None:
    node = await bench("dedupe", window_s=10)
    moments = [0, 6, 15.9, 25.9, 26]
    assert await node.each(*(msg(at, id="a", at=at) for at in moments)) == [0, 25.9]


async def test_a_backlog_gives_the_same_result_as_live_values(bench, msg) -> None:
    sent = [msg(i, id=str(i % 7), at=i * 3) for i in range(60)]
    live = await bench("dedupe", window_s=20)
    backlog = await bench("dedupe", window_s=20)
    assert await live.each(*sent) == await backlog.give(*sent)


async def test_a_straggler_with_an_older_time_is_a_repetition_too(bench, msg) -> None:
    node = await bench("dedupe", window_s=10)
    assert await node.each(msg(1, id="a", at=100), msg(2, id="a", at=95), msg(3, id="a", at=109)) == [1]


async def test_messages_without_an_id_pass_and_that_is_told_once(bench, msg) -> None:
    node = await bench("dedupe", id="get(payload, 'n', None)")
    assert len(await node.give(msg({}), msg({}), msg({"n": ""}), msg({"n": None}), msg({"n": 1}), msg({"n": 1}))) == 5
    assert len(warnings(node)) == 1
    assert "has no id" in warnings(node)[0]
    assert node.harness._parts.nodes["node"].health() == "4 messages without an id passed"


async def test_memory_is_bounded_by_time(bench, msg) -> None:
    node = await bench("dedupe", window_s=10)
    for start in range(0, 50_000, 1000):
        await node.give(*(msg(i, id=str(i), at=i) for i in range(start, start + 1000)))
    assert len(state_of(node)) <= 1100
    assert node.node.out == 50_000
    assert warnings(node) == []


async def test_memory_is_bounded_by_count_and_that_is_told_once(bench, msg) -> None:
    node = await bench("dedupe", max_entries=100)
    for start in range(0, 2000, 50):
        await node.give(*(msg(i, id=str(i), at=i / 1000) for i in range(start, start + 50)))
        assert len(state_of(node)) <= 100
    assert await node.give(*(msg(i, id=str(i), at=2) for i in range(1950, 2000))) == []
    assert await node.give(msg(0, id="0", at=2)) == [0]
    assert len(warnings(node)) == 1
    assert "raise `max_entries`" in warnings(node)[0]


async def test_one_entry_is_enough_to_drop_an_immediate_repetition(bench, msg) -> None:
    node = await bench("dedupe", max_entries=1)
    assert await node.each(*(msg(i, id=str(i // 2), at=i) for i in range(10))) == [0, 2, 4, 6, 8]


async def test_a_wrong_clock_harms_its_own_key_only(bench, msg) -> None:
    node = await bench("dedupe", window_s=10)
    await node.give(msg(0, id="x", topic="good", at=0), msg(1, id="y", topic="bad", at=10_000_000))
    await node.give(*(msg(i, id=f"f{i}", topic="good", at=1) for i in range(3000)))
    assert await node.give(msg(2, id="x", topic="good", at=2)) == []


async def test_what_is_remembered_can_be_written_as_json(bench, msg) -> None:
    node = await bench("dedupe")
    await node.give(msg(1, id="a", key="k"), msg(2, id="b"))
    assert json.loads(json.dumps(state_of(node))) == state_of(node)
    assert all(isinstance(value, int) for value in state_of(node).values())


@pytest.mark.expects_error_log
async def test_in_a_chain_a_failure_downstream_touches_no_id_twice(bench, msg, catalog) -> None:
    from flowhost.graph.document import FlowDocument, NodeEntry, Wire
    from flowhost.testing import FlowHarness

    nodes = [
        NodeEntry(id="src", type="inject"),
        NodeEntry(id="once", type="dedupe"),
        NodeEntry(id="half", type="map", config={"set": {"v": "10 / payload"}}),
        NodeEntry(id="to", type="discard"),
    ]
    wires = (Wire(source="src", target="once"), Wire(source="once", target="half"), Wire(source="half", target="to"))
    flow = FlowDocument(id="f", nodes={n.id: n for n in nodes}, wires=wires)
    async with FlowHarness(flow, catalog) as harness:
        await harness.feed("src", [msg(v, id=str(v)) for v in (1, 0, 2, 0, 5)])
        assert [m.payload["v"] for m in harness.received("to")] == [10, 5, 2]
        assert len(harness.dead()) == 1
        assert harness.snapshot().balanced()


@pytest.mark.parametrize("config", [{"window_s": 0}, {"max_entries": 0}, {"id": "payload."}])
async def test_wrong_settings_are_refused(bench, config) -> None:
    with pytest.raises(ConfigError):
        await bench("dedupe", **config)
