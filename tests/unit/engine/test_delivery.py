"""Sinks and asynchronous transforms: retry, refusal, culprits, order, back pressure, connections."""

from __future__ import annotations

import asyncio

import pytest

from flowhost.errors import (
    AuthenticationError,
    MessageError,
    NotConnectedError,
    PermanentError,
    TemporaryError,
    UnknownOutcomeError,
)
from flowhost.sdk import Message, Meta, Ok, Reject, Retry, Settlement


def straight(rig, node, sink_connection=None):
    return rig.flow(node("src", "t.source"), node("end", "t.sink", connection=sink_connection), wires="src -> end")


async def test_positions_are_confirmed_in_order_after_the_target_confirmed(rig, control, node) -> None:
    control.batches = [[1], [2], [3]]
    await rig.run(straight(rig, node))
    assert control.positions == [(0, Settlement.CONFIRMED), (1, Settlement.CONFIRMED), (2, Settlement.CONFIRMED)]


async def test_temporary_failure_is_tried_again_until_it_works(rig, control, node) -> None:
    tries = []

    async def write(messages):
        tries.append([m.payload for m in messages])
        if len(tries) < 3:
            raise TemporaryError("target is busy", after_s=0.001)

    control.batches, control.write = [[1, 2]], write
    snapshot = await rig.run(straight(rig, node))
    assert tries == [[1, 2]] * 3
    # nobody was there: that is no failure of a message
    end = snapshot.nodes["end"]
    assert (end.out, end.errors, end.attempts) == (2, 0, 2)
    assert [e.kind for e in rig.events] == ["lost", "restored"]


async def test_only_what_asks_for_it_is_tried_again(rig, control, node) -> None:
    tries = []

    async def write(messages):
        tries.append([m.payload for m in messages])
        if len(tries) == 1:
            return [Ok(), Retry(0.001, "row is locked"), Ok()]
        return None

    control.batches, control.write = [[1, 2, 3]], write
    snapshot = await rig.run(straight(rig, node))
    assert tries == [[1, 2, 3], [2]]
    assert snapshot.nodes["end"].out == 3


@pytest.mark.expects_error_log
async def test_refused_message_is_dead_and_its_source_still_confirmed(rig, control, node) -> None:
    async def write(messages):
        return [Reject("column x is missing") if m.payload == 2 else Ok() for m in messages]

    control.batches, control.write = [[1, 2, 3]], write
    snapshot = await rig.run(straight(rig, node))
    end = snapshot.nodes["end"]
    assert (end.in_, end.out, end.dead, end.pending) == (3, 2, 1, 0)
    assert control.positions == [(0, Settlement.CONFIRMED)]
    assert snapshot.edges[0].dead == 1
    assert any("column x is missing" in e.text for e in rig.events)


async def test_refused_message_leaves_by_the_error_port(rig, control, node) -> None:
    async def write(messages):
        if messages[0].meta.headers.get("error"):
            control.written.extend(messages)
            return None
        return [Reject("no")] * len(messages)

    control.batches, control.write = [[1]], write
    flow = rig.flow(node("src", "t.source"), node("a", "t.sink"), node("b", "t.sink"), wires="src -> a, a.error -> b")
    snapshot = await rig.run(flow)
    assert control.written[0].meta.headers["error"] == "no"
    assert snapshot.nodes["a"].out == 1
    assert snapshot.nodes["a"].dead == 0


@pytest.mark.expects_error_log
async def test_permanent_error_speaks_for_the_batch(rig, control, node) -> None:
    async def write(messages):
        raise PermanentError("no such table")

    control.batches, control.write = [[1, 2]], write
    snapshot = await rig.run(straight(rig, node))
    assert snapshot.nodes["end"].dead == 2


@pytest.mark.expects_error_log
async def test_unknown_outcome_is_not_sent_twice(rig, control, node) -> None:
    tries = []

    async def write(messages):
        tries.append(1)
        raise UnknownOutcomeError("no answer to POST 17")

    control.batches, control.write = [[1]], write
    snapshot = await rig.run(straight(rig, node))
    assert len(tries) == 1
    assert snapshot.nodes["end"].dead == 1


@pytest.mark.expects_error_log
async def test_a_sink_bug_costs_the_culprit_only(rig, control, node) -> None:
    async def write(messages):
        if any(m.payload == 7 for m in messages):
            raise ZeroDivisionError
        control.written.extend(messages)

    control.batches, control.write = [list(range(16))], write
    snapshot = await rig.run(straight(rig, node))
    assert sorted(m.payload for m in control.written) == [n for n in range(16) if n != 7]
    assert snapshot.nodes["end"].dead == 1


@pytest.mark.expects_error_log
async def test_wrong_credentials_stand_still_and_keep_the_messages(rig, control, node, eventually) -> None:
    tries = []

    async def write(messages):
        tries.append(1)
        raise AuthenticationError("user plc is not known")

    control.batches, control.write = [[1]], write
    runner = await rig.runner(straight(rig, node))
    await runner.start()
    await eventually(lambda: runner.snapshot().nodes["end"].state == "failed")
    await runner.stop(0.05)
    snapshot = runner.snapshot()
    assert len(tries) == 1
    assert snapshot.nodes["end"].pending == 1
    assert control.positions == [(0, Settlement.ABANDONED)]
    assert snapshot.balanced()


