"""changed, delta, deadband, throttle, join: what they remember per key, and what a plant's odd values do to that."""

from __future__ import annotations

from decimal import Decimal

import pytest

from flowhost.errors import ConfigError

NAN = float("nan")
KEYED = ["changed", "delta", "deadband", "throttle"]
CONFIGS = {"changed": {}, "delta": {"counter": False}, "deadband": {"absolute": 1}, "throttle": {"every_s": 10}}


@pytest.mark.parametrize("node_type", KEYED)
async def test_memory_is_per_key_else_per_topic(bench, msg, node_type) -> None:
    node = await bench(node_type, **CONFIGS[node_type])
    assert len(await node.give(msg(5, topic="a"), msg(5, topic="b"), msg(5, key="k", topic="a"))) == (
        0 if node_type == "delta" else 3
    )
    assert len(await node.give(msg(5, topic="a"), msg(5, key="k", topic="b"))) == (2 if node_type == "delta" else 0)


@pytest.mark.parametrize("node_type", KEYED)
async def test_by_may_be_a_number_or_a_truth_value(bench, msg, node_type) -> None:
    extra = {} if node_type in ("changed", "throttle") else {"value": "payload.v"}
    node = await bench(node_type, by="payload.machine", **extra, **CONFIGS[node_type])
    keys = [1, 2, True, Decimal("1.5"), "a"]
    await node.give(*(msg({"machine": key, "v": 1}) for key in keys))
    assert node.errors == []
    assert node.node.out + node.node.filtered == len(keys)


async def test_by_that_gives_no_key_is_the_messages_error(bench, msg) -> None:
    node = await bench("changed", by="payload.machine")
    await node.give(msg({"machine": None}), msg({"machine": {"a": 1}}), msg({}))
    assert "must give text or a number but gave None" in node.errors[0]
    assert "payload.machine is missing" in node.errors[2]


# -- changed


async def test_changed_compares_with_the_last_message_of_its_key(bench, msg) -> None:
    node = await bench("changed", value="payload.state", by="payload.m")
    rows = [("a", 6), ("b", 6), ("a", 6), ("a", 11), ("b", 6), ("a", 6)]
    out = await node.give(*(msg({"m": m, "state": s}) for m, s in rows))
    assert [(p["m"], p["state"]) for p in out] == [("a", 6), ("b", 6), ("a", 11), ("a", 6)]


async def test_changed_tells_null_true_one_and_one_point_zero_apart(bench, msg) -> None:
    node = await bench("changed")
    values = [None, None, 1, True, 1.0, 1.0, "1", None]
    assert [repr(v) for v in await node.give(*map(msg, values))] == ["None", "1", "True", "1.0", "'1'", "None"]


async def test_changed_looks_into_objects_and_lists(bench, msg) -> None:
    node = await bench("changed")
    values = [{"a": [1, 2]}, {"a": [1, 2]}, {"a": [1, 3]}, {"a": [1, 3], "b": None}, {"a": [True, 3], "b": None}]
    assert len(await node.give(*map(msg, values))) == 4


async def test_changed_takes_nan_for_the_same_as_nan(bench, msg) -> None:
    node = await bench("changed")
    assert len(await node.give(msg(NAN), msg(NAN), msg({"v": NAN}), msg({"v": NAN}))) == 2


# -- delta


async def test_delta_gives_differences_and_remembers_the_first(bench, msg) -> None:
    node = await bench("delta")
    assert await node.give(msg(100), msg(103), msg(103), msg(101.5)) == [3, 0, -1.5]
    assert (node.node.in_, node.node.out, node.node.filtered) == (4, 3, 1)


async def test_delta_skips_empty_values_and_goes_on_from_the_last_real_one(bench, msg) -> None:
    node = await bench("delta")
    assert await node.give(msg(100), msg(None, quality="bad"), msg(NAN), msg(110)) == [10]
    assert node.errors == []


