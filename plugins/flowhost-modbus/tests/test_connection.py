"""The link against real servers: refusals, silence, late answers, loss and return."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import time
from typing import Any

import pytest
from flowhost_modbus.answers import RefusedError, SilentError, WrongAnswerError

from flowhost.sdk import ConnectionTest, NotConnectedError


async def test_reads_all_four_tables(plant: Any, connect: Any) -> None:
    connection = connect(plant.port)
    await connection.open()
    assert list(await connection.read("input", 1, 10, 3)) == [70, 77, 84]
    assert list(await connection.read("holding", 1, 0, 125)) == [0] * 125
    coils = await connection.read("coil", 1, 1, 2000)
    assert [bool(bit) for bit in coils[:5]] == [False, False, True, False, False]
    assert len(coils) >= 2000
    assert bool((await connection.read("discrete", 1, 0, 1))[0]) is False
    assert connection.health() == f"connected to 127.0.0.1:{plant.port}"


@pytest.mark.parametrize("code", [1, 2, 3, 4, 5, 6, 7, 8, 10, 11])
async def test_exceptions_come_in_words(plant: Any, connect: Any, board: Any, code: int) -> None:
    connection = connect(plant.port)
    await connection.open()
    plant.refuse = lambda function, address, count: code
    with pytest.raises(RefusedError, match=rf"holding 5: .+ \(exception {code}\); .+") as caught:
        await connection.read("holding", 1, 5, 1)
    assert caught.value.code == code
    plant.refuse = lambda function, address, count: None
    assert len(await connection.read("holding", 1, 5, 1)) == 1
    assert board.notices == []


async def test_a_reference_number_is_recognised(plant: Any, connect: Any) -> None:
    connection = connect(plant.port)
    with pytest.raises(RefusedError, match="write `table: holding`, `address: 100`"):
        await connection.read("holding", 1, 40101, 1)


async def test_refused_connection_says_why(connect: Any, free_port: int, board: Any) -> None:
    connection = connect(free_port)
    with pytest.raises(NotConnectedError, match=f"127.0.0.1:{free_port}: connection refused; check the port"):
        await connection.open()
    assert board.kinds() == []  # the engine says that a connection does not open; later losses are ours to say
    for _ in range(3):
        with pytest.raises(NotConnectedError):
            await connection.read("holding", 1, 0, 1)
    assert connection.health().startswith("no link: cannot connect")
    assert board.kinds() == ["lost"]


async def test_unknown_host_says_so(connect: Any) -> None:
    connection = connect(502, host="no-such-host.invalid")
    with pytest.raises(NotConnectedError, match="check the host name"):
        await connection.open()


async def test_full_backlog_is_a_time_out(connect: Any) -> None:
    """A host that does not even accept: connect() returns False after the time-out."""
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(deaf.getsockname())
        with pytest.raises(NotConnectedError, match=r"no answer within 0\.3 s"):
            await connect(deaf.getsockname()[1], timeout_s=0.3).open()
        for filler in fillers:
            filler.close()


async def test_a_late_answer_is_never_taken_for_the_next(raw: Any, connect: Any, board: Any) -> None:
    """The trap of shared lines: the answer to request 1 arrives while request 2 waits."""
    late: list[asyncio.Task[None]] = []

    async def slow_first(request: bytes, writer: asyncio.StreamWriter) -> None:
        async def answer_late() -> None:
            await asyncio.sleep(0.35)
            await raw.good(request, writer, value=100)

        address = int.from_bytes(request[8:10], "big")
        if address == 1:
            late.append(asyncio.create_task(answer_late()))
        else:
            await asyncio.sleep(0.15)
            await raw.good(request, writer, value=200)

    raw.answer = slow_first
    connection = connect(raw.port, timeout_s=0.3)
    await connection.open()
    with pytest.raises(SilentError, match=r"unit 1 at .* did not answer within 0\.3 s"):
        await connection.read("holding", 1, 1, 1)
    assert list(await connection.read("holding", 1, 2, 1)) == [200]
    assert raw.links == 2
    assert board.kinds() == ["lost", "restored"]
    await asyncio.gather(*late)


async def test_a_short_answer_is_noticed(raw: Any, connect: Any) -> None:
    async def short(request: bytes, writer: asyncio.StreamWriter) -> None:
        await raw.good(request[:10] + b"\x00\x01", writer)

    raw.answer = short
    connection = connect(raw.port)
    with pytest.raises(WrongAnswerError, match="asked for 3 values, the device sent 1"):
        await connection.read("holding", 1, 0, 3)


async def test_hanging_up_in_the_middle_is_noticed_at_once(raw: Any, connect: Any, board: Any) -> None:
    async def hang_up(request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.close()

    raw.answer = hang_up
    connection = connect(raw.port, timeout_s=30)
    began = time.monotonic()
    with pytest.raises(NotConnectedError, match="closed the link"):
        await connection.read("holding", 1, 0, 1)
    assert time.monotonic() - began < 5
    assert raw.links == 2
    assert board.kinds() == ["lost"]


async def test_a_link_closed_while_idle_is_made_again_without_a_word(raw: Any, connect: Any, board: Any) -> None:
    async def answer_and_close(request: bytes, writer: asyncio.StreamWriter) -> None:
        await raw.good(request, writer)
        await writer.drain()
        writer.close()

    raw.answer = answer_and_close
    connection = connect(raw.port)
    for _ in range(5):
        assert list(await connection.read("holding", 1, 0, 1)) == [42]
    assert board.notices == []


async def test_requests_are_made_one_after_the_other(raw: Any, connect: Any) -> None:
    busy: list[int] = [0, 0]

    async def careful(request: bytes, writer: asyncio.StreamWriter) -> None:
        busy[0] += 1
        busy[1] = max(busy)
        await asyncio.sleep(0.005)
        await raw.good(request, writer, value=int.from_bytes(request[8:10], "big"))
        busy[0] -= 1

    raw.answer = careful
    connection = connect(raw.port)
    answers = await asyncio.gather(*(connection.read("holding", 1, i, 1) for i in range(20)))
    assert [list(answer) for answer in answers] == [[i] for i in range(20)]
    assert busy[1] == 1
    assert raw.links == 1


async def test_cancelling_a_request_leaves_no_answer_behind(raw: Any, connect: Any) -> None:
    asked = asyncio.Event()

    async def never(request: bytes, writer: asyncio.StreamWriter) -> None:
        asked.set()

    raw.answer = never
    connection = connect(raw.port, timeout_s=30)
    request = asyncio.create_task(connection.read("holding", 1, 0, 1))
    await asyncio.wait_for(asked.wait(), 5)
    request.cancel()
    with pytest.raises(asyncio.CancelledError):
        await request
    raw.answer = raw.good
    assert list(await connection.read("holding", 1, 0, 1)) == [42]
    assert raw.links == 2


async def test_killed_and_started_again(server_process: Any, connect: Any, board: Any, free_port: int) -> None:
    server = await server_process(free_port)
    connection = connect(free_port)
    assert list(await connection.read("holding", 1, 7, 1)) == [7]
    server.kill()
    await server.wait()
    attempts = 0
    with pytest.raises(NotConnectedError) as caught:
        await connection.read("holding", 1, 7, 1)
    assert caught.value.after_s == 0.5
    with pytest.raises(NotConnectedError, match="next attempt in 0"):
        await connection.read("holding", 1, 7, 1)
    server = await server_process(free_port)
    async with asyncio.timeout(12):
        while True:
            attempts += 1
            try:
                assert list(await connection.read("holding", 1, 7, 1)) == [7]
                break
            except NotConnectedError as error:
                await asyncio.sleep(error.after_s or 0.01)
    assert attempts < 10
    assert board.kinds() == ["lost", "restored"]
    server.kill()
    await server.wait()


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="freezes a process by signal")
async def test_a_frozen_device_is_silent_and_comes_back(
    server_process: Any, connect: Any, board: Any, free_port: int
) -> None:
    server = await server_process(free_port)
    connection = connect(free_port, timeout_s=0.3)
    assert list(await connection.read("holding", 1, 7, 1)) == [7]
    os.kill(server.pid, signal.SIGSTOP)
    for _ in range(3):
        with pytest.raises(SilentError):
            await connection.read("holding", 1, 7, 1)
    assert connection.health().endswith("silent: unit 1")
    os.kill(server.pid, signal.SIGCONT)
    async with asyncio.timeout(10):
        while True:
            try:
                assert list(await connection.read("holding", 1, 7, 1)) == [7]
                break
            except SilentError:
                continue
    assert board.kinds() == ["lost", "restored"]
    server.kill()
    await server.wait()


async def test_the_test_button(plant: Any, raw: Any, connect: Any, free_port: int) -> None:
    connection = connect(plant.port)
    assert isinstance(connection, ConnectionTest)
    assert (await connection.test()).endswith("speaks Modbus TCP; unit 1 answers")
    plant.refuse = lambda function, address, count: 2
    assert "illegal data address" in await connection.test()

    async def never(request: bytes, writer: asyncio.StreamWriter) -> None:
        pass

    raw.answer = never
    assert "unit 1 is silent" in await connect(raw.port, timeout_s=0.2).test()
    with pytest.raises(NotConnectedError, match="connection refused"):
        await connect(free_port).test()


async def test_closing_is_safe_at_any_time(plant: Any, connect: Any) -> None:
    connection = connect(plant.port)
    await connection.close()
    await connection.open()
    await connection.close()
    await connection.close()
    await connection.open()
    assert len(await connection.read("holding", 1, 0, 1)) == 1
