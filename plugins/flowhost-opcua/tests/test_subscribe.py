"""opcua.subscribe against a real asyncua server."""

from __future__ import annotations

import time

import pytest
from flowhost_opcua.inbox import Inbox

COUNTER = "ns=2;s=Line1.Counter"
SPEED = "nsu=http://flowhost.test/line;s=Line1.Speed"


async def test_one_message_per_value_with_everything_known_about_it(start_plant, open_connection, until):
    plant = await start_plant()
    running = await open_connection(endpoint=plant.endpoint)
    items = [COUNTER, {"node": SPEED, "topic": "line1/speed", "unit": "m/min"}]
    await running.subscribe(items=items, sampling_ms=50, publish_ms=50)
    await until(lambda: len(running.values("Line1.Counter")) >= 5 and running.values("line1/speed"))
    counts = running.values("Line1.Counter")
    assert counts == list(range(counts[0], counts[0] + len(counts)))
    speed = next(message for message in running.out if message.meta.topic == "line1/speed")
    assert speed.payload == 100.0
    assert (speed.meta.unit, speed.meta.key, speed.meta.quality, speed.meta.status) == (
        "m/min",
        "line1/speed",
        "good",
        0,
    )
    count = next(message for message in running.out if message.meta.topic == "Line1.Counter")
    assert abs(time.time_ns() - count.meta.time_ns) < 60e9
    assert count.meta.headers == {}
    assert count.meta.id.startswith(f"line.values:{COUNTER}@{count.meta.time_ns}#")
    assert len({message.meta.id for message in running.out}) == len(running.out)


async def test_bad_never_becomes_a_number(start_plant, open_connection, until):
    plant = await start_plant()
    running = await open_connection(endpoint=plant.endpoint)
    await running.subscribe(items=[SPEED], sampling_ms=50, publish_ms=50)
    await until(lambda: running.out)
    await plant.tell(bad="Line1.Speed")
    await until(lambda: len(running.out) > 1)
    bad = running.out[1]
    assert bad.payload is None
    assert bad.meta.quality == "bad"
    assert bad.meta.status == 0x808C0000  # BadSensorFailure


async def test_a_bad_node_id_never_blocks_the_rest_and_is_tried_again(start_plant, open_connection, board, until):
    plant = await start_plant()
    running = await open_connection(endpoint=plant.endpoint)
    items = [COUNTER, "ns=2;s=Line1.Later", "nsu=http://no.such/space;s=X"]
    node = await running.subscribe(items=items, sampling_ms=50, publish_ms=50, retry_refused_s=1)
    await until(lambda: running.values("Line1.Counter"))
    first, second = board.of("warning")
    assert "nsu=http://no.such/space;s=X" in first
    assert "no namespace http://no.such/space" in first
    assert "ns=2;s=Line1.Later" in second
    assert "BadNodeIdUnknown: " in second
    assert node.health() == "2 of 3 items refused by the server"
    await plant.tell(add="Line1.Later")
    await until(lambda: running.values("Line1.Later"))
    assert "delivered now: ns=2;s=Line1.Later" in board.of("info")
    assert len(board.of("warning")) == 2  # each said once, however often it was tried


async def test_several_nodes_share_the_session_each_with_its_own_subscription(start_plant, open_connection, until):
    plant = await start_plant()
    running = await open_connection(endpoint=plant.endpoint)
    first = await running.subscribe("first", items=[COUNTER], sampling_ms=50, publish_ms=50)
    second = await running.subscribe("second", items=[SPEED], sampling_ms=50, publish_ms=50)
    await until(lambda: running.values("Line1.Counter") and running.values("Line1.Speed"))
    assert first._link is second._link
    assert first._feed.subscription_id != second._feed.subscription_id
    running.tasks[0].cancel()
    await until(lambda: running.tasks[0].done())
    await first.close()
    await plant.tell(set="Line1.Speed", value=55.0)
    await until(lambda: 55.0 in running.values("Line1.Speed"))
    assert not first._link


async def test_deadband_is_the_servers(start_plant, open_connection, until):
    plant = await start_plant()
    running = await open_connection(endpoint=plant.endpoint)
    items = [{"node": SPEED, "deadband": 5}, COUNTER]
    await running.subscribe(items=items, sampling_ms=50, publish_ms=50)
    await until(lambda: running.values("Line1.Speed"))
    await plant.tell(set="Line1.Speed", value=103.0)
    await plant.tell(set="Line1.Speed", value=120.0)
    await until(lambda: 120.0 in running.values("Line1.Speed"))
    assert running.values("Line1.Speed") == [100.0, 120.0]


async def test_values_that_arrive_together_travel_together(start_plant, open_connection, until):
    plant = await start_plant(items=300, churn_s=0.2)
    running = await open_connection(endpoint=plant.endpoint)
    await running.subscribe(items=[f"ns=2;s=Tag{i}" for i in range(300)], sampling_ms=100, publish_ms=100)
    await until(lambda: len(running.out) >= 1200)
    assert len(running.batches) < len(running.out) / 50


async def test_a_slow_flow_holds_the_server_back_and_loses_nothing_here(start_plant, open_connection, board, until):
    plant = await start_plant(items=50, churn_s=0.05)
    running = await open_connection(endpoint=plant.endpoint, keep_alive_s=0.5)
    items = [f"ns=2;s=Tag{i}" for i in range(50)]
    node = await running.subscribe(items=items, sampling_ms=50, publish_ms=50)
    node._inbox = Inbox(high=200, low=50, limit=2000)
    await until(lambda: running.out)
    running.gate.clear()
    await until(lambda: not node._feed.enabled)
    waiting = len(node._inbox)
    heard = node._feed.heard_at
    await until(lambda: node._feed.heard_at > heard + 1.0)  # keep-alives go on: the link is not taken for lost
    assert len(node._inbox) <= waiting + 200
    emitted = len(running.out)
    running.gate.set()
    await until(lambda: node._feed.enabled and len(running.out) > emitted + 500)
    assert node._inbox.dropped == 0
    assert not board.of("lost")


async def test_stopping_in_full_flight_leaves_nothing_behind(start_plant, open_connection, until):
    plant = await start_plant(items=200, churn_s=0.02)
    running = await open_connection(endpoint=plant.endpoint)
    await running.subscribe(items=[f"ns=2;s=Tag{i}" for i in range(200)], sampling_ms=20, publish_ms=20)
    await until(lambda: len(running.out) > 1000)
    started = time.monotonic()
    await running.stop()
    assert time.monotonic() - started < 5


@pytest.mark.parametrize("close_first", [True, False])
async def test_closing_the_connection_under_a_running_node_ends_it_with_a_reason(
    start_plant, open_connection, close_first, until
):
    plant = await start_plant()
    running = await open_connection(endpoint=plant.endpoint)
    await running.subscribe(items=[COUNTER], sampling_ms=50, publish_ms=50)
    if not close_first:
        await until(lambda: running.out)
    await running.connection.close()
    await until(lambda: running.tasks[0].done())
    assert "is closed" in str(running.tasks[0].exception())
