"""Links that go away: killed, frozen, forgotten. Traps of asyncua 2.1 are kept here as regression tests."""

from __future__ import annotations

import asyncio
import time
from datetime import datetime

import pytest

from flowhost.sdk import AuthenticationError

COUNTER = "ns=2;s=Line1.Counter"
FAST = {"sampling_ms": 50, "publish_ms": 100}


def _read_again(board):
    return [text for text in board.of("info") if text.startswith("read again")]


async def _flowing(until, running, seconds=15.0):
    seen = len(running.out)
    await until(lambda: len(running.out) > seen + 3, seconds, "values flow")


async def test_killed_and_started_again_values_flow_and_the_gap_is_told(start_plant, open_connection, board, until):
    plant = await start_plant()
    running = await open_connection(endpoint=plant.endpoint)
    await running.subscribe(items=[COUNTER], **FAST)
    await _flowing(until, running)
    killed = time.time()
    await plant.kill()
    await until(lambda: board.of("lost"), what="loss is noticed")
    await plant.start(first=1_000_000)
    started = time.time()
    await until(lambda: max(running.values("Line1.Counter")) >= 1_000_000, 30)
    assert len(board.of("lost")) == len(board.of("restored")) == len(board.of("gap")) == 1
    assert board.of("gap")[0].startswith(f"no data from {plant.endpoint} between ")
    gap = running.gaps[0].payload
    assert set(gap) == {"from", "to", "seconds", "endpoint", "reason"}
    assert abs(datetime.fromisoformat(gap["from"]).timestamp() - killed) < 0.5
    assert datetime.fromisoformat(gap["to"]).timestamp() >= started - 2
    last_before = max(m.meta.time_ns for m in running.out if m.payload < 1_000_000)
    assert last_before <= datetime.fromisoformat(gap["from"]).timestamp() * 1e9 + 2e8
    await until(lambda: running.connection.health().startswith("connected"))


async def test_every_node_comes_back_with_one_lost_and_one_restored(start_plant, open_connection, board, until):
    plant = await start_plant()
    running = await open_connection(endpoint=plant.endpoint)
    await running.subscribe("first", items=[COUNTER], **FAST)
    await running.subscribe("second", items=["ns=2;s=Line1.Speed"], **FAST)
    await until(lambda: running.values("Line1.Counter") and running.values("Line1.Speed"))
    for round_ in (1, 2):
        await plant.kill()
        await until(lambda n=round_: len(board.of("lost")) == n)
        await plant.start()
        await until(lambda n=round_: len(running.gaps) == 2 * n, 30)
        await until(lambda n=round_: len(running.values("Line1.Speed")) == 1 + n)
    assert len(board.of("restored")) == 2
    assert not _read_again(board), "a server that was started anew gives its values new times"


async def test_values_that_a_new_subscription_repeats_are_told_at_the_source(
    start_plant, open_connection, board, until
):
    plant = await start_plant()
    running = await open_connection(endpoint=plant.endpoint, keep_alive_s=0.5)
    await running.subscribe(items=[COUNTER, "ns=2;s=Line1.Speed"], **FAST)
    await until(lambda: running.values("Line1.Speed"))
    await _flowing(until, running)
    assert not _read_again(board)
    await plant.tell(forget=True)
    await until(lambda: len(running.values("Line1.Speed")) == 2, 30)
    await until(lambda: _read_again(board), 10)
    ids = [message.meta.id for message in running.out if message.meta.topic == "Line1.Speed"]
    assert ids[0] == ids[1]
    assert len(_read_again(board)) == 1
    assert "after the reconnect: 1 value that had come already" in _read_again(board)[0]


