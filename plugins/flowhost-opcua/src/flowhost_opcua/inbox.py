"""Where notifications wait between the network and the flow: bounded, in order, nothing lost in silence."""

from __future__ import annotations

from typing import Any

HIGH = 20_000
"""From here on the server is asked to hold back."""
LOW = 2_000
"""Below this it may send again."""
LIMIT = 60_000
"""A server that does not hold back loses its oldest values here; they are counted."""


class Inbox:
    """A bounded list filled by the network and emptied by the source.

    Guarantees: order is kept; at `limit` the oldest are dropped and counted in `dropped`.
    """

    def __init__(self, high: int = HIGH, low: int = LOW, limit: int = LIMIT) -> None:
        self._high, self._low, self._limit = high, low, limit
        self._waiting: list[Any] = []
        self.dropped = 0

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def is_high(self) -> bool:
        """The server should hold back."""
        return len(self._waiting) >= self._high

    @property
    def is_low(self) -> bool:
        """The server may send again."""
        return len(self._waiting) <= self._low

    def add(self, notifications: list[Any]) -> None:
        """Append what one publish response brought."""
        self._waiting += notifications
        excess = len(self._waiting) - self._limit
        if excess > 0:
            del self._waiting[:excess]
            self.dropped += excess

    def take(self, most: int) -> list[Any]:
        """The oldest notifications, at most so many."""
        if len(self._waiting) <= most:
            taken, self._waiting = self._waiting, []
            return taken
        taken = self._waiting[:most]
        del self._waiting[:most]
        return taken
