"""Bounds of a queue on disk, what is given up when it is full, and what comes first after an outage."""

from __future__ import annotations

import asyncio
import random
import re
from pathlib import Path
from typing import Any

import apsw
import pytest

from flowhost.engine.outbox.ahead import MOST_BYTES
from flowhost.engine.outbox.changes import Advance, Append
from flowhost.engine.outbox.codec import encode_message
from flowhost.engine.outbox.durable_edge import DurableEdge
from flowhost.engine.outbox.limits import LIVE_WAITS_FOR
from flowhost.engine.outbox.progress import Progress
from flowhost.engine.outbox.ranges import Ranges
from flowhost.engine.outbox.seal import row_seal
from flowhost.engine.token import Token
from flowhost.errors import NotConnectedError
from flowhost.sdk import Message, Meta, Ok, Retry

SOON = {"first_s": 0.01, "max_s": 0.01}


def straight(rig, node, **delivery):
    return rig.flow(node("src", "t.source"), node("end", "t.sink", delivery=delivery), wires="src -> end")


async def away(_messages: Any) -> None:
    raise NotConnectedError("target is gone", after_s=0.01)


def payloads(control) -> list[Any]:
    return [message.payload for message in control.written]


# -- parts


def test_ranges_are_sets_of_numbers() -> None:
    seed = random.randrange(10**6)
    chance = random.Random(seed)
    for _ in range(200):
        ranges, numbers = Ranges(), set()
        for _ in range(chance.randint(1, 20)):
            first = chance.randint(1, 50)
            last = first + chance.randint(0, 6)
            if chance.random() < 0.2:
                ranges.drop_to(first)
                numbers = {n for n in numbers if n > first}
            else:
                ranges.add(first, last)
                numbers |= set(range(first, last + 1))
        listed = [n for first, last in ranges.pairs for n in range(first, last + 1)]
        assert listed == sorted(numbers), f"seed {seed}"
        assert all(a[1] + 1 < b[0] for a, b in zip(ranges.pairs, ranges.pairs[1:], strict=False)), f"seed {seed}"
        assert ranges.count == len(numbers)
        assert all((n in ranges) is (n in numbers) for n in range(60))
        rest = [n for first, last in ranges.without(5, 40).pairs for n in range(first, last + 1)]
        assert rest == sorted(set(range(5, 41)) - numbers), f"seed {seed}"


def test_progress_moves_up_to_the_first_gap_and_remembers_what_is_done_behind_it() -> None:
    progress = Progress(7, 10)
    progress.finish(20, 25)
    progress.finish(26, 30)
    advance, kept = progress.advance(1, 2)
    assert advance == Advance(7, 10, 1, 2, [(20, 25), (26, 30)])
    again = Progress(7, 10, kept.value)
    assert again.ahead.pairs == [(20, 30)]
    again.finish(11, 19)
    advance, kept = again.advance(0, 0)
    assert advance == Advance(7, 30, 0, 0, [])
    assert again.advance(0, 0) == [Advance(7, 30, 0, 0, [])], "what has not changed is not written again"
    assert Progress(7, 30, kept.value).ahead.pairs == []


def test_progress_believes_no_damaged_note() -> None:
    progress = Progress(7, 10)
    progress.finish(20, 25)
    good = progress.advance(0, 0)[1].value
    assert Progress(7, 10, good).ahead.pairs == [(20, 25)]
    assert not Progress(8, 10, good).ahead, "it is that of another edge"
    for place in range(len(good)):
        for bit in range(7):
            bad = good[:place] + chr(ord(good[place]) ^ 1 << bit) + good[place + 1 :]
            assert Progress(7, 10, bad).ahead.pairs in ([], [(20, 25)]), bad


# -- memory


async def test_memory_is_bounded_by_bytes_however_large_messages_are(open_box) -> None:
    box = await open_box()
    edge = DurableEdge(box, "f", "n")
    await edge.open()
    text = "x" * 200_000
    for number in range(100):
        await edge.put([Message({"n": number, "text": text})], Token())
    async with asyncio.timeout(20):
        while edge._unwritten:
            await asyncio.sleep(0.01)
    seen = []
    while len(seen) < 100:
        assert edge._ahead._bytes <= MOST_BYTES + 1_500_000
        async with asyncio.timeout(20):
            portions = await edge.take(10)
        seen += [message.payload["n"] for portion in portions for message in portion.messages]
        edge.settle(portions, dead=0)
    assert seen == list(range(100))
    async with asyncio.timeout(20):
        await edge.idle()
    assert edge.snapshot().pending_bytes == 0


