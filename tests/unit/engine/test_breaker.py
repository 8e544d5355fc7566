"""Breakers: a target that is down is asked by one try at a time, however many nodes use it."""

from __future__ import annotations

import asyncio
import time

import pytest

from flowhost.engine.breaker import Breaker
from flowhost.errors import NotConnectedError, TemporaryError
from flowhost.sdk import Ok, Retry


async def failed_once(breaker: Breaker, reason: str = "gone", after_s: float | None = None) -> None:
    turn = await breaker.turn()
    turn.failed(reason, after_s)
    turn.end()


async def test_closed_it_lets_everybody_through_at_once() -> None:
    breaker = Breaker()
    turns = [await breaker.turn() for _ in range(3)]
    assert [turn.alone for turn in turns] == [False] * 3
    assert breaker.text() == ""


async def test_open_it_lets_one_through_and_the_first_success_all_others() -> None:
    breaker = Breaker(0.01, 0.01)
    await failed_once(breaker)
    through: list[int] = []

    async def come(number: int) -> None:
        turn = await breaker.turn()
        through.append(number)
        if turn.alone:
            await asyncio.sleep(0.05)
            assert len(through) == 1, "nobody else was let through meanwhile"
            turn.worked()
        turn.end()

    await asyncio.gather(*(come(number) for number in range(5)))
    assert sorted(through) == list(range(5))
    assert not breaker.is_open


async def test_waits_double_and_are_counted_once_for_tries_under_way_together() -> None:
    breaker = Breaker(1.0, 60.0)
    turns = [await breaker.turn() for _ in range(4)]
    for turn in turns:
        turn.failed("gone")
    assert breaker.tries == 1
    assert 0.4 < breaker.next_try_s() <= 1.0


async def test_what_the_target_asks_for_counts() -> None:
    breaker = Breaker(0.01, 0.01)
    await failed_once(breaker, after_s=30)
    assert 29 < breaker.next_try_s() <= 30


async def test_one_who_is_cancelled_while_he_waits_or_tries_blocks_nobody() -> None:
    breaker = Breaker(0.2, 0.2)
    await failed_once(breaker)
    waiting = asyncio.create_task(breaker.turn())
    second = asyncio.create_task(breaker.turn())
    await asyncio.sleep(0)
    waiting.cancel()
    async with asyncio.timeout(5):
        turn = await second
    assert turn.alone
    third = asyncio.create_task(breaker.turn())
    await asyncio.sleep(0)
    third.cancel()
    await asyncio.gather(waiting, third, return_exceptions=True)
    turn.end()
    async with asyncio.timeout(5):
        assert (await breaker.turn()).alone
    assert breaker.waiting == 0


async def test_a_hint_ends_the_wait() -> None:
    breaker = Breaker(60, 60)
    await failed_once(breaker)
    waiting = asyncio.create_task(breaker.turn())
    await asyncio.sleep(0)
    breaker.hint()
    async with asyncio.timeout(5):
        assert (await waiting).alone


