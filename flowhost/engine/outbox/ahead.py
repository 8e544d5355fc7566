"""Messages of an edge that are in memory, waiting for their turn."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

from flowhost.engine.outbox.share import Share
from flowhost.engine.outbox.stretches import Lost
from flowhost.sdk import Message

MOST_MESSAGES = 10_000
MOST_BYTES = 4 * 2**20
"""Of messages as they lie on disk; in memory they take several times as much. More is read when it is needed."""


class Piece(NamedTuple):
    """Messages that follow each other, or a gap where some should be.

    Attributes:
        share: what they take of the queue.
        messages: in order; none of a gap.
        lost: what the gap is; None where there is none.
    """

    share: Share
    messages: Sequence[Message] = ()
    lost: Lost | None = None


class Ahead:
    """A bounded first-in, first-out queue of messages that are on disk as well."""

    def __init__(self) -> None:
        self._pieces: deque[Piece] = deque()
        self._messages = self._bytes = 0

    def __bool__(self) -> bool:
        return bool(self._pieces)

    @property
    def first(self) -> Share:
        """The next one. There must be one."""
        return self._pieces[0].share

    @property
    def low(self) -> bool:
        """It is time to read on."""
        return self._messages < MOST_MESSAGES // 2 and self._bytes < MOST_BYTES // 2

    def fits(self, share: Share) -> bool:
        """Whether there is room."""
        return not self._pieces or (
            self._messages + share.number <= MOST_MESSAGES and self._bytes + share.size <= MOST_BYTES
        )

    def add(self, piece: Piece) -> None:
        """At the end."""
        self._pieces.append(piece)
        self._messages += len(piece.messages)
        self._bytes += piece.share.size

    def pop(self, most: int | None = None) -> Piece:
        """The next one, taken out, or the first so many messages of it. There must be one."""
        piece = self._pieces.popleft()
        if most is not None and piece.lost is None and len(piece.messages) > most:
            share, rest = piece.share.split(most)
            self._pieces.appendleft(Piece(rest, piece.messages[most:]))
            piece = Piece(share, piece.messages[:most])
        self._messages -= len(piece.messages)
        self._bytes -= piece.share.size
        return piece

    def pop_some(self, limit: int, size: int | None) -> list[Piece]:
        """The next ones, about so many messages at most, and so many bytes. There must be one, and one is taken."""
        first = self.first
        most = limit if size is None else min(limit, size * first.number // max(1, first.size))
        taken = [self.pop(max(1, most))]
        if size is not None:
            size -= taken[0].share.size
        number = len(taken[0].messages)
        while self._pieces and number + len(self._pieces[0].messages) <= limit:
            if size is not None and (size := size - self.first.size) < 0:
                break
            taken.append(self.pop())
            number += len(taken[-1].messages)
        return taken
