"""sim.generate, inject, schedule: what they send, when, and what a restart or a clock change does to that."""

from __future__ import annotations

import asyncio

import pytest

from flowhost.errors import ConfigError
from flowhost.graph.document import NodeEntry
from flowhost.testing.clock import SECOND_NS, START_NS

# -- sim.generate


async def test_generate_goes_round_its_tags_and_ends(live) -> None:
    life = await live("sim.generate", tags=["a", "b"], count=5, rate_hz=0)
    snapshot = await life.ended()
    assert [m.payload["tag"] for m in life.received] == ["a", "b", "a", "b", "a"]
    assert [m.payload["seq"] for m in life.received] == [0, 1, 2, 3, 4]
    assert (life.received[0].meta.topic, life.received[0].meta.key) == ("sim/a", "a")
    assert snapshot.state == "ended"
    assert snapshot.nodes["node"].out == 5


async def test_generate_gives_the_same_values_for_the_same_seed(live) -> None:
    runs = []
    for seed in (7, 7, 8):
        life = await live("sim.generate", tags=3, count=50, rate_hz=0, seed=seed)
        await life.ended()
        runs.append([m.payload for m in life.received])
    assert runs[0] == runs[1] != runs[2]
    assert [m.meta.id for m in life.received[:2]] == [f"f/node/{START_NS}/0", f"f/node/{START_NS}/1"]


async def test_generate_keeps_its_pace(live) -> None:
    life = await live("sim.generate", tags=1, rate_hz=4)
    await life.has(1)
    for _ in range(40):
        await life.step(0.25)
    assert len(life.received) == 41
    await life.stop()


async def test_generate_catches_up_after_a_stall(live) -> None:
    life = await live("sim.generate", tags=1, rate_hz=100)
    await life.has(1)
    await life.step(5)
    assert len(await life.has(500)) <= 502
    await life.stop()


async def test_generate_slower_than_one_per_second(live) -> None:
    life = await live("sim.generate", tags=1, rate_hz=0.1)
    await life.has(1)
    await life.step(9.9)
    assert len(life.received) == 1
    await life.step(0.1)
    await life.step(0.01)
    assert len(life.received) == 2
    await life.stop()


@pytest.mark.parametrize("config", [{"tags": 0}, {"tags": []}, {"tags": -1}, {"count": 0}, {"rate_hz": -1}])
async def test_generate_refuses_what_gives_no_values(live, config) -> None:
    with pytest.raises(ConfigError, match=r"tags|count|rate_hz"):
        await live("sim.generate", **config)


async def test_generate_at_full_speed_leaves_the_loop_to_others(run_flow) -> None:
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    task = asyncio.create_task(others())
    snapshot, _ = await run_flow(
        "gen -> end",
        gen=NodeEntry(id="gen", type="sim.generate", config={"count": 100_000, "rate_hz": 0}),
        end=NodeEntry(id="end", type="discard"),
    )
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert snapshot.nodes["end"].out == 100_000
    assert turns > 20


# -- inject

MESSAGES = [
    {"payload": {"value": 1}, "topic": "a", "key": "k", "unit": "Cel", "headers": {"h": "x"}},
    {"payload": None, "quality": "bad", "at": "2026-05-04T12:00:00.123456+02:00"},
]


async def test_inject_sends_once_and_ends(live) -> None:
    life = await live("inject", messages=MESSAGES)
    await life.ended()
    first, second = life.received
    assert (first.payload, first.meta.topic, first.meta.key) == ({"value": 1}, "a", "k")
    assert (first.meta.unit, first.meta.headers, first.meta.time_ns) == ("Cel", {"h": "x"}, START_NS)
    assert (second.payload, second.meta.quality) == (None, "bad")
    assert second.meta.time_ns == 1_777_888_800_123_456_000
    assert first.meta.id != second.meta.id


async def test_inject_again_and_again(live) -> None:
    life = await live("inject", messages=MESSAGES, every_s=5)
    await life.has(2)
    await life.step(4.9)
    assert len(life.received) == 2
    await life.step(0.1)
    await life.has(4)
    assert len({m.meta.id for m in life.received}) == 4
    await life.stop()


@pytest.mark.parametrize(
    "config",
    [
        {"messages": []},
        {"messages": [{"payload": 1, "at": "2026-05-04T12:00:00"}]},
        {"messages": [{"payload": 1, "quality": "gud"}]},
        {"messages": [{"payload": 1}], "every_s": 0},
    ],
)
async def test_inject_refuses(live, config) -> None:
    with pytest.raises(ConfigError):
        await live("inject", **config)


async def test_inject_that_waits_for_its_time(live) -> None:
    life = await live("inject", messages=MESSAGES, at_start=False, every_s=5)
    await life.step(4.9)
    assert not life.received
    await life.step(0.1)
    await life.has(2)
    await life.stop()


async def test_inject_that_is_never_sent_ends(live) -> None:
    life = await live("inject", messages=MESSAGES, at_start=False)
    snapshot = await life.ended()
    assert snapshot.state == "ended"
    assert not life.received


# -- schedule


async def test_schedule_fires_at_once_and_then_at_multiples(live) -> None:
    life = await live("schedule", every_s=60)
    await life.has(1)
    for number in range(2, 6):
        await life.step(60)
        await life.has(number)
    assert [m.payload["n"] for m in life.received] == [0, 1, 2, 3, 4]
    assert [m.payload["at"][14:19] for m in life.received] == ["00:00", "01:00", "02:00", "03:00", "04:00"]
    assert [(m.meta.time_ns - START_NS) // SECOND_NS for m in life.received] == [0, 60, 120, 180, 240]
    await life.stop()


async def test_schedule_does_not_drift_when_woken_late(live) -> None:
    life = await live("schedule", every_s=10)
    await life.has(1)
    for number in range(2, 12):
        await life.step(10.4 if number == 2 else 10)  # from here on every wake-up is 0.4 s late
        await life.has(number)
    assert [(m.meta.time_ns - START_NS) / SECOND_NS for m in life.received] == [10.0 * n for n in range(11)]
    await life.stop()


async def test_schedule_skips_what_it_missed(live) -> None:
    life = await live("schedule", every_s=10)
    await life.has(1)
    await life.step(47)
    await life.has(2)
    await life.step(3)
    await life.has(3)
    assert [(m.meta.time_ns - START_NS) // SECOND_NS for m in life.received] == [0, 10, 50]
    await life.stop()


async def test_schedule_goes_on_when_the_clock_is_put_back(live) -> None:
    life = await live("schedule", every_s=10)
    await life.has(1)
    await life.step(10)
    await life.has(2)
    life.clock._now_ns -= 3600 * SECOND_NS  # the virtual clock itself never goes back
    await life.step(3610)  # wakes the sleeper that was set before the clock changed
    await life.has(3)
    await life.step(10)
    await life.has(4)
    await life.stop()


@pytest.mark.parametrize("every_s", [0, -1, "x"])
async def test_schedule_refuses(live, every_s) -> None:
    with pytest.raises(ConfigError, match="every_s"):
        await live("schedule", every_s=every_s)
