"""Reads the messages of an edge that wait on disk, ahead of their turn and a few at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from flowhost.engine.outbox.outbox import Outbox
from flowhost.engine.outbox.ranges import Ranges
from flowhost.engine.outbox.stretches import TOGETHER_MS, Good, Lost, sort_rows

READ_ROWS = 1_000
READ_BYTES = 2**20
"""At most so much is read at once; one row always is, however large."""

Stretches = list[Good | Lost]


class Backlog:
    """Rows of an edge that are not in memory.

    Args:
        outbox: the file.
        arrived: called on the loop with what was read, in order.

    Attributes:
        unread: numbers of the rows.
        exact_age: messages that came at different times are kept apart.
    """

    def __init__(self, outbox: Outbox, arrived: Callable[[Stretches], None]) -> None:
        self.unread = Ranges()
        self.exact_age = False
        self._outbox = outbox
        self._arrived = arrived
        self._edge = 0
        self._reading: asyncio.Future[tuple[Stretches, int]] | None = None
        self._failure: BaseException | None = None

    def open(self, edge: int) -> None:
        """Read from this edge."""
        self._edge = edge

    def read_on(self) -> None:
        """Begin to read the next rows, unless that is under way. Raises what the last try failed with."""
        if self._failure is not None:
            failure, self._failure = self._failure, None
            raise failure
        if self._reading is not None or not self.unread:
            return
        first, last = self.unread.front
        loop = asyncio.get_running_loop()
        self._reading = loop.run_in_executor(None, self._read, first - 1, last)
        self._reading.add_done_callback(lambda reading: self._have_read(first, reading))

    def _read(self, after: int, last: int) -> tuple[Stretches, int]:
        """Rows behind a number, and up to which one they go; runs in a thread, decoding too."""
        rows, complete = self._outbox.read_some(self._edge, after, last, READ_ROWS, READ_BYTES)
        together_ms = 0 if self.exact_age else TOGETHER_MS
        stretches = sort_rows(self._edge, rows, after, last if complete else None, together_ms)
        if not stretches:
            # not one of so many rows is good
            stretches = sort_rows(self._edge, rows, after, rows[-1].number, together_ms)
        return stretches, stretches[-1].last

    def _have_read(self, first: int, reading: asyncio.Future[tuple[Stretches, int]]) -> None:
        self._reading = None
        if reading.cancelled():
            return
        if (failure := reading.exception()) is not None:
            self._failure = failure
            self._arrived([])
            return
        stretches, last = reading.result()
        if not self.unread or self.unread.front[0] != first:
            # what was read was dropped meanwhile, or something older has come to lie before it
            self._arrived([])
            return
        self.unread.drop_to(last)
        self._arrived(stretches)


def bytes_of(data: object) -> bytes:
    """What was found in the place of a message: a damaged row may hold anything."""
    return data if isinstance(data, bytes) else str(data).encode()
