"""Acknowledgement: one token per batch, settled once, when the last of its branches has ended."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from typing_extensions import override

from flowhost.sdk import Settlement

if TYPE_CHECKING:
    from flowhost.engine.load import Load


Figures: TypeAlias = tuple[int, ...]
"""What a ledger keeps of a node, see `flowhost.engine.passage`."""


class Tracker(Protocol):
    """Where a batch comes from: hears when a token has settled."""

    def settled(self) -> None:
        """Some token has settled; look whether it is the first one waiting."""
        ...

    def took_off(self, token: Token) -> None:
        """A part of a batch was counted, and nothing that follows from it is on its way to disk."""
        ...

    def landed(self, token: Token) -> None:
        """What follows from all that was counted of a batch is on its way to disk."""
        ...


class Token:
    """Counts the branches of a batch that are still open; the last one to end settles the batch.

    Made with one branch open, which its maker closes with `done`.

    Attributes:
        load: what the batch brings about on disk; None where nothing is written, and once it has been.
        aloft: what it has brought about in the figures of nodes while nothing of that is on the way to disk, by node.
        settlement: how the batch ended; None while branches are open.
    """

    __slots__ = ("_open", "_position", "aloft", "load", "settlement", "tracker")

    def __init__(self, tracker: Tracker | None = None, position: Any = None, load: Load | None = None) -> None:
        self._open = 1
        self._position = position
        self.tracker = tracker
        self.load = load
        self.aloft: dict[str, Figures] = {}
        self.settlement: Settlement | None = None

    def carrier(self) -> Token | None:
        """The token whose load takes what follows from these messages; None where nothing is written."""
        return self if self.load is not None else None

    def rides(self) -> int:
        """Which appends this batch takes to disk itself (`flowhost.engine.load.Rides`)."""
        return 0 if self.load is None else self.load.rides

    def attach(self, change: Any, written: Callable[[int], None] | None = None) -> bool:
        """Have a change of the outbox made in the transaction that lets this batch leave where it came from.

        Args:
            change: what to change.
            written: of an append: called with the id before its first row once it is on disk.

        Returns:
            False if nothing is written for this batch: the caller has to see to it.
        """
        carrier = self.carrier()
        if carrier is None or carrier.load is None:
            return False
        carrier.load.add(change, written)
        return True

    def land(self) -> None:
        """What follows from this batch is on its way to disk: from now on it counts as having come."""
        if self.aloft and self.tracker is not None:
            self.tracker.landed(self)
            self.aloft = {}

    def passes(self, node_id: str, figures: Figures) -> None:
        """Note what a part of the batch has brought about in the figures of a node; it is aloft until it lands."""
        if not self.aloft and self.tracker is not None:
            self.tracker.took_off(self)
        known = self.aloft.get(node_id)
        self.aloft[node_id] = figures if known is None else tuple(a + b for a, b in zip(known, figures, strict=True))

    def split(self, branches: int = 1) -> None:
        """So many more branches carry this batch."""
        self._open += branches

    def done(self) -> None:
        """One branch has ended: confirmed, filtered on purpose, or what follows from it rides on the load."""
        self._open -= 1
        if self._open == 0:
            self.settlement = Settlement.CONFIRMED
            if self.tracker is not None:
                self.tracker.settled()

    @property
    def position(self) -> Any:
        """What the source wants to hear about."""
        return self._position


class JointToken(Token):
    """One token for messages that came out of several batches together."""

    __slots__ = ("_knotted", "_tokens")

    def __init__(self, tokens: Sequence[Token]) -> None:
        super().__init__()
        for token in tokens:
            token.split()
        self._tokens = tokens
        self._knotted = False

    @override
    def carrier(self) -> Token | None:
        """The first batch carries the change; from then on all of them reach the disk together."""
        carriers = [carrier for token in self._tokens if (carrier := token.carrier()) is not None]
        if not carriers:
            return None
        if not self._knotted and len(carriers) > 1:
            Knot(carriers)
            self._knotted = True
        return carriers[0]

    @override
    def rides(self) -> int:
        """As the batches do; those that come together are of one kind."""
        return max(token.rides() for token in self._tokens)

    @override
    def land(self) -> None:
        """So have the batches it stands for."""
        for token in self._tokens:
            token.land()

    @override
    def done(self) -> None:
        """One branch has ended; with the last one, all source batches lose theirs."""
        super().done()
        if self.settlement is not None:
            for token in self._tokens:
                token.done()


class Knot:
    """Batches whose loads reach the disk in one transaction, because what follows from them cannot be told apart."""

    __slots__ = ("tokens",)

    def __init__(self, tokens: Sequence[Token]) -> None:
        self.tokens = tokens
        for token in tokens:
            if token.load is not None:
                token.load.after.append(self)


class Positions(Protocol):
    """Positions of a source that are still to be told to it. Order of `open` is the order of telling."""

    def open(self, position: Any) -> Token:
        """A token for a batch at this position."""
        ...

    async def ready(self) -> None:
        """Returns when there is something to tell."""
        ...

    def take_settled(self) -> list[Any]:
        """Positions that are settled with all before them, oldest first."""
        ...

    def take_open(self) -> list[Any]:
        """Positions that will not be settled any more, oldest first; nothing is ready after that."""
        ...

    async def empty(self) -> None:
        """Returns when every position has been taken."""
        ...


class PositionTracker:
    """Positions of a source whose batches leave nothing on disk (`Positions`)."""

    def __init__(self) -> None:
        self._tokens: deque[Token] = deque()
        self._ready = asyncio.Event()
        self._empty = asyncio.Event()

    def open(self, position: Any) -> Token:
        """A token for a batch at this position."""
        token = Token(self, position)
        self._tokens.append(token)
        return token

    def settled(self) -> None:
        """Some token has settled; look whether it is the first one waiting."""
        if self._tokens and self._tokens[0].settlement is not None:
            self._ready.set()

    def took_off(self, token: Token) -> None:
        """Nothing of it goes to disk."""

    def landed(self, token: Token) -> None:
        """Nothing of it goes to disk."""

    async def ready(self) -> None:
        """Returns when the first position is settled."""
        while not self._tokens or self._tokens[0].settlement is None:
            self._ready.clear()
            await self._ready.wait()

    def take_settled(self) -> list[Any]:
        """Positions that are settled with all before them."""
        ready = []
        while self._tokens and self._tokens[0].settlement is not None:
            ready.append(self._tokens.popleft().position)
        if not self._tokens:
            self._empty.set()
        return ready

    async def empty(self) -> None:
        """Returns when every position has been taken."""
        while self._tokens:
            self._empty.clear()
            await self._empty.wait()

    def take_open(self) -> list[Any]:
        """Positions that will not be settled any more, oldest first."""
        positions = [token.position for token in self._tokens]
        self._tokens.clear()
        self._empty.set()
        return positions