async def test_what_comes_in_while_the_backlog_is_read_comes_after_it(
    rig, control, node, open_box, monkeypatch
) -> None:
    monkeypatch.setattr("flowhost.engine.outbox.ahead.MOST_MESSAGES", 40)
    monkeypatch.setattr("flowhost.engine.outbox.backlog.READ_ROWS", 7)

    async def write(messages):
        await asyncio.sleep(0)
        control.written.extend(messages)

    control.write, control.batches = write, [[3 * n, 3 * n + 1, 3 * n + 2] for n in range(400)]
    snapshot = await rig.run(straight(rig, node), outbox=await open_box())
    assert payloads(control) == list(range(1200))
    assert snapshot.nodes["end"].out == 1200


# -- full


async def test_a_full_queue_stops_the_source(rig, control, node, open_box, eventually) -> None:
    control.write, control.batches = away, [[n] for n in range(200)]
    runner = await rig.runner(straight(rig, node, max_messages=50), outbox=await open_box())
    await runner.start()
    await eventually(lambda: runner.snapshot().edges[0].pending >= 50)
    for _ in range(50):
        await asyncio.sleep(0.001)
    assert runner.snapshot().edges[0].pending == 50
    control.write = None
    await runner.wait()
    await runner.stop(10)
    assert payloads(control) == list(range(200))
    assert runner.snapshot().edges[0].dropped == 0


async def test_a_queue_is_full_at_its_bytes_too(rig, control, node, open_box, eventually) -> None:
    control.write, control.batches = away, [["x" * 1000] for _ in range(200)]
    runner = await rig.runner(straight(rig, node, max_bytes=20_000), outbox=await open_box())
    await runner.start()
    await eventually(lambda: runner.snapshot().edges[0].pending_bytes >= 20_000)
    for _ in range(50):
        await asyncio.sleep(0.001)
    assert runner.snapshot().edges[0].pending_bytes < 22_000
    control.write = None
    await runner.wait()
    await runner.stop(10)
    assert len(control.written) == 200


async def test_a_full_queue_gives_up_its_oldest_and_keeps_what_is_on_its_way(
    rig, control, node, open_box, eventually
) -> None:
    control.write, control.stay_open = away, True
    control.batches = [[n] for n in range(1000)]
    box = await open_box()
    flow = straight(rig, node, max_messages=100, when_full="drop_oldest", retry=SOON)
    runner = await rig.runner(flow, outbox=box)
    await runner.start()
    await eventually(lambda: len(control.positions) == 1000)
    snapshot = runner.snapshot()
    edge, end = snapshot.edges[0], snapshot.nodes["end"]
    assert edge.pending <= 110
    assert edge.dropped == end.dropped == 1000 - edge.pending
    assert snapshot.balanced()
    async with asyncio.timeout(20):
        # what was dropped lies on the disk no more
        while await box.query("SELECT count(*) FROM m_1") != [(edge.pending,)]:
            await asyncio.sleep(0.01)
    assert [e.kind for e in rig.events].count("warning") == 1
    control.write = None
    await eventually(lambda: runner.snapshot().edges[0].pending == 0)
    await runner.stop(5)
    told = [int(number.replace(",", "")) for e in rig.events for number in re.findall(r"its ([\d,]+) oldest", e.text)]
    told += [1 for e in rig.events if "its oldest message was" in e.text]
    assert sum(told) == edge.dropped, "all were told, at once or when the run ended"
    assert len(told) == 2
    got = payloads(control)
    assert got == sorted(got)
    assert got[-90:] == list(range(910, 1000)), "the newest are there"
    assert len(got) == 1000 - edge.dropped
    assert await box.query("SELECT position, appended, dropped FROM edge") == [(1000, 1000, edge.dropped)]
    assert await box.query("SELECT * FROM parked") == []


