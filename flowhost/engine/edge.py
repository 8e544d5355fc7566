"""A node's inbound queue. In memory here; a durable one has the same door."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

import msgspec

from flowhost.engine.snapshot import EdgeSnapshot
from flowhost.engine.token import Token
from flowhost.errors import MessageError
from flowhost.sdk import Message

_encode = msgspec.msgpack.Encoder(enc_hook=str).encode


class Portion(NamedTuple):
    """Part of a source batch in a queue, with the token that waits for it.

    Attributes:
        messages: in order.
        token: of the source batch; of a durable queue, of the rows.
        size: bytes, about.
        at_ms: when they came to the queue, milliseconds UTC.
    """

    messages: Sequence[Message]
    token: Token
    size: int
    at_ms: int


class UnstorableError(MessageError):
    """Some messages cannot be written to disk; none of the batch was taken.

    Attributes:
        reasons: causes by index in the batch.
    """

    def __init__(self, reasons: dict[int, str]) -> None:
        super().__init__("; ".join(sorted(set(reasons.values()))))
        self.reasons = reasons


class Edge(Protocol):
    """A bounded first-in, first-out queue before a node that waits.

    Guarantees: order of `put` is order of `take`; what was taken stays counted as pending until `settle`. A durable
    edge settles the token itself once the messages are on disk.
    """

    def offer(self, messages: Sequence[Message], token: Token) -> bool:
        """Take the messages if there is room; False otherwise. Takes over one branch of the token.

        Raises `UnstorableError`, having taken nothing.
        """
        ...

    async def put(self, messages: Sequence[Message], token: Token) -> None:
        """As `offer`, waiting for room."""
        ...

    async def take(self, limit: int) -> list[Portion]:
        """What has accumulated, at least one portion, about `limit` messages at most."""
        ...

    def settle(self, portions: Sequence[Portion], *, dead: int) -> None:
        """Portions are done, in the order they were taken; so many of their messages are dead."""
        ...

    async def idle(self) -> None:
        """Returns when nothing is queued or in flight."""
        ...

    def snapshot(self) -> EdgeSnapshot:
        """The ledger of this edge."""
        ...


class MemoryEdge:
    """Edge in memory, bounded by messages and by bytes; one portion always fits, however large.

    Args:
        node_id: the node behind it.
        max_messages: bound.
        max_bytes: bound.
        on_dropped: makes room by giving up the oldest messages, and is told how many; None lets producers wait.
    """

    def __init__(
        self, node_id: str, max_messages: int, max_bytes: int, on_dropped: Callable[[int], None] | None = None
    ) -> None:
        self._node_id = node_id
        self._max_messages = max_messages
        self._max_bytes = max_bytes
        self._portions: deque[Portion] = deque()
        self._queued = self._queued_bytes = 0
        self._on_dropped = on_dropped
        self._in = self._out = self._dead = self._dropped = self._pending = 0
        self._in_flight: deque[Portion] = deque()
        self._filled = asyncio.Event()
        self._room = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()

    def offer(self, messages: Sequence[Message], token: Token) -> bool:
        """Take the messages if there is room."""
        if self._queued and not self._fits(len(messages)):
            if self._on_dropped is None:
                return False
            self._make_room(len(messages), self._on_dropped)
        size = estimate_size(messages)
        self._portions.append(Portion(messages, token, size, now_ms()))
        self._queued += len(messages)
        self._queued_bytes += size
        self._in += len(messages)
        self._pending += len(messages)
        self._idle.clear()
        self._filled.set()
        return True

    def _make_room(self, number: int, on_dropped: Callable[[int], None]) -> None:
        dropped = 0
        while self._portions and not self._fits(number):
            portion = self._portions.popleft()
            dropped += len(portion.messages)
            self._queued -= len(portion.messages)
            self._queued_bytes -= portion.size
            portion.token.done()
        self._dropped += dropped
        self._pending -= dropped
        on_dropped(dropped)

    def _fits(self, number: int) -> bool:
        return self._queued + number <= self._max_messages and self._queued_bytes < self._max_bytes

    async def put(self, messages: Sequence[Message], token: Token) -> None:
        """Take the messages, waiting for room."""
        while not self.offer(messages, token):
            self._room.clear()
            await self._room.wait()

    async def take(self, limit: int) -> list[Portion]:
        """What has accumulated."""
        while not self._portions:
            self._filled.clear()
            await self._filled.wait()
        taken = [self._portions.popleft()]
        number, size = len(taken[0].messages), taken[0].size
        while self._portions and number + len(self._portions[0].messages) <= limit:
            portion = self._portions.popleft()
            taken.append(portion)
            number += len(portion.messages)
            size += portion.size
        self._queued -= number
        self._queued_bytes -= size
        self._in_flight.extend(taken)
        self._room.set()
        return taken

    def settle(self, portions: Sequence[Portion], *, dead: int) -> None:
        """The taken portions are done."""
        number = sum(len(portion.messages) for portion in portions)
        for _ in portions:
            self._in_flight.popleft()
        self._dead += dead
        self._out += number - dead
        self._pending -= number
        if self._pending == 0:
            self._idle.set()
        for portion in portions:
            portion.token.done()

    async def idle(self) -> None:
        """Returns when nothing is queued or in flight."""
        await self._idle.wait()

    def snapshot(self) -> EdgeSnapshot:
        """The ledger of this edge."""
        first = self._in_flight or self._portions
        return EdgeSnapshot(
            node=self._node_id, in_=self._in, out=self._out, dead=self._dead, dropped=self._dropped,
            pending=self._pending, pending_bytes=self._queued_bytes, oldest_s=age_s(first[0].at_ms) if first else 0.0,
        )  # fmt: skip


def now_ms() -> int:
    """Now, milliseconds UTC."""
    return time.time_ns() // 1_000_000


def age_s(at_ms: int) -> float:
    """How long ago that was, seconds; never negative, even if the clock was set back. 0 where it is not known."""
    return max(0, now_ms() - at_ms) / 1000 if at_ms else 0.0


def estimate_size(messages: Sequence[Message]) -> int:
    """Bytes these messages take, near enough to bound a queue: text and bytes exactly, objects by a sample of three."""
    if not messages:
        return 0
    first = messages[0].payload
    if isinstance(first, bytes | str):
        return sum(len(m.payload) if isinstance(m.payload, bytes | str) else 64 for m in messages) + 64 * len(messages)
    sample = messages if len(messages) <= 3 else (messages[0], messages[len(messages) // 2], messages[-1])
    return sum(len(_encode(m.payload)) + 64 for m in sample) * len(messages) // len(sample)
