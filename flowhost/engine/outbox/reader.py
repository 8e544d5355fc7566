"""Reading from an outbox file beside its writer."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import apsw

IDLE_S = 2.0
"""A reader nobody has asked for this long lets go of its connection, seconds."""


class OutboxReader:
    """A reading connection, opened when it is first needed and closed when it is not needed for a while.

    Safe to use from any thread; one statement runs at a time.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._connection: apsw.Connection | None = None
        self._used = 0.0

    def query(self, statement: str, values: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        """All rows of a statement. Raises `apsw.Error`."""
        with self._lock:
            self._used = time.monotonic()
            if self._connection is None:
                connection = apsw.Connection(str(self._path))
                connection.set_busy_timeout(5000)
                self._connection = connection
            return list(self._connection.execute(statement, values))

    def close_if_idle(self) -> None:
        """Close the connection if it has not been used lately. Never waits."""
        if self._connection is None or time.monotonic() - self._used < IDLE_S or not self._lock.acquire(blocking=False):
            return
        try:
            self._close()
        finally:
            self._lock.release()

    def close(self) -> None:
        """Close the connection; it is opened again when needed."""
        with self._lock:
            self._close()

    def _close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
