"""Surroundings of the tests: connections to real databases, nodes on them, a second way to look into the tables."""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import shutil
import socket
import sqlite3
import subprocess
import tempfile
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


class PostgresPeek:
    """The database as another program sees it."""

    def __init__(self, url: str) -> None:
        self.url = url

    def __call__(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        import psycopg

        with psycopg.connect(self.url, autocommit=True) as database:
            cursor = database.execute(sql.replace("?", "%s").encode(), values or None)
            return cursor.fetchall() if cursor.description else []


class PostgresServer:
    """A server of its own in a temporary folder, run by an unprivileged user."""

    def __init__(self, programs: Path) -> None:
        self._programs = programs
        self._as = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
        self.folder = Path(tempfile.mkdtemp(prefix="flowhost-pg-"))
        self.port = free_port()
        self.password = secrets.token_hex(8)
        if self._as:
            shutil.chown(self.folder, "postgres")
        self._run("initdb", "-D", str(self.folder / "data"), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync")
        rights = "host all mes 127.0.0.1/32 scram-sha-256\nhost all all 127.0.0.1/32 trust\nlocal all all trust\n"
        (self.folder / "data" / "pg_hba.conf").write_text(rights)

    def start(self) -> None:
        settings = f"-p {self.port} -k {self.folder} -c listen_addresses=127.0.0.1 -c fsync=off"
        log = str(self.folder / "log")
        self._run("pg_ctl", "-D", str(self.folder / "data"), "-w", "-t", "30", "-l", log, "-o", settings, "start")

    def stop(self, how: str = "immediate") -> None:
        self._run("pg_ctl", "-D", str(self.folder / "data"), "-w", "-m", how, "stop")

    def new_database(self) -> str:
        """An empty database; its URL."""
        name = f"mes_{secrets.token_hex(4)}"
        PostgresPeek(self.url("postgres"))(f"CREATE DATABASE {name}")
        return self.url(name)

    def url(self, database: str, user: str = "postgres") -> str:
        return f"postgresql://{user}@127.0.0.1:{self.port}/{database}"

    def _run(self, program: str, *arguments: str) -> None:
        command = [*self._as, str(self._programs / program), *arguments]
        done = subprocess.run(command, cwd="/", stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=60)
        assert done.returncode == 0, done.stderr.decode()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def postgres_programs() -> Path | str:
    """Where the server's programs are, or why there is none to be had."""
    for initdb in sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), reverse=True):
        return initdb.parent
    found = shutil.which("initdb")
    return Path(found).parent if found else "the PostgreSQL server is not installed (sh tests/machine.sh installs it)"


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    programs = postgres_programs()
    if isinstance(programs, str):
        assert not os.environ.get("CI"), programs
        pytest.skip(programs)
    server = PostgresServer(programs)
    server.start()
    yield server
    server.stop()
    shutil.rmtree(server.folder)


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
