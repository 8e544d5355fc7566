"""A disk that fills up: nothing more is taken in, what is here leaves, nothing confirmed is lost."""

from __future__ import annotations

import asyncio
from collections import namedtuple
from collections.abc import Callable
from typing import Any

import pytest
from servers.volume import Volume

from flowhost.engine.outbox.changes import Advance, Append, Bury, KeepOrigin, KeepStates, Transaction
from flowhost.engine.outbox.codec import encode, encode_message
from flowhost.engine.outbox.held import Held
from flowhost.engine.outbox.outbox import Outbox
from flowhost.engine.outbox.space import FULL, OPEN, STOP, URGE, WARN, SpaceRules
from flowhost.sdk import Message

Usage = namedtuple("Usage", "total used free")
MB = 1 << 20


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flowhost.engine.outbox.pool.TICK_S", 0.02)
    monkeypatch.setattr("flowhost.engine.outbox.space.REFUSED_S", 0.1)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Sets how many megabytes of a disk of 1,000 are free."""
    free = {"now": 900.0}
    monkeypatch.setattr(
        "flowhost.engine.outbox.space.shutil.disk_usage", lambda _: Usage(1000 * MB, 0, int(free["now"] * MB))
    )
    return lambda megabytes: free.__setitem__("now", megabytes)


def events_of(box: Outbox) -> list[tuple[str, str, str]]:
    events: list[tuple[str, str, str]] = []
    box.listen(lambda *event: events.append(event))
    return events


async def test_each_mark_is_told_once_and_left_only_with_room_to_spare(tmp_path, quick, disk, eventually) -> None:
    box = Outbox(tmp_path / "o.db", pytest.fail, rules=SpaceRules(floor_bytes=40 * MB, ballast_bytes=MB))
    await box.open()
    events = events_of(box)
    assert (tmp_path / "ballast").stat().st_size == MB
    seen = []
    for free, mark in (
        (900, OPEN), (239, WARN), (241, WARN), (239, WARN), (119, URGE), (39, STOP), (45, STOP), (39, STOP), (51, URGE),
        (200, WARN), (301, OPEN),
    ):  # fmt: skip
        disk(free)
        await asyncio.sleep(0.06)
        await eventually(lambda mark=mark: box.room.mark == mark)
        assert box.room.open is (mark < STOP)
        seen.append(mark)
    assert [kind for kind, _, _ in events] == ["warning", "warning", "error", "restored", "restored"]
    assert "mark 95); no messages are taken in, what is here goes on being delivered; free some room" in events[2][1]
    assert "messages are taken in again" in events[3][1]
    assert "room enough again" in events[4][1]
    figures = box.room.snapshot()
    assert (figures.mark, figures.text, figures.ballast_bytes, figures.free_bytes) == (OPEN, "", MB, 301 * MB)
    await box.close()


async def test_what_is_about_to_be_written_counts_before_the_disk_is_looked_at_again(
    tmp_path, disk, monkeypatch
) -> None:
    monkeypatch.setattr("flowhost.engine.outbox.pool.TICK_S", 3600)
    box = Outbox(tmp_path / "o.db", pytest.fail, rules=SpaceRules(floor_bytes=40 * MB, ballast_bytes=MB))
    disk(100)
    await box.open()
    monkeypatch.setattr(box.room.space, "_look_now", lambda: None)
    edge = (await box.edge("f", "n")).number
    taken = 0
    while box.room.open:
        await box.change(Append(edge, [b"x" * MB]))
        taken += 1
    assert 10 <= taken <= 25, "60 MB above the floor are not spent on 60 MB of messages"
    await box.close()


async def test_a_file_may_have_a_limit_of_its_own(tmp_path, quick, disk, eventually) -> None:
    box = Outbox(tmp_path / "o.db", pytest.fail, rules=SpaceRules(ballast_bytes=MB, limit_bytes=10 * MB))
    await box.open()
    events = events_of(box)
    edge = (await box.edge("f", "n")).number
    position = 0
    while box.room.open:
        position = (await box.change(Append(edge, [b"x" * 1000] * 100)))[0] + 100
        assert position < 20_000
    await eventually(lambda: box.room.mark == STOP)
    assert 5 * MB < position * 1000 <= 10 * MB
    assert "has reached 95 % of the size it may have; no messages are taken in" in events[-1][1]
    assert "see to the targets" in events[-1][1]
    waiting = asyncio.create_task(box.room.wait())
    await box.change(Advance(edge, position // 2))
    async with asyncio.timeout(10):
        await waiting
    await eventually(lambda: events[-1][0] == "restored")
    await box.close()


@pytest.mark.expects_error_log
async def test_a_run_stops_taking_in_and_shows_it(rig, control, node, tmp_path, quick, disk, eventually) -> None:
    box = Outbox(tmp_path / "o.db", pytest.fail, rules=SpaceRules(floor_bytes=40 * MB, ballast_bytes=MB))
    await box.open()
    control.batches, control.stay_open = [[n] for n in range(100)], True
    disk(30)
    await eventually(lambda: box.room.mark == STOP)
    runner = await rig.runner(rig.flow(node("src", "t.source"), node("end", "t.sink"), wires="src -> end"), outbox=box)
    await runner.start()
    await eventually(lambda: runner.snapshot().nodes["src"].out == 1)
    await asyncio.sleep(0.1)
    snapshot = runner.snapshot()
    assert (snapshot.nodes["src"].out, control.written, control.positions) == (1, [], [])
    assert snapshot.disk is not None
    assert (snapshot.disk.mark, snapshot.disk.floor_bytes) == (STOP, 40 * MB)
    assert [event.kind for event in rig.events] == ["error"]
    disk(900)
    await eventually(lambda: len(control.written) == 100)
    assert [m.payload for m in control.written] == list(range(100))
    await runner.stop(5)
    assert runner.snapshot().balanced()
    await box.close()


class Done:
    """Writes down in which order transactions were confirmed."""

    def __init__(self, box: Outbox) -> None:
        self.box = box
        self.order: list[Any] = []
        self.starts: dict[Any, list[int]] = {}

    def submit(self, name: Any, *changes: Any, lanes: Any = ()) -> None:
        def committed(starts: list[int]) -> None:
            self.order.append(name)
            self.starts[name] = starts

        self.box.submit(changes, committed, pytest.fail, lanes)


async def test_a_full_disk_holds_new_messages_and_lets_all_else_through(
    volume: Callable[[int], Volume], quick, monkeypatch, eventually
) -> None:
    small = volume(32)
    box = Outbox(small.path / "o.db", pytest.fail, rules=SpaceRules(floor_bytes=0))
    await box.open()
    events = events_of(box)
    done = Done(box)
    edge = (await box.edge("f", "n")).number
    await box.change(Append(edge, [b"first"] * 50))
    monkeypatch.setattr(box.room.space, "_measure", lambda: None)  # nobody looks: the system has to say it
    filler = small.fill(keep=300_000)
    for number in range(40):
        done.submit(number, Append(edge, [b"x" * 1000] * 100), lanes={"source"})
    await eventually(lambda: box.room.mark == FULL)
    # what was committed before that has been told to the loop, and is heard in its next turn
    await asyncio.sleep(0)
    written = len(done.order)
    assert written < 40
    assert not (small.path / "ballast").exists(), "given up"
    done.submit("same lane", KeepOrigin("f", "a", b"1"), lanes={"source"})
    letter = Bury("f", "n", 1, 0, "Reject", "no", 1, encode_message(Message(1)))
    for position in range(1, 51):
        done.submit(("advance", position), Advance(edge, position), letter, lanes={"edge"})
    await eventually(lambda: ("advance", 50) in done.order)
    assert done.order == [*range(written), *(("advance", position) for position in range(1, 51))]
    monkeypatch.undo()
    assert box.room.mark == FULL, "still"
    filler.unlink()
    await eventually(lambda: "same lane" in done.order)
    assert [name for name in done.order if isinstance(name, int)] == list(range(40)), "in order"
    assert done.order[-1] == "same lane"
    assert [done.starts[n] for n in range(40)] == [[50 + 100 * n] for n in range(40)], "no number was given twice"
    await eventually(lambda: (small.path / "ballast").exists())
    assert [kind for kind, _, _ in events] == ["error", "restored"]
    assert len(await box.read(edge, 0, 10_000)) == 4000
    assert await box.query("SELECT count(*) FROM dead") == [(50,)]
    await box.close()


async def test_what_could_not_be_written_when_a_run_ends_on_a_full_disk_is_not_confirmed(
    volume: Callable[[int], Volume], quick, monkeypatch, eventually
) -> None:
    small = volume(32)
    box = Outbox(small.path / "o.db", pytest.fail, rules=SpaceRules(floor_bytes=0))
    await box.open()
    edge = (await box.edge("f", "n")).number
    monkeypatch.setattr(box.room.space, "_measure", lambda: None)
    small.fill(keep=300_000)
    confirmed: list[int] = []
    failed: list[Exception] = []
    for _ in range(40):
        box.submit([Append(edge, [encode("x" * 1000)] * 100)], confirmed.extend, failed.append)
    await eventually(lambda: box.room.mark == FULL)
    await box.close()
    await eventually(lambda: len(confirmed) + len(failed) == 40)
    assert failed
    again = Outbox(small.path / "o.db", pytest.fail, rules=SpaceRules(floor_bytes=0))
    await again.open()
    assert len(await again.read(edge, 0, 10_000)) == 100 * len(confirmed)
    await again.close()


def test_while_the_disk_is_full_states_wait_unless_messages_leave_with_them() -> None:
    state = KeepStates("f", "n", [("k", b"s")])
    held = Held()
    done: list[Any] = []
    new, leaving = (Transaction(changes, done.append, pytest.fail) for changes in ([state], [Advance(1, 5), state]))
    assert held.sift([new, leaving]) == [leaving]
    assert held.give_back() == [new]
