"""Surroundings of the tests: real Modbus servers on free ports, a board and a clock."""

from __future__ import annotations

import asyncio
import logging
import socket
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from flowhost_modbus.config import ModbusClientConfig, PollConfig
from flowhost_modbus.connection import ModbusConnection
from flowhost_modbus.source_poll import ModbusPoll
from pymodbus.constants import ExcCodes
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from flowhost.sdk import ConnectionContext, NodeContext


class SystemClock:
    def now_ns(self) -> int:
        return time.time_ns()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class Board:
    def __init__(self) -> None:
        self.notices: list[tuple[str, str]] = []

    def notice(self, kind: str, text: str) -> None:
        self.notices.append((kind, text))

    def kinds(self) -> list[str]:
        return [kind for kind, _ in self.notices]


class Plant:
    """One Modbus device in this process: its registers, what it refuses, what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[int, int, int]] = []
        self.refuse: Callable[[int, int, int], int | None] = lambda function, address, count: None
        self.holding = [0] * 300
        self.port = 0
        self._server: ModbusTcpServer | None = None

    async def start(self) -> None:
        bits = [address % 3 == 0 for address in range(2400)]
        data = (
            [SimData(0, values=bits, datatype=DataType.BITS)],
            [SimData(0, values=[not bit for bit in bits], datatype=DataType.BITS)],
            [SimData(0, values=list(self.holding), datatype=DataType.REGISTERS)],
            [SimData(0, values=[7 * i for i in range(300)], datatype=DataType.REGISTERS)],
        )
        device = SimDevice(1, simdata=data, action=self._action)
        self._server = ModbusTcpServer(device, address=("127.0.0.1", self.port))
        await self._server.serve_forever(background=True)
        self.port = self._server.transport.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        if self._server:
            await self._server.shutdown()
            self._server = None

    async def _action(
        self, function: int, start: int, address: int, count: int, registers: list[int], values: Any
    ) -> ExcCodes | None:
        self.asked.append((function, address, count))
        code = self.refuse(function, address, count)
        return ExcCodes(code) if code else None


class Raw:
    """A TCP server that answers by hand: late, short, never, or by hanging up."""

    def __init__(self) -> None:
        self.answer: Callable[[bytes, asyncio.StreamWriter], Awaitable[None]] = self.good
        self.port = 0
        self.links = 0
        self._writers: list[asyncio.StreamWriter] = []
        self._server: asyncio.Server | None = None

    @staticmethod
    async def good(request: bytes, writer: asyncio.StreamWriter, value: int = 42) -> None:
        count = int.from_bytes(request[10:12], "big")
        pdu = bytes([request[6], request[7], 2 * count]) + value.to_bytes(2, "big") * count
        writer.write(request[:4] + len(pdu).to_bytes(2, "big") + pdu)

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        if self._server:
            self._server.close()
        for writer in self._writers:
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.links += 1
        self._writers.append(writer)
        try:
            while True:
                await self.answer(await reader.readexactly(12), writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()


class Outlet:
    """Takes what a source emits."""

    def __init__(self) -> None:
        self.messages: list[Any] = []
        self.arrived = asyncio.Event()
        self.delay_s = 0.0

    async def __call__(self, messages: Any, position: Any = None, *, port: str = "out", rejected: Any = ()) -> None:
        self.messages.extend(messages)
        self.arrived.set()
        if self.delay_s:
            await asyncio.sleep(self.delay_s)

    async def wait(self, count: int = 1, seconds: float = 5) -> None:
        async with asyncio.timeout(seconds):
            while len(self.messages) < count:
                self.arrived.clear()
                await self.arrived.wait()


@pytest.fixture
async def plant() -> AsyncIterator[Plant]:
    device = Plant()
    await device.start()
    yield device
    await device.stop()


@pytest.fixture
async def raw() -> AsyncIterator[Raw]:
    server = Raw()
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
def board() -> Board:
    return Board()


@pytest.fixture
def outlet() -> Outlet:
    return Outlet()


@pytest.fixture
def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
async def connect(board: Board, tmp_path: Path) -> AsyncIterator[Callable[..., ModbusConnection]]:
    made: list[ModbusConnection] = []

    def build(port: int, **config: Any) -> ModbusConnection:
        context = ConnectionContext(
            name="meter",
            host_id="test",
            base_dir=tmp_path,
            log=logging.getLogger("test.connection"),
            clock=SystemClock(),
            board=board,
        )
        settings = {"host": "127.0.0.1", "port": port, "timeout_s": 1.0} | config
        made.append(ModbusConnection(ModbusClientConfig(**settings), context))
        return made[-1]

    yield build
    for connection in made:
        await connection.close()


@pytest.fixture
def node(board: Board, tmp_path: Path) -> Callable[..., ModbusPoll]:
    def build(connection: Any, tags: list[dict[str, Any]], **config: Any) -> ModbusPoll:
        context = NodeContext(
            flow="energy",
            node="poll",
            host_id="test",
            base_dir=tmp_path,
            log=logging.getLogger("test.node"),
            clock=SystemClock(),
            board=board,
            connection=connection,
        )
        return ModbusPoll(PollConfig(tags=tags, **({"period_ms": 20} | config)), context)

    return build


@pytest.fixture
def server_process() -> Callable[[int], Any]:
    """Starts a Modbus server in a process of its own, to be killed or frozen."""
    script = Path(__file__).with_name("server_process.py")

    async def start(port: int) -> asyncio.subprocess.Process:
        process = await asyncio.create_subprocess_exec(
            sys.executable, str(script), str(port), stdout=asyncio.subprocess.PIPE
        )
        assert process.stdout
        assert await asyncio.wait_for(process.stdout.readline(), 20) == b"ready\n"
        return process

    return start
