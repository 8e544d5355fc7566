"""Where messages wait that must be tried again, so that those of other keys can pass; on disk, in order per key."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Any

from flowhost.engine.attempt import BEHIND, Again
from flowhost.engine.batch import Batch, key_of
from flowhost.engine.edge import Portion
from flowhost.engine.journal import Journal
from flowhost.engine.outbox.burial import stays_unconfirmed, storable
from flowhost.engine.outbox.changes import Change, SetAside
from flowhost.engine.outbox.codec import DamagedRowError, decode_message, encode_message
from flowhost.engine.outbox.lane import AUTOMATIC, Lane
from flowhost.engine.outbox.outbox import Outbox
from flowhost.engine.outbox.parked_row import ParkedRow
from flowhost.engine.outbox.parking_changes import Park, ParkOn, Unpark
from flowhost.engine.outbox.trail import LetterTrail
from flowhost.engine.snapshot import ParkedKey
from flowhost.engine.token import Token
from flowhost.graph.delivery import DeliveryPolicy, Order
from flowhost.sdk import Message

MOST_LANES = 10_000
"""Keys that may wait at once; what has to be tried again beyond that holds back everything behind it."""
SHOWN_KEYS = 20

_BY_KEY = (
    "SELECT 0, key, count(*), sum(length(message)), min(at_ms), kind, reason, attempts, min(id) FROM parked "
    "WHERE edge = ? GROUP BY key ORDER BY min(id)"
)
_EACH = "SELECT id, key, 1, length(message), at_ms, kind, reason, attempts, id FROM parked WHERE edge = ? ORDER BY id"
_OLDEST = "SELECT id, key, length(message), at_ms FROM parked WHERE edge = ? ORDER BY id LIMIT ?"
_COLUMNS = "SELECT id, at_ms, attempts, kind, reason, message FROM parked"


class ParkingLot:
    """The parked messages before one node (`flowhost.engine.delivery.Shelf` for what comes from its edge).

    Guarantees: a message leaves the edge for the lot in one transaction, and the lot in the transaction that ends it;
    messages of a key are tried in the order in which they came, each when those before it have come to their end; a
    later message of the key never overtakes them, over restarts either.

    Args:
        outbox: the file.
        flow: flow id.
        node_id: the node.
        journal: of the run.
        policy: order and waits.
        order: what waits behind a message; with `strict` nothing is parked, but what an earlier run has left is served.
        trail: follows retried dead letters.
        left: called once parked messages have come to their end, with how many, of these dead and dropped, and bytes.
        wake: called when a key is due.
        on_damage: called with the reason for each row that cannot be read; it counts as dropped.
    """

    newcomers = True

    def __init__(
        self,
        outbox: Outbox,
        flow: str,
        node_id: str,
        journal: Journal,
        policy: DeliveryPolicy,
        order: Order,
        trail: LetterTrail,
        left: Callable[[int, int, int, int], None],
        wake: Callable[[], None],
        on_damage: Callable[[str], None],
    ) -> None:
        self.origin = journal.origin(self._leaving, self._left)
        self._outbox = outbox
        self._flow = flow
        self._node_id = node_id
        self._retry = policy.retry
        self._order = order
        self._trail = trail
        self._on_left = left
        self._wake = wake
        self._on_damage = on_damage
        self._edge = 0
        self._lanes: dict[str, Lane] = {}
        # rows that have come to their end, but not left the disk yet
        self._ended: set[int] = set()
        # rows that are being tried; one hand at a time decides about those that are not
        self._trying: set[int] = set()
        self._hand = asyncio.Lock()
        self._timer: asyncio.TimerHandle | None = None

    # -- state

    async def open(self, edge: int) -> None:
        """Find what an earlier run has left. Raises `HostError`."""
        self._edge = edge
        rows = await self._outbox.query(_EACH if self._order == "none" else _BY_KEY, (edge,))
        for only, key, count, size, at_ms, kind, reason, attempts, _ in rows:
            lane = self._lanes[self._name(key, only)] = self._lane(key, only)
            lane.count, lane.size, lane.oldest_ms, lane.tries = count, size, at_ms, attempts
            lane.kind, lane.reason = kind, reason
            lane.doubtful = True
            if kind not in AUTOMATIC:
                lane.due = None

    def close(self) -> None:
        """Nothing is woken any more."""
        if self._timer is not None:
            self._timer.cancel()

    @property
    def count(self) -> int:
        """Messages in it."""
        return sum(lane.count for lane in self._lanes.values())

    @property
    def size(self) -> int:
        """Bytes of them."""
        return sum(lane.size for lane in self._lanes.values())

    @property
    def oldest_ms(self) -> int:
        """When the oldest one came to the edge, milliseconds UTC; 0 if there is none."""
        return min((lane.oldest_ms for lane in self._lanes.values()), default=0)

    @property
    def keys(self) -> int:
        """Keys that wait."""
        return len(self._lanes)

    @property
    def droppable(self) -> bool:
        """Whether some of them are not being tried just now."""
        return self.count > len(self._trying)

    @property
    def parks(self) -> bool:
        """Whether messages that must be tried again come here."""
        return self._order != "strict"

    def shown(self) -> list[ParkedKey]:
        """The keys that have waited longest, a few."""
        first = sorted(self._lanes.values(), key=lambda lane: lane.oldest_ms)[:SHOWN_KEYS]
        now = time.monotonic()
        return [
            ParkedKey(
                key=lane.key, messages=lane.count, kind=lane.kind, reason=lane.reason, tries=lane.tries,
                since=lane.oldest_ms * 1_000_000,
                next_try_s=None if lane.due is None else max(0.0, lane.due - now),
            )
            for lane in first
        ]  # fmt: skip

    def text(self) -> str:
        """What waits and why, in words; empty if nothing does."""
        if not self._lanes:
            return ""
        first = min(self._lanes.values(), key=lambda lane: lane.oldest_ms)
        keys = f"messages of {len(self._lanes):,} keys" if len(self._lanes) > 1 else f"messages of key {first.key!r}"
        return f"{keys} wait ({self.count:,} in all): {first.reason}"

    # -- in

    def behind(self, batch: Batch, places: Sequence[int]) -> list[int]:
        """Park messages that wait for an earlier one of their key; the others are returned."""
        if not self._lanes or self._order == "none":
            return list(places)
        free: list[int] = []
        for place in places:
            message = batch.messages[place]
            lane = self._lanes.get(storable(key_of(message)))
            if lane is None:
                free.append(place)
            else:
                self._add(lane, batch.portion(place), message, batch.tries.get(place, 0), "later", BEHIND)
        return free

    def park(self, batch: Batch, place: int, again: Again) -> bool:
        """Park a message that was tried in vain; False if there is no room for another key."""
        message, tries = batch.messages[place], batch.tries.get(place, 0)
        number = self._outbox.next_parked()
        key = storable(key_of(message))
        name = self._name(key, number if self._order == "none" else 0)
        lane = self._lanes.get(name)
        if lane is None:
            if len(self._lanes) >= MOST_LANES or again.why == "behind":
                return False
            lane = self._lanes[name] = self._lane(key, number if self._order == "none" else 0)
            lane.tried(again, tries, batch.faults.get(place, 0))
        kind = "later" if again.why == "behind" else again.why
        self._add(lane, batch.portion(place), message, tries, kind, again.reason, number)
        return True

    def put(self, portion: Portion, message: Message, kind: str, reason: str) -> bool:
        """Park a message until somebody calls `release`, and later ones of its key behind it.

        Args:
            portion: of the edge, that the message was taken with; it is settled as usual.
            message: one of its messages.
            kind: what it waits for, one word, e.g. `unmapped`.
            reason: the same in words.

        Returns:
            False if there is no room for another key: the message has to be held.
        """
        key = storable(key_of(message))
        lane = self._lanes.get(key)
        if lane is None:
            if len(self._lanes) >= MOST_LANES:
                return False
            lane = self._lanes[key] = self._lane(key, 0)
            lane.put_off(kind, reason)
        self._add(lane, portion, message, 0, kind, reason)
        return True

    def release(self, kind: str | None = None, key: str | None = None) -> int:
        """Try messages now that wait.

        Args:
            kind: only those that wait for this; None for all.
            key: only those of this key; None for all.

        Returns:
            How many messages that is, with those that wait behind them.
        """
        chosen = [lane for lane in self._lanes.values() if kind in (None, lane.kind) and key in (None, lane.key)]
        for lane in chosen:
            lane.due = time.monotonic()
        if chosen:
            self._wake()
        return sum(lane.count for lane in chosen)

    def _add(
        self, lane: Lane, portion: Portion, message: Message, tries: int, kind: str, reason: str, number: int = 0
    ) -> None:
        row = encode_message(message)
        park = Park(
            number or self._outbox.next_parked(),
            self._edge,
            lane.key,
            portion.at_ms,
            tries,
            kind,
            storable(reason),
            row,
        )
        portion.token.attach(park)
        for change in self._trail.entering([message]):
            portion.token.attach(change)
        share = portion.token.position
        share.parked += 1
        share.parked_size += len(row)
        lane.oldest_ms = lane.oldest_ms or portion.at_ms
        lane.count += 1
        lane.size += len(row)

    def _name(self, key: str, only: int) -> str:
        return f"#{only}" if only else key

    def _lane(self, key: str, only: int) -> Lane:
        return Lane(key, self._retry.first_s, self._retry.max_s, only)

    # -- out

    def due_s(self) -> float | None:
        """Seconds until a key is tried; 0 if that is now, None if none waits by itself."""
        due = min((lane.due for lane in self._lanes.values() if lane.due is not None), default=None)
        return None if due is None else max(0.0, due - time.monotonic())

    def set_alarm(self) -> None:
        """Wake the station when a key is due."""
        self.close()
        if (due_s := self.due_s()) is not None:
            self._timer = asyncio.get_running_loop().call_later(due_s, self._wake)

    async def take(self, limit: int) -> Visit | None:
        """The first messages of keys that are due; None if there is nothing to try."""
        async with self._hand:
            return await self._take(limit)

    async def _take(self, limit: int) -> Visit | None:
        now = time.monotonic()
        due = sorted((lane for lane in self._lanes.values() if lane.due is not None and lane.due <= now), key=_by_due)
        visit = Visit(self)
        for lane in due:
            if visit.full(limit):
                break
            # until it was tried; what is read again too early is not on disk yet
            lane.due = now + 0.01
            for number, at_ms, attempts, kind, reason, message in await self._read(lane):
                row = ParkedRow(number, lane, len(message), attempts, kind, reason)
                self._hand_out(visit, row, at_ms, message)
        return visit if visit.portions else None

    async def _read(self, lane: Lane) -> list[tuple[Any, ...]]:
        # as it is now: what leaves the disk while we read may still be read
        ended = set(self._ended)
        if lane.only:
            rows = await self._outbox.query(f"{_COLUMNS} WHERE id = ?", (lane.only,))
        else:
            statement = f"{_COLUMNS} WHERE edge = ? AND key = ? ORDER BY id LIMIT ?"
            rows = await self._outbox.query(statement, (self._edge, lane.key, lane.window + len(ended)))
        return [row for row in rows if row[0] not in ended][: lane.window]

    def _hand_out(self, visit: Visit, row: ParkedRow, at_ms: int, data: bytes) -> None:
        token = self.origin.open(row)
        try:
            message = decode_message(data)
        except DamagedRowError as error:
            row.dropped = True
            self._take_out(row)
            token.attach(SetAside(self._flow, self._node_id, "parked", row.number, time.time_ns(), str(error), data))
            token.done()
            self._on_damage(str(error))
            return
        self._trying.add(row.number)
        row.follows = self._trail.leaving([message])
        visit.add(Portion([message], token, row.size, at_ms), row)

    def settle(self, visit: Visit, *, dead: int) -> None:
        """The messages of a visit have been tried, as far as possible."""
        rows = visit.rows
        rows[-1].dead = dead
        self._trying.difference_update(row.number for row in rows)
        gone = [row for row in rows if not row.stays]
        for row in gone:
            self._take_out(row)
        for lane in {row.lane for row in gone} - visit.put_off:
            lane.went_on()
        self.origin.paused = True
        for portion in visit.portions:
            portion.token.done()
        self.origin.paused = False
        self.origin.settled()

    async def drop_oldest(self, number: int, on_dropped: Callable[[int], None]) -> bool:
        """Give up the oldest messages, none that is being tried; returns once they have left the disk.

        Args:
            number: how many, at most.
            on_dropped: told how many they were.

        Returns:
            Whether there were any.
        """
        async with self._hand:
            ended = set(self._ended)
            most = number + len(ended) + len(self._trying)
            rows = await self._outbox.query(_OLDEST, (self._edge, most))
            gone: list[ParkedRow] = []
            for only, key, size, at_ms in rows:
                if only in ended or only in self._trying or len(gone) == number:
                    continue
                lane = self._lanes[self._name(key, only if self._order == "none" else 0)]
                lane.oldest_ms = max(lane.oldest_ms, at_ms)
                gone.append(ParkedRow(only, lane, size, 0, "", ""))
                self._take_out(gone[-1])
        if not gone:
            return False
        left = asyncio.Event()

        def committed(_: list[int]) -> None:
            self._ended.difference_update(row.number for row in gone)
            self._on_left(len(gone), 0, len(gone), sum(row.size for row in gone))
            on_dropped(len(gone))
            left.set()

        change = Unpark(self._edge, [row.number for row in gone], 0, len(gone))
        self._outbox.submit([change], committed, stays_unconfirmed, (self.origin,))
        await left.wait()
        return True

    def _take_out(self, row: ParkedRow) -> None:
        lane = row.lane
        self._ended.add(row.number)
        lane.count -= 1
        lane.size -= row.size
        if lane.count == 0:
            del self._lanes[self._name(lane.key, lane.only)]

    def _leaving(self, tokens: Sequence[Token]) -> Sequence[Change]:
        rows: list[ParkedRow] = [token.position for token in tokens]
        gone = [row for row in rows if not row.stays]
        changes: list[Change] = [ParkOn(r.number, r.attempts, r.kind, storable(r.reason)) for r in rows if r.changed]
        dead, dropped = sum(row.dead for row in rows), sum(row.dropped for row in rows)
        if gone or dead:
            changes.append(Unpark(self._edge, [row.number for row in gone], dead, dropped))
        return [*changes, *(change for row in gone for change in row.follows)]

    def _left(self, tokens: Sequence[Token]) -> None:
        rows: list[ParkedRow] = [token.position for token in tokens]
        gone = [row for row in rows if not row.stays]
        self._ended.difference_update(row.number for row in gone)
        dead, dropped = sum(row.dead for row in rows), sum(row.dropped for row in rows)
        self._on_left(len(gone), dead, dropped, sum(row.size for row in gone))


class Visit:
    """Parked messages that are tried together (`flowhost.engine.delivery.Shelf` for them)."""

    newcomers = False

    def __init__(self, lot: ParkingLot) -> None:
        self.portions: list[Portion] = []
        self.rows: list[ParkedRow] = []
        self.put_off: set[Lane] = set()
        self._lot = lot

    def full(self, limit: int) -> bool:
        """Whether no more should be added."""
        return len(self.rows) >= limit

    def add(self, portion: Portion, row: ParkedRow) -> None:
        """One more message."""
        self.portions.append(portion)
        self.rows.append(row)

    def batch(self, *, doubtful: bool) -> Batch:
        """Its messages, with what is known of them from before.

        Args:
            doubtful: those that may have been sent by an earlier run have to be asked about first.
        """
        batch = Batch(self.portions)
        for place, row in enumerate(self.rows):
            batch.tries[place] = row.attempts
            if row.kind == "fault":
                batch.faults[place] = row.lane.faults
            if row.lane.doubtful:
                batch.resent.add(place)
            if row.kind == "unknown" or (doubtful and row.lane.doubtful):
                batch.unknown.add(place)
        return batch

    def behind(self, batch: Batch, places: Sequence[int]) -> list[int]:  # noqa: ARG002 - part of the protocol
        """Those behind one that was tried in vain stay where they are; the others are returned."""
        free = []
        for place in places:
            if self.rows[place].lane in self.put_off:
                self.rows[place].stays = True
            else:
                free.append(place)
        return free

    def park(self, batch: Batch, place: int, again: Again) -> bool:
        """A message that was tried in vain stays, and its key waits on."""
        row = self.rows[place]
        row.stays = True
        if again.why == "behind":
            return True
        row.changed = True
        row.attempts, row.kind, row.reason = batch.tries.get(place, row.attempts), again.why, again.reason
        if row.lane not in self.put_off:
            self.put_off.add(row.lane)
            row.lane.tried(again, row.attempts, batch.faults.get(place, 0))
        return True


def _by_due(lane: Lane) -> float:
    return lane.due or 0.0
