"""Writes an outbox, one thread at a time: whatever waits is committed together, and confirmed only after that."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import apsw

from flowhost.engine.outbox.changes import (
    Advance,
    Append,
    Bury,
    Change,
    DropNode,
    KeepLedger,
    KeepMeta,
    KeepOrigin,
    KeepStates,
    MakeEdge,
    Orphan,
    SetAside,
    Transaction,
)
from flowhost.engine.outbox.codec import encode
from flowhost.engine.outbox.held import Held
from flowhost.engine.outbox.letter_changes import LetterChange
from flowhost.engine.outbox.letter_rows import bury
from flowhost.engine.outbox.marks import Marks, MarksFile
from flowhost.engine.outbox.opening import is_full, read_marks
from flowhost.engine.outbox.orphans import bury_edge
from flowhost.engine.outbox.parking_changes import ParkingChange
from flowhost.engine.outbox.pool import WriterPool
from flowhost.engine.outbox.reader import OutboxReader
from flowhost.engine.outbox.room import Room
from flowhost.engine.outbox.schema import make_edge_table
from flowhost.engine.outbox.seal import named_seal, row_seal
from flowhost.engine.outbox.space import STOP
from flowhost.engine.outbox.upkeep import Upkeep
from flowhost.errors import HostError

log = logging.getLogger(__name__)

GROUP_ROWS = 2000
QUIET_S = 2.0
"""After so long without a commit the log is copied into the file."""
IDLE_S = 30.0
"""After so long without a commit the file is closed; the next one opens it again, which takes a millisecond or two."""
UNUSED_S = 5.0
USED_COMMITS = 10
"""With fewer commits than these it is closed this soon: most flows have little to write, and a thousand may start."""


class OutboxWriter:
    """Commits transactions in the order they were submitted, as many at once as have gathered.

    After a failed commit nothing is written or confirmed any more: what the disk holds then is not known, and trying
    again could confirm what is lost.

    Args:
        connection: the only writing connection.
        connect: opens it again, after a time with nothing to do.
        reader: reads the same file; let go of when nobody uses it.
        pool: the threads.
        room: of the file.
        loop: where callbacks run.
        marks: how far the file has got; the writer owns the numbering of its edges from now on.
        marks_file: where that is written down a second time.
        on_fault: called on the loop, once, when the outbox can no longer be written.

    Attributes:
        letters_changed: grows with every change of dead letters.
    """

    def __init__(
        self,
        connection: apsw.Connection,
        connect: Callable[[], apsw.Connection],
        reader: OutboxReader,
        pool: WriterPool,
        room: Room,
        loop: asyncio.AbstractEventLoop,
        marks: Marks,
        marks_file: MarksFile,
        on_fault: Callable[[HostError], None],
    ) -> None:
        self._connection = connection
        self._connect = connect
        self._reader = reader
        self._pool = pool
        self._room = room
        self._loop = loop
        # highest id ever given, by edge
        self._tails = {number: mark.appended for number, mark in marks.edges.items()}
        self._marks = marks
        self._marks_file = marks_file
        self._on_fault = on_fault
        self._waiting: deque[Transaction] = deque()
        self._lock = threading.Lock()
        # a turn is asked for or under way
        self._turning = False
        self._care = False
        # the disk refused to write: what brings new messages waits here, and all waits until the next tick
        self._full = False
        self._pausing = False
        self._held = Held()
        self._again: list[Transaction] = []
        self._closing = False
        self._closed = threading.Event()
        self._fault: HostError | None = None
        self.letters_changed = 0
        # None while the file is closed
        self._upkeep: Upkeep | None = Upkeep(connection)
        self._last_commit = time.monotonic()
        self._commits = 0
        pool.add(self, room.space)

    def submit(self, transaction: Transaction) -> None:
        """Queue a transaction; its callback tells how it went."""
        if self._fault is not None:
            self._loop.call_soon(transaction.failed, self._fault)
            return
        with self._lock:
            self._waiting.append(transaction)
            self._ask_for_turn()

    async def close(self) -> None:
        """Commit what waits and close the file. Safe to call again."""
        with self._lock:
            self._closing, self._pausing = True, False
            self._ask_for_turn()
        await asyncio.to_thread(self._closed.wait)

    def tick(self) -> None:
        """A second has passed (`flowhost.engine.outbox.pool.Written`)."""
        self._reader.close_if_idle()
        if self._upkeep is not None or self._full:
            with self._lock:
                self._care, self._pausing = True, False
                self._ask_for_turn()

    def turn(self) -> None:
        """Commit a group, or do what else is due (`flowhost.engine.outbox.pool.Written`)."""
        try:
            if self._full and self._room.space.mark < STOP:
                self._take_in_again()
            if group := self._next_group():
                self._commit(group)
            if self._care:
                self._care = False
                self._take_care()
        finally:
            with self._lock:
                self._turning = False
                if self._waiting or self._again:
                    self._ask_for_turn()
                elif self._closing and not self._closed.is_set():
                    self._end()

    def _ask_for_turn(self) -> None:
        if not self._turning and not self._pausing:
            self._turning = True
            self._pool.ready(self)

    # -- on a thread of the pool

    def _open(self) -> None:
        self._connection = self._connect()
        self._upkeep = Upkeep(self._connection)

    def _close_file(self) -> None:
        upkeep, self._upkeep = self._upkeep, None
        if upkeep is not None:
            self._connection.close()

    def _end(self) -> None:
        if waiting := self._held.give_back():
            self._tell(_failed, waiting, HostError("the disk is full, and the run is over"))
        try:
            self._reader.close()
            self._close_file()
        except apsw.Error as error:
            log.warning("an outbox did not close cleanly, which the next start mends: %s", error)
        finally:
            self._pool.remove(self)
            self._closed.set()

    def _take_care(self) -> None:
        if self._fault is not None or self._upkeep is None:
            return
        quiet_s = time.monotonic() - self._last_commit
        try:
            if quiet_s >= QUIET_S:
                self._upkeep.copy_log()
            self._upkeep.shrink(lambda: not self._waiting)
            self._room.measured(self._upkeep.used_bytes(), self._upkeep.log_bytes)
            if quiet_s >= (IDLE_S if self._commits > USED_COMMITS else UNUSED_S):
                self._close_file()
        except apsw.Error as error:
            self._fail([], error)

    def _next_group(self) -> list[Transaction]:
        if self._again:
            group, self._again = self._again, []
            return group
        group = []
        rows = 0
        while self._waiting and rows < GROUP_ROWS:
            # only this thread takes from the left
            transaction = self._waiting.popleft()
            group.append(transaction)
            rows += transaction.size()
        return self._held.sift(group) if self._full else group

    def _commit(self, group: list[Transaction]) -> None:
        if self._fault is not None:
            self._count(group)
            self._tell(_failed, group, self._fault)
            return
        tails = dict(self._tails)
        try:
            if self._upkeep is None:
                self._open()
            self._connection.execute("BEGIN IMMEDIATE")
            for transaction in group:
                transaction.starts = [start for c in transaction.changes if (start := self._apply(c)) is not None]
            self._keep_ledgers(group)
            self._connection.execute("COMMIT")
            self._mark(group)
        except Exception as error:  # noqa: BLE001 - a damaged file raises more than SQLite's errors; all are faults
            self._tails = tails
            if is_full(error):
                self._wait_for_room(group, error)
            else:
                self._fail(group, error)
        else:
            self._tell(_committed, group)
            self._count(group)
            self._last_commit = time.monotonic()
            self._commits += 1
            self._look_after_log()

    def _mark(self, group: list[Transaction]) -> None:
        """Write down how far the file has got, before anybody is told."""
        edges = self._marks.edges
        others = False
        for transaction in group:
            for change in transaction.changes:
                if isinstance(change, Append | Advance) and (mark := edges.get(change.edge)) is not None:
                    mark.appended = self._tails.get(change.edge, mark.appended)
                    if isinstance(change, Advance):
                        mark.position = max(mark.position, change.position)
                else:
                    others = others or isinstance(change, MakeEdge | Orphan | Bury | LetterChange)
        if others:
            read_marks(self._connection, self._marks)
        self._marks_file.write(self._marks)

    def _count(self, group: list[Transaction]) -> None:
        log_bytes = self._upkeep.log_bytes if self._upkeep is not None else 0
        self._room.written(sum(transaction.weight for transaction in group), log_bytes)

    def _look_after_log(self) -> None:
        assert self._upkeep is not None
        try:
            self._upkeep.after_commit(tight=self._room.mark >= STOP)
        except apsw.Error as error:
            self._fail([], error)

    def _wait_for_room(self, group: list[Transaction], error: Exception) -> None:
        """The disk is full: nothing of the group is on it, and none of it is lost."""
        again = self._full
        self._full = True
        self._room.exhausted()
        try:
            self._roll_back()
            if self._upkeep is not None:
                # with what the reserve gave, before the log grows into it
                self._upkeep.cut_log()
        except apsw.Error as other:
            self._fail(group, other)
            return
        if self._closing and again:
            # there is no later
            self._tell(_failed, group, HostError(f"the disk is full: {error}"))
            return
        # what needs hardly any room is tried at once, with what the reserve gave; after that, when time has passed
        self._again = self._held.sift(group)
        self._pausing = again and not self._closing

    def _take_in_again(self) -> None:
        """There is room: what waited goes first."""
        self._full = False
        self._waiting.extendleft(reversed(self._held.give_back()))

    def _roll_back(self) -> None:
        if self._upkeep is not None and self._connection.in_transaction:
            self._connection.execute("ROLLBACK")

    def _fail(self, group: list[Transaction], error: Exception) -> None:
        fault = HostError(f"the outbox cannot be written: {error}; check the disk, then start again")
        self._fault = fault
        with suppress(apsw.Error):
            # should this fail too, the next start undoes it; nothing of this group was confirmed
            self._roll_back()
        self._tell(_failed, group, fault)
        self._tell(self._on_fault, fault)

    def _tell(self, call: Callable[..., None], *values: Any) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(call, *values)

    def _apply(self, change: Change) -> int | None:
        match change:
            case Append(edge, rows):
                return self._append(edge, rows)
            case Advance():
                self._advance(change)
            case Bury() | Orphan() | LetterChange():
                self._apply_to_letters(change)
            case KeepStates(flow, node, rows):
                self._keep_states(flow, node, dict(rows))
            case KeepOrigin(flow, node, value):
                seal = named_seal(value, flow, node)
                self._execute("INSERT OR REPLACE INTO origin VALUES (?, ?, ?, ?)", flow, node, value, seal)
            case MakeEdge() | DropNode() | SetAside() | KeepMeta():
                self._apply_at_start(change)
            case KeepLedger():
                """Once for the whole group (`_keep_ledgers`)."""
            case ParkingChange():
                change.apply(self._connection)
        return None

    def _keep_ledgers(self, group: list[Transaction]) -> None:
        """Of all entries of a group only the newest counts: once per commit, not once per batch."""
        newest: dict[tuple[str, str], Any] = {}
        for transaction in group:
            for change in transaction.changes:
                if isinstance(change, KeepLedger):
                    newest.update(((change.flow, node), figures) for node, figures in change.rows)
        if newest:
            rows = [(flow, node, encode(figures)) for (flow, node), figures in newest.items()]
            self._connection.executemany("INSERT OR REPLACE INTO ledger VALUES (?, ?, ?)", rows)

    def _apply_at_start(self, change: MakeEdge | DropNode | SetAside | KeepMeta) -> None:
        match change:
            case MakeEdge(flow, node):
                self._make_edge(flow, node)
            case DropNode(flow, node, with_origin):
                self._drop_node(flow, node, with_origin=with_origin)
            case SetAside():
                self._execute(
                    "INSERT INTO damaged(flow, node, origin, row, at_ns, reason, bytes) VALUES (?, ?, ?, ?, ?, ?, ?)",
                    change.flow, change.node, change.origin, change.row, change.at_ns, change.reason, change.data,
                )  # fmt: skip
            case KeepMeta(key, value):
                self._execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", key, value)

    def _apply_to_letters(self, change: Bury | Orphan | LetterChange) -> None:
        self.letters_changed += 1
        match change:
            case Bury():
                bury(self._connection, change)
            case Orphan():
                bury_edge(self._connection, change)
            case LetterChange():
                change.apply(self._connection)

    def _advance(self, change: Advance) -> None:
        self._execute(
            "UPDATE edge SET position = max(position, ?), dead = dead + ?, dropped = dropped + ? WHERE id = ?",
            change.position, change.dead, change.dropped, change.edge,
        )  # fmt: skip
        table = f"m_{change.edge:d}"
        self._connection.execute(f"DELETE FROM {table} WHERE id <= ?", (change.position,))  # noqa: S608 - a number
        if change.beyond:
            self._connection.executemany(f"DELETE FROM {table} WHERE id BETWEEN ? AND ?", change.beyond)  # noqa: S608 - a number

    def _append(self, edge: int, rows: Any) -> int:
        start = self._tails.get(edge, 0)
        at_ms = time.time_ns() // 1_000_000
        numbered = enumerate(rows, start + 1)
        sealed = ((number, at_ms, row, row_seal(edge, number, at_ms, row)) for number, row in numbered)
        insert = f"INSERT INTO m_{edge:d}(id, at_ms, b, seal) VALUES (?, ?, ?, ?)"  # noqa: S608 - a number
        self._connection.executemany(insert, sealed)
        self._tails[edge] = start + len(rows)
        # kept beside the rows, so that numbers are never given twice, even after all rows are gone
        self._execute("UPDATE edge SET appended = ? WHERE id = ?", self._tails[edge], edge)
        return start

    def _make_edge(self, flow: str, node: str) -> None:
        self._execute("INSERT OR IGNORE INTO edge(flow, node) VALUES (?, ?)", flow, node)
        made = self._connection.execute("SELECT id FROM edge WHERE flow = ? AND node = ?", (flow, node)).get
        make_edge_table(self._connection, made)

    def _keep_states(self, flow: str, node: str, rows: dict[str, bytes | None]) -> None:
        gone = [(flow, node, key) for key, value in rows.items() if value is None]
        kept = [
            (flow, node, key, value, named_seal(value, flow, node, key))
            for key, value in rows.items()
            if value is not None
        ]
        if gone:
            self._connection.executemany("DELETE FROM state WHERE flow = ? AND node = ? AND key = ?", gone)
        if kept:
            self._connection.executemany("INSERT OR REPLACE INTO state VALUES (?, ?, ?, ?, ?)", kept)

    def _drop_node(self, flow: str, node: str, *, with_origin: bool) -> None:
        for table in ("state", "origin") if with_origin else ("state",):
            self._execute(f"DELETE FROM {table} WHERE flow = ? AND node = ?", flow, node)  # noqa: S608 - from above

    def _execute(self, statement: str, *values: Any) -> None:
        self._connection.execute(statement, values)


def _committed(group: list[Transaction]) -> None:
    for transaction in group:
        transaction.committed(transaction.starts)


def _failed(group: list[Transaction], fault: HostError) -> None:
    for transaction in group:
        transaction.failed(fault)
