"""An outbox file: opened by one worker slot, holds the durable edges of its flows."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Hashable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import apsw

from flowhost.engine.file_lock import FileLock, HeldError
from flowhost.engine.outbox.changes import Change, MakeEdge, Transaction
from flowhost.engine.outbox.marks import MarksFile
from flowhost.engine.outbox.opening import open_file
from flowhost.engine.outbox.pool import WriterPool
from flowhost.engine.outbox.progress import Progress, key_of
from flowhost.engine.outbox.reader import OutboxReader, size_of
from flowhost.engine.outbox.room import Room, Say
from flowhost.engine.outbox.schema import connect
from flowhost.engine.outbox.seal import ROW
from flowhost.engine.outbox.space import SpaceRules
from flowhost.engine.outbox.stretches import Row
from flowhost.engine.outbox.writer import OutboxWriter
from flowhost.errors import HostError

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
        ahead: what is done of those behind the position, as `flowhost.engine.outbox.progress` keeps it.
    """

    number: int
    position: int
    appended: int
    dead: int = 0
    dropped: int = 0
    oldest_ms: int = 0
    pending_bytes: int = 0
    ahead: str = ""


class Outbox:
    """One outbox file.

    Guarantees: what was committed survives a kill and a power cut (SQLite, write-ahead log, synchronous=FULL); changes
    of one transaction happen together; transactions happen in the order they were submitted.

    Args:
        path: the file; made if it is missing.
        on_fault: called on the loop, once, when the file can no longer be written.
        pool: threads that write; None makes some for this file alone.
        rules: how much of the disk it may take.

    Attributes:
        room: whether messages may be taken in; once the file is open.
    """

    room: Room

    def __init__(
        self,
        path: Path,
        on_fault: Callable[[HostError], None],
        pool: WriterPool | None = None,
        rules: SpaceRules | None = None,
    ) -> None:
        self._path = path
        self._rules = rules or SpaceRules()
        self._pool = pool or WriterPool(threads=1)
        self._lock = FileLock(path.with_name(path.name + LOCK_SUFFIX))
        self._on_fault = on_fault
        self._writer: OutboxWriter | None = None
        self._reader = OutboxReader(path)
        self._left: frozenset[tuple[str, str]] = frozenset()
        self._parked = 0
        self._unsaid: list[tuple[str, str, str]] = []
        self._listener: Say = self._remember

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
        opening = asyncio.create_task(
            asyncio.to_thread(self._open_file, asyncio.get_running_loop()), name="open outbox"
        )
        try:
            self._writer = await asyncio.shield(opening)
        except asyncio.CancelledError:
            # a file that came open meanwhile must not be left behind
            self._writer = await opening
            await self.close()
            raise

    async def close(self) -> None:
        """Commit what waits and close. Safe at any time, any number of times."""
        writer, self._writer = self._writer, None
        if writer is not None:
            await writer.close()
            self.room.close()
            self._lock.release()

    def listen(self, listener: Say) -> None:
        """Tell this one, on the loop, what happens to the file, beginning with what was found when it was opened."""
        self._listener = listener
        unsaid, self._unsaid = self._unsaid, []
        for kind, text, node in unsaid:
            listener(kind, text, node)

    def _remember(self, kind: str, text: str, node: str) -> None:
        self._unsaid.append((kind, text, node))

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
        lanes: Collection[Hashable] = (),
    ) -> None:
        """Change the outbox; the callbacks tell on the loop how it went.

        Args:
            changes: made together or not at all.
            committed: see `Transaction`.
            failed: see there.
            lanes: see there.

        Raises:
            HostError: the file is closed.
        """
        if self._writer is None:
            raise HostError("the outbox is closed")
        transaction = Transaction(list(changes), committed, failed, lanes)
        self.room.spend(transaction.weight)
        self._writer.submit(transaction)

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

    async def read(self, edge: int, after: int, limit: int) -> list[Row]:
        """Rows of an edge behind an id, oldest first; what they hold is still to be checked."""
        return await asyncio.to_thread(self._read, edge, after, limit)

    def read_some(self, edge: int, after: int, last: int, rows: int, size: int) -> tuple[list[Row], bool]:
        """Rows of an edge behind one id and up to another, oldest first; blocks.

        Args:
            edge: number of the edge.
            after: id before the first.
            last: id of the last.
            rows: at most so many.
            size: and about so many bytes.

        Returns:
            The rows, still to be checked, and whether that are all there are.
        """
        if self._writer is None:
            raise HostError("the outbox is closed")
        statement = f"SELECT {ROW} FROM m_{edge:d} WHERE id > ? AND id <= ? ORDER BY id LIMIT ?"  # noqa: S608 - a number
        found = [Row(*row) for row in self._reader.some(statement, (after, last, rows), size)]
        return found, not found or found[-1].number == last or (len(found) < rows and sum(map(size_of, found)) < size)

    async def query(self, statement: str, values: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        """Rows of a reading statement."""
        return await asyncio.to_thread(self._query, statement, values)

    def _open_file(self, loop: asyncio.AbstractEventLoop) -> OutboxWriter:
        self._take()
        try:
            space = self._pool.space(self._path.parent, self._rules)
            space.look()
            marks_file = MarksFile(self._lock.file)
            opened = open_file(self._path, marks_file, space.exhausted)
        except BaseException:
            self._lock.release()
            raise
        self._left, self._parked = opened.left, opened.parked
        self._reader = OutboxReader(self._path)
        self._unsaid += opened.findings
        self.room = Room(self._path, space, loop, self._say)
        again = partial(connect, self._path)
        return OutboxWriter(
            opened.connection, again, self._reader, self._pool, self.room, loop, opened.marks, marks_file,
            self._on_fault,
        )  # fmt: skip

    def _say(self, kind: str, text: str, node: str) -> None:
        self._listener(kind, text, node)

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
        kept = self._query("SELECT value FROM meta WHERE key = ?", (key_of(number),))
        ahead = str(kept[0][0]) if kept else ""
        oldest_ms, size = self._head(number, appended - position - Progress(number, position, ahead).ahead.count)
        return EdgeRecord(number, position, appended, dead, dropped, oldest_ms, size, ahead)

    def _head(self, edge: int, pending: int) -> tuple[int, int]:
        """When the oldest message came, and about how many bytes all of them take, from the first thousand."""
        statement = f"SELECT CAST(at_ms AS INTEGER), length(b) FROM m_{edge:d} ORDER BY id LIMIT 1000"  # noqa: S608 - a number
        rows = self._query(statement, ())
        if not rows:
            return 0, 0
        return rows[0][0], sum(size for _, size in rows) * pending // len(rows)

    def _read(self, edge: int, after: int, limit: int) -> list[Row]:
        statement = f"SELECT {ROW} FROM m_{edge:d} WHERE id > ? ORDER BY id LIMIT ?"  # noqa: S608 - a number
        return [Row(*row) for row in self._query(statement, (after, limit))]

    def _query(self, statement: str, values: tuple[Any, ...]) -> list[tuple[Any, ...]]:
        if self._writer is None:
            raise HostError("the outbox is closed")
        try:
            return self._reader.query(statement, values)
        except apsw.Error as error:
            raise HostError(f"the outbox cannot be read: {error}; check the disk, then start again") from error
