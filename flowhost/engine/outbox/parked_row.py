"""A parked message while it is being tried."""

from __future__ import annotations

from collections.abc import Sequence

from flowhost.engine.outbox.changes import Change
from flowhost.engine.outbox.lane import Lane


class ParkedRow:
    """A parked message that is being tried; the position of its token.

    Attributes:
        number: of the row.
        lane: it belongs to.
        size: bytes.
        attempts: how often it was tried before.
        kind: why it waits.
        reason: the same in words.
        stays: it was tried in vain, or not at all.
        changed: what it waits for has changed, and is to be kept.
        dead: how many dead letters are told with it.
        dropped: it was given up, because its row is damaged.
        follows: what has to be noted of retried letters when it leaves.
    """

    __slots__ = (
        "attempts",
        "changed",
        "dead",
        "dropped",
        "follows",
        "kind",
        "lane",
        "number",
        "reason",
        "size",
        "stays",
    )

    def __init__(self, number: int, lane: Lane, size: int, attempts: int, kind: str, reason: str) -> None:
        self.number = number
        self.lane = lane
        self.size = size
        self.attempts = attempts
        self.kind = kind
        self.reason = reason
        self.stays = self.changed = self.dropped = False
        self.dead = 0
        self.follows: Sequence[Change] = ()
