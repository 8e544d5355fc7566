"""A SQLite file of another program, which can be locked as a long maintenance job locks it."""

import asyncio
import sqlite3
from pathlib import Path

LOCK_WITHIN_S = 5.0


class LockableDatabase:
    """On: the file is free. Off: another program, this one, keeps its write lock; nobody else can write a row.

    Readers of a file in WAL mode go on reading. The lock ends with this process, however that ends.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock: sqlite3.Connection | None = None

    async def start(self) -> None:
        """Lets the file go."""
        lock, self._lock = self._lock, None
        if lock is not None:
            await asyncio.to_thread(lock.close)

    async def stop(self) -> None:
        """Takes the write lock and keeps it. A file that is not there yet is made, empty.

        Raises:
            OSError: it cannot be had: another program has it, or the file cannot be opened.
        """
        try:
            self._lock = await asyncio.to_thread(self._take)
        except sqlite3.Error as error:
            raise OSError(f"cannot be locked: {self.path}: {error}") from error

    async def update(self) -> None:
        """Nothing to do: a lock is held."""

    def _take(self) -> sqlite3.Connection:
        # closed by another thread of the pool than the one that opened it, never by two at a time
        lock = sqlite3.connect(self.path, timeout=LOCK_WITHIN_S, isolation_level=None, check_same_thread=False)
        try:
            lock.execute("BEGIN EXCLUSIVE")
        except sqlite3.Error:
            lock.close()
            raise
        return lock