async def test_a_full_queue_stops_the_source(rig, control, node, eventually) -> None:
    gate = asyncio.Event()

    async def write(messages):
        await gate.wait()
        control.written.extend(messages)

    control.batches, control.write = [[n] for n in range(100)], write
    runner = await rig.runner(straight(rig, node), queue_messages=10)
    await runner.start()
    await eventually(lambda: runner.snapshot().nodes["end"].pending >= 10)
    for _ in range(20):
        await asyncio.sleep(0)
    assert runner.snapshot().nodes["src"].made <= 21, "ten queued, ten in flight, one waiting for room"
    gate.set()
    await runner.wait()
    await runner.stop(5)
    assert [m.payload for m in control.written] == list(range(100)), "in order"
    assert runner.snapshot().balanced()


async def test_a_queue_is_bounded_by_bytes_too(rig, control, node, eventually) -> None:
    gate = asyncio.Event()

    async def write(messages):
        await gate.wait()

    control.batches, control.write = [[b"x" * 1000] for _ in range(100)], write
    runner = await rig.runner(straight(rig, node), queue_bytes=10_000)
    await runner.start()
    await eventually(lambda: runner.snapshot().edges[0].pending_bytes >= 9_000)
    for _ in range(20):
        await asyncio.sleep(0)
    assert runner.snapshot().nodes["src"].made <= 22
    gate.set()
    await runner.wait()
    await runner.stop(5)


async def test_async_transform_passes_results_and_keeps_acks(rig, control, node) -> None:
    control.batches = [[1, 2], [3]]
    flow = rig.flow(
        node("src", "t.source"), node("ask", "t.async"), node("end", "t.sink"), wires="src -> ask, ask -> end"
    )
    snapshot = await rig.run(flow)
    assert [m.payload for m in control.written] == [2, 4, 6]
    assert [p for p, _ in control.positions] == [0, 1]
    assert snapshot.nodes["ask"].out == 3


async def test_connection_is_tried_until_it_stands(rig, control, node) -> None:
    tries = []

    async def open_connection():
        tries.append(1)
        if len(tries) < 3:
            raise TemporaryError("nothing listens on port 1", after_s=0.001)

    control.batches, control.open_connection = [[1]], open_connection
    snapshot = await rig.run(straight(rig, node, "link"))
    assert len(tries) == 3
    assert snapshot.nodes["end"].out == 1
    assert [e.kind for e in rig.events] == ["lost", "restored"]


@pytest.mark.expects_error_log
async def test_connection_that_refuses_us_is_not_tried_again(rig, control, node, eventually) -> None:
    tries = []

    async def open_connection():
        tries.append(1)
        raise AuthenticationError("password is wrong")

    control.batches, control.open_connection = [[1]], open_connection
    runner = await rig.runner(straight(rig, node, "link"))
    await runner.start()
    await eventually(lambda: runner.snapshot().nodes["end"].state == "failed")
    await runner.stop(0.05)
    snapshot = runner.snapshot()
    assert len(tries) == 1
    assert not snapshot.connections["link"].up
    assert snapshot.nodes["end"].pending == 1
    assert "password is wrong" in snapshot.nodes["end"].text


async def test_lost_and_restored_once_however_often_it_is_tried(rig, control, node) -> None:
    tries = []

    async def write(messages):
        tries.append(1)
        if len(tries) < 6:
            raise NotConnectedError("broker is gone", after_s=0.001)

    control.batches, control.write = [[1]], write
    await rig.run(straight(rig, node))
    assert [e.kind for e in rig.events] == ["lost", "restored"]


@pytest.mark.expects_error_log
async def test_a_message_the_sink_finds_at_fault_is_refused_at_once(rig, control, node) -> None:
    tries = []

    async def write(messages):
        tries.append([m.payload for m in messages])
        if 2 in tries[-1]:
            raise MessageError("2 is no quantity")

    control.batches, control.write = [[1, 2]], write
    snapshot = await rig.run(straight(rig, node))
    assert tries == [[1, 2], [1], [2]]
    assert (snapshot.nodes["end"].out, snapshot.nodes["end"].dead) == (1, 1)


async def test_an_operating_system_error_is_tried_again_like_a_lost_link(rig, control, node, monkeypatch) -> None:
    monkeypatch.setattr("flowhost.engine.breaker.LINK_CAP_S", 0.01)
    tries = []

    async def write(messages):
        tries.append(1)
        if len(tries) < 8:
            raise ConnectionResetError("connection reset by peer")

    control.batches, control.write = [[1]], write
    snapshot = await rig.run(straight(rig, node))
    assert snapshot.nodes["end"].out == 1
    assert [e.kind for e in rig.events] == ["lost", "restored"]


async def test_answers_of_a_sink_leave_by_out(rig, control, node) -> None:
    async def write(messages):
        return [Ok(Message("done", Meta(topic="answer"))) for _ in messages]

    control.batches, control.write = [[1]], write
    snapshot = await rig.run(straight(rig, node))
    assert snapshot.nodes["end"].out == 1, "no out port on this sink: answers are not counted"
