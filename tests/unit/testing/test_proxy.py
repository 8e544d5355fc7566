"""The fault proxy, between a real client and a real server."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from flowhost.testing.proxy import FaultProxy

Link = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Shouter:
    """Answers every line in capitals and keeps what it heard."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []
        self.port = 0
        self._writers: list[asyncio.StreamWriter] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        try:
            while line := await reader.readline():
                self.heard.append(line)
                writer.write(line.upper())
        except ConnectionError:
            pass
        finally:
            writer.close()


@pytest.fixture
async def shouter() -> AsyncIterator[Shouter]:
    server = Shouter()
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    server.port = listening.sockets[0].getsockname()[1]
    yield server
    listening.close()
    await asyncio.sleep(0.01)


@pytest.fixture
async def proxy(shouter: Shouter) -> AsyncIterator[FaultProxy]:
    async with FaultProxy("127.0.0.1", shouter.port) as made:
        yield made


async def dial(proxy: FaultProxy) -> Link:
    return await asyncio.open_connection(proxy.host, proxy.port)


async def ask(link: Link, text: bytes) -> bytes:
    link[1].write(text + b"\n")
    async with asyncio.timeout(5):
        return (await link[0].readline()).rstrip()


async def test_passes_everything_in_fine_weather(proxy: FaultProxy) -> None:
    link = await dial(proxy)
    assert await ask(link, b"line 1 runs") == b"LINE 1 RUNS"
    assert await ask(link, b"x" * 50_000) == b"X" * 50_000
    assert (proxy.accepted, proxy.links) == (1, 1)
    link[1].close()


async def test_a_half_that_is_ended_leaves_the_other_one_to_the_target(proxy: FaultProxy, shouter: Shouter) -> None:
    reader, writer = await dial(proxy)
    proxy.hold("from_target")
    writer.write(b"one\ntwo\n")
    writer.write_eof()
    async with asyncio.timeout(5):
        while len(shouter.heard) < 2:
            await asyncio.sleep(0)
    assert proxy.links == 1
    proxy.release()
    async with asyncio.timeout(5):
        assert await reader.read() == b"ONE\nTWO\n"
    writer.close()
    async with asyncio.timeout(5):
        while proxy.links:
            await asyncio.sleep(0)


async def test_cut_ends_links_and_refuses_new_ones_until_restored(proxy: FaultProxy) -> None:
    link, port = await dial(proxy), proxy.port
    await ask(link, b"a")
    await proxy.cut()
    assert await link[0].read() == b""
    with pytest.raises(ConnectionRefusedError):
        await dial(proxy)
    await proxy.restore()
    assert proxy.port == port
    again = await dial(proxy)
    assert await ask(again, b"b") == b"B"
    for one in (link, again):
        one[1].close()


async def test_reset_is_felt_as_a_reset(proxy: FaultProxy) -> None:
    link = await dial(proxy)
    await ask(link, b"a")
    await proxy.reset()
    with pytest.raises(ConnectionResetError):
        await link[0].read()
    link[1].close()


async def test_drop_is_felt_as_an_end_and_new_links_are_taken(proxy: FaultProxy) -> None:
    link = await dial(proxy)
    await ask(link, b"a")
    await proxy.drop()
    assert await link[0].read() == b""
    link[1].close()
    again = await dial(proxy)
    assert await ask(again, b"b") == b"B"
    again[1].close()


async def test_a_held_link_is_silent_and_loses_nothing(proxy: FaultProxy, shouter: Shouter) -> None:
    link = await dial(proxy)
    await ask(link, b"a")
    proxy.hold()
    link[1].write(b"b\n")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await link[0].readline()
    assert shouter.heard == [b"a\n"]
    proxy.release()
    assert await link[0].readline() == b"B\n"
    link[1].close()


async def test_answers_alone_can_be_held(proxy: FaultProxy, shouter: Shouter) -> None:
    link = await dial(proxy)
    await ask(link, b"a")
    proxy.hold("from_target")
    link[1].write(b"b\n")
    async with asyncio.timeout(5):
        while shouter.heard != [b"a\n", b"b\n"]:
            await asyncio.sleep(0.005)
    await proxy.reset()
    with pytest.raises(ConnectionError):
        await link[0].readexactly(2)
    link[1].close()


async def test_cut_after_lets_so_many_bytes_through(proxy: FaultProxy, shouter: Shouter) -> None:
    link = await dial(proxy)
    await ask(link, b"a")
    proxy.cut_after(4)
    link[1].write(b"bcd\nefg\n")
    await link[0].read()
    link[1].close()
    assert shouter.heard == [b"a\n", b"bcd\n"]


async def test_latency_and_width_take_time(proxy: FaultProxy) -> None:
    link = await dial(proxy)
    await ask(link, b"a")
    proxy.slow(latency_s=0.1)
    began = time.monotonic()
    await ask(link, b"b")
    assert time.monotonic() - began >= 0.2
    proxy.slow(bytes_per_s=10_000)
    began = time.monotonic()
    await ask(link, b"c" * 1_000)
    assert time.monotonic() - began >= 0.15
    link[1].close()


async def test_slices_arrive_in_pieces_and_whole(proxy: FaultProxy) -> None:
    link = await dial(proxy)
    proxy.slow(slice_bytes=3)
    assert await ask(link, b"abcdefghij") == b"ABCDEFGHIJ"
    link[1].close()


async def test_target_away_ends_the_link(proxy: FaultProxy) -> None:
    proxy.target_port = 1
    link = await dial(proxy)
    assert await link[0].read() == b""
    link[1].close()


async def test_a_full_line_stops_its_sender(proxy: FaultProxy) -> None:
    """What is held is not piled up in the proxy: the sender feels it."""
    link = await dial(proxy)
    proxy.hold()
    link[1].write(b"x" * 30_000_000)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3):
            await link[1].drain()
    link[1].transport.abort()
