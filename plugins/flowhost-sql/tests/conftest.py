"""Surroundings of the tests: connections to real databases, nodes on them, a second way to look into the tables."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from flowhost_sql.config import DatabaseConfig, WriteConfig
from flowhost_sql.connection import DatabaseConnection
from flowhost_sql.sink_write import SqlWrite
from servers.postgres import PostgresPeek

from flowhost.sdk import ConnectionContext, Message, Meta, NodeContext


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


class Peek:
    """The file as another program sees it."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __call__(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self.file, isolation_level=None)) as database:
            return database.execute(sql, values).fetchall()


@pytest.fixture(params=["sqlite", "postgres"])
def kind(request: pytest.FixtureRequest) -> str:
    """Which database; a module for one kind only has a fixture of this name of its own."""
    return str(request.param)


@pytest.fixture
def url(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if kind == "sqlite":
        return f"sqlite:///{tmp_path}/plant.db"
    return str(request.getfixturevalue("postgres_server").new_database())


def as_messages(payloads: list[Any]) -> list[Message]:
    return [Message(payload, Meta(topic=f"line1/{i}", key="k")) for i, payload in enumerate(payloads)]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "plant.db"


@pytest.fixture
def peek(url: str, file: Path) -> Callable[..., Any]:
    return Peek(file) if url.startswith("sqlite") else PostgresPeek(url)


@pytest.fixture
def board() -> Board:
    """Notices of connections and nodes."""
    return Board()


@pytest.fixture
def messages() -> Callable[[list[Any]], list[Message]]:
    return as_messages


@pytest.fixture
async def connect(url: str, tmp_path: Path, board: Board) -> AsyncIterator[Callable[..., DatabaseConnection]]:
    made: list[DatabaseConnection] = []
    if url.startswith("sqlite"):
        url = "sqlite:///plant.db"

    def build(url: str = url, **config: Any) -> DatabaseConnection:
        context = ConnectionContext(
            name="plant",
            host_id="test",
            base_dir=tmp_path,
            log=logging.getLogger("test.connection"),
            clock=SystemClock(),
            board=board,
        )
        made.append(DatabaseConnection(DatabaseConfig(url=url, **config), context))
        return made[-1]

    yield build
    for connection in made:
        await connection.close()


@pytest.fixture
async def database(connect: Any) -> DatabaseConnection:
    connection: DatabaseConnection = connect()
    await connection.open()
    return connection


@pytest.fixture
def node_context(tmp_path: Path, board: Board) -> Callable[..., NodeContext]:
    def build(connection: Any, node_id: str = "from_sql", clock: Any = None, **more: Any) -> NodeContext:
        return NodeContext(
            flow="production",
            node=node_id,
            host_id="test",
            base_dir=tmp_path,
            log=logging.getLogger("test.node"),
            clock=clock or SystemClock(),
            board=board,
            connection=connection,
            **more,
        )

    return build


@pytest.fixture
async def sink(node_context: Callable[..., NodeContext]) -> AsyncIterator[Callable[..., Any]]:
    made: list[SqlWrite] = []

    async def build(connection: Any, node_id: str = "to_sql", clock: Any = None, **config: Any) -> SqlWrite:
        context = node_context(connection, node_id, clock)
        node = SqlWrite(WriteConfig(**({"table": "readings"} | config)), context)
        made.append(node)
        await node.open()
        return node

    yield build
    for node in made:
        await node.close()


@pytest.fixture
def locker(file: Path) -> Iterator[sqlite3.Connection]:
    """Another program that may hold the write lock."""
    with closing(sqlite3.connect(file, isolation_level=None, check_same_thread=False)) as other:
        yield other
