"""What a node's `delivery` says: giving up, expiry, asking for outcomes, culprits."""

from __future__ import annotations

import asyncio
import time

import pytest

from flowhost.errors import NotConnectedError, TemporaryError, UnknownOutcomeError
from flowhost.sdk import Message, Ok, Reject, Retry, Unknown

pytestmark = pytest.mark.expects_error_log


def straight(rig, node, kind="t.sink", **delivery):
    return rig.flow(node("src", "t.source"), node("end", kind, delivery=delivery), wires="src -> end")


def dead(rig) -> list[str]:
    return [event.text for event in rig.events if event.kind == "dead"]


async def test_gives_up_after_so_many_tries(rig, control, node) -> None:
    tries = []

    async def write(messages):
        tries.append([m.payload for m in messages])
        if len(tries) <= 3:
            raise TemporaryError("busy", after_s=0.001)
        control.written.extend(messages)

    async def run(emit):
        await emit([Message(1), Message(2)])
        while len(tries) < 3:
            await asyncio.sleep(0.001)
        await emit([Message(3)])

    control.write, control.run = write, run
    snapshot = await rig.run(straight(rig, node, retry={"max_tries": 3}))
    assert tries == [[1, 2]] * 3 + [[3]]
    assert snapshot.nodes["end"].dead == 2
    assert "gave up after 3 tries: busy" in dead(rig)[0]


async def test_what_waited_too_long_is_not_sent(rig, control, node, monkeypatch) -> None:
    monkeypatch.setattr("flowhost.engine.edge.time.time_ns", lambda: now_ns)
    now_ns = 10**18

    async def write(messages):
        nonlocal now_ns
        if now_ns == 10**18:
            now_ns += 61 * 10**9
            raise TemporaryError("busy", after_s=0.001)
        control.written.extend(messages)

    async def run(emit):
        await emit([Message(1), Message(2)])
        while now_ns == 10**18:
            await asyncio.sleep(0.001)
        await emit([Message(3)])

    control.write, control.run = write, run
    snapshot = await rig.run(straight(rig, node, expire_after_s=60))
    assert [m.payload for m in control.written] == [3]
    assert snapshot.nodes["end"].dead == 2
    assert "after 60 s it is not sent any more" in dead(rig)[0]


async def test_an_unknown_outcome_is_asked_for_and_only_what_is_missing_is_sent_again(rig, control, node) -> None:
    said: list[object] = []

    async def write(messages):
        said.append([m.payload for m in messages])
        if len(said) == 1:
            raise UnknownOutcomeError("reset by peer")
        control.written.extend(messages)

    async def query(messages):
        said.append(("asked", [m.payload for m in messages]))
        if len(said) == 2:
            raise NotConnectedError("still away", after_s=0.001)
        if len(said) == 3:
            return [Ok(), Retry(), Unknown(), Reject("not like this")]
        return [Ok()]

    control.write, control.query, control.batches = write, query, [[1, 2, 3, 4]]
    snapshot = await rig.run(straight(rig, node, "t.asked", retry={"first_s": 0.001, "max_s": 0.001}))
    assert said == [[1, 2, 3, 4], ("asked", [1, 2, 3, 4]), ("asked", [1, 2, 3, 4]), ("asked", [3]), [2]]
    end = snapshot.nodes["end"]
    assert (end.out, end.dead) == (3, 1)


async def test_an_unknown_outcome_nobody_can_ask_about_is_put_before_a_person(rig, control, node) -> None:
    async def write(messages):
        return [Unknown("POST 17") if m.payload == 2 else Ok() for m in messages]

    control.write, control.batches = write, [[1, 2, 3]]
    snapshot = await rig.run(straight(rig, node))
    assert snapshot.nodes["end"].dead == 1
    assert "the target may have it (POST 17)" in dead(rig)[0]


async def test_a_message_the_node_fails_on_is_tried_five_times(rig, control, node) -> None:
    tries: list[list[int]] = []

    async def write(messages):
        tries.append([m.payload for m in messages])
        if 7 in tries[-1]:
            raise ZeroDivisionError
        control.written.extend(messages)

    control.write, control.batches = write, [list(range(16))]
    snapshot = await rig.run(straight(rig, node))
    assert tries.count([7]) == 5
    assert sorted(m.payload for m in control.written) == [n for n in range(16) if n != 7]
    assert "the node failed on it 5 times: ZeroDivisionError" in dead(rig)[0]
    assert snapshot.nodes["end"].dead == 1


