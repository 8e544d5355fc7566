"""Between the link, which reads in the loop's callbacks, and the source's task: bounded, one wake-up per batch."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from flowhost_mqtt.packets import Arrival

LARGEST_BATCH = 1_000
LARGEST_BATCH_BYTES = 4 * 1024 * 1024
LARGEST_BACKLOG_BYTES = 16 * 1024 * 1024


@dataclass
class Block:
    """Messages of one link, in order.

    Attributes:
        generation: which link they came on.
        arrivals: the messages.
        size: bytes received for them, roughly.
        time_ns: when they were received.
    """

    generation: int
    arrivals: list[Arrival]
    size: int
    time_ns: int


class Inbox:
    """Holds what has been received; asks the link to stop reading when it holds too much.

    One task takes. The bound is soft by one read (64 KiB, or one large message).
    """

    def __init__(self, limit: int, pause: Callable[[], None], resume: Callable[[], None]) -> None:
        self._limit = limit
        self._pause = pause
        self._resume = resume
        self._blocks: deque[Block] = deque()
        self._count = 0
        self._size = 0
        self._paused = False
        self._waiter: asyncio.Future[None] | None = None
        self._failure: Exception | None = None

    def __len__(self) -> int:
        return self._count

    def put(self, block: Block) -> None:
        """Add what one read brought."""
        self._blocks.append(block)
        self._count += len(block.arrivals)
        self._size += block.size
        if not self._paused and (self._count >= self._limit or self._size >= LARGEST_BACKLOG_BYTES):
            self._paused = True
            self._pause()
        self._wake()

    async def take(self) -> Block:
        """Everything that has accumulated, up to a batch's bounds; waits while there is nothing.

        Raises:
            Exception: what `fail` was given.
        """
        while not self._blocks:
            if self._failure is not None:
                raise self._failure
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        block = self._next()
        self._count -= len(block.arrivals)
        self._size -= block.size
        if self._paused and self._count <= self._limit // 2 and self._size <= LARGEST_BACKLOG_BYTES // 2:
            self._paused = False
            self._resume()
        return block

    def forget(self, is_kept: Callable[[Arrival], bool]) -> int:
        """Drop what the broker will deliver again; returns how many messages that were."""
        before = self._count
        for block in self._blocks:
            block.arrivals = [arrival for arrival in block.arrivals if is_kept(arrival)]
        self._blocks = deque(block for block in self._blocks if block.arrivals)
        self._count = sum(len(block.arrivals) for block in self._blocks)
        self._size = sum(block.size for block in self._blocks)
        if self._paused and not self._blocks:
            self._paused = False
            self._resume()
        return before - self._count

    def fail(self, error: Exception) -> None:
        """Whoever takes gets this error once the inbox is empty."""
        self._failure = error
        self._wake()

    def _next(self) -> Block:
        """The first block, cut or joined to the size of a batch."""
        block = self._blocks.popleft()
        if len(block.arrivals) > LARGEST_BATCH:
            rest = Block(block.generation, block.arrivals[LARGEST_BATCH:], 0, block.time_ns)
            self._blocks.appendleft(rest)
            return Block(block.generation, block.arrivals[:LARGEST_BATCH], block.size, block.time_ns)
        while self._blocks and self._fits(block, self._blocks[0]):
            more = self._blocks.popleft()
            block = Block(block.generation, block.arrivals + more.arrivals, block.size + more.size, more.time_ns)
        return block

    def _fits(self, block: Block, more: Block) -> bool:
        return (
            more.generation == block.generation
            and len(block.arrivals) + len(more.arrivals) <= LARGEST_BATCH
            and block.size + more.size <= LARGEST_BATCH_BYTES
        )

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
