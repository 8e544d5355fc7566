"""Keeps an outbox file's log short and gives back what a backlog took."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress

import apsw

LOG_PAGES = 1000
"""The log is copied into the file whenever it has grown by so many pages (4 MB)."""
LONG_LOG_PAGES = 4000
"""From here on readers are asked to wait a moment, so that the log can begin anew."""
TIGHT_LOG_PAGES, TIGHT_LONG_LOG_PAGES = 100, 500
"""The same two while there is little room: what is in the log takes room a second time, in the file."""
LOG_BYTES_KEPT = 8 * 1024 * 1024
ASK_READERS_MS = 200
BUSY_MS = 5000
FREE_PAGES_KEPT = 1000
"""Free pages that stay in the file for the next messages."""
FREE_SHARE_KEPT = 0.25
VACUUM_PAGES = 256
VACUUM_S = 0.2


class Upkeep:
    """Care for the file behind one writing connection; on the thread that writes.

    Args:
        connection: the writing connection; its automatic checkpoints are off from now on.
    """

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection
        self._log_pages = self._copied = self._tried_at = 0
        # the log may hold what is not in the file
        self._behind = True
        self._page_bytes = int(connection.execute("PRAGMA page_size").get)
        connection.wal_autocheckpoint(0)
        connection.set_wal_hook(self._committed)

    def after_commit(self, *, tight: bool = False) -> None:
        """Copy the log into the file if it has grown enough. Raises `apsw.Error` for a broken disk.

        Args:
            tight: the disk has little room.
        """
        if self._log_pages - self._tried_at >= (TIGHT_LOG_PAGES if tight else LOG_PAGES):
            self.copy_log(tight=tight)

    def copy_log(self, *, tight: bool = False) -> None:
        """Copy as much of the log as readers and the disk allow; the rest another time. Raises `apsw.Error`."""
        if not self._behind:
            return
        self._tried_at = self._log_pages
        with suppress(apsw.FullError, apsw.BusyError):
            self._checkpoint(apsw.SQLITE_CHECKPOINT_PASSIVE)
            if self._log_pages >= (TIGHT_LONG_LOG_PAGES if tight else LONG_LOG_PAGES):
                self._ask_readers(apsw.SQLITE_CHECKPOINT_RESTART)

    def cut_log(self) -> None:
        """Have the log take no room at all, because the disk has none. Raises `apsw.Error` for a broken disk."""
        with suppress(apsw.FullError, apsw.BusyError):
            self._ask_readers(apsw.SQLITE_CHECKPOINT_TRUNCATE)

    def shrink(self, wanted: Callable[[], bool]) -> None:
        """Give free pages back to the disk, a little at a time, while nobody waits and `wanted()` is true.

        That takes room in the log first: a full disk leaves the file as it is. Raises `apsw.Error` for a broken disk.
        """
        until = time.monotonic() + VACUUM_S
        with suppress(apsw.FullError):
            while self._spare() >= VACUUM_PAGES:
                self._connection.execute(f"PRAGMA incremental_vacuum({VACUUM_PAGES})").fetchall()
                if not wanted() or time.monotonic() > until:
                    break

    @property
    def log_bytes(self) -> int:
        """What lies in the log and may still have to be copied into the file."""
        return (self._log_pages - self._copied) * self._page_bytes

    def used_bytes(self) -> int:
        """What is in the file, free pages left out."""
        _, used = self._pages()
        return used * self._page_bytes

    def _pages(self) -> tuple[int, int]:
        free = int(self._connection.execute("PRAGMA freelist_count").get)
        return free, int(self._connection.execute("PRAGMA page_count").get) - free

    def _spare(self) -> int:
        free, used = self._pages()
        return free - max(FREE_PAGES_KEPT, int(used * FREE_SHARE_KEPT))

    def _ask_readers(self, mode: int) -> None:
        self._connection.set_busy_timeout(ASK_READERS_MS)
        try:
            self._checkpoint(mode)
        finally:
            self._connection.set_busy_timeout(BUSY_MS)

    def _checkpoint(self, mode: int) -> None:
        in_log, copied = self._connection.wal_checkpoint(mode=mode)
        self._log_pages, self._copied, self._tried_at = in_log, copied, min(self._tried_at, in_log)
        self._behind = copied < in_log

    def _committed(self, _connection: apsw.Connection, _name: str, pages: int) -> int:
        if pages <= self._log_pages:
            # the log has begun anew
            self._tried_at = self._copied = 0
        self._log_pages = pages
        self._behind = True
        return apsw.SQLITE_OK
