"""Against a server that is not asyncua: node-opcua, from npm."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest
from flowhost_opcua import monitoring
from flowhost_opcua.inbox import Inbox
from servers import npm_packages

from flowhost.sdk import PermanentError

pytestmark = [pytest.mark.node_peer, pytest.mark.timeout(300)]

SOURCE = Path(__file__).parent / "node_opcua_server"
COUNTER = "nsu=http://flowhost.test/line;s=Line1.Counter"
SPEED = "nsu=http://flowhost.test/line;s=Line1.Speed"


@pytest.fixture(scope="session")
def node_modules() -> Path:
    """node-opcua in the user's cache, installed at first use."""
    return npm_packages.node_modules(SOURCE / "package.json")


@pytest.fixture
async def start_peer(node_modules, make_plant, tmp_path, monkeypatch):
    monkeypatch.setenv("NODE_PATH", str(node_modules))

    async def start(**options):
        plant = make_plant(["node", str(SOURCE / "server.js")], pki=str(tmp_path / "peer"), **options)
        await plant.start()
        return plant

    return start


async def test_values_and_what_the_button_says(start_peer, open_connection, make_connection, until):
    peer = await start_peer()
    running = await open_connection(endpoint=peer.endpoint)
    await running.subscribe(items=[COUNTER, SPEED, "ns=1;s=Nope"], sampling_ms=20, publish_ms=100)
    await until(lambda: len(running.values("Line1.Counter")) > 50)
    counts = running.values("Line1.Counter")
    assert counts == sorted(set(counts))
    assert running.values("Line1.Speed") == [100.0]
    await peer.tell(bad="Line1.Speed")
    await until(lambda: len(running.values("Line1.Speed")) > 1)
    bad = next(message for message in running.out if message.meta.quality == "bad")
    assert (bad.payload, bad.meta.status) == (None, 0x808C0000)
    connection = make_connection(endpoint=peer.endpoint)
    text = await connection.test()
    assert text.startswith("Other plant")
    assert "state Running" in text


async def test_items_are_asked_for_in_chunks_the_server_takes(start_peer, open_connection, until):
    peer = await start_peer()
    running = await open_connection(endpoint=peer.endpoint)
    items = [f"nsu=http://flowhost.test/line;s=Tag{number}" for number in range(20)]  # it takes 7 per call
    await running.subscribe(items=[*items, "nsu=http://flowhost.test/line;s=Nope"], sampling_ms=50, publish_ms=50)
    await until(lambda: len({message.meta.topic for message in running.out}) == 20)


async def test_a_server_that_hides_its_limit_is_asked_for_less_at_a_time(
    start_peer, open_connection, board, until, monkeypatch
):
    async def says_nothing(_link):
        return 500

    monkeypatch.setattr(monitoring, "chunk_size", says_nothing)
    peer = await start_peer()
    running = await open_connection(endpoint=peer.endpoint)
    items = [f"nsu=http://flowhost.test/line;s=Tag{number}" for number in range(20)]
    await running.subscribe(items=items, sampling_ms=50, publish_ms=50)
    await until(lambda: len({message.meta.topic for message in running.out}) == 20)
    assert not board.of("lost")


async def test_killed_and_started_again(start_peer, open_connection, board, until):
    peer = await start_peer()
    running = await open_connection(endpoint=peer.endpoint)
    await running.subscribe(items=[COUNTER], sampling_ms=50, publish_ms=100)
    await until(lambda: running.out)
    await peer.kill()
    await until(lambda: board.of("lost"))
    await peer.start(first=1_000_000)
    await until(lambda: max(running.values("Line1.Counter")) >= 1_000_000, 30)
    assert len(board.of("lost")) == len(board.of("restored")) == len(running.gaps) == 1


async def test_frozen_and_thawed(start_peer, open_connection, board, until):
    peer = await start_peer()
    running = await open_connection(endpoint=peer.endpoint, keep_alive_s=0.5, timeout_s=5)
    await running.subscribe(items=[COUNTER], sampling_ms=50, publish_ms=100)
    await until(lambda: running.out)
    peer.freeze()
    await until(lambda: board.of("lost"), 10)
    peer.thaw()
    seen = len(running.out)
    await until(lambda: running.gaps and len(running.out) > seen + 5, 30)


@pytest.mark.slow
async def test_twenty_seconds_without_server(start_peer, open_connection, until):
    peer = await start_peer()
    running = await open_connection(endpoint=peer.endpoint)
    await running.subscribe(items=[COUNTER], sampling_ms=50, publish_ms=100)
    await until(lambda: running.out)
    await peer.kill()
    await asyncio.sleep(20)  # the outage itself
    await peer.start(first=1_000_000)
    await until(lambda: max(running.values("Line1.Counter")) >= 1_000_000, 30)


async def test_overflow_of_the_servers_queue_is_counted_and_said(start_peer, open_connection, board, until):
    """Trap: queues that overflow in silence. The flow stands still, so the server is told to hold back."""
    peer = await start_peer()
    running = await open_connection(endpoint=peer.endpoint, keep_alive_s=0.5)
    node = await running.subscribe(items=[COUNTER], sampling_ms=10, publish_ms=50)
    node._inbox = Inbox(high=5, low=1, limit=1000)
    await until(lambda: running.out)
    running.gate.clear()
    await until(lambda: not node._feed.enabled)
    heard = node._feed.heard_at
    await until(lambda: node._feed.heard_at > heard + 2)
    running.gate.set()
    warning = await until(lambda: [text for text in board.of("warning") if "queues overflowed" in text])
    assert "last at 'Line1.Counter'" in warning[0]
    assert node._losses.overflows >= 1
    counts = running.values("Line1.Counter")
    assert counts == sorted(counts)
    assert not board.of("lost")


async def test_user_and_encryption(start_peer, open_connection, until):
    peer = await start_peer(users=True)
    config = {"endpoint": peer.endpoint, "security": "sign_and_encrypt", "username": "operator", "password": "right"}
    with pytest.raises(PermanentError, match="is not trusted yet") as caught:
        await open_connection(**config)
    file, folder = str(caught.value).rpartition(": mv ")[2].split(" ")
    shutil.move(file, folder)
    running = await open_connection(**config)
    await running.subscribe(items=[COUNTER], sampling_ms=50, publish_ms=50)
    await until(lambda: running.out)


async def test_the_host_name_it_gives_itself_is_not_used(start_peer, open_connection, until):
    peer = await start_peer(advertised_host="plc-17.invalid")
    running = await open_connection(endpoint=peer.endpoint)
    await running.subscribe(items=[COUNTER], sampling_ms=50, publish_ms=50)
    await until(lambda: running.out)
