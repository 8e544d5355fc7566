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
        self._log_pages = self._tried_at = 0
        self._page_bytes = int(connection.execute("PRAGMA page_size").get)
        connection.wal_autocheckpoint(0)
        connection.set_wal_hook(self._committed)

    def after_commit(self) -> None:
        """Copy the log into the file if it has grown enough. Raises `apsw.Error` for a broken disk."""
        if self._log_pages - self._tried_at >= LOG_PAGES:
            self.copy_log()

    def copy_log(self) -> None:
        """Copy as much of the log as readers allow; a full disk leaves it as it is. Raises `apsw.Error`."""
        if self._log_pages == self._tried_at:
            return
        self._tried_at = self._log_pages
        with suppress(apsw.FullError, apsw.BusyError):
            self._connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
            if self._log_pages >= LONG_LOG_PAGES:
                self._begin_anew()

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
        return (self._log_pages - self._tried_at) * self._page_bytes

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

    def _begin_anew(self) -> None:
        self._connection.set_busy_timeout(ASK_READERS_MS)
        try:
            self._connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_RESTART)
        finally:
            self._connection.set_busy_timeout(BUSY_MS)

    def _committed(self, _connection: apsw.Connection, _name: str, pages: int) -> int:
        if pages < self._tried_at:
            # the log has begun anew
            self._tried_at = 0
        self._log_pages = pages
        return apsw.SQLITE_OK
