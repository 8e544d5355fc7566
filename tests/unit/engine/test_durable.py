"""Queues on disk: what was taken over arrives, whatever happens to the target or the process in between."""

from __future__ import annotations

import asyncio

import apsw
import pytest

from flowhost.engine.outbox.codec import decode_message
from flowhost.engine.outbox.durable_edge import DurableEdge
from flowhost.engine.outbox.outbox import Outbox
from flowhost.engine.outbox.schema import add_function
from flowhost.engine.outbox.seal import row_seal
from flowhost.engine.token import Token
from flowhost.errors import AuthenticationError, NotConnectedError
from flowhost.sdk import Message, Meta, Ok, Reject, Rejected, Settlement


def straight(rig, node):
    return rig.flow(node("src", "t.source"), node("end", "t.sink"), wires="src -> end")


async def refuse(_messages):
    raise NotConnectedError("target is gone", after_s=0.01)


async def test_source_is_confirmed_while_the_target_is_away_and_all_arrives_after_a_restart(
    rig, control, node, open_box, eventually
) -> None:
    control.batches, control.write, control.stay_open = [[n, n + 1] for n in range(0, 20, 2)], refuse, True
    box = await open_box()
    runner = await rig.runner(straight(rig, node), outbox=box)
    await runner.start()
    await eventually(lambda: len(control.positions) == 10)
    assert all(s is Settlement.CONFIRMED for _, s in control.positions)
    await runner.stop(0.05)
    snapshot = runner.snapshot()
    assert snapshot.nodes["end"].pending == 20
    assert snapshot.balanced()
    await box.close()

    control.batches, control.write, control.stay_open = [[20]], None, False
    snapshot = await rig.run(straight(rig, node), outbox=await open_box())
    assert [m.payload for m in control.written] == list(range(21)), "all, once, in order"
    assert (snapshot.nodes["end"].in_, snapshot.nodes["end"].pending) == (21, 0)
    assert snapshot.edges[0].durable


async def test_a_stop_does_not_wait_for_a_target_that_is_down(rig, control, node, open_box, eventually) -> None:
    control.batches, control.write, control.stay_open = [[n] for n in range(20)], refuse, True
    box = await open_box()
    runner = await rig.runner(straight(rig, node), outbox=box, leave_on_disk=True)
    await runner.start()
    await eventually(lambda: runner.snapshot().nodes["end"].state == "retrying")
    async with asyncio.timeout(5):
        await runner.stop(60)
    made = runner.snapshot().nodes["src"].made
    assert [s for _, s in control.positions] == [Settlement.CONFIRMED] * made, "all of it is on disk"
    assert runner.snapshot().nodes["end"].pending == made > 0
    await box.close()

    control.batches, control.write, control.stay_open = [[20]], None, False
    await rig.run(straight(rig, node), outbox=await open_box())
    assert [m.payload for m in control.written] == [*range(made), 20], "all, once, in order"


@pytest.mark.expects_error_log
async def test_a_stop_does_not_wait_for_what_only_a_person_can_mend(rig, control, node, open_box, eventually) -> None:
    async def no_right(_messages):
        raise AuthenticationError("the password is wrong")

    control.batches, control.write, control.stay_open = [[1]], no_right, True
    runner = await rig.runner(straight(rig, node), outbox=await open_box(), leave_on_disk=True)
    await runner.start()
    await eventually(lambda: runner.snapshot().nodes["end"].state == "failed")
    async with asyncio.timeout(5):
        await runner.stop(60)
    assert runner.snapshot().nodes["end"].pending == 1


async def test_a_stop_gives_a_target_that_answers_its_time(rig, control, node, open_box, eventually) -> None:
    gate = asyncio.Event()

    async def write(messages):
        await gate.wait()
        control.written.extend(messages)

    control.batches, control.write, control.stay_open = [[1], [2]], write, True
    runner = await rig.runner(straight(rig, node), outbox=await open_box(), leave_on_disk=True)
    await runner.start()
    await eventually(lambda: len(control.positions) == 2)
    stopping = asyncio.create_task(runner.stop(60))
    await eventually(lambda: runner.snapshot().state == "draining")
    gate.set()
    async with asyncio.timeout(5):
        await stopping
    assert [m.payload for m in control.written] == [1, 2]


