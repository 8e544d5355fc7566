"""Brings what batches bring about to disk: all of a batch at once, in an order that may be cut anywhere."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from operator import attrgetter
from typing import Any

from flowhost.engine.load import Line, Load, Meter, Ride, Rides, rows_of
from flowhost.engine.outbox.burial import stays_unconfirmed
from flowhost.engine.outbox.changes import Append, Change
from flowhost.engine.outbox.outbox import Outbox
from flowhost.engine.token import Knot, Token

MOST_ROWS = 10_000
"""Rows that may ride on batches before no more are let in."""

_by_number = attrgetter("number")


class Journal:
    """The batches of a run that are not on disk yet.

    Guarantees: the changes a batch brings about are made in one transaction, together with those that let it leave
    where it came from, once all its branches have ended; a batch is never on disk without those before it, that is,
    the earlier ones from the same place and those that passed a remembering node before it did.

    Args:
        outbox: the file.

    Attributes:
        appended: messages sent to disk in this run, by number of the edge.
        entry: the ledger as it is now; it goes to disk with everything that does, so that what came and where it went
            are never known from different moments.
    """

    def __init__(self, outbox: Outbox) -> None:
        self.outbox = outbox
        self.appended: Counter[int] = Counter()
        self.entry: Callable[[], Sequence[Change]] = tuple
        self._meter = Meter()
        self._room = asyncio.Event()
        self._open = 0
        self._empty = asyncio.Event()
        # places whose first batch is settled; a dict keeps the order
        self._ready: dict[Origin, None] = {}

    def origin(
        self, leaving: Callable[[Sequence[Token]], Sequence[Change]], left: Callable[[Sequence[Token]], None]
    ) -> Origin:
        """A place batches come from.

        Args:
            leaving: changes that let these batches leave it.
            left: called once that is on disk.
        """
        return Origin(self, self._meter, leaving, left)

    async def room(self) -> None:
        """Returns when the rows on their way to disk are few enough to let another batch in."""
        while self._meter.rows > MOST_ROWS:
            self._room.clear()
            await self._room.wait()

    async def empty(self) -> None:
        """Returns when everything that has begun is on disk."""
        while self._open:
            self._empty.clear()
            await self._empty.wait()

    def with_entry(self, changes: Sequence[Change]) -> Sequence[Change]:
        """Changes that go to disk now, and the ledger as it is with them."""
        for change in changes:
            if isinstance(change, Append):
                self.appended[change.edge] += len(change.rows)
        return [*changes, *self.entry()]

    def opened(self) -> None:
        """A batch has begun."""
        self._open += 1

    def settled(self, origin: Origin) -> None:
        """The first batch of a place is settled: write it and whatever else is complete now."""
        self._ready[origin] = None
        taken: dict[Token, None] = {}
        for place in self._ready:
            for token in place.settled_first():
                if token not in taken and not take_with_all_before(token, taken):
                    break
        if taken:
            self._write(taken)
        self._ready = {place: None for place in self._ready if place.has_settled()}

    def _write(self, taken: dict[Token, None]) -> None:
        places = {origin: origin.release(taken) for origin in dict.fromkeys(origins_of(taken))}
        rides = list(rides_of(taken))
        changes = [ride.change for ride in rides]
        for origin, tokens in places.items():
            changes += origin.leaving(tokens)
        lanes = {*places, *lines_of(taken)}
        for token in taken:
            token.load = None
            token.land()

        def committed(starts: list[int]) -> None:
            self._committed(rides, starts)
            for origin, tokens in places.items():
                origin.in_flight -= len(tokens)
            self._left(places)

        if changes or any(origin.in_flight for origin in places):
            for origin, tokens in places.items():
                origin.in_flight += len(tokens)
            self.outbox.submit(self.with_entry(changes), committed, stays_unconfirmed, lanes)
        else:
            self._left(places)

    def _left(self, places: Mapping[Origin, Sequence[Token]]) -> None:
        for origin, tokens in places.items():
            origin.left(tokens)
            self._open -= len(tokens)
        if not self._open:
            self._empty.set()

    def _committed(self, rides: Sequence[Ride], starts: Sequence[int]) -> None:
        start = iter(starts)
        for ride in rides:
            self._meter.rows -= rows_of(ride.change)
            if isinstance(ride.change, Append):
                first = next(start)
                if ride.written is not None:
                    ride.written(first)
        self._room.set()


class Origin:
    """A place batches come from: a source, a queue on disk, a node that acts on time.

    Attributes:
        rides: which appends its batches take along.
        aloft: batches of which something was counted that is not on its way to disk yet; known of sources.
        in_flight: batches on their way to disk.
        paused: settled batches wait until it is over, to leave together.
    """

    def __init__(
        self,
        journal: Journal,
        meter: Meter,
        leaving: Callable[[Sequence[Token]], Sequence[Change]],
        left: Callable[[Sequence[Token]], None],
    ) -> None:
        self.rides = Rides.NONE
        self.aloft: dict[Token, None] = {}
        self.in_flight = 0
        self.paused = False
        self.leaving = leaving
        self.left = left
        self._journal = journal
        self._meter = meter
        self._tokens: deque[Token] = deque()

    def open(self, position: Any) -> Token:
        """A token for the next batch."""
        load = Load(self._meter, self.rides)
        if self._tokens:
            load.after.append(self._tokens[-1])
        token = Token(self, position, load)
        self._tokens.append(token)
        self._journal.opened()
        return token

    def settled(self) -> None:
        """Some token has settled; look whether it is the first one waiting."""
        if not self.paused and self.has_settled():
            self._journal.settled(self)

    def took_off(self, token: Token) -> None:
        """Something of a batch was counted."""
        self.aloft[token] = None

    def landed(self, token: Token) -> None:
        """All that follows from it is on its way to disk."""
        self.aloft.pop(token, None)

    def has_settled(self) -> bool:
        """Whether the first batch waiting is settled."""
        return bool(self._tokens) and self._tokens[0].settlement is not None

    def settled_first(self) -> Iterator[Token]:
        """Batches that are settled with all before them, oldest first."""
        for token in self._tokens:
            if token.settlement is None:
                return
            yield token

    def release(self, taken: dict[Token, None]) -> list[Token]:
        """The first batches, as far as they are among those taken; they are not waiting any more."""
        released = []
        while self._tokens and self._tokens[0] in taken:
            released.append(self._tokens.popleft())
        return released

    async def room(self) -> None:
        """Returns when another batch may be let in."""
        if self.rides is not Rides.NONE:
            await self._journal.room()

    def waiting(self) -> Iterable[Token]:
        """Batches that are not on their way to disk yet, oldest first."""
        return self._tokens

    def first(self) -> Any:
        """The position of the oldest of them; None if there is none."""
        return self._tokens[0].position if self._tokens else None


def take_with_all_before(token: Token, taken: dict[Token, None]) -> bool:
    """Add a batch and all that have to reach the disk before it; False, adding none, if one of them is not settled."""
    found: dict[Token, None] = {}
    knots: set[Knot] = set()
    todo: list[Token | Knot] = [token]
    while todo:
        one = todo.pop()
        if isinstance(one, Knot):
            if one not in knots:
                knots.add(one)
                todo += one.tokens
            continue
        # without a load it is on its way already
        if one.load is None or one in found or one in taken:
            continue
        if one.settlement is None:
            return False
        found[one] = None
        todo += one.load.after
    taken.update(found)
    return True


def rides_of(taken: Iterable[Token]) -> Iterable[Ride]:
    """All changes of these batches in the order in which they came about."""
    loads = [token.load for token in taken if token.load is not None and token.load.changes]
    if len(loads) == 1:
        return loads[0].changes
    return sorted((ride for load in loads for ride in load.changes), key=_by_number)


def lines_of(taken: Iterable[Token]) -> Iterable[Line]:
    """The nodes that remember which these batches passed."""
    return (line for token in taken if token.load is not None for line in token.load.lines)


def origins_of(taken: Iterable[Token]) -> Iterable[Origin]:
    """Where these batches come from."""
    return (token.tracker for token in taken if isinstance(token.tracker, Origin))
