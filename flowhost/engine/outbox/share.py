"""What a portion takes of a queue on disk, and how it ends."""

from __future__ import annotations

from collections.abc import Sequence

from flowhost.engine.outbox.changes import Change


class Share:
    """Some messages of an edge that follow each other; the position of their token.

    Attributes:
        first: id of the first message.
        last: id of the last one.
        size: bytes on disk.
        at_ms: when the first one came, milliseconds UTC.
        dead: how many became dead letters.
        dropped: how many were given up, because their rows are damaged or missing.
        parked: how many were set aside.
        parked_size: bytes of those.
        follows: what has to be noted of retried letters when it leaves.
    """

    __slots__ = ("at_ms", "dead", "dropped", "first", "follows", "last", "parked", "parked_size", "size")

    def __init__(self, first: int, last: int, size: int, at_ms: int) -> None:
        self.first = first
        self.last = last
        self.size = size
        self.at_ms = at_ms
        self.dead = self.dropped = self.parked = self.parked_size = 0
        self.follows: Sequence[Change] = ()

    @property
    def number(self) -> int:
        """How many messages."""
        return self.last - self.first + 1

    def split(self, number: int) -> tuple[Share, Share]:
        """The first so many messages, and the others; there must be some of both."""
        size = self.size * number // self.number
        first = Share(self.first, self.first + number - 1, size, self.at_ms)
        return first, Share(first.last + 1, self.last, self.size - size, self.at_ms)