async def test_a_full_queue_gives_up_what_is_parked_too(rig, control, node, open_box, eventually) -> None:
    """One key is blocked, and all that comes is of that key: it is the lot that would grow."""

    async def write(messages):
        blocked = [m.payload for m in messages if m.meta.key == "blocked"]
        control.written.extend(m for m in messages if m.meta.key != "blocked")
        return [Retry(0.01, "not now") if m.payload in blocked else Ok() for m in messages]

    control.write, control.stay_open = write, True
    sent = [Message(n, Meta(key="blocked" if n else "free")) for n in range(600)]
    control.batches = [sent[n : n + 10] for n in range(0, 600, 10)]
    box = await open_box()
    flow = straight(rig, node, max_messages=50, when_full="drop_oldest", retry=SOON)
    runner = await rig.runner(flow, outbox=box)
    await runner.start()
    await eventually(lambda: len(control.positions) == 60)
    await eventually(lambda: runner.snapshot().edges[0].pending <= 50)
    assert runner.snapshot().balanced()
    assert runner.snapshot().edges[0].dropped == runner.snapshot().nodes["end"].dropped >= 500
    control.write = None
    await eventually(lambda: runner.snapshot().edges[0].pending == 0)
    await runner.stop(5)
    snapshot = runner.snapshot()
    assert snapshot.balanced()
    got = payloads(control)
    assert got == sorted(got)
    assert got[-30:] == list(range(570, 600)), "the newest are there"
    assert len(got) == 600 - snapshot.edges[0].dropped
    assert await box.query("SELECT * FROM parked") == []


async def test_a_batch_larger_than_the_queue_that_comes_on_two_ways_does_not_wait_for_itself(
    rig, control, node, open_box
) -> None:
    control.batches = [list(range(n, n + 40)) for n in range(0, 400, 40)]
    flow = rig.flow(
        node("src", "t.source"), node("a", "t.kernel"), node("b", "t.kernel"),
        node("end", "t.sink", delivery={"max_messages": 50}), node("small", "t.sink", delivery={"max_messages": 7}),
        wires="src -> a, src -> b, a -> end, b -> end, src -> small",
    )  # fmt: skip
    snapshot = await rig.run(flow, outbox=await open_box())
    assert snapshot.nodes["end"].out == 800
    assert snapshot.nodes["small"].out == 400


async def test_restarts_of_a_queue_that_drops_keep_the_ledger_and_the_order(
    rig, control, node, open_box, eventually
) -> None:
    """Firm stops at random moments while the target comes and goes."""
    seed = random.randrange(10**6)
    print(f"seed {seed}")
    chance = random.Random(seed)

    async def write(messages):
        await asyncio.sleep(0)
        if chance.random() < 0.6:
            raise NotConnectedError("gone", after_s=0.001)
        control.written.extend(messages)

    control.write = write
    number, dropped = 0, 0
    flow = straight(rig, node, max_messages=30, when_full="drop_oldest", retry=SOON)
    for _ in range(10):
        control.batches = [[Message(number + n, Meta(key=f"k{n % 3}"))] for n in range(60)]
        number += 60
        control.positions.clear()
        box = await open_box()
        runner = await rig.runner(flow, outbox=box)
        await runner.start()
        await eventually(lambda: len(control.positions) == 60)
        await asyncio.sleep(chance.uniform(0, 0.02))
        await runner.stop(0)
        snapshot = runner.snapshot()
        assert snapshot.balanced(), f"seed {seed}"
        edge = snapshot.edges[0]
        assert (edge.in_, edge.dropped >= dropped) == (number, True), f"seed {seed}"
        dropped = edge.dropped
        await box.close()
    control.batches, control.write = [], None
    snapshot = await rig.run(flow, outbox=await open_box())
    edge = snapshot.edges[0]
    assert (edge.in_, edge.pending, edge.out + edge.dropped) == (number, 0, number), f"seed {seed}"
    for key in ("k0", "k1", "k2"):
        firsts = list(dict.fromkeys(m.payload for m in control.written if m.meta.key == key))
        assert firsts == sorted(firsts), f"seed {seed}: {key}"
    assert len({m.payload for m in control.written}) == edge.out, f"seed {seed}"


# -- age


