"""window: figures by source time, the same for a backlog as live; lateness, quiet keys, the end of a run."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flowhost.catalog import load_catalog
from flowhost.errors import ConfigError
from flowhost.testing.clock import SECOND_NS, START_NS

CATALOG = load_catalog()
ALL = {
    "n": "count()", "sum": "sum(payload)", "mean": "mean(payload)", "min": "min(payload)", "max": "max(payload)",
    "first": "first(payload)", "last": "last(payload)", "delta": "delta(payload)",
}  # fmt: skip
COUNT = {"n": "count()", "last": "last(payload)"}


async def test_figures_of_a_span(bench, msg) -> None:
    node = await bench("window", every_s=10, compute=ALL)
    out = await node.give(msg(4, at=0), msg(2, at=3), msg(9, at=9.999), msg(100, at=10))
    assert out == [{"n": 3, "sum": 15, "mean": 5, "min": 2, "max": 9, "first": 4, "last": 9, "delta": 5}]
    figures = node.node
    assert (figures.in_, figures.used, figures.made, figures.out, figures.pending) == (4, 3, 1, 1, 1)


async def test_result_carries_key_topic_end_and_an_id_that_stays(bench, msg) -> None:
    node = await bench("window", every_s=10, compute=COUNT)
    await node.give(msg(1, at=1, topic="a", key="m1"), msg(1, at=11, topic="a", key="m1"))
    (out,) = node.messages()
    assert (out.meta.key, out.meta.topic, out.meta.time_ns) == ("m1", "a", START_NS + 10 * SECOND_NS)
    assert out.meta.id == f"f/node/m1/{START_NS}"
    assert out.meta.headers == {}


async def test_keys_have_windows_of_their_own(bench, msg) -> None:
    node = await bench("window", every_s=10, by="payload.m", compute={"m": "key", "n": "count()"})
    given_rows = [("a", 1), ("b", 2), ("a", 3), ("a", 12), ("b", 13)]
    out = await node.give(*(msg({"m": m}, at=at) for m, at in given_rows))
    assert sorted(out, key=lambda p: p["m"]) == [{"m": "a", "n": 2}, {"m": "b", "n": 1}]


async def test_window_names_its_span(bench, msg) -> None:
    node = await bench("window", every_s=60, compute={"from": "start", "to": "end", "n": "count()"})
    assert await node.give(msg(1, at=61), msg(1, at=120)) == [
        {"from": "2026-01-01T00:01:00.000000Z", "to": "2026-01-01T00:02:00.000000Z", "n": 1}
    ]


async def test_late_s_waits_for_stragglers(bench, msg) -> None:
    node = await bench("window", every_s=10, late_s=2, compute=COUNT)
    assert await node.each(msg(1, at=5), msg(2, at=11.9), msg(3, at=9)) == []
    assert await node.each(msg(4, at=12)) == [{"n": 2, "last": 3}]


async def test_late_messages_leave_by_the_late_port(bench, msg) -> None:
    node = await bench("window", ports=("out", "late"), every_s=10, compute=COUNT)
    await node.each(msg(1, at=5), msg(2, at=15), msg(3, at=9))
    assert node.new("late") == [3]
    assert (node.node.dropped, node.node.pending) == (0, 1)


async def test_late_messages_are_dropped_and_counted_where_nobody_wants_them(bench, msg) -> None:
    node = await bench("window", every_s=10, compute=COUNT)
    await node.each(msg(1, at=5), msg(2, at=15), msg(3, at=9))
    assert (node.node.dropped, node.node.dead, node.node.errors) == (1, 0, 0)


async def test_lateness_does_not_depend_on_how_messages_are_batched(bench, msg) -> None:
    rows = [msg(1, at=5), msg(2, at=25), msg(3, at=6), msg(4, at=19), msg(5, at=31)]
    at_once = await bench("window", every_s=10, compute=COUNT)
    one_by_one = await bench("window", every_s=10, compute=COUNT)
    assert await at_once.give(*rows) == await one_by_one.each(*rows) == [{"n": 1, "last": 1}, {"n": 1, "last": 2}]
    assert at_once.node.dropped == one_by_one.node.dropped == 2


async def test_a_quiet_key_closes_its_window_as_time_goes_by(bench, msg) -> None:
    node = await bench("window", every_s=10, late_s=2, compute=COUNT)
    assert await node.give(msg(1, at=4)) == []
    assert await node.after(7.9) == []
    assert await node.after(0.2) == [{"n": 1, "last": 1}]
    assert node.node.pending == 0


async def test_stragglers_do_not_keep_a_quiet_keys_window_open(bench, msg) -> None:
    node = await bench("window", every_s=10, late_s=30, compute=COUNT)
    await node.give(msg(1, at=15))
    for _ in range(10):
        await node.after(4)
        await node.give(msg(2, at=11))
    assert node.messages(), "the newest message came 40 s ago"


async def test_a_backlog_in_the_past_closes_by_itself_alone(bench, msg) -> None:
    node = await bench("window", every_s=10, compute=COUNT)
    await node.harness.move_to(START_NS + 3600 * SECOND_NS)
    assert await node.give(msg(1, at=5), msg(2, at=12), msg(3, at=27)) == [{"n": 1, "last": 1}, {"n": 1, "last": 2}]
    assert await node.after(3) == [{"n": 1, "last": 3}]


async def test_the_end_of_a_run_sends_open_windows_as_partial(bench, msg) -> None:
    node = await bench("window", every_s=10, late_s=20, compute=COUNT)
    await node.give(msg(1, at=4), msg(2, at=14))
    assert await node.end() == [{"n": 1, "last": 1}, {"n": 1, "last": 2}]
    assert [m.meta.headers for m in node.messages()] == [{"partial": "true"}] * 2
    assert (node.node.used, node.node.pending) == (2, 0)


@pytest.mark.parametrize("payload", [None, "12", {"v": 1}])
async def test_a_value_that_cannot_be_added_is_that_messages_error(bench, msg, payload) -> None:
    node = await bench("window", every_s=10, compute={"sum": "sum(payload)", "n": "count()"})
    assert await node.give(msg(1, at=1), msg(payload, at=2), msg(2, at=3), msg(0, at=10)) == [{"sum": 3, "n": 2}]
    assert "is not a number" in node.errors[0]


async def test_decimals_stay_exact(bench, msg) -> None:
    node = await bench("window", every_s=10, compute={"sum": "sum(payload)"})
    assert await node.give(*(msg(Decimal("0.1"), at=at) for at in (0, 1, 2, 10))) == [{"sum": Decimal("0.3")}]


async def test_a_result_that_cannot_be_worked_out_leaves_by_error_and_later_windows_work(bench, msg) -> None:
    compute = {"n": "count()", "ratio": "sum(payload.good) / sum(payload.all)"}
    node = await bench("window", every_s=10, compute=compute)
    rows = [(0, 0), (1, 1), (1, 2)]
    out = await node.each(*(msg({"good": g, "all": a}, at=10 * i) for i, (g, a) in enumerate(rows)))
    assert out == [{"n": 1, "ratio": 1.0}]
    (failed,) = node.messages("error")
    assert failed.payload == {"n": 1, "ratio": None}
    assert failed.meta.headers["error"].startswith("ratio: ")
    assert (node.node.used, node.node.made, node.node.errors) == (2, 2, 1)


async def test_a_quiet_keys_result_may_fail_too(bench, msg) -> None:
    node = await bench("window", every_s=10, compute={"ratio": "1 / sum(payload)"})
    await node.give(msg(0, at=1))
    await node.after(60)
    assert len(node.errors) == 1
    assert (node.node.used, node.node.pending) == (1, 0)


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"compute": {"a": "mean(payload"}}, "a:"),
        ({"compute": {"a": "payload.value"}}, "inside an aggregate"),
        ({"compute": {}}, "compute"),
        ({"every_s": 0, "compute": COUNT}, "every_s"),
        ({"late_s": -1, "compute": COUNT}, "late_s"),
    ],
)
async def test_wrong_configs_are_refused(bench, config, words) -> None:
    with pytest.raises(ConfigError, match=words):
        await bench("window", **{"every_s": 10, **config})


TIMES = st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 120)), min_size=1, max_size=40)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=TIMES, cuts=st.lists(st.integers(1, 7), min_size=1, max_size=10), late_s=st.sampled_from([0, 5, 30]))
async def test_property_backlog_and_live_give_the_same_figures(bench, msg, rows, cuts, late_s) -> None:
    messages = [msg(index, at=at, key=key) for index, (key, at) in enumerate(rows)]
    results = []
    for sizes in ([len(messages)], cuts, [1]):
        node = await bench(
            "window", ports=("out", "late"), every_s=10, late_s=late_s, compute={"k": "key", "s": "start", **ALL}
        )
        position = turn = 0
        while position < len(messages):
            size = sizes[turn % len(sizes)]
            await node.give(*messages[position : position + size])
            position, turn = position + size, turn + 1
        await node.end()
        figures = node.node
        assert figures.pending == 0
        results.append(
            (sorted(map(repr, (m.payload for m in node.messages()))), sorted(m.payload for m in node.messages("late")))
        )
    assert results[0] == results[1] == results[2]
    assert results[0] == expected(rows, late_s)


def expected(rows: list[tuple[str, int]], late_s: int) -> tuple[list[str], list[int]]:
    """What the windows should be, worked out the plain way."""
    from flowhost.expr import iso_time

    newest: dict[str, int] = {}
    open_: dict[tuple[str, int], list[int]] = {}
    late = []
    for value, (key, at) in enumerate(rows):
        start = at // 10 * 10
        if key in newest and start + 10 + late_s <= newest[key]:
            late.append(value)
            continue
        open_.setdefault((key, start), []).append(value)
        newest[key] = max(newest.get(key, 0), at)
    figures = [
        {
            "k": key, "s": iso_time(START_NS + start * SECOND_NS), "n": len(v), "sum": sum(v), "mean": sum(v) / len(v),
            "min": min(v), "max": max(v), "first": v[0], "last": v[-1], "delta": v[-1] - v[0],
        }
        for (key, start), v in open_.items()
    ]  # fmt: skip
    return sorted(map(repr, figures)), sorted(late)
