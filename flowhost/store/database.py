"""One SQLite file and the one thread in which every session of every file runs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Literal, TypeVar

from sqlalchemy import Connection, Engine, event, text
from sqlmodel import Session, create_engine

from flowhost.errors import HostError
from flowhost.store.migrate import Room, upgrade

T = TypeVar("T")

BUSY_TIMEOUT_MS = 5_000


class DatabaseThread:
    """The thread that owns all sessions, so that no query ever waits on the event loop.

    One thread, not a pool: SQLite has one writer anyway, and calls stay in the order they were made.
    """

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="flowhost-db")

    async def call(self, work: Callable[[], T]) -> T:
        """Run `work` in the thread and wait for it.

        Cancelling the caller does not undo the work: a transaction that began is finished.
        """
        return await asyncio.wrap_future(self._pool.submit(work))

    async def close(self) -> None:
        """Finish what was handed over, then end the thread."""
        await asyncio.to_thread(self._pool.shutdown, wait=True)


class Database:
    """One file, brought to the newest schema when opened.

    Args:
        path: the file; its folder exists.
        room: whose migrations apply.
        synchronous: FULL where a committed row must survive a power cut, NORMAL where the last moments may go.
    """

    def __init__(self, path: Path, room: Room, synchronous: Literal["FULL", "NORMAL"]) -> None:
        self.path = path
        self._engine = _engine(path, synchronous)
        try:
            upgrade(self._engine, room)
        except BaseException:
            self._engine.dispose()
            raise

    def work(self, job: Callable[[Session], T]) -> T:
        """Run `job` in one transaction: committed if it returns, undone if it raises."""
        with Session(self._engine, expire_on_commit=False) as session, session.begin():
            return job(session)

    def ping(self) -> None:
        """Raise `HostError` when the file does not answer a query."""
        try:
            with self._engine.connect() as connection:
                connection.execute(text("select count(*) from alembic_version"))
        except Exception as error:
            msg = f"database {self.path} does not answer: check disk and permissions ({error})"
            raise HostError(msg) from error

    def close(self) -> None:
        """Give the file back; SQLite folds its WAL in with the last connection."""
        self._engine.dispose()


def _engine(path: Path, synchronous: str) -> Engine:
    """An engine whose every connection has the pragmas set before its first statement."""
    engine = create_engine(f"sqlite:///{path}", connect_args={"check_same_thread": False})

    @event.listens_for(engine, "connect")
    def _pragmas(connection: Any, _record: object) -> None:
        connection.isolation_level = None
        cursor = connection.cursor()
        cursor.execute(f"pragma busy_timeout={BUSY_TIMEOUT_MS}")
        cursor.execute("pragma journal_mode=wal")
        cursor.execute(f"pragma synchronous={synchronous}")
        cursor.execute("pragma foreign_keys=on")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        # sqlite3 by itself commits before each DDL statement: a migration cut off by a power loss would stay half done
        connection.exec_driver_sql("begin")

    return engine