@pytest.mark.expects_error_log
async def test_each_message_expires_by_its_own_age(rig, control, node, open_box, eventually, tmp_path) -> None:
    control.write, control.stay_open, control.batches = away, True, [[n] for n in range(6)]
    box = await open_box()
    runner = await rig.runner(straight(rig, node), outbox=box)
    await runner.start()
    await eventually(lambda: len(control.positions) == 6)
    await runner.stop(0)
    await box.close()
    await asyncio.to_thread(spread, tmp_path / "outbox.db")
    control.write, control.stay_open, control.batches = None, False, []
    box = await open_box()
    snapshot = await rig.run(straight(rig, node, expire_after_s=1000), outbox=box)
    assert payloads(control) == [2, 3, 4, 5]
    assert snapshot.nodes["end"].dead == 2
    assert {kind for (kind,) in await box.query("SELECT kind FROM dead")} == {"expired"}


def spread(file: Path, every_ms: int = 300_000) -> int:
    """As if a message had come every so often, the last one just now; when that was."""
    connection = apsw.Connection(str(file))
    rows = connection.execute("SELECT id, at_ms, b FROM m_1").fetchall()
    last_ms: int = rows[-1][1]
    for number, _, data in rows:
        at_ms = last_ms - (6 - number) * every_ms
        connection.execute(
            "UPDATE m_1 SET at_ms = ?, seal = ? WHERE id = ?", (at_ms, row_seal(1, number, at_ms, data), number)
        )
    connection.close()
    return last_ms


@pytest.mark.expects_error_log
async def test_messages_that_came_within_a_second_expire_one_by_one(
    rig, control, node, open_box, eventually, tmp_path, monkeypatch
) -> None:
    control.write, control.stay_open, control.batches = away, True, [[n] for n in range(6)]
    box = await open_box()
    runner = await rig.runner(straight(rig, node), outbox=box)
    await runner.start()
    await eventually(lambda: len(control.positions) == 6)
    await runner.stop(0)
    await box.close()
    last_ms = await asyncio.to_thread(spread, tmp_path / "outbox.db", 100)
    # the moment at which three of them are older than a second
    monkeypatch.setattr("flowhost.engine.delivery.age_s", lambda at_ms: (last_ms + 750 - at_ms) / 1000)
    control.write, control.stay_open, control.batches = None, False, []
    snapshot = await rig.run(straight(rig, node, expire_after_s=1), outbox=await open_box())
    assert payloads(control) == [3, 4, 5]
    assert snapshot.nodes["end"].dead == 3


# -- live first


@pytest.fixture
def backlog(monkeypatch: pytest.MonkeyPatch):
    """A backlog is what an earlier run left; what comes in during the test is live however long that takes."""
    monkeypatch.setattr("flowhost.engine.outbox.durable_edge.BACKLOG_S", 600)
    monkeypatch.setattr("flowhost.engine.outbox.backlog.READ_ROWS", 10)
    monkeypatch.setattr("flowhost.engine.outbox.ahead.MOST_MESSAGES", 20)


async def left_behind(rig, control, node, open_box, eventually, number: int) -> None:
    """Messages 0 .. number - 1 wait on disk."""
    control.write, control.stay_open, control.batches = away, True, [[n] for n in range(number)]
    control.positions.clear()
    box = await open_box()
    runner = await rig.runner(straight(rig, node, backlog="live_first", retry=SOON), outbox=box)
    await runner.start()
    await eventually(lambda: len(control.positions) == number)
    await runner.stop(0)
    await box.close()


async def test_what_comes_in_goes_before_the_backlog(rig, control, node, open_box, eventually, backlog) -> None:
    await left_behind(rig, control, node, open_box, eventually, 300)
    box = await open_box()
    flow = straight(rig, node, backlog="live_first", retry=SOON)

    async def write(messages):
        control.written.extend(messages)
        await asyncio.sleep(0.001)

    async def run(emit):
        while len(control.written) < 20:
            await asyncio.sleep(0.001)
        for number in range(1000, 1020):
            await emit([Message(number)], number)

    control.write, control.run, control.stay_open = write, run, False
    snapshot = await rig.run(flow, outbox=box)
    got = payloads(control)
    assert sorted(got) == [*range(300), *range(1000, 1020)]
    assert [n for n in got if n < 1000] == list(range(300)), "the backlog in itself is in order"
    assert [n for n in got if n >= 1000] == list(range(1000, 1020))
    assert got.index(1019) < 250, "live ones did not wait for the backlog"
    edge = snapshot.edges[0]
    assert (edge.in_, edge.out, edge.pending) == (320, 320, 0)
    assert await box.query("SELECT position, appended FROM edge") == [(320, 320)]
    assert not (await box.edge("f", "end")).ahead or not Progress(1, 320, (await box.edge("f", "end")).ahead).ahead


