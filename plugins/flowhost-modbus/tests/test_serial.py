"""RTU on a serial line (a pair of pseudo-terminals) and through a converter; answers that come too late or spoiled."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import pytest
from flowhost_modbus.answers import RefusedError, SilentError
from pymodbus import FramerType
from pymodbus.framer.rtu import FramerRTU
from pymodbus.server import ModbusSerialServer
from pymodbus.simulator import DataType, SimData, SimDevice

from flowhost.sdk import NotConnectedError

unix_only = pytest.mark.skipif(os.name == "nt", reason="Windows has no pseudo-terminals")


class Cable:
    """Two serial ports and the wire between them."""

    def __init__(self) -> None:
        self._masters, self._slaves = zip(*(os.openpty() for _ in range(2)), strict=True)
        self.ports = [os.ttyname(slave) for slave in self._slaves]
        self.cut = False
        loop = asyncio.get_running_loop()
        for one, other in (self._masters, reversed(self._masters)):
            os.set_blocking(one, False)
            loop.add_reader(one, self._pass, one, other)

    def _pass(self, one: int, other: int) -> None:
        data = os.read(one, 4096)
        if not self.cut:
            os.write(other, data)

    def close(self) -> None:
        for master in self._masters:
            asyncio.get_running_loop().remove_reader(master)
        for end in (*self._masters, *self._slaves):
            os.close(end)


@pytest.fixture
async def cable() -> AsyncIterator[Cable]:
    made = Cable()
    yield made
    made.close()


@pytest.fixture
async def slave(cable: Cable) -> AsyncIterator[None]:
    """Two units on the bus: register n of unit u holds 1000 u + n."""
    units = [
        SimDevice(unit, simdata=[SimData(0, values=[1000 * unit + n for n in range(200)], datatype=DataType.REGISTERS)])
        for unit in (1, 2)
    ]
    server = ModbusSerialServer(units, framer=FramerType.RTU, port=cable.ports[1], baudrate=19_200)
    await server.serve_forever(background=True)
    yield
    await server.shutdown()


@pytest.fixture
def line(connect: Any, cable: Cable) -> Callable[..., Any]:
    # a pseudo-terminal has no parity
    return lambda **config: connect(502, host="", framing="rtu", serial_port=cable.ports[0], parity="none", **config)


@unix_only
async def test_units_of_a_bus_are_read_over_a_serial_line(slave: None, line: Any) -> None:
    connection = line()
    await connection.open()
    assert list(await connection.read("holding", 1, 5, 3)) == [1005, 1006, 1007]
    assert list(await connection.read("holding", 2, 0, 125)) == list(range(2000, 2125))
    with pytest.raises(RefusedError, match="illegal data address"):
        await connection.read("holding", 1, 500, 1)
    await connection.close()
    assert (await connection.test()).endswith("speaks Modbus RTU; unit 1 answers")


@unix_only
async def test_a_bus_that_was_cut_is_found_again(slave: None, line: Any, cable: Cable, board: Any) -> None:
    connection = line(timeout_s=0.2, drain_s=0.1)
    await connection.open()
    cable.cut = True
    with pytest.raises(SilentError, match=r"unit 1 at .* did not answer within 0.2 s"):
        await connection.read("holding", 1, 0, 1)
    cable.cut = False
    assert list(await connection.read("holding", 1, 0, 1)) == [1000]
    assert board.kinds() == ["lost", "restored"]


@unix_only
async def test_a_port_is_one_connections_alone(slave: None, line: Any) -> None:
    first, second = line(), line()
    await first.open()
    with pytest.raises(NotConnectedError, match="another connection or program has it: all units of a bus share one"):
        await second.open()
    await first.close()
    await second.open()
    assert list(await second.read("holding", 2, 1, 1)) == [2001]


async def test_a_port_that_is_not_there_says_what_to_check(connect: Any) -> None:
    connection = connect(502, host="", framing="rtu", serial_port="/dev/ttyNOWHERE")
    with pytest.raises(NotConnectedError, match="cannot open /dev/ttyNOWHERE: there is no such port; check its name"):
        await connection.open()


class Converter:
    """Passes bytes of a bus on to whoever is connected now, also those of an answer that comes late.

    Register n of any unit holds n, so that a value tells what it answers.
    """

    def __init__(self, chance: random.Random) -> None:
        self.behave: Callable[[bytes], Awaitable[bytes | None]] = self.on_time
        self.late = 0
        self._chance = chance
        self._server: asyncio.Server | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> int:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return int(self._server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
        if self._writer is not None:
            self._writer.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def on_time(self, answer: bytes) -> bytes | None:
        return answer

    async def at_times_late(self, answer: bytes) -> bytes | None:
        """Every twentieth answer comes after its time."""
        if self._chance.random() < 0.05:
            self.late += 1
            await asyncio.sleep(self._chance.uniform(0.05, 0.08))
        return answer

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        try:
            while True:
                request = await reader.readexactly(8)
                task = asyncio.create_task(self._answer(request))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def _answer(self, request: bytes) -> None:
        unit, function, start, count = struct.unpack(">BBHH", request[:6])
        frame = bytes([unit, function, 2 * count]) + b"".join(struct.pack(">H", start + n) for n in range(count))
        sent = await self.behave(frame + FramerRTU.compute_CRC(frame).to_bytes(2, "big"))
        # the bus knows nothing of connections: whoever is connected now gets it
        if sent is not None and self._writer is not None and not self._writer.is_closing():
            self._writer.write(sent)


@pytest.fixture
def seed() -> Iterator[int]:
    number = random.randrange(10**6)
    print(f"seed {number}")
    return number


@pytest.fixture
async def converter(seed: int) -> AsyncIterator[Converter]:
    made = Converter(random.Random(seed))
    yield made
    await made.stop()


async def test_a_converter_passes_bytes_on(converter: Converter, connect: Any) -> None:
    connection = connect(await converter.start(), framing="rtu_over_tcp")
    await connection.open()
    assert list(await connection.read("input", 17, 30, 4)) == [30, 31, 32, 33]
    assert await connection.test() == f"{connection.config.place} speaks Modbus RTU; unit 1 answers"


@pytest.mark.parametrize("spoil", ["bit", "short", "other unit", "noise before"])
async def test_a_spoiled_answer_is_never_a_value(converter: Converter, connect: Any, spoil: str) -> None:
    async def spoiled(answer: bytes) -> bytes:
        if spoil == "bit":
            return answer[:4] + bytes([answer[4] ^ 1]) + answer[5:]
        if spoil == "short":
            return answer[:-1]
        if spoil == "other unit":
            frame = bytes([9]) + answer[1:-2]
            return frame + FramerRTU.compute_CRC(frame).to_bytes(2, "big")
        return b"\x00\xff" + answer

    connection = connect(await converter.start(), framing="rtu_over_tcp", timeout_s=0.1, drain_s=0.05)
    await connection.open()
    converter.behave = spoiled
    with contextlib.suppress(SilentError):
        # noise alone may be passed over, for the frame behind it is sound
        assert (list(await connection.read("holding", 1, 7, 1)), spoil) == ([7], "noise before")
    converter.behave = converter.on_time
    assert list(await connection.read("holding", 1, 8, 1)) == [8]


async def test_of_10_000_reads_with_late_answers_none_gets_anothers_value(connect: Any, seed: int) -> None:
    """Five masters on five buses, so that the silences they keep add up beside each other."""
    reads, readers = 10_000, 5
    converters = [Converter(random.Random(seed + n)) for n in range(readers)]
    links = [
        connect(await each.start(), framing="rtu_over_tcp", timeout_s=0.04, drain_s=0.15, pause_ms=0)
        for each in converters
    ]
    wrong: list[tuple[int, list[int]]] = []
    silent = 0

    async def read_all(link: Any, chance: random.Random) -> None:
        nonlocal silent
        for _ in range(reads // readers):
            start = chance.randrange(60_000)
            try:
                values = list(await link.read("holding", 1, start, 2))
            except SilentError:
                silent += 1
                continue
            except NotConnectedError as error:
                # a busy machine does not connect in time
                await asyncio.sleep(error.after_s or 0)
                continue
            if values != [start, start + 1]:
                wrong.append((start, values))

    try:
        for link, each in zip(links, converters, strict=True):
            await link.open()
            each.behave = each.at_times_late
        async with asyncio.TaskGroup() as group:
            for n, link in enumerate(links):
                group.create_task(read_all(link, random.Random(seed - n)))
    finally:
        for each in converters:
            await each.stop()
    late = sum(each.late for each in converters)
    print(f"{reads} reads, {late} answers late, {silent} given up, {len(wrong)} wrong")
    assert late > reads // 40
    assert silent >= late
    assert wrong == []
