"""The kit that vendors use, against an asyncua server behind a proxy that cuts and mutes."""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from flowhost_opcua.connection import OpcUaConnection
from flowhost_opcua.source_subscribe import OpcUaSubscribe

from flowhost.sdk import Connection
from flowhost.testing.conformance import CANARY, ConnectionConformance, ProxiedTarget, SourceConformance
from flowhost.testing.proxy import FaultProxy

SCRIPT = Path(__file__).with_name("asyncua_plant.py")


class Program:
    """The server of all tests here, a process of its own."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.process = subprocess.Popen(
            [sys.executable, str(SCRIPT), json.dumps({"port": port, "items": 1})],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        self.answer(b"ready")

    def set(self, value: float) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"set": "Tag0", "value": value}).encode() + b"\n")
        self.process.stdin.flush()
        self.answer(b"done")

    def answer(self, word: bytes) -> None:
        assert self.process.stdout is not None
        while line := self.process.stdout.readline():
            if line.strip() == word:
                return
        pytest.fail(f"the server ended before it said {word!r}")


@pytest.fixture(scope="module")
def program() -> Iterator[Program]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    server = Program(port)
    yield server
    server.process.kill()
    server.process.communicate()


class Server(ProxiedTarget):
    """One item, set beside the proxy."""

    def __init__(self, proxy: FaultProxy, program: Program) -> None:
        super().__init__(proxy)
        self.program = program

    async def produce(self, numbers: Sequence[int]) -> None:
        for number in numbers:
            await asyncio.to_thread(self.program.set, float(number))


@pytest.fixture
async def target(program: Program) -> AsyncIterator[Server]:
    async with FaultProxy("127.0.0.1", program.port) as proxy:
        server = Server(proxy, program)
        await server.produce([0])
        yield server


class OpcUaConformance:
    """What both have in common."""

    connection_type = OpcUaConnection

    @pytest.fixture
    def target(self, target: Server) -> Server:
        return target

    @pytest.fixture
    def connection_config(self, target: Server) -> dict[str, Any]:
        endpoint = f"opc.tcp://{target.proxy.host}:{target.proxy.port}"
        return {"endpoint": endpoint, "security": "none", "keep_alive_s": 0.5, "reconnect_max_s": 1}

    def with_secrets(self, tested: Any, written: Any) -> dict[str, Any]:
        return {**written, "username": "operator", "password": CANARY} if tested is OpcUaConnection else dict(written)


class TestConnection(OpcUaConformance, ConnectionConformance):
    lists = ("nodes",)

    async def use(self, connection: Connection[Any]) -> None:
        assert isinstance(connection, OpcUaConnection)
        async with asyncio.timeout(0.2):
            await connection.link()


class TestSubscribe(OpcUaConformance, SourceConformance):
    node_type = OpcUaSubscribe
    sampled = True
    pressure = 50

    @pytest.fixture
    def config(self) -> dict[str, Any]:
        return {"items": ["ns=2;s=Tag0"], "sampling_ms": 10, "publish_ms": 20}
