"""The worker port is open to every process of the machine: only the right token gets in."""

import asyncio

import pytest

from flowhost.fleet import link
from flowhost.fleet.frames import Hello, Shutdown, Status, encode
from flowhost.fleet.link import Reception


@pytest.fixture
async def reception():
    reception = Reception()
    await reception.open()
    yield reception
    await reception.close()


async def call(reception: Reception, first: bytes):
    reader, writer = await asyncio.open_connection("127.0.0.1", reception.port)
    writer.write(first)
    return reader, writer


async def test_right_token_gets_in_once(reception: Reception) -> None:
    waiting = asyncio.create_task(reception.expect("right"))
    await asyncio.sleep(0)
    reader, writer = await call(reception, encode(Hello("right", 1, "0")))
    joined = await asyncio.wait_for(waiting, 5)
    joined.send(Shutdown(1.0))
    assert await asyncio.wait_for(reader.read(4), 5)
    again, other = await call(reception, encode(Hello("right", 1, "0")))
    assert await asyncio.wait_for(again.read(), 5) == b""
    for end in (joined, writer, other):
        end.close()


@pytest.mark.parametrize(
    "first",
    [
        pytest.param(encode(Hello("wrong", 1, "0")), id="wrong token"),
        pytest.param(encode(Status(0, [])), id="no greeting first"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", id="a browser"),
        pytest.param(b"\x00\x00\x00\x05nonse", id="not msgpack"),
        pytest.param(b"\x7f\xff\xff\xff", id="a huge frame"),
    ],
)
async def test_others_are_turned_away(reception: Reception, first: bytes) -> None:
    waiting = asyncio.create_task(reception.expect("right"))
    await asyncio.sleep(0)
    reader, writer = await call(reception, first)
    assert await asyncio.wait_for(reader.read(), 5) == b""
    assert not waiting.done()
    writer.close()
    reception.forget("right")
    await asyncio.wait({waiting})


async def test_silent_caller_is_turned_away(reception: Reception, monkeypatch) -> None:
    monkeypatch.setattr(link, "GREETING_TIMEOUT_S", 0.1)
    reader, writer = await call(reception, b"")
    assert await asyncio.wait_for(reader.read(), 5) == b""
    writer.close()
