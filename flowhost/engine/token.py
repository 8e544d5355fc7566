"""Acknowledgement: one token per batch a source hands over, resolved once, positions confirmed in order."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any

from typing_extensions import override

from flowhost.sdk import Settlement


class Token:
    """Counts the branches of a batch that are still open; the last one to end settles the position.

    Made with one branch open, which its maker closes with `done`.
    """

    __slots__ = ("_open", "_position", "_tracker", "changes", "settlement")

    def __init__(self, tracker: PositionTracker | None = None, position: Any = None) -> None:
        self._open = 1
        self._tracker = tracker
        self._position = position
        self.settlement: Settlement | None = None
        self.changes: list[Any] | None = None

    def attach(self, change: Any) -> bool:
        """Have a change of the outbox made in the transaction that lets this batch leave its queue.

        Returns:
            False if the batch does not come from a queue on disk: the caller has to see to it.
        """
        if self.changes is None:
            return False
        self.changes.append(change)
        return True

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


class AwaitedToken(Token):
    """A token somebody waits for: a source that cannot bring its batch again waits until it is safe."""

    __slots__ = ("_settled",)

    def __init__(self) -> None:
        super().__init__()
        self._settled = asyncio.Event()

    @override
    def done(self) -> None:
        """One branch has ended."""
        super().done()
        if self.settlement is not None:
            self._settled.set()

    async def wait(self) -> None:
        """Returns when every branch has ended."""
        await self._settled.wait()


class PositionTracker:
    """Keeps positions in order and releases the contiguous settled ones.

    Args:
        on_ready: called whenever there is at least one to release; None for those who wait in `next_settled`.
    """

    def __init__(self, on_ready: Callable[[], None] | None = None) -> None:
        self._tokens: deque[Token] = deque()
        self._wake = asyncio.Event()
        self._empty = asyncio.Event()
        self._on_ready = on_ready or self._wake.set

    def open(self, position: Any, *, carries_changes: bool = False) -> Token:
        """A token for a batch at this position; one from a queue on disk may carry changes of the outbox."""
        token = Token(self, position)
        token.changes = [] if carries_changes else None
        self._tokens.append(token)
        return token

    def settled(self) -> None:
        """Some token has settled; look whether it is the first one waiting."""
        if self._tokens and self._tokens[0].settlement is not None:
            self._on_ready()

    def first(self) -> Any:
        """The oldest position that is not released yet; None if there is none."""
        return self._tokens[0].position if self._tokens else None

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
        return [token.position for token in self.take_settled_tokens()]

    def take_settled_tokens(self) -> list[Token]:
        """Tokens that are settled with all before them."""
        ready = []
        while self._tokens and self._tokens[0].settlement is not None:
            ready.append(self._tokens.popleft())
        if not self._tokens:
            self._empty.set()
        return ready

    async def empty(self) -> None:
        """Returns when every position has been released."""
        while self._tokens:
            self._empty.clear()
            await self._empty.wait()

    def take_open(self) -> list[Any]:
        """Positions that will not be settled any more, oldest first."""
        positions = [token.position for token in self._tokens]
        self._tokens.clear()
        return positions

    def __len__(self) -> int:
        return len(self._tokens)
