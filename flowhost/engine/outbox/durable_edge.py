"""A node's inbound queue on disk."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence

from flowhost.engine.edge import Portion, UnstorableError, age_s, now_ms
from flowhost.engine.journal import Journal
from flowhost.engine.load import Rides
from flowhost.engine.outbox.ahead import Ahead, Piece
from flowhost.engine.outbox.backlog import Backlog, Stretches, bytes_of
from flowhost.engine.outbox.burial import stays_unconfirmed
from flowhost.engine.outbox.changes import Append, Change, SetAside
from flowhost.engine.outbox.codec import encode_message
from flowhost.engine.outbox.limits import Limits
from flowhost.engine.outbox.outbox import Outbox
from flowhost.engine.outbox.parking import ParkingLot
from flowhost.engine.outbox.progress import Progress
from flowhost.engine.outbox.share import Share
from flowhost.engine.outbox.stretches import Lost
from flowhost.engine.outbox.trail import LetterTrail
from flowhost.engine.pace import BACKLOG_S
from flowhost.engine.snapshot import EdgeSnapshot
from flowhost.engine.token import Token
from flowhost.graph.delivery import DeliveryPolicy, Order
from flowhost.sdk import Message

UNWRITTEN_BYTES = 16 * 2**20
"""Bytes that may wait for the disk before no more are taken in."""
DAMAGED = "it is not what was written"


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
        self._found_from = self._found_to = 0
        self._ridden_from = Rides.HELD if holds else Rides.ALL
        self._outbox = outbox
        self._flow = flow
        self._node_id = node_id
        self._max_unwritten = max_unwritten
        self._number = 0
        self._unwritten = self._unwritten_bytes = 0
        self._in = self._out = self._dead = self._dropped = self._pending = 0
        self._bytes = 0
        self._oldest_ms = 0
        self._limits = Limits()
        self._progress = Progress(0, 0)
        # in memory: what comes next; with `live_first` also what came just now, which comes before it
        self._ahead, self._live = Ahead(), Ahead()
        self._backlog = Backlog(outbox, self._have_read)
        # batches that take rows to disk themselves
        self._riding: dict[Token, int] = {}
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
        self._backlog.open(record.number)
        progress = self._progress = Progress(record.number, record.position, record.ahead)
        self._in, self._pending = record.appended, record.appended - record.position - progress.ahead.count
        self._dead, self._dropped = record.dead, record.dropped
        self._out = self._in - self._pending - record.dead - record.dropped
        self._oldest_ms, self._bytes = record.oldest_ms, record.pending_bytes
        self._found_to = record.appended
        # where messages may have left out of order, any of them may have been on its way
        self._found_from = record.appended if self._limits.live_first or progress.ahead else record.position
        self._backlog.unread = progress.ahead.without(record.position + 1, record.appended)
        if self.lot is not None:
            await self.lot.open(self._number)
            self._pending += self.lot.count
            self._out -= self.lot.count
            self._bytes += self.lot.size
        if self._pending:
            self._idle.clear()
            self._filled.set()
        return self._pending

    def limit_by(self, policy: DeliveryPolicy, on_dropped: Callable[[int], None]) -> None:
        """Bound the edge; called before `open`.

        Args:
            policy: its limits, and what comes first after an outage.
            on_dropped: told how many messages were given up to make room.
        """
        self._limits = Limits.of(policy, on_dropped)
        self._backlog.exact_age = self._limits.exact_age

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
        """Send the messages to disk if there is room; `also` happens with it.

        Room: not too many are on their way there already, the disk takes more, and the edge is not at its limit.
        """
        number = len(messages)
        rides = token.rides() >= self._ridden_from
        if not rides and self._unwritten and not self._fits_writer(number):
            return False
        if not self._outbox.room.open or not (not self._limits.any or self._has_room(number)):
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
            if self._riding:
                self._riding = {token: rows for token, rows in self._riding.items() if token.load is not None}
            self._appended(messages, Share(start + 1, start + number, size, at_ms))

        append, also = Append(self._number, rows), [*also, *self._trail.entering(messages)]
        if rides:
            if self._limits.any and (carrier := token.carrier()) is not None:
                self._riding[carrier] = self._riding.get(carrier, 0) + number
            token.attach(append, written)
            for change in also:
                token.attach(change)
            token.done()
        else:
            self._write(append, also, written, token)
        return True

    def _fits_writer(self, number: int) -> bool:
        return self._unwritten + number <= self._max_unwritten and self._unwritten_bytes < UNWRITTEN_BYTES

    def _has_room(self, number: int) -> bool:
        """Whether the edge may take so many messages; one that drops makes room for them."""
        if self._fits(number):
            return True
        if self._limits.on_dropped is None:
            return self._is_stuck()
        if self.lot is not None and self.lot.droppable:
            # they are the oldest; `put` sees to it
            return False
        self._make_room(number, self._limits.on_dropped)
        # what is on its way to disk cannot be dropped, but soon
        return not self._unwritten or self._fits(number)

    def _fits(self, number: int) -> bool:
        return not self._limits.surplus(self._pending, self._bytes, number)

    def _is_stuck(self) -> bool:
        """Nothing will leave before more comes in.

        Either a batch alone is more than the edge may hold, or what is in it belongs to batches that wait themselves.
        """
        waiting = sum(rows for token, rows in self._riding.items() if token.settlement is None)
        count, size = (0, 0) if self.lot is None else (self.lot.count, self.lot.size)
        return self._pending <= count + waiting and not self._limits.surplus(count, size, 1)

    def _write(self, append: Append, also: Sequence[Change], written: Callable[[int], None], token: Token) -> None:
        number, size = len(append.rows), sum(map(len, append.rows))
        self._unwritten += number
        self._unwritten_bytes += size

        def committed(starts: list[int]) -> None:
            self._unwritten -= number
            self._unwritten_bytes -= size
            self._room.set()
            written(starts[0])
            token.done()

        token.land()
        self._outbox.submit(self._journal.with_entry([append, *also]), committed, stays_unconfirmed)

    async def put(self, messages: Sequence[Message], token: Token, also: Sequence[Change] = ()) -> None:
        """As `offer`, waiting for the disk, also for room on it and in the edge."""
        while True:
            self._room.clear()
            if self.offer(messages, token, also):
                return
            if not self._outbox.room.open:
                await self._outbox.room.wait()
            elif not await self._drop_parked(len(messages)):
                await self._room.wait()

    async def _drop_parked(self, number: int) -> bool:
        """Drop parked messages, where that is what gives room; whether any were."""
        surplus = self._limits.surplus(self._pending, self._bytes, number)
        if self.lot is None or self._limits.on_dropped is None or not surplus:
            return False
        return await self.lot.drop_oldest(surplus, self._limits.on_dropped)

    async def take(self, limit: int) -> list[Portion]:
        """What has accumulated on disk, at least one portion; nothing if somebody called `wake`."""
        await self.origin.room()
        while True:
            self._retire_live()
            if self._ahead.low:
                self._backlog.read_on()
            while ahead := self._live or self._ahead:
                if portions := self._take_from(ahead, limit):
                    return portions
            if self._woken:
                self._woken = False
                return []
            self._filled.clear()
            await self._filled.wait()

    def _retire_live(self) -> None:
        """What has waited for a while is not live any more: the target was away, or is slow."""
        while self._live and age_s(self._live.first.at_ms) > BACKLOG_S:
            share = self._live.pop().share
            self._backlog.unread.add(share.first, share.last)

    def _take_from(self, ahead: Ahead, limit: int) -> list[Portion]:
        portions = []
        for piece in ahead.pop_some(*self._limits.portion(limit, live=ahead is self._live)):
            share = piece.share
            token = self.origin.open(share)
            if piece.lost is not None:
                self._give_up(piece.lost, token)
                continue
            share.follows = self._trail.leaving(piece.messages)
            portions.append(Portion(piece.messages, token, share.size, share.at_ms))
        return portions

    def doubtful(self, portion: Portion, within: int) -> int:
        """How many of a portion's messages, from its first on, may have been on their way when the last run ended.

        Args:
            portion: taken from this edge.
            within: a node has so many messages at once at most.
        """
        share: Share = portion.token.position
        last = min(self._found_to, self._found_from + within)
        return max(0, min(share.last, last) - share.first + 1)

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
    def on_disk(self) -> int:
        """Those of them that are on disk or on their way there."""
        return self._found_to + self._journal.appended[self._number]

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
        ahead = self._live if self._limits.live_first else self._ahead
        # in order: nothing older may be waiting to be read
        if ahead.fits(share) and (self._limits.live_first or not self._backlog.unread):
            ahead.add(Piece(share, messages))
        else:
            self._backlog.unread.add(share.first, share.last)
        if self._limits.on_dropped is not None and not self._fits(0):
            # while it was on its way to disk it could not be dropped
            self._make_room(0, self._limits.on_dropped)
        self._filled.set()

    def _have_read(self, stretches: Stretches) -> None:
        for stretch in stretches:
            if isinstance(stretch, Lost):
                share = Share(stretch.first, stretch.last, 0, self._oldest_ms)
                share.dropped = stretch.number
                self._ahead.add(Piece(share, (), stretch))
            else:
                share = Share(stretch.first, stretch.last, stretch.size, stretch.at_ms)
                self._ahead.add(Piece(share, stretch.messages))
        self._filled.set()

    def _give_up(self, lost: Lost, token: Token) -> None:
        """Messages that are gone leave in their turn: what was found in their place is set aside, all are counted."""
        now_ns = time.time_ns()
        for row in lost.damaged:
            token.attach(SetAside(self._flow, self._node_id, "edge", row.number, now_ns, DAMAGED, bytes_of(row.data)))
        self._on_lost(lost)
        token.done()

    # -- out

    def _leaving(self, tokens: Sequence[Token]) -> Sequence[Change]:
        """These are done: let them leave the disk."""
        shares: list[Share] = [token.position for token in tokens]
        for share in shares:
            self._progress.finish(share.first, share.last)
        dead, dropped = sum(share.dead for share in shares), sum(share.dropped for share in shares)
        return [*self._progress.advance(dead, dropped), *(change for share in shares for change in share.follows)]

    def _left(self, tokens: Sequence[Token]) -> None:
        """These have left the disk."""
        shares: list[Share] = [token.position for token in tokens]
        number, dead = sum(share.number - share.parked for share in shares), sum(share.dead for share in shares)
        self._bytes -= sum(share.size - share.parked_size for share in shares)
        self._note_oldest(shares[-1].at_ms)
        self._ended(number, dead, sum(share.dropped for share in shares))

    def _note_oldest(self, at_ms: int) -> None:
        """What came then has left: how old is the oldest that has not?"""
        shares = [] if (first := self.origin.first()) is None else [first]
        shares += [ahead.first for ahead in (self._ahead, self._live) if ahead]
        # what is only on disk came about then
        self._oldest_ms = min((share.at_ms for share in shares), default=at_ms)

    def _make_room(self, number: int, on_dropped: Callable[[int], None]) -> None:
        """Drop the oldest messages that are not being delivered, until so many more have room."""
        dropped = 0
        while surplus := self._limits.surplus(self._pending, self._bytes, number):
            gone = self._drop_oldest(surplus)
            if not gone:
                break
            dropped += gone
        if not dropped:
            return
        self._dropped += dropped
        self._note_oldest(self._oldest_ms)
        self._outbox.submit(self._progress.advance(0, dropped), _nothing, stays_unconfirmed, (self.origin,))
        on_dropped(dropped)
        if self._pending == 0:
            self._bytes = 0
            self._idle.set()

    def _drop_oldest(self, most: int) -> int:
        """Drop some messages, none that is on its way to disk or to the node; how many it were."""
        unread = self._backlog.unread
        queues = [ahead for ahead in (self._ahead, self._live) if ahead]
        oldest = min(queues, key=lambda ahead: ahead.first.first, default=None)
        if oldest is not None and (not unread or oldest.first.first < unread.front[0]):
            share = oldest.pop(most).share
            first, last, size = share.first, share.last, share.size
        elif unread:
            first, last = unread.front
            last = min(last, first + most - 1)
            unread.drop_to(last)
            size = self._bytes * (last - first + 1) // self._pending
        else:
            return 0
        self._progress.finish(first, last)
        self._pending -= last - first + 1
        self._bytes -= size
        return last - first + 1

    def _unparked(self, number: int, dead: int, dropped: int, size: int) -> None:
        """Messages that were parked have come to their end."""
        self._bytes -= size
        self._ended(number, dead, dropped)

    def _ended(self, number: int, dead: int, dropped: int) -> None:
        self._out += number - dead - dropped
        self._dead += dead
        self._dropped += dropped
        self._pending -= number
        self._room.set()
        if self._pending == 0:
            # the estimate for what an earlier run had left was not exact
            self._bytes = 0
            self._idle.set()


def _nothing(_: list[int]) -> None:
    """Nobody waits for it."""


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