async def test_finding_culprits_among_many_costs_little(rig, control, node) -> None:
    """One message in a thousand makes the node fail: others are written about once, not thrice."""
    written = 0

    async def write(messages):
        nonlocal written
        for message in messages:
            written += 1
            if message.payload % 1000 == 500:
                raise ValueError(message.payload)

    control.write, control.batches = write, [list(range(n, n + 1000)) for n in range(0, 20_000, 1000)]
    snapshot = await rig.run(straight(rig, node, retry={"first_s": 0.001, "max_s": 0.001}))
    assert snapshot.nodes["end"].dead == 20
    assert snapshot.nodes["end"].out == 20_000 - 20
    assert written < 20_000 * 1.15


async def test_a_full_queue_in_memory_gives_up_its_oldest_messages(rig, control, node, eventually) -> None:
    gate = asyncio.Event()

    async def write(messages):
        await gate.wait()
        control.written.extend(messages)

    control.write, control.batches = write, [[n] for n in range(100)]
    runner = await rig.runner(straight(rig, node, outbox=False, max_messages=10, when_full="drop_oldest"))
    await runner.start()
    async with asyncio.timeout(10):
        await runner.wait()
    snapshot = runner.snapshot()
    edge, end = snapshot.edges[0], snapshot.nodes["end"]
    assert edge.dropped == end.dropped == 100 - end.pending
    assert 10 <= end.pending <= 20
    assert snapshot.balanced()
    gate.set()
    await runner.stop(5)
    payloads = [m.payload for m in control.written]
    assert payloads == sorted(payloads)
    assert payloads[-10:] == list(range(90, 100)), "the newest are there"
    warnings = [e.text for e in rig.events if e.kind == "warning"]
    assert len(warnings) == 2, "told at once, then once a minute at most, and what is left when the run ends"
    assert "dropped (when_full: drop_oldest)" in warnings[0]


async def test_limits_of_a_queue_in_memory_come_from_the_policy(rig, control, node, eventually) -> None:
    gate = asyncio.Event()

    async def write(messages):
        await gate.wait()

    control.write, control.batches = write, [[n] for n in range(100)]
    runner = await rig.runner(straight(rig, node, outbox=False, max_messages=5))
    await runner.start()
    await eventually(lambda: runner.snapshot().nodes["end"].pending >= 5)
    for _ in range(20):
        await asyncio.sleep(0)
    assert runner.snapshot().nodes["src"].made <= 12
    gate.set()
    await runner.wait()
    await runner.stop(5)


async def test_what_has_waited_leaves_at_the_rate_the_target_can_take(rig, control, node, monkeypatch) -> None:
    monkeypatch.setattr("flowhost.engine.batch.BACKLOG_S", -1)
    sizes: list[int] = []

    async def write(messages):
        sizes.append(len(messages))
        control.written.extend(messages)

    control.write, control.batches = write, [list(range(100))]
    began = time.monotonic()
    await rig.run(straight(rig, node, drain_per_s=100))
    assert time.monotonic() - began >= 0.7
    assert max(sizes) <= 25
    assert [m.payload for m in control.written] == list(range(100))


async def test_what_comes_in_just_now_is_not_held_up(rig, control, node) -> None:
    control.batches = [list(range(1000))]
    began = time.monotonic()
    await rig.run(straight(rig, node, drain_per_s=1))
    assert time.monotonic() - began < 60


async def test_the_last_value_of_a_target_is_the_last_it_took(rig, control, node, eventually) -> None:
    async def write(messages):
        taken = [message.payload < 3 for message in messages]
        control.written.extend(message for message, good in zip(messages, taken, strict=True) if good)
        return [Ok() if good else Reject("too large") for good in taken]

    control.write, control.batches, control.stay_open = write, [[1, 2, 3], [4]], True
    runner = await rig.runner(straight(rig, node))
    runner.watch(True)
    await runner.start()
    await eventually(lambda: runner.snapshot().nodes["end"].dead == 2)
    values = {(value.node, value.port): value.payload for value in runner.snapshot().values}
    await runner.stop(1)
    assert values["end", "out"] == 2