async def test_delta_of_a_counter_starts_at_zero_after_a_reset(bench, msg) -> None:
    node = await bench("delta", counter=True)
    assert await node.each(msg(90, at=0), msg(100, at=1), msg(4, at=2), msg(9, at=3)) == [10, 4, 5]


async def test_delta_of_a_counter_does_not_take_a_straggler_for_a_reset(bench, msg) -> None:
    node = await bench("delta", counter=True)
    assert await node.each(msg(100, at=1), msg(105, at=3), msg(103, at=2), msg(106, at=4)) == [5, 1]
    assert node.node.filtered == 2


async def test_delta_into_a_field(bench, msg) -> None:
    node = await bench("delta", value="payload.good", into="made")
    assert await node.give(msg({"good": 1}), msg({"good": 4})) == [{"good": 4, "made": 3}]


@pytest.mark.parametrize("value", ["103", True, {"v": 1}])
async def test_delta_refuses_what_is_no_number_and_goes_on(bench, msg, value) -> None:
    node = await bench("delta")
    assert await node.give(msg(100), msg(value), msg(101)) == [1]
    assert "must be a number" in node.errors[0]


async def test_delta_of_decimals_is_exact(bench, msg) -> None:
    node = await bench("delta")
    assert await node.give(msg(Decimal("0.1")), msg(Decimal("0.3")), msg(1.5), msg(2.0)) == [Decimal("0.2"), 0.5]
    assert "between exact decimal and float" in node.errors[0]


# -- deadband


async def test_deadband_lets_through_what_moved_far_enough_since_the_last_one_let_through(bench, msg) -> None:
    node = await bench("deadband", absolute=0.5)
    assert await node.give(*map(msg, [10, 10.4, 10.5, 10.2, 9.9, 10.0, 10.4])) == [10, 10.5, 9.9, 10.4]


async def test_deadband_in_percent_of_the_last_value(bench, msg) -> None:
    node = await bench("deadband", percent=10)
    assert await node.give(*map(msg, [100, 109, 110, 121, 0, 0, 0.001, -50])) == [100, 110, 121, 0, 0.001, -50]


@pytest.mark.parametrize("empty", [None, NAN])
@pytest.mark.parametrize("band", [{"absolute": 1}, {"percent": 10}])
async def test_deadband_lets_the_change_to_and_from_an_empty_value_through(bench, msg, empty, band) -> None:
    node = await bench("deadband", **band)
    out = await node.give(*map(msg, [10, empty, empty, 10, 10.2]))
    assert [str(v) for v in out] == ["10", str(empty), "10"]


async def test_deadband_refuses_text_and_truth_values(bench, msg) -> None:
    node = await bench("deadband", absolute=1)
    assert await node.give(msg(10), msg("12"), msg(True), msg(10.5), msg(12)) == [10, 12]
    assert "the value of a deadband must be a number but is '12'; write number(...) around it" in node.errors[0]
    assert len(node.errors) == 2


async def test_deadband_takes_decimals(bench, msg) -> None:
    node = await bench("deadband", percent=1)
    assert await node.give(msg(Decimal(100)), msg(Decimal("100.5")), msg(101.5)) == [Decimal(100), 101.5]


@pytest.mark.parametrize("config", [{}, {"absolute": 1, "percent": 1}])
async def test_deadband_wants_one_band(bench, config) -> None:
    with pytest.raises(ConfigError, match="either"):
        await bench("deadband", **config)


# -- throttle


async def test_throttle_goes_by_source_time(bench, msg) -> None:
    node = await bench("throttle", every_s=10)
    backlog = [msg(at, at=at) for at in (0, 4, 9.999, 10, 12, 25, 34, 35)]
    assert await node.give(*backlog) == [0, 10, 25, 35], "a backlog that arrives at once is thinned out like live data"


async def test_throttle_gives_the_same_live(bench, msg) -> None:
    node = await bench("throttle", every_s=10)
    assert await node.each(*(msg(at, at=at) for at in (0, 4, 9.999, 10, 12, 25, 34, 35))) == [0, 10, 25, 35]


