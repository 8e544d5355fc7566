"""A node's inbound queue on disk."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence

from flowhost.engine.edge import Portion, UnstorableError, age_s, now_ms
from flowhost.engine.journal import Journal
from flowhost.engine.load import Rides
from flowhost.engine.outbox.burial import stays_unconfirmed
from flowhost.engine.outbox.changes import Advance, Append, Change, SetAside
from flowhost.engine.outbox.codec import encode_message
from flowhost.engine.outbox.outbox import Outbox
from flowhost.engine.outbox.parking import ParkingLot
from flowhost.engine.outbox.stretches import Lost, sort_rows
from flowhost.engine.outbox.trail import LetterTrail
from flowhost.engine.snapshot import EdgeSnapshot
from flowhost.engine.token import Token
from flowhost.graph.delivery import DeliveryPolicy, Order
from flowhost.sdk import Message

READ_AHEAD = 20_000
"""Messages kept in memory behind the newest append; a longer backlog is read from disk when its turn comes."""
READ_CHUNK = 1_000
DAMAGED = "it is not what was written"


class Share:
    """What a portion takes of the queue, and how it ends; the position of its token.

    Attributes:
        last: id of its last message.
        number: of messages.
        size: bytes on disk.
        at_ms: when they came, milliseconds UTC.
        dead: how many became dead letters.
        dropped: how many were given up, because their rows are damaged or missing.
        parked: how many were set aside.
        parked_size: bytes of those.
        follows: what has to be noted of retried letters when it leaves.
    """

    __slots__ = ("at_ms", "dead", "dropped", "follows", "last", "number", "parked", "parked_size", "size")

    def __init__(self, last: int, number: int, size: int, at_ms: int) -> None:
        self.last = last
        self.number = number
        self.size = size
        self.at_ms = at_ms
        self.dead = self.dropped = self.parked = self.parked_size = 0
        self.follows: Sequence[Change] = ()


class DurableEdge:
    """A first-in, first-out queue in the outbox (`flowhost.engine.edge.Edge`).

    Guarantees: a token given to `offer` is settled for this branch once the messages are on disk, or takes them there
    itself (`Rides`); order of `offer` is order of `take`; a message leaves the disk once it and all before it are done.
    After a crash, what was taken and not done is given out again.

    Args:
        outbox: the file.
        flow: flow id.
        node_id: the node behind the edge.
        journal: of the run; None makes one.
        holds: the node behind the edge holds messages.
        max_unwritten: messages that may wait for the disk before `offer` refuses.
        trail: follows retried dead letters; None where there can be none.
        on_lost: called for messages that are gone: their rows are damaged or missing.

    Attributes:
        origin: the edge as the place its messages come from.
        lot: where its messages wait that must be tried again; None if all behind them wait.
        found: messages an earlier run has left in the queue itself.
    """

    def __init__(
        self,
        outbox: Outbox,
        flow: str,
        node_id: str,
        journal: Journal | None = None,
        *,
        holds: bool = False,
        max_unwritten: int = 10_000,
        trail: LetterTrail | None = None,
        on_lost: Callable[[Lost], None] | None = None,
    ) -> None:
        self._on_lost = on_lost or (lambda _: None)
        self._trail = trail or LetterTrail()
        self._journal = journal or Journal(outbox)
        self.origin = self._journal.origin(self._leaving, self._left)
        self.lot: ParkingLot | None = None
        self.found = 0
        self._ridden_from = Rides.HELD if holds else Rides.ALL
        self._outbox = outbox
        self._flow = flow
        self._node_id = node_id
        self._max_unwritten = max_unwritten
        self._number = 0
        self._unwritten = 0
        self._in = self._out = self._dead = self._dropped = self._pending = 0
        self._bytes = 0
        self._oldest_ms = 0
        self._taken = self._newest = 0
        # what follows `_taken` in memory; empty while older messages have to be read from disk first
        self._ahead: deque[Portion] = deque()
        self._behind = False
        self._ahead_count = 0
        self._filled = asyncio.Event()
        self._woken = False
        self._room = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()

    async def open(self) -> int:
        """Find the edge on disk.

        Returns:
            How many messages an earlier run has left in it.
        """
        record = await self._outbox.edge(self._flow, self._node_id)
        self._number = record.number
        self._taken, self._newest = record.position, record.appended
        self._in, self._pending = record.appended, record.appended - record.position
        self._dead, self._dropped = record.dead, record.dropped
        self._out = record.position - record.dead - record.dropped
        self._oldest_ms, self._bytes = record.oldest_ms, record.pending_bytes
        self.found = self._pending
        self._behind = self._pending > 0
        if self.lot is not None:
            await self.lot.open(self._number)
            self._pending += self.lot.count
            self._out -= self.lot.count
            self._bytes += self.lot.size
        if self._pending:
            self._idle.clear()
            self._filled.set()
        return self._pending

    def park_with(self, policy: DeliveryPolicy, order: Order, on_damage: Callable[[str], None]) -> ParkingLot:
        """Let messages that must be tried again wait aside; called before `open`.

        Args:
            policy: waits between tries.
            order: what waits behind them.
            on_damage: called for each parked message that cannot be read.
        """
        self.lot = ParkingLot(
            self._outbox, self._flow, self._node_id, self._journal, policy, order, self._trail, self._unparked,
            self.wake, on_damage,
        )  # fmt: skip
        return self.lot

    def take_along(self, rides: Rides) -> None:
        """Which appends what leaves this edge takes to disk itself."""
        self.origin.rides = rides
        if self.lot is not None:
            self.lot.origin.rides = rides

    def wake(self) -> None:
        """Let `take` return, with nothing if there is nothing."""
        self._woken = True
        self._filled.set()

    def offer(self, messages: Sequence[Message], token: Token, also: Sequence[Change] = ()) -> bool:
        """Send the messages to disk if not too many are on their way there already; `also` happens with it."""
        number = len(messages)
        rides = token.rides() >= self._ridden_from
        if not rides and self._unwritten and self._unwritten + number > self._max_unwritten:
            return False
        if not self._outbox.room.open:
            return False
        rows = encoded(messages)
        size, at_ms = sum(map(len, rows)), now_ms()
        if self._pending == 0:
            self._oldest_ms = at_ms
        self._in += number
        self._pending += number
        self._bytes += size
        self._idle.clear()

        def written(start: int) -> None:
            self._appended(messages, Share(start + number, number, size, at_ms))

        append, also = Append(self._number, rows), [*also, *self._trail.entering(messages)]
        if rides:
            token.attach(append, written)
            for change in also:
                token.attach(change)
            token.done()
        else:
            self._write(append, also, written, token)
        return True

    def _write(self, append: Append, also: Sequence[Change], written: Callable[[int], None], token: Token) -> None:
        number = len(append.rows)
        self._unwritten += number

        def committed(starts: list[int]) -> None:
            self._unwritten -= number
            self._room.set()
            written(starts[0])
            token.done()

        self._outbox.submit([append, *also], committed, stays_unconfirmed)

    async def put(self, messages: Sequence[Message], token: Token, also: Sequence[Change] = ()) -> None:
        """As `offer`, waiting for the disk, also for room on it."""
        while not self.offer(messages, token, also):
            if self._outbox.room.open:
                self._room.clear()
                await self._room.wait()
            else:
                await self._outbox.room.wait()

    async def take(self, limit: int) -> list[Portion]:
        """What has accumulated on disk, at least one portion; nothing if somebody called `wake`."""
        await self.origin.room()
        while True:
            if self._behind:
                await self._read_behind()
            if self._ahead:
                return self._take_ahead(limit)
            if self._behind:
                continue
            if self._woken:
                self._woken = False
                return []
            self._filled.clear()
            await self._filled.wait()

    def settle(self, portions: Sequence[Portion], *, dead: int) -> None:
        """The taken portions are done, up to what still follows from them elsewhere."""
        portions[-1].token.position.dead += dead
        # one transaction for all that leave together
        self.origin.paused = True
        for portion in portions:
            portion.token.done()
        self.origin.paused = False
        self.origin.settled()

    @property
    def came(self) -> int:
        """Messages that ever came."""
        return self._in

    @property
    def gone(self) -> int:
        """Messages that have left, in whatever way."""
        return self._in - self._pending

    async def idle(self) -> None:
        """Returns when nothing is on its way to disk, queued or in flight."""
        await self._idle.wait()

    def snapshot(self) -> EdgeSnapshot:
        """The ledger of this edge."""
        lot = self.lot
        return EdgeSnapshot(
            node=self._node_id,
            in_=self._in,
            out=self._out,
            dead=self._dead,
            dropped=self._dropped,
            pending=self._pending,
            pending_bytes=self._bytes,
            oldest_s=age_s(self._oldest()),
            parked=0 if lot is None else lot.count,
            parked_keys=[] if lot is None else lot.shown(),
            durable=True,
        )

    def _oldest(self) -> int:
        """When the oldest pending message came, milliseconds UTC; 0 if there is none."""
        parked, parked_ms = (0, 0) if self.lot is None else (self.lot.count, self.lot.oldest_ms)
        if self._pending <= parked:
            return parked_ms
        return min(self._oldest_ms, parked_ms) if parked_ms else self._oldest_ms

    # -- from disk

    def _appended(self, messages: Sequence[Message], share: Share) -> None:
        self._newest = share.last
        if not self._behind and self._ahead_count + share.number <= READ_AHEAD:
            self._keep_ahead(messages, share)
        else:
            self._behind = True
        self._filled.set()

    def _keep_ahead(self, messages: Sequence[Message], share: Share) -> None:
        share.follows = self._trail.leaving(messages)
        self._ahead.append(Portion(messages, self.origin.open(share), share.size, share.at_ms))
        self._ahead_count += share.number

    def _take_ahead(self, limit: int) -> list[Portion]:
        taken: list[Portion] = []
        number = 0
        while self._ahead and (not taken or number + len(self._ahead[0].messages) <= limit):
            portion = self._ahead.popleft()
            taken.append(portion)
            number += len(portion.messages)
        self._ahead_count -= number
        self._taken += number
        return taken

    async def _read_behind(self) -> None:
        """Read the next messages the memory does not hold."""
        if self._ahead:
            return
        # all up to here was on disk before we read; what is there beyond `_newest` comes by its own way
        known = self._newest
        rows = await self._outbox.read(self._number, self._taken, READ_CHUNK)
        complete = len(rows) < READ_CHUNK or rows[-1].number >= known
        rows = [row for row in rows if row.number <= self._newest]
        stretches = sort_rows(self._number, rows, self._taken, known if complete else None)
        if not stretches and not complete:
            # not one of so many rows is good
            stretches = sort_rows(self._number, rows, self._taken, rows[-1].number)
        for stretch in stretches:
            if isinstance(stretch, Lost):
                self._give_up(stretch)
            else:
                number = len(stretch.messages)
                self._keep_ahead(stretch.messages, Share(stretch.last, number, stretch.size, stretch.at_ms))
        if (stretches and stretches[-1].last >= self._newest) or (complete and known == self._newest):
            self._behind = False

    def _give_up(self, lost: Lost) -> None:
        """Messages that are gone leave in their turn: what was found in their place is set aside, all are counted."""
        share = Share(lost.last, lost.number, 0, self._oldest_ms)
        share.dropped = lost.number
        token = self.origin.open(share)
        now_ns = time.time_ns()
        for row in lost.damaged:
            token.attach(SetAside(self._flow, self._node_id, "edge", row.number, now_ns, DAMAGED, _bytes(row.data)))
        self._taken += lost.number
        self._on_lost(lost)
        token.done()

    def _leaving(self, tokens: Sequence[Token]) -> Sequence[Change]:
        """Everything up to some message is done: let it leave the disk."""
        shares: list[Share] = [token.position for token in tokens]
        follows = [change for share in shares for change in share.follows]
        dead, dropped = sum(share.dead for share in shares), sum(share.dropped for share in shares)
        return [Advance(self._number, shares[-1].last, dead, dropped), *follows]

    def _left(self, tokens: Sequence[Token]) -> None:
        """These have left the disk."""
        shares: list[Share] = [token.position for token in tokens]
        number, dead = sum(share.number - share.parked for share in shares), sum(share.dead for share in shares)
        self._bytes -= sum(share.size - share.parked_size for share in shares)
        self._oldest_ms = share.at_ms if (share := self.origin.first()) is not None else shares[-1].at_ms
        self._ended(number, dead, sum(share.dropped for share in shares))

    def _unparked(self, number: int, dead: int, dropped: int, size: int) -> None:
        """Messages that were parked have come to their end."""
        self._bytes -= size
        self._ended(number, dead, dropped)

    def _ended(self, number: int, dead: int, dropped: int) -> None:
        self._out += number - dead - dropped
        self._dead += dead
        self._dropped += dropped
        self._pending -= number
        if self._pending == 0:
            # the estimate for what an earlier run had left was not exact
            self._bytes = 0
            self._idle.set()


def _bytes(data: object) -> bytes:
    return data if isinstance(data, bytes) else str(data).encode()


def encoded(messages: Sequence[Message]) -> list[bytes]:
    """The messages as rows. Raises `UnstorableError` naming those that are no message data."""
    try:
        return [encode_message(message) for message in messages]
    except TypeError:
        reasons = {}
        for index, message in enumerate(messages):
            try:
                encode_message(message)
            except TypeError as error:
                reasons[index] = str(error)
        raise UnstorableError(reasons) from None
