"""Reading from an outbox file beside its writer."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import apsw

from flowhost.errors import HostError

IDLE_S = 2.0
"""A reader nobody has asked for this long lets go of its connection, seconds."""


def size_of(row: tuple[Any, ...]) -> int:
    """About how many bytes a row takes."""
    return sum(len(value) if isinstance(value, bytes | str) else 8 for value in row)


class OutboxReader:
    """A reading connection, opened when it is first needed and closed when it is not needed for a while.

    Safe to use from any thread; one statement runs at a time.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._connection: apsw.Connection | None = None
        self._used = 0.0
        self._closed = False

    def query(self, statement: str, values: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        """All rows of a statement. Raises `apsw.Error`, and `HostError` once it is closed."""
        with self._lock:
            return list(self._connected().execute(statement, values))

    def some(self, statement: str, values: tuple[Any, ...], size: int) -> list[tuple[Any, ...]]:
        """The first rows of a statement, at least one and until they take so many bytes. Raises as `query`."""
        with self._lock:
            cursor = self._connected().execute(statement, values)
            rows = []
            for row in cursor:
                rows.append(row)
                size -= size_of(row)
                if size <= 0:
                    break
            cursor.close()
            return rows

    def _connected(self) -> apsw.Connection:
        if self._closed:
            # a thread that was about to read when the file was closed
            raise HostError("the outbox is closed")
        self._used = time.monotonic()
        if self._connection is None:
            connection = apsw.Connection(str(self._path))
            connection.set_busy_timeout(5000)
            self._connection = connection
        return self._connection

    def close_if_idle(self) -> None:
        """Close the connection if it has not been used lately. Never waits."""
        if self._connection is None or time.monotonic() - self._used < IDLE_S or not self._lock.acquire(blocking=False):
            return
        try:
            self._close()
        finally:
            self._lock.release()

    def close(self) -> None:
        """Close the connection for good."""
        with self._lock:
            self._closed = True
            self._close()

    def _close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