async def test_a_flow_at_its_end_waits_for_a_target_that_is_down_until_it_is_stopped(
    rig, control, node, open_box, eventually
) -> None:
    control.batches, control.write = [[1]], refuse
    runner = await rig.runner(straight(rig, node), outbox=await open_box(), leave_on_disk=True)
    await runner.start()
    await runner.wait()
    ending = asyncio.create_task(runner.stop(None))
    await eventually(lambda: runner.snapshot().nodes["end"].attempts > 3)
    assert not ending.done()
    runner.hurry(60)
    async with asyncio.timeout(5):
        await ending
    assert runner.snapshot().nodes["end"].pending == 1


async def test_what_was_in_flight_is_given_out_again(rig, control, node, open_box, eventually) -> None:
    async def hang(messages):
        await asyncio.Event().wait()

    control.batches, control.write = [[1, 2, 3]], hang
    box = await open_box()
    runner = await rig.runner(straight(rig, node), outbox=box)
    await runner.start()
    await eventually(lambda: len(control.positions) == 1)
    await runner.stop(0.05)
    await box.close()
    control.batches, control.write = [], None
    await rig.run(straight(rig, node), outbox=await open_box())
    assert [m.payload for m in control.written] == [1, 2, 3]


async def test_messages_keep_everything_known_about_them(rig, control, node, open_box) -> None:
    message = Message({"v": 1.5, "b": b"\x00"}, Meta("t", 5, "uncertain", 7, "Cel", "k", "id", {"h": "x"}))
    control.batches = [[message]]
    box = await open_box()
    edge = DurableEdge(box, "f", "n")
    await edge.open()
    assert edge.offer([message], Token())
    await edge.take(10)
    again = DurableEdge(box, "f", "n")
    assert await again.open() == 1
    assert (await again.take(10))[0].messages == [message]


@pytest.mark.expects_error_log
async def test_dead_letters_lie_on_disk_with_their_cause(rig, control, node, open_box) -> None:
    async def write(messages):
        return [Reject("no such column") if m.payload == 2 else Ok() for m in messages]

    control.batches, control.write = [[1, 2, 3]], write
    box = await open_box()
    snapshot = await rig.run(straight(rig, node), outbox=box, revision=7)
    assert snapshot.nodes["end"].dead == 1
    ((flow, at, revision, reason, message),) = await box.query("SELECT flow, node, revision, reason, message FROM dead")
    assert (flow, at, revision, reason) == ("f", "end", 7, "no such column")
    assert decode_message(message).payload == 2
    assert (await box.edge("f", "end")).position == 3, "the same transaction moved the cursor"


@pytest.mark.expects_error_log
async def test_dead_input_of_a_source_is_kept_before_it_is_confirmed(rig, control, node, open_box) -> None:
    async def run(emit):
        await emit([], 0, rejected=[Rejected(Message(b"{x"), "is not JSON")])

    control.run = run
    box = await open_box()
    await rig.run(straight(rig, node), outbox=box)
    ((message,),) = await box.query("SELECT message FROM dead")
    assert decode_message(message).payload == b"{x"
    assert control.positions == [(0, Settlement.CONFIRMED)]


@pytest.mark.expects_error_log
async def test_payload_that_is_no_message_data_fails_alone(rig, control, node, open_box) -> None:
    control.batches = [[1, object(), 3]]
    box = await open_box()
    snapshot = await rig.run(straight(rig, node), outbox=box)
    assert [m.payload for m in control.written] == [1, 3]
    assert snapshot.nodes["end"].dead == 1
    assert "JSON-like" in snapshot.nodes["end"].last_error


async def test_outbox_false_keeps_the_queue_in_memory(rig, control, node, open_box) -> None:
    from dataclasses import replace

    control.batches = [[1]]
    flow = straight(rig, node)
    flow = replace(flow, nodes={**flow.nodes, "end": replace(flow.nodes["end"], delivery={"outbox": False})})
    box = await open_box()
    snapshot = await rig.run(flow, outbox=box)
    assert not snapshot.edges[0].durable
    assert await box.query("SELECT * FROM edge") == []


