"""What can be changed about parked messages, each as part of a transaction of the outbox."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import apsw
from typing_extensions import override


class ParkingChange(ABC):
    """One change of parked messages."""

    @abstractmethod
    def apply(self, connection: apsw.Connection) -> None:
        """Make the change; runs on the writer's thread, inside its transaction."""


@dataclass(frozen=True, slots=True)
class Park(ParkingChange):
    """A message that leaves its edge, but has no end yet.

    Attributes:
        number: of the row, higher than those of all messages parked before it.
        edge: number of its edge.
        key: what waits behind it.
        at_ms: when it came to the edge, milliseconds UTC.
        attempts: how often it was tried.
        kind: why it waits.
        reason: the same in words.
        message: encoded.
    """

    number: int
    edge: int
    key: str
    at_ms: int
    attempts: int
    kind: str
    reason: str
    message: bytes

    @override
    def apply(self, connection: apsw.Connection) -> None:
        values = (self.number, self.edge, self.key, self.at_ms, self.attempts, self.kind, self.reason, self.message)
        connection.execute("INSERT INTO parked VALUES (?, ?, ?, ?, ?, ?, ?, ?)", values)


@dataclass(frozen=True, slots=True)
class ParkOn(ParkingChange):
    """A parked message was tried again in vain."""

    number: int
    attempts: int
    kind: str
    reason: str

    @override
    def apply(self, connection: apsw.Connection) -> None:
        connection.execute(
            "UPDATE parked SET attempts = ?, kind = ?, reason = ? WHERE id = ?",
            (self.attempts, self.kind, self.reason, self.number),
        )


@dataclass(frozen=True, slots=True)
class Unpark(ParkingChange):
    """Parked messages have come to their end.

    Attributes:
        edge: number of their edge.
        numbers: of the rows.
        dead: how many of them are dead letters.
        dropped: how many of them were given up, because their rows are damaged.
    """

    edge: int
    numbers: Sequence[int]
    dead: int
    dropped: int

    @override
    def apply(self, connection: apsw.Connection) -> None:
        connection.executemany("DELETE FROM parked WHERE id = ?", [(number,) for number in self.numbers])
        if self.dead or self.dropped:
            statement = "UPDATE edge SET dead = dead + ?, dropped = dropped + ? WHERE id = ?"
            connection.execute(statement, (self.dead, self.dropped, self.edge))