async def test_throttle_counts_stragglers_as_in_between(bench, msg) -> None:
    node = await bench("throttle", every_s=10)
    assert await node.give(msg("new", at=100), msg("old", at=20), msg("next", at=110)) == ["new", "next"]
    assert node.node.filtered == 1


# -- join

FIELDS = {
    "order": {"where": "topic == 'order'"},
    "good": {"where": "topic == 'good'"},
    "temp": {"where": "topic == 'temp'", "value": "payload.value"},
}


async def test_join_sends_once_all_fields_are_known_and_on_every_renewal(bench, msg) -> None:
    node = await bench("join", by="'line'", fields=FIELDS)
    assert await node.give(msg(4711, topic="order"), msg(1, topic="good")) == []
    assert await node.give(msg({"value": 7.5}, topic="temp"), msg(2, topic="good")) == [
        {"order": 4711, "good": 1, "temp": 7.5},
        {"order": 4711, "good": 2, "temp": 7.5},
    ]
    assert (node.node.in_, node.node.out, node.node.filtered) == (4, 2, 2)


async def test_join_sends_on_the_named_fields_only(bench, msg) -> None:
    node = await bench("join", by="'line'", fields=FIELDS, send_on=["good"])
    await node.give(msg(4711, topic="order"), msg({"value": 7.5}, topic="temp"))
    assert await node.give(msg(4712, topic="order"), msg(1, topic="good")) == [{"order": 4712, "good": 1, "temp": 7.5}]


async def test_join_keeps_the_last_good_value(bench, msg) -> None:
    node = await bench("join", by="'line'", fields=FIELDS)
    await node.give(msg(4711, topic="order"), msg(1, topic="good"), msg({"value": 7.5}, topic="temp"))
    node.new("out")
    assert await node.give(msg(9, topic="good", quality="bad"), msg(None, topic="order")) == []
    assert await node.give(msg(2, topic="good")) == [{"order": 4711, "good": 2, "temp": 7.5}]


async def test_join_keeps_lines_apart_and_ignores_what_is_no_field(bench, msg) -> None:
    fields = {
        "a": {"where": "payload.k == 'a'", "value": "payload.v"},
        "b": {"where": "payload.k == 'b'", "value": "payload.v"},
    }
    node = await bench("join", by="payload.line", fields=fields)
    given = [("L1", "a", 1), ("L2", "a", 10), ("L1", "x", 5), ("L2", "b", 20), ("L1", "b", 2)]
    out = await node.give(*(msg({"line": line, "k": k, "v": v}) for line, k, v in given))
    assert sorted(out, key=lambda p: p["a"]) == [{"a": 1, "b": 2}, {"a": 10, "b": 20}]


async def test_join_keeps_topic_time_and_id_of_the_message_that_completes_the_set(bench, msg) -> None:
    fields = {"a": {"where": "topic == 'a'"}, "b": {"where": "topic == 'b'"}}
    node = await bench("join", by="'x'", fields=fields)
    await node.give(msg(1, topic="a", id="1"), msg(2, topic="b", id="2", at=5))
    (out,) = node.messages()
    assert (out.meta.topic, out.meta.id) == ("b", "2")


async def test_join_error_concerns_one_message(bench, msg) -> None:
    fields = {"a": {"where": "topic == 'a'", "value": "payload.v"}, "b": {"where": "topic == 'b'"}}
    node = await bench("join", by="'x'", fields=fields)
    assert await node.give(msg({"w": 1}, topic="a"), msg({"v": 1}, topic="a"), msg(2, topic="b")) == [{"a": 1, "b": 2}]
    assert "payload.v is missing" in node.errors[0]


async def test_join_refuses_an_unknown_send_on(bench) -> None:
    with pytest.raises(ConfigError, match="'goood', which is not among `fields`"):
        await bench("join", fields=FIELDS, send_on=["goood"])
