"""What a batch brings about on disk, and what has to be there before it."""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from itertools import count
from typing import NamedTuple

from flowhost.engine.outbox.changes import Append, Change, KeepStates
from flowhost.engine.token import Knot, Token


class Rides(IntEnum):
    """Which appends are part of their batch's own transaction, and which are made at once.

    An append behind a node that remembers belongs into the transaction that saves what the node remembers now: made
    before it, a message that comes again after a crash would be appended again; after it, it would be lost. Where the
    same batch also waits for somebody in memory (a request, a sink without outbox), queues of sinks are served at once
    all the same: there a repetition keeps its id. Nodes that hold messages could not tell it from a new one.

    Appends of a batch nobody brings again ride, too, where it ends in several queues: it is in all of them or in none.
    """

    NONE = 0
    HELD = 1
    ALL = 2


class Ride(NamedTuple):
    """A change on its way to disk.

    Attributes:
        number: position in the order in which changes came about.
        change: what is changed.
        written: of an append, called with the id before its first row once it is on disk.
    """

    number: int
    change: Change
    written: Callable[[int], None] | None


class Meter:
    """Counts the rows that ride on batches and are not on disk yet, and numbers the changes of a run."""

    def __init__(self) -> None:
        self.rows = 0
        self.numbers = count()


class Load:
    """What a batch brings about.

    Attributes:
        rides: which appends it takes.
        changes: of the outbox, in order.
        after: batches that reach the disk before this one or in the same transaction.
        lines: nodes that remember which it passed.
    """

    __slots__ = ("_meter", "after", "changes", "lines", "rides")

    def __init__(self, meter: Meter, rides: Rides) -> None:
        self._meter = meter
        self.rides = rides
        self.changes: list[Ride] = []
        self.after: list[Token | Knot] = []
        self.lines: list[Line] = []

    def add(self, change: Change, written: Callable[[int], None] | None = None) -> None:
        """One more change."""
        self.changes.append(Ride(next(self._meter.numbers), change, written))
        self._meter.rows += rows_of(change)


def rows_of(change: Change) -> int:
    """How many rows a change writes."""
    return len(change.rows) if isinstance(change, Append | KeepStates) else 1


class Line:
    """The order in which batches passed a node that remembers.

    A batch found the node as those before it had left it. So what it brings about counts only together with theirs:
    state on disk that already knows a message whose outputs are not safe would take its repetition for a second one.
    """

    __slots__ = ("_last",)

    def __init__(self) -> None:
        self._last: Token | None = None

    def passed(self, carrier: Token) -> None:
        """A batch has passed."""
        last, self._last = self._last, carrier
        if carrier.load is not None and self not in carrier.load.lines:
            carrier.load.lines.append(self)
        if last is not carrier and last is not None and last.load is not None and carrier.load is not None:
            carrier.load.after.append(last)