async def test_what_was_delivered_before_the_backlog_is_not_delivered_again_after_a_restart(
    rig, control, node, open_box, eventually, backlog
) -> None:
    await left_behind(rig, control, node, open_box, eventually, 60)
    live_only = {"on": True}

    async def write(messages):
        if live_only["on"] and any(m.payload < 1000 for m in messages):
            raise NotConnectedError("gone", after_s=0.01)
        control.written.extend(messages)

    async def run(emit):
        for number in range(1000, 1010):
            await emit([Message(number)], number)
        await asyncio.Event().wait()

    flow = straight(rig, node, backlog="live_first", retry=SOON)
    control.write, control.run = write, run
    box = await open_box()
    runner = await rig.runner(flow, outbox=box)
    # the backlog is not tried before the live ones are here
    await runner.start()
    await eventually(lambda: len(control.written) >= 1 or runner.snapshot().edges[0].in_ == 70)
    live_only["on"] = False
    await eventually(lambda: 1009 in payloads(control))
    await runner.stop(0)
    edge = runner.snapshot().edges[0]
    assert runner.snapshot().balanced()
    await box.close()

    before = len(control.written)
    box = await open_box()
    ((position, appended, kept),) = await box.query(
        "SELECT position, appended, (SELECT value FROM meta WHERE key = 'ahead 1') FROM edge"
    )
    control.run, control.batches, control.stay_open = None, [], False
    snapshot = await rig.run(flow, outbox=box)
    again = [n for n in payloads(control)[before:] if n >= 1000]
    assert not again, f"at {position} of {appended}, ahead {kept}, {edge}"
    assert sorted(set(payloads(control))) == [*range(60), *range(1000, 1010)]
    edge = snapshot.edges[0]
    assert (edge.in_, edge.out, edge.pending) == (70, 70, 0)
    assert await box.query("SELECT position, appended FROM edge") == [(70, 70)]


async def test_live_messages_that_have_waited_join_the_backlog(
    rig, control, node, open_box, eventually, monkeypatch
) -> None:
    monkeypatch.setattr("flowhost.engine.outbox.durable_edge.BACKLOG_S", 0.05)
    control.write, control.stay_open, control.batches = away, True, [[n] for n in range(50)]
    runner = await rig.runner(straight(rig, node, backlog="live_first", retry=SOON), outbox=await open_box())
    await runner.start()
    await eventually(lambda: len(control.positions) == 50)
    await asyncio.sleep(0.1)
    control.write = None
    await eventually(lambda: runner.snapshot().edges[0].pending == 0)
    await runner.stop(5)
    assert sorted(payloads(control)) == list(range(50))
    assert runner.snapshot().balanced()


async def test_live_first_over_restarts_loses_nothing(rig, control, node, open_box, eventually, monkeypatch) -> None:
    monkeypatch.setattr("flowhost.engine.outbox.durable_edge.BACKLOG_S", 0.005)
    monkeypatch.setattr("flowhost.engine.outbox.backlog.READ_ROWS", 7)
    monkeypatch.setattr("flowhost.engine.outbox.ahead.MOST_MESSAGES", 20)
    seed = random.randrange(10**6)
    print(f"seed {seed}")
    chance = random.Random(seed)

    async def write(messages):
        await asyncio.sleep(chance.uniform(0, 0.002))
        if chance.random() < 0.3:
            raise NotConnectedError("gone", after_s=0.001)
        control.written.extend(messages)

    flow = straight(rig, node, backlog="live_first", retry=SOON)
    number = 0
    for _ in range(8):
        control.write = write
        control.batches = [[number + n] for n in range(80)]
        number += 80
        control.positions.clear()
        box = await open_box()
        runner = await rig.runner(flow, outbox=box)
        await runner.start()
        await eventually(lambda: len(control.positions) == 80)
        await asyncio.sleep(chance.uniform(0, 0.02))
        await runner.stop(0)
        assert runner.snapshot().balanced(), f"seed {seed}"
        await box.close()
    control.batches, control.write = [], None
    box = await open_box()
    snapshot = await rig.run(flow, outbox=box)
    assert set(payloads(control)) == set(range(number)), f"seed {seed}"
    edge = snapshot.edges[0]
    assert (edge.in_, edge.out, edge.pending) == (number, number, 0), f"seed {seed}"
    assert await box.query("SELECT position, appended FROM edge") == [(number, number)], f"seed {seed}"


