"""The one thread that writes an outbox: whatever waits is committed together, and confirmed only after that."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable
from itertools import repeat
from typing import Any

import apsw

from flowhost.engine.outbox.changes import (
    Advance,
    Append,
    Bury,
    Change,
    DropNode,
    KeepMeta,
    KeepOrigin,
    KeepState,
    Orphan,
    Transaction,
)
from flowhost.engine.outbox.letter_changes import LetterChange
from flowhost.engine.outbox.letter_rows import bury
from flowhost.engine.outbox.orphans import bury_edge
from flowhost.errors import HostError

GROUP_ROWS = 2000


class OutboxWriter:
    """Commits transactions in the order they were submitted, as many at once as have gathered.

    After a failed commit nothing is written or confirmed any more: what the disk holds then is not known, and trying
    again could confirm what is lost.

    Args:
        connection: the only writing connection.
        loop: where callbacks run.
        tails: highest id ever given, by edge; this thread owns the numbering from now on.
        on_fault: called on the loop, once, when the outbox can no longer be written.

    Attributes:
        letters_changed: grows with every change of dead letters.
    """

    def __init__(
        self,
        connection: apsw.Connection,
        loop: asyncio.AbstractEventLoop,
        tails: dict[int, int],
        on_fault: Callable[[HostError], None],
    ) -> None:
        self._connection = connection
        self._loop = loop
        self._tails = tails
        self._on_fault = on_fault
        self._waiting: deque[Transaction] = deque()
        self._wake = threading.Event()
        self._closing = False
        self._fault: HostError | None = None
        self.letters_changed = 0
        self._thread = threading.Thread(target=self._run, name="outbox writer", daemon=True)
        self._thread.start()

    def submit(self, transaction: Transaction) -> None:
        """Queue a transaction; its callback tells how it went."""
        if self._fault is not None:
            self._loop.call_soon(transaction.failed, self._fault)
            return
        self._waiting.append(transaction)
        self._wake.set()

    async def close(self) -> None:
        """Commit what waits, end the thread and close the file. Safe to call again."""
        self._closing = True
        self._wake.set()
        await asyncio.to_thread(self._thread.join)

    def _run(self) -> None:
        while True:
            self._wake.wait()
            self._wake.clear()
            while group := self._next_group():
                self._commit(group)
            if self._closing and not self._waiting:
                break
        self._connection.close()

    def _next_group(self) -> list[Transaction]:
        group: list[Transaction] = []
        rows = 0
        while self._waiting and rows < GROUP_ROWS:
            transaction = self._waiting.popleft()
            group.append(transaction)
            rows += transaction.size()
        return group

    def _commit(self, group: list[Transaction]) -> None:
        if self._fault is not None:
            self._tell(_failed, group, self._fault)
            return
        tails = dict(self._tails)
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            for transaction in group:
                transaction.starts = [start for c in transaction.changes if (start := self._apply(c)) is not None]
            self._connection.execute("COMMIT")
        except Exception as error:  # noqa: BLE001 - a damaged file raises more than SQLite's errors; all are faults
            self._tails.update(tails)
            self._fail(group, error)
        else:
            self._tell(_committed, group)

    def _fail(self, group: list[Transaction], error: Exception) -> None:
        fault = HostError(f"the outbox cannot be written: {error}; check the disk, then start again")
        self._fault = fault
        try:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
        except apsw.Error:
            # the file is closed by the next start's recovery; nothing of this group was confirmed
            self._closing = True
        self._tell(_failed, group, fault)
        self._tell(self._on_fault, fault)

    def _tell(self, call: Callable[..., None], *values: Any) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(call, *values)

    def _apply(self, change: Change) -> int | None:
        match change:
            case Append(edge, rows):
                return self._append(edge, rows)
            case Advance(edge, position, dead, dropped):
                self._execute(
                    "UPDATE edge SET position = max(position, ?), dead = dead + ?, dropped = dropped + ? WHERE id = ?",
                    position, dead, dropped, edge,
                )  # fmt: skip
                self._connection.execute(f"DELETE FROM m_{edge:d} WHERE id <= ?", (position,))  # noqa: S608 - a number
            case Bury() | Orphan() | LetterChange():
                self._apply_to_letters(change)
            case KeepState(flow, node, key, None):
                self._execute("DELETE FROM state WHERE flow = ? AND node = ? AND key = ?", flow, node, key)
            case KeepState(flow, node, key, value):
                self._execute("INSERT OR REPLACE INTO state VALUES (?, ?, ?, ?)", flow, node, key, value)
            case KeepOrigin(flow, node, value):
                self._execute("INSERT OR REPLACE INTO origin VALUES (?, ?, ?)", flow, node, value)
            case DropNode(flow, node, with_origin):
                self._drop_node(flow, node, with_origin=with_origin)
            case KeepMeta(key, value):
                self._execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", key, value)
        return None

    def _apply_to_letters(self, change: Bury | Orphan | LetterChange) -> None:
        self.letters_changed += 1
        match change:
            case Bury():
                bury(self._connection, change)
            case Orphan():
                bury_edge(self._connection, change)
            case LetterChange():
                change.apply(self._connection)

    def _append(self, edge: int, rows: Any) -> int:
        start = self._tails.get(edge, 0)
        numbered = zip(range(start + 1, start + len(rows) + 1), repeat(time.time_ns() // 1_000_000), rows, strict=False)
        insert = f"INSERT INTO m_{edge:d}(id, at_ms, b) VALUES (?, ?, ?)"  # noqa: S608 - a number
        self._connection.executemany(insert, numbered)
        self._tails[edge] = start + len(rows)
        # kept beside the rows, so that numbers are never given twice, even after all rows are gone
        self._execute("UPDATE edge SET appended = ? WHERE id = ?", self._tails[edge], edge)
        return start

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