async def test_a_frozen_server_is_noticed_and_a_thawed_one_used_again(start_plant, open_connection, board, until):
    """Trap: after a stall the asyncua server answers Republish with an empty message; the driver's own reconnect then
    republishes for ever. We never republish: a new session and a new subscription."""
    plant = await start_plant()
    running = await open_connection(endpoint=plant.endpoint, keep_alive_s=0.5, timeout_s=5)
    await running.subscribe(items=[COUNTER], **FAST)
    await _flowing(until, running)
    frozen = time.monotonic()
    plant.freeze()
    await until(lambda: board.of("lost"), 10)
    assert time.monotonic() - frozen < 4
    assert "no value and no keep-alive for 1.5 s" in board.of("lost")[0]
    plant.thaw()
    await until(lambda: running.gaps, 30)
    await _flowing(until, running)
    assert len(board.of("lost")) == 1


async def test_a_subscription_the_server_forgot_is_not_silent_for_ever(start_plant, open_connection, board, until):
    """Trap: the connection stands, reads work, but no value ever comes."""
    plant = await start_plant()
    running = await open_connection(endpoint=plant.endpoint, keep_alive_s=0.5)
    await running.subscribe(items=[COUNTER], **FAST)
    await _flowing(until, running)
    await plant.tell(forget=True)
    await until(lambda: board.of("lost"), 10)
    await until(lambda: running.gaps, 30)
    await _flowing(until, running)


async def test_a_loaded_but_healthy_server_is_left_alone(start_plant, open_connection, board, until):
    """Trap: short time-outs cut off servers that are merely busy. Here it stalls for 2 s of the 5 s allowed."""
    plant = await start_plant()
    running = await open_connection(endpoint=plant.endpoint, keep_alive_s=2, timeout_s=5)
    await running.subscribe(items=[COUNTER], **FAST)
    await _flowing(until, running)
    plant.freeze()
    await asyncio.sleep(2)  # the stall itself is what is tested
    plant.thaw()
    await _flowing(until, running)
    assert not board.of("lost")
    assert not running.gaps


async def test_an_idle_connection_without_nodes_notices_the_loss_too(start_plant, open_connection, board, until):
    plant = await start_plant()
    await open_connection(endpoint=plant.endpoint, keep_alive_s=0.5, timeout_s=5)
    plant.freeze()
    await until(lambda: board.of("lost"), 15)
    plant.thaw()
    await until(lambda: board.of("restored"), 30)


async def test_namespaces_numbered_anew_never_put_a_value_on_a_wrong_tag(start_plant, open_connection, board, until):
    plant = await start_plant()
    running = await open_connection(endpoint=plant.endpoint)
    await running.subscribe(items=[COUNTER], **FAST)
    await _flowing(until, running)
    await plant.kill()
    await until(lambda: board.of("lost"))
    await plant.start(extra_namespace=True, first=1_000_000)
    await until(lambda: max(running.values("Line1.Counter")) >= 1_000_000, 30)
    assert any("namespace http://flowhost.test/line is now index 3, it was 2" in text for text in board.of("warning"))


async def test_a_user_refused_at_the_reconnect_ends_the_attempts(start_plant, open_connection, board, until):
    plant = await start_plant(users="right")
    running = await open_connection(endpoint=plant.endpoint, username="operator", password="right")
    await running.subscribe(items=[COUNTER], **FAST)
    await _flowing(until, running)
    await plant.kill()
    await plant.start(users="changed")
    await until(lambda: running.tasks[0].done(), 30)
    assert isinstance(running.tasks[0].exception(), AuthenticationError)
    assert "accounts get locked" in board.of("error")[0]
    assert "refuses the user" in running.connection.health()


@pytest.mark.slow
async def test_twenty_seconds_without_server_values_within_thirty(start_plant, open_connection, board, until):
    plant = await start_plant()
    running = await open_connection(endpoint=plant.endpoint)
    await running.subscribe(items=[COUNTER], **FAST)
    await _flowing(until, running)
    await plant.kill()
    await asyncio.sleep(20)  # the outage itself
    await plant.start(first=1_000_000)
    await until(lambda: max(running.values("Line1.Counter")) >= 1_000_000, 30)
    assert 19 < running.gaps[0].payload["seconds"] < 50
    assert len(board.of("lost")) == len(board.of("restored")) == 1