async def test_few_of_the_backlog_stand_between_a_new_message_and_the_target(
    rig, control, node, open_box, eventually, monkeypatch
) -> None:
    monkeypatch.setattr("flowhost.engine.outbox.durable_edge.BACKLOG_S", 600)
    await left_behind(rig, control, node, open_box, eventually, 2000)
    sizes: list[int] = []

    async def write(messages):
        sizes.append(len(messages))
        control.written.extend(messages)

    control.write, control.batches, control.stay_open = write, [], False
    await rig.run(straight(rig, node, backlog="live_first", retry=SOON), outbox=await open_box())
    assert payloads(control) == list(range(2000))
    assert max(sizes) <= LIVE_WAITS_FOR


async def test_whatever_an_earlier_run_left_is_asked_about_where_it_may_have_left_out_of_order(
    rig, control, node, open_box, eventually, monkeypatch
) -> None:
    monkeypatch.setattr("flowhost.engine.stations.TAKE_AT_MOST", 10)
    for backlog, asked in (("in_order", 10), ("live_first", 30)):
        flow = rig.flow(
            node("src", "t.source"), node("end", "t.asked", delivery={"backlog": backlog, "retry": SOON}),
            wires="src -> end",
        )  # fmt: skip
        control.write, control.stay_open, control.batches = away, True, [[n] for n in range(30)]
        control.positions.clear()
        control.written.clear()
        box = await open_box()
        runner = await rig.runner(flow, outbox=box)
        await runner.start()
        await eventually(lambda: len(control.positions) == 30)
        await runner.stop(0)
        await box.close()
        questions: list[int] = []

        async def query(messages, questions=questions):
            questions.extend(m.payload for m in messages)
            return [Retry() for _ in messages]

        control.query, control.write, control.stay_open, control.batches = query, None, False, []
        box = await open_box()
        await rig.run(flow, outbox=box)
        await box.close()
        assert sorted(payloads(control)) == list(range(30))
        assert sorted(questions) == list(range(asked)), backlog


@pytest.mark.expects_error_log
@pytest.mark.parametrize("damaged", ["nothing", "note", "note and marks"])
async def test_damage_to_what_was_noted_as_done_is_never_silent(
    rig, control, node, open_box, eventually, backlog, tmp_path, damaged
) -> None:
    """Ten new messages were delivered before sixty old ones; then the note of that is damaged on disk."""
    await left_behind(rig, control, node, open_box, eventually, 60)
    flow = straight(rig, node, backlog="live_first", retry=SOON)
    box = await open_box()
    edge = await box.edge("f", "end")
    new = [encode_message(Message(1000 + n)) for n in range(10)]
    await box.change(Append(edge.number, new))
    progress = Progress(edge.number, 0)
    progress.finish(61, 70)
    await box.change(*progress.advance(0, 0))
    assert await box.query("SELECT count(*) FROM m_1") == [(60,)]
    await box.close()
    if damaged != "nothing":
        connection = apsw.Connection(str(tmp_path / "outbox.db"))
        connection.execute("UPDATE meta SET value = replace(value, '61', '31') WHERE key = 'ahead 1'")
        assert connection.changes() == 1
        connection.close()
    if damaged == "note and marks":
        (tmp_path / "outbox.db-lock").unlink()
    control.write, control.stay_open, control.batches = None, False, []
    box = await open_box()
    snapshot = await rig.run(flow, outbox=box)
    assert sorted(payloads(control)) == list(range(60)), "none is taken for done that is not, none comes again"
    told = [e.text for e in rig.events if e.kind == "error" and "are lost" in e.text]
    assert len(told) == (0 if damaged == "nothing" else 1), told
    (queue,) = snapshot.edges
    assert (queue.in_, queue.pending) == (70, 0)
    assert (queue.out, queue.dropped) == ((70, 0) if damaged == "nothing" else (60, 10))
    assert await box.query("SELECT position, appended FROM edge") == [(70, 70)]
