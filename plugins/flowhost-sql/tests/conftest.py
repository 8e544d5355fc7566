"""Surroundings of the tests: connections to a real SQLite file, nodes on it, a second way to look into the file."""

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

from flowhost.sdk import ConnectionContext, Message, Meta, NodeContext


class SystemClock:
    def now_ns(self) -> int:
        return time.time_ns()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class Board:
    def notice(self, kind: str, text: str) -> None:
        pass


class Peek:
    """The file as another program sees it."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __call__(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self.file, isolation_level=None)) as database:
            return database.execute(sql, values).fetchall()


def as_messages(payloads: list[Any]) -> list[Message]:
    return [Message(payload, Meta(topic=f"line1/{i}", key="k")) for i, payload in enumerate(payloads)]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "plant.db"


@pytest.fixture
def peek(file: Path) -> Peek:
    return Peek(file)


@pytest.fixture
def messages() -> Callable[[list[Any]], list[Message]]:
    return as_messages


@pytest.fixture
async def connect(tmp_path: Path) -> AsyncIterator[Callable[..., DatabaseConnection]]:
    made: list[DatabaseConnection] = []

    def build(url: str = "sqlite:///plant.db", **config: Any) -> DatabaseConnection:
        context = ConnectionContext(
            name="plant",
            host_id="test",
            base_dir=tmp_path,
            log=logging.getLogger("test.connection"),
            clock=SystemClock(),
            board=Board(),
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
async def sink(tmp_path: Path) -> AsyncIterator[Callable[..., Any]]:
    made: list[SqlWrite] = []

    async def build(connection: Any, node_id: str = "to_sql", clock: Any = None, **config: Any) -> SqlWrite:
        context = NodeContext(
            flow="production",
            node=node_id,
            host_id="test",
            base_dir=tmp_path,
            log=logging.getLogger("test.node"),
            clock=clock or SystemClock(),
            board=Board(),
            connection=connection,
        )
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