async def test_a_long_backlog_is_read_from_disk_in_order(rig, control, node, open_box, monkeypatch) -> None:
    monkeypatch.setattr("flowhost.engine.outbox.ahead.MOST_MESSAGES", 50)
    monkeypatch.setattr("flowhost.engine.outbox.backlog.READ_ROWS", 30)
    gate = asyncio.Event()

    async def write(messages):
        await gate.wait()
        control.written.extend(messages)

    control.batches, control.write, control.stay_open = [[n] for n in range(500)], write, True
    box = await open_box()
    runner = await rig.runner(straight(rig, node), outbox=box)
    await runner.start()
    async with asyncio.timeout(10):
        while len(control.positions) < 500:
            await asyncio.sleep(0.005)
    gate.set()
    await runner.stop(10)
    assert [m.payload for m in control.written] == list(range(500))
    assert runner.snapshot().balanced()
    assert await box.query("SELECT position, appended FROM edge") == [(500, 500)]


async def test_the_machines_fault_ends_the_run_and_confirms_nothing(rig, control, node, tmp_path, eventually) -> None:
    runners = []
    box = Outbox(tmp_path / "outbox.db", lambda error: [r.fail(error) for r in runners])
    await box.open()
    control.batches, control.stay_open = [[1]], True
    runner = await rig.runner(straight(rig, node), outbox=box)
    await runner.start()
    runners.append(runner)
    await eventually(lambda: len(control.positions) == 1)
    await eventually(lambda: runner.snapshot().nodes["end"].pending == 0)
    # the table of the queue vanishes: every later commit fails as it would on a broken disk
    other = apsw.Connection(str(tmp_path / "outbox.db"))
    other.set_busy_timeout(5000)
    other.execute("DROP TABLE m_1")
    other.close()
    source = runner._parts.sources[0]
    emit = asyncio.create_task(source.emit([Message(2)], 1))
    await eventually(lambda: runner.snapshot().state == "failed")
    await runner.stop(0.05)
    await asyncio.gather(emit, return_exceptions=True)
    assert (1, Settlement.CONFIRMED) not in control.positions
    assert "cannot be written" in runner.snapshot().text
    await box.close()


@pytest.mark.expects_error_log
async def test_the_ledger_of_a_queue_goes_on_after_a_restart(rig, control, node, open_box) -> None:
    async def write(messages):
        return [Reject("no such column") if m.payload == 2 else Ok() for m in messages]

    control.batches, control.write = [[1, 2, 3]], write
    box = await open_box()
    await rig.run(straight(rig, node), outbox=box)
    await box.close()
    control.batches = [[2, 4]]
    box = await open_box()
    edge = (await rig.run(straight(rig, node), outbox=box)).edges[0]
    assert (edge.in_, edge.out, edge.dead, edge.dropped, edge.pending) == (5, 3, 2, 0, 0)
    assert await box.query("SELECT appended, position, dead, dropped FROM edge") == [(5, 5, 2, 0)]


async def test_a_queue_knows_its_size_and_the_age_of_its_oldest_message(
    rig, control, node, open_box, eventually, tmp_path
) -> None:
    control.batches, control.write, control.stay_open = [[{"text": "x" * 1000}] for _ in range(20)], refuse, True
    box = await open_box()
    runner = await rig.runner(straight(rig, node), outbox=box)
    await runner.start()
    await eventually(lambda: len(control.positions) == 20)
    edge = runner.snapshot().edges[0]
    assert (edge.pending, edge.oldest_s) == (20, pytest.approx(0, abs=5))
    assert 20 * 1000 < edge.pending_bytes < 20 * 1200
    await eventually(lambda: runner.snapshot().edges[0].oldest_s > edge.oldest_s)
    await runner.stop(0.01)
    await box.close()
    # as if the machine had been off for an hour
    other = apsw.Connection(str(tmp_path / "outbox.db"))
    add_function(other, "row_seal", row_seal)
    other.execute("UPDATE m_1 SET at_ms = at_ms - 3600000, seal = row_seal(1, id, at_ms - 3600000, b)")
    other.close()

    control.batches = []
    box = await open_box()
    runner = await rig.runner(straight(rig, node), outbox=box)
    await runner.start()
    found = runner.snapshot().edges[0]
    assert (found.pending, found.pending_bytes) == (20, edge.pending_bytes)
    assert 3600 <= found.oldest_s < 3700
    control.write = None
    await eventually(lambda: runner.snapshot().edges[0].pending == 0)
    done = runner.snapshot().edges[0]
    assert (done.oldest_s, done.pending_bytes) == (0, 0)
    await runner.stop(5)
