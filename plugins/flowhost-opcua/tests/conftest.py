"""A real server in a process of its own, and a node with its connection as the engine would run them."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from flowhost_opcua.config import ClientConfig, SubscribeConfig
from flowhost_opcua.connection import OpcUaConnection
from flowhost_opcua.source_subscribe import OpcUaSubscribe

from flowhost.sdk import ConnectionContext, Message, NodeContext, Rejected

HERE = Path(__file__).parent


def unused_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


async def wait_until(condition: Callable[[], Any], seconds: float = 15.0, what: str = "") -> Any:
    """Wait for a condition, with a deadline."""
    deadline = time.monotonic() + seconds
    while not (result := condition()):
        if time.monotonic() > deadline:
            pytest.fail(f"not within {seconds} s: {what or condition}")
        await asyncio.sleep(0.02)
    return result


class Plant:
    """A server process that can be killed, frozen and started again on the same port."""

    def __init__(self, command: list[str], port: int | None = None, **options: Any) -> None:
        self.port = port or unused_port()
        self.endpoint = f"opc.tcp://127.0.0.1:{self.port}"
        self.options = {"port": self.port, **options}
        self._command = command
        self._process: asyncio.subprocess.Process | None = None
        self._frozen = False

    async def start(self, **changes: Any) -> None:
        self.options |= changes
        self._process = await asyncio.create_subprocess_exec(
            *self._command,
            json.dumps(self.options),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        await self._answer("ready")

    async def tell(self, **command: Any) -> None:
        self._process.stdin.write(json.dumps(command).encode() + b"\n")
        await self._answer("done")

    async def kill(self) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()

    def freeze(self) -> None:
        os.kill(self._process.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        os.kill(self._process.pid, signal.SIGCONT)

    async def _answer(self, word: str) -> None:
        async with asyncio.timeout(30):
            while line := await self._process.stdout.readline():
                if line.strip() == word.encode():
                    return
        pytest.fail(f"the server ended before it said {word!r}")


class Board:
    """Keeps notices."""

    def __init__(self) -> None:
        self.notices: list[tuple[str, str]] = []

    def notice(self, kind: str, text: str) -> None:
        self.notices.append((kind, text))

    def of(self, kind: str) -> list[str]:
        return [text for known, text in self.notices if known == kind]


class WallClock:
    def now_ns(self) -> int:
        return time.time_ns()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class Running:
    """One connection with nodes that run, and what they emitted."""

    def __init__(self, connection: OpcUaConnection, board: Board, base_dir: Path) -> None:
        self.connection = connection
        self.board = board
        self.base_dir = base_dir
        self.out: list[Message] = []
        self.gaps: list[Message] = []
        self.batches: list[int] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.tasks: list[asyncio.Task[None]] = []
        self._nodes: list[OpcUaSubscribe] = []

    async def subscribe(self, name: str = "values", **config: Any) -> OpcUaSubscribe:
        context = NodeContext(
            flow="line",
            node=name,
            host_id="test",
            base_dir=self.base_dir,
            log=logging.getLogger("test"),
            clock=WallClock(),
            board=self.board,
            connection=self.connection,
            wired_ports=frozenset({"out", "gaps"}),
        )
        node = OpcUaSubscribe(SubscribeConfig.model_validate(config), context)
        await node.open()
        self._nodes.append(node)
        self.tasks.append(asyncio.create_task(node.run(self._emit)))
        return node

    def values(self, topic: str) -> list[Any]:
        return [message.payload for message in self.out if message.meta.topic == topic]

    async def stop(self) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        for node in self._nodes:
            await node.close()
            await node.close()
        await self.connection.close()
        await self.connection.close()

    async def _emit(
        self, messages: list[Message], position: Any = None, *, port: str = "out", rejected: list[Rejected] = ()
    ) -> None:
        await self.gate.wait()
        if port == "gaps":
            self.gaps.extend(messages)
        else:
            self.batches.append(len(messages))
            self.out.extend(messages)


def build_connection(base_dir: Path, board: Board, **config: Any) -> OpcUaConnection:
    context = ConnectionContext(
        name="plc",
        host_id="test",
        base_dir=base_dir,
        log=logging.getLogger("test"),
        clock=WallClock(),
        board=board,
    )
    return OpcUaConnection(ClientConfig.model_validate({"security": "none", **config}), context)


@pytest.fixture
def until() -> Callable[..., Any]:
    """Wait for a condition, with a deadline: `await until(lambda: done)`."""
    return wait_until


@pytest.fixture
def free_port() -> Callable[[], int]:
    return unused_port


@pytest.fixture
def make_connection(tmp_path: Path, board: Board) -> Callable[..., OpcUaConnection]:
    """A connection that is not opened yet."""
    return lambda **config: build_connection(tmp_path, board, **config)


@pytest.fixture
def board() -> Board:
    return Board()


@pytest.fixture
async def make_plant() -> AsyncIterator[Callable[..., Plant]]:
    """A server process, not started yet: `make_plant([program, ...], option=...)`."""
    plants: list[Plant] = []

    def make(command: list[str], **options: Any) -> Plant:
        plants.append(Plant(command, **options))
        return plants[-1]

    yield make
    for plant in plants:
        await plant.kill()


@pytest.fixture
def start_plant(make_plant: Callable[..., Plant]) -> Callable[..., Any]:
    """Start an asyncua server: `await start_plant(items=10)`."""

    async def start(**options: Any) -> Plant:
        plant = make_plant([sys.executable, str(HERE / "asyncua_plant.py")], **options)
        await plant.start()
        return plant

    return start


@pytest.fixture
async def open_connection(tmp_path: Path, board: Board) -> AsyncIterator[Callable[..., Any]]:
    """Open a connection: `await open_connection(endpoint=...)`; what runs on it is stopped at the end."""
    running: list[Running] = []

    async def start(**config: Any) -> Running:
        one = Running(build_connection(tmp_path, board, **config), board, tmp_path)
        running.append(one)
        await one.connection.open()
        return one

    yield start
    for one in running:
        with contextlib.suppress(asyncio.CancelledError):
            await one.stop()
    left = [task.get_name() for task in asyncio.all_tasks() if task.get_name().startswith("opcua")]
    assert not left, f"tasks left behind: {left}"
