"""An outbox file: opened by one worker slot, holds the durable edges of its flows."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import apsw

from flowhost.engine.file_lock import FileLock, HeldError
from flowhost.engine.outbox.changes import Change, MakeEdge, Transaction
from flowhost.engine.outbox.pool import WriterPool
from flowhost.engine.outbox.reader import OutboxReader
from flowhost.engine.outbox.schema import check_sqlite, connect, prepare
from flowhost.engine.outbox.writer import OutboxWriter
from flowhost.errors import HostError

_LEFT = "SELECT flow, node FROM edge WHERE appended > position OR id IN (SELECT edge FROM parked)"
LOCK_SUFFIX = "-lock"
LET_GO_S = 1.5
"""What a worker needs to end after its host was killed, with a margin."""


@dataclass(frozen=True)
class EdgeRecord:
    """A durable edge as found on disk.

    Attributes:
        number: its number in this file.
        position: id of the last message that is done.
        appended: id of the last message that was ever appended.
        dead: messages that ended as dead letters, since the edge was made.
        dropped: messages given up because a limit said so, since the edge was made.
        oldest_ms: when the oldest message still in it came, milliseconds UTC; 0 if it is empty.
        pending_bytes: about how much its messages take.
    """

    number: int
    position: int
    appended: int
    dead: int = 0
    dropped: int = 0
    oldest_ms: int = 0
    pending_bytes: int = 0


class Outbox:
    """One outbox file.

    Guarantees: what was committed survives a kill and a power cut (SQLite, write-ahead log, synchronous=FULL); changes
    of one transaction happen together; transactions happen in the order they were submitted.

    Args:
        path: the file; made if it is missing.
        on_fault: called on the loop, once, when the file can no longer be written.
        pool: threads that write; None makes some for this file alone.
    """

    def __init__(self, path: Path, on_fault: Callable[[HostError], None], pool: WriterPool | None = None) -> None:
        self._path = path
        self._pool = pool or WriterPool(threads=1)
        self._lock = FileLock(path.with_name(path.name + LOCK_SUFFIX))
        self._on_fault = on_fault
        self._writer: OutboxWriter | None = None
        self._reader = OutboxReader(path)
        self._left: frozenset[tuple[str, str]] = frozenset()
        self._parked = 0

    @property
    def path(self) -> Path:
        """The file."""
        return self._path

    @property
    def letters_changed(self) -> int:
        """Grows with every commit that may have changed how many dead letters there are."""
        return self._writer.letters_changed if self._writer is not None else 0

    async def open(self) -> None:
        """Open or make the file.

        Raises:
            HostError: another process has it open (says which), or it cannot be read or written.
        """
        self._writer = await asyncio.to_thread(self._open_file, asyncio.get_running_loop())

    async def close(self) -> None:
        """Commit what waits and close. Safe at any time, any number of times."""
        writer, self._writer = self._writer, None
        if writer is not None:
            await writer.close()
            self._lock.release()

    def left(self, flow: str, node: str) -> bool:
        """Whether an earlier run left messages before this node, waiting or parked, when the file was opened."""
        return (flow, node) in self._left

    def next_parked(self) -> int:
        """A number for a row that is parked now, higher than all before it. Called on the loop only."""
        self._parked += 1
        return self._parked

    async def edge(self, flow: str, node: str) -> EdgeRecord:
        """The durable edge before this node, made if it is missing."""
        found = await asyncio.to_thread(self._edge, flow, node)
        if found is None:
            await self.change(MakeEdge(flow, node))
            found = await asyncio.to_thread(self._edge, flow, node)
            assert found is not None
        return found

    def submit(
        self,
        changes: Sequence[Change],
        committed: Callable[[list[int]], None],
        failed: Callable[[Exception], None],
    ) -> None:
        """Change the outbox; the callbacks tell on the loop how it went. Raises `HostError` if it is closed."""
        if self._writer is None:
            raise HostError("the outbox is closed")
        self._writer.submit(Transaction(list(changes), committed, failed))

    async def change(self, *changes: Change) -> list[int]:
        """`submit`, awaited. Raises `HostError` if the changes are not on disk."""
        done: asyncio.Future[list[int]] = asyncio.get_running_loop().create_future()

        def committed(starts: list[int]) -> None:
            if not done.done():
                done.set_result(starts)

        def failed(error: Exception) -> None:
            if not done.done():
                done.set_exception(error)

        self.submit(list(changes), committed, failed)
        return await done

    async def read(self, edge: int, after: int, limit: int) -> list[tuple[int, int, bytes]]:
        """Rows of an edge behind an id, oldest first: id, when it came (milliseconds UTC), encoded message."""
        return await asyncio.to_thread(self._read, edge, after, limit)

    async def query(self, statement: str, values: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        """Rows of a reading statement."""
        return await asyncio.to_thread(self._query, statement, values)

    def _open_file(self, loop: asyncio.AbstractEventLoop) -> OutboxWriter:
        check_sqlite()
        self._take()
        try:
            return self._open_held(loop)
        except apsw.Error as error:
            self._lock.release()
            raise HostError(f"the outbox {self._path} cannot be opened: {error}") from error
        except BaseException:
            self._lock.release()
            raise

    def _open_held(self, loop: asyncio.AbstractEventLoop) -> OutboxWriter:
        connection = connect(self._path)
        prepare(connection, self._path)
        tails = dict(connection.execute("SELECT id, appended FROM edge"))
        self._left = frozenset(connection.execute(_LEFT))
        self._parked = connection.execute("SELECT coalesce(max(id), 0) FROM parked").get
        again = partial(connect, self._path)
        return OutboxWriter(connection, again, self._reader, self._pool, loop, tails, self._on_fault)

    def _take(self) -> None:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._lock.take(LET_GO_S)
        except OSError as error:
            raise HostError(f"the outbox {self._path} cannot be opened: {error}") from error
        except HeldError as error:
            raise HostError(
                f"the outbox {self._path} is in use by {error}: stop it, then start this again, "
                "or give this one another folder with --data or FLOWHOST_DATA_DIR"
            ) from None

    def _edge(self, flow: str, node: str) -> EdgeRecord | None:
        statement = "SELECT id, position, appended, dead, dropped FROM edge WHERE flow = ? AND node = ?"
        found = self._query(statement, (flow, node))
        if not found:
            return None
        number, position, appended, dead, dropped = found[0]
        oldest_ms, size = self._head(number, appended - position)
        return EdgeRecord(number, position, appended, dead, dropped, oldest_ms, size)

    def _head(self, edge: int, pending: int) -> tuple[int, int]:
        """When the oldest message came, and about how many bytes all of them take, from the first thousand."""
        statement = f"SELECT at_ms, length(b) FROM m_{edge:d} ORDER BY id LIMIT 1000"  # noqa: S608 - a number
        rows = self._query(statement, ())
        if not rows:
            return 0, 0
        return rows[0][0], sum(size for _, size in rows) * pending // len(rows)

    def _read(self, edge: int, after: int, limit: int) -> list[tuple[int, int, bytes]]:
        statement = f"SELECT id, at_ms, b FROM m_{edge:d} WHERE id > ? ORDER BY id LIMIT ?"  # noqa: S608 - a number
        return [(row[0], row[1], row[2]) for row in self._query(statement, (after, limit))]

    def _query(self, statement: str, values: tuple[Any, ...]) -> list[tuple[Any, ...]]:
        if self._writer is None:
            raise HostError("the outbox is closed")
        return self._reader.query(statement, values)
