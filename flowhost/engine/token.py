"""Acknowledgement: one token per batch a source hands over, resolved once, positions confirmed in order."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any

from flowhost.sdk import Settlement


class Token:
    """Counts the branches of a batch that are still open; the last one to end settles the position.

    Made with one branch open, which its maker closes with `done`.
    """

    __slots__ = ("_open", "_position", "_tracker", "settlement")

    def __init__(self, tracker: PositionTracker | None = None, position: Any = None) -> None:
        self._open = 1
        self._tracker = tracker
        self._position = position
        self.settlement: Settlement | None = None

    def split(self, branches: int = 1) -> None:
        """So many more branches carry this batch."""
        self._open += branches

    def done(self) -> None:
        """One branch has ended: confirmed, filtered on purpose, or its failures are recorded as dead."""
        self._open -= 1
        if self._open == 0:
            self.settlement = Settlement.CONFIRMED
            if self._tracker is not None:
                self._tracker.settled()

    @property
    def position(self) -> Any:
        """What the source wants to hear about."""
        return self._position


class PositionTracker:
    """Keeps positions in order and releases the contiguous settled ones.

    Args:
        on_ready: called whenever there is at least one to release; None for those who wait in `next_settled`.
    """

    def __init__(self, on_ready: Callable[[], None] | None = None) -> None:
        self._tokens: deque[Token] = deque()
        self._wake = asyncio.Event()
        self._on_ready = on_ready or self._wake.set

    def open(self, position: Any) -> Token:
        """A token for a batch at this position."""
        token = Token(self, position)
        self._tokens.append(token)
        return token

    def settled(self) -> None:
        """Some token has settled; look whether it is the first one waiting."""
        if self._tokens and self._tokens[0].settlement is not None:
            self._on_ready()

    async def next_settled(self) -> list[Any]:
        """Positions to confirm now, oldest first; waits for at least one."""
        while True:
            ready = self.take_settled()
            if ready:
                return ready
            self._wake.clear()
            await self._wake.wait()

    def take_settled(self) -> list[Any]:
        """Positions that are settled with all before them."""
        ready = []
        while self._tokens and self._tokens[0].settlement is not None:
            ready.append(self._tokens.popleft().position)
        return ready

    def take_open(self) -> list[Any]:
        """Positions that will not be settled any more, oldest first."""
        positions = [token.position for token in self._tokens]
        self._tokens.clear()
        return positions

    def __len__(self) -> int:
        return len(self._tokens)
