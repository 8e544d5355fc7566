"""A web service in process that records what comes and answers, hangs, cuts and lies as it is told."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
import subprocess
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from flowhost_http.config import ClientConfig
from flowhost_http.connection import HttpClient
from flowhost_http.sink_send import HttpSend

from flowhost.sdk import ConnectionContext, Message, Meta, NodeContext

Behaviour = Callable[["Seen", asyncio.StreamWriter], Awaitable[bool]]
"""Answers one request; gives back whether the connection stays."""


@dataclass
class Seen:
    method: str
    target: str
    headers: dict[str, str]
    body: bytes


def reply(status: int = 200, body: bytes = b"", phrase: str = "Said", **headers: str) -> Behaviour:
    """A well-formed answer; `Retry_After` becomes Retry-After."""

    async def answer(_: Seen, writer: asyncio.StreamWriter) -> bool:
        lines = [f"HTTP/1.1 {status} {phrase}", f"Content-Length: {len(body)}"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        writer.write("\r\n".join([*lines, "", ""]).encode() + body)
        await writer.drain()
        return True

    return answer


def raw(data: bytes) -> Behaviour:
    """Exactly these bytes, then the end of the connection."""

    async def answer(_: Seen, writer: asyncio.StreamWriter) -> bool:
        writer.write(data)
        await writer.drain()
        return False

    return answer


async def hang(_: Seen, __: asyncio.StreamWriter) -> bool:
    """No answer for as long as the test lasts."""
    await asyncio.Event().wait()
    return False


async def reset(_: Seen, writer: asyncio.StreamWriter) -> bool:
    """The connection is torn down after the request has come."""
    writer.transport.abort()
    return False


@dataclass
class Service:
    """A server on a free port. `script` is used up first, then `always` answers."""

    always: Behaviour = field(default_factory=reply)
    script: list[Behaviour] = field(default_factory=list)
    seen: list[Seen] = field(default_factory=list)
    connections: int = 0
    at_once: int = 0
    most_at_once: int = 0
    port: int = 0
    _server: asyncio.Server | None = None
    _tasks: set[Any] = field(default_factory=set)

    async def start(self, tls: ssl.SSLContext | None = None) -> Service:
        self._server = await asyncio.start_server(self._welcome, "127.0.0.1", self.port, ssl=tls)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def stop(self) -> None:
        if self._server is None:
            return
        server, self._server = self._server, None
        server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await server.wait_closed()

    @property
    def requests(self) -> list[Seen]:
        return [seen for seen in self.seen if seen.method != "HEAD"]

    def _welcome(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # a task of our own: the one asyncio makes reports its cancellation as an error
        task = asyncio.get_running_loop().create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError, ssl.SSLError):
                while await self._one(reader, writer):
                    pass
        finally:
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, target, _ = head[0].split(" ")
        headers = {k.lower(): v for k, _, v in (line.partition(": ") for line in head[1:] if line)}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        seen = Seen(method, target, headers, body)
        self.seen.append(seen)
        behaviour = self.script.pop(0) if self.script else self.always
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            return await behaviour(seen, writer)
        finally:
            self.at_once -= 1


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


@pytest.fixture
def behave() -> Any:
    """How a service may answer."""

    class Behave:
        pass

    for made in (reply, raw, hang, reset):
        setattr(Behave, made.__name__, staticmethod(made))
    return Behave


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    one = await Service().start()
    yield one
    await one.stop()


@pytest.fixture
async def other_service() -> AsyncIterator[Service]:
    """A second one, elsewhere."""
    one = await Service().start()
    yield one
    await one.stop()


@pytest.fixture
def board() -> Board:
    return Board()


@pytest.fixture
async def connect(tmp_path: Path, board: Board) -> AsyncIterator[Callable[..., HttpClient]]:
    made: list[HttpClient] = []

    def build(base_url: str, **config: Any) -> HttpClient:
        context = ConnectionContext(
            name="mes", host_id="test", base_dir=tmp_path, log=logging.getLogger("test.connection"),
            clock=SystemClock(), board=board,
        )  # fmt: skip
        made.append(HttpClient(ClientConfig(base_url=base_url, **({"timeout_s": 5} | config)), context))
        return made[-1]

    yield build
    for connection in made:
        await connection.close()


@pytest.fixture
def make(tmp_path: Path, board: Board, connect: Any, service: Service) -> Callable[..., Awaitable[Any]]:
    """A node on an opened connection to the service: `await make(HttpSend, path="x", client={"timeout_s": 1})`."""

    async def build(kind: Any, *, client: dict[str, Any] | None = None, wired: bool = False, **config: Any) -> Any:
        connection = connect(f"http://127.0.0.1:{service.port}/api", **(client or {}))
        await connection.open()
        context = NodeContext(
            flow="line", node="confirm", host_id="test", base_dir=tmp_path, log=logging.getLogger("test.node"),
            clock=SystemClock(), board=board, connection=connection,
            wired_ports=frozenset({"out"} if wired else ()),
        )  # fmt: skip
        node = kind(kind.Config(**config), context)
        await node.open()
        return node

    return build


@pytest.fixture
def send(make: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[HttpSend]]:
    """An `http.send`."""
    return lambda **config: make(HttpSend, **config)


@pytest.fixture
def msg() -> Callable[..., Message]:
    def build(payload: Any = None, **meta: Any) -> Message:
        return Message(payload, Meta(**({"topic": "t", "time_ns": 1} | meta)))

    return build


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, ssl.SSLContext]:
    """A certificate for localhost that signs itself, and the server's side of it."""
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "key.pem", "-out", "ca.pem",
         "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"],
        check=True, capture_output=True, cwd=tmp_path,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "ca.pem", tmp_path / "key.pem")
    return tmp_path / "ca.pem", context