async def test_it_says_since_when_why_and_what_happens_next() -> None:
    breaker = Breaker()
    await failed_once(breaker, "connection refused", after_s=8.4)
    waiting = [asyncio.create_task(breaker.turn()) for _ in range(3)]
    await asyncio.sleep(0)
    since = time.strftime("%H:%M:%S", time.localtime(breaker.since_ns // 10**9))
    assert breaker.text() == f"down since {since}: connection refused; next try in 8 s; 3 nodes wait"
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)


def three_on(rig, node, connection):
    ends = [node(f"end{n}", "t.sink", connection=connection) for n in range(3)]
    return rig.flow(node("src", "t.source"), *ends, wires="src -> end0, src -> end1, src -> end2")


async def test_nodes_on_a_connection_share_one_breaker(rig, control, node, eventually, monkeypatch) -> None:
    monkeypatch.setattr("flowhost.engine.breaker.LINK_CAP_S", 0.05)
    tries: list[str] = []
    now = up = 0

    async def write_as(name, messages):
        nonlocal now
        if up:
            return
        now += 1
        tries.append(name)
        await asyncio.sleep(0.01)
        together.append(now)
        now -= 1
        raise NotConnectedError("connection refused")

    together: list[int] = []
    control.write_as, control.batches, control.stay_open = write_as, [[1, 2]], True
    runner = await rig.runner(three_on(rig, node, "link"))
    await runner.start()
    await eventually(lambda: len(tries) >= 8)
    snapshot = runner.snapshot()
    assert len(tries[:3]) == len(set(tries[:3])), "all three were under way when it went down"
    assert max(together[3:]) == 1, "after that, one at a time"
    link = snapshot.connections["link"]
    assert not link.up
    assert link.text.startswith("down since ")
    assert ": connection refused" in link.text
    assert link.reason == "connection refused"
    assert link.since > 0
    assert link.down_s > 0
    assert all(snapshot.nodes[f"end{n}"].state == "retrying" for n in range(3))
    assert all(snapshot.nodes[f"end{n}"].reason == "connection refused" for n in range(3))
    up = 1
    await eventually(lambda: all(runner.snapshot().nodes[f"end{n}"].out == 2 for n in range(3)))
    link = runner.snapshot().connections["link"]
    assert (link.up, link.since, link.down_s) == (True, 0, 0)
    await runner.stop(5)
    assert runner.snapshot().balanced()


async def test_what_concerns_one_node_alone_does_not_stop_the_others(rig, control, node, eventually) -> None:
    async def write_as(name, messages):
        if name == "end1":
            raise TemporaryError("table is locked", after_s=0.01)

    control.write_as, control.batches, control.stay_open = write_as, [[n] for n in range(20)], True
    runner = await rig.runner(three_on(rig, node, "link"))
    await runner.start()
    await eventually(lambda: runner.snapshot().nodes["end0"].out == runner.snapshot().nodes["end2"].out == 20)
    snapshot = runner.snapshot()
    assert snapshot.connections["link"].up
    assert "table is locked" in snapshot.nodes["end1"].text
    await runner.stop(0.05)


async def test_a_target_that_is_back_is_asked_with_a_small_batch_first(rig, control, node) -> None:
    sizes: list[int] = []

    async def write(messages):
        sizes.append(len(messages))
        if len(sizes) <= 2:
            raise TemporaryError("busy", after_s=0.001)
        control.written.extend(messages)

    control.write, control.batches = write, [list(range(900))]
    await rig.run(rig.flow(node("src", "t.source"), node("end", "t.sink"), wires="src -> end"))
    assert sizes == [900, 10, 10, 80, 640, 170]
    assert [m.payload for m in control.written] == list(range(900))


async def test_a_message_that_says_the_target_is_down_stops_all(rig, control, node) -> None:
    sizes: list[int] = []

    async def write(messages):
        sizes.append(len(messages))
        if len(sizes) == 1:
            return [Ok(), *[Retry(0.001, "503", down=True)] * (len(messages) - 1)]
        return None

    control.write, control.batches = write, [list(range(100))]
    await rig.run(rig.flow(node("src", "t.source"), node("end", "t.sink"), wires="src -> end"))
    assert sizes == [100, 10, 80, 9]


@pytest.mark.expects_error_log
async def test_a_connection_nobody_can_open_says_since_when(rig, control, node, eventually) -> None:
    async def refuse():
        raise NotConnectedError("nothing listens on port 1")

    control.open_connection, control.batches, control.stay_open = refuse, [[1]], True
    runner = await rig.runner(three_on(rig, node, "link"))
    await runner.start()
    await eventually(lambda: "3 nodes wait" in runner.snapshot().connections["link"].text)
    link = runner.snapshot().connections["link"]
    assert "nothing listens on port 1; next try in" in link.text
    assert link.reason == "nothing listens on port 1"
    assert link.since > 0
    await runner.stop(0.01)
