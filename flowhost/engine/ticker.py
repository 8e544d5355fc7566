"""Calls stateful transforms when their time has come."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Protocol

from flowhost.engine.failure import Failure
from flowhost.engine.journal import Origin
from flowhost.engine.pump import Deliveries, Pump
from flowhost.engine.segment import Ported
from flowhost.engine.stateful import StatefulSegment
from flowhost.engine.token import Token
from flowhost.sdk import Clock

LONGEST_NAP_S = 0.5
CATCH_UP_NAP_S = 0.02


class Queue(Protocol):
    """A queue before a node."""

    @property
    def came(self) -> int:
        """Messages that ever came."""
        ...

    @property
    def gone(self) -> int:
        """Messages that have left, in whatever way."""
        ...


class Timed:
    """A stateful transform that is called as time goes by.

    Messages that are held up belong before what the node does on time. So time stands still for it while a source
    upstream is away, and it is called only when its queue has been worked off up to the moment it was due.

    Args:
        segment: the transform.
        origin: what it does on time belongs there; None where nothing is written.
        flows: whether messages can reach it; None where they always can.
        queue: before the node.
    """

    def __init__(
        self,
        segment: StatefulSegment,
        origin: Origin | None = None,
        flows: Callable[[], bool] | None = None,
        queue: Queue | None = None,
    ) -> None:
        self.segment = segment
        self._origin = origin
        self._flows = flows
        self._queue = queue
        self._stood_still = flows is not None
        self._wait_for: int | None = None

    def token(self) -> Token:
        """For what it does now."""
        return Token() if self._origin is None else self._origin.open(None)

    def wait_s(self, now_ns: int) -> float:
        """How long until it may be called, seconds; 0 for now."""
        due = self._due_ns()
        if due is None:
            return LONGEST_NAP_S
        if due > now_ns:
            self._wait_for = None
            return (due - now_ns) / 1e9
        return 0.0 if self._caught_up() else CATCH_UP_NAP_S

    def _due_ns(self) -> int | None:
        if self._flows is not None:
            if not self._flows():
                self._stood_still = True
                return None
            if self._stood_still:
                self._stood_still = False
                self.segment.resume()
        return self.segment.next_due_ns()

    def _caught_up(self) -> bool:
        if self._queue is None:
            return True
        if self._wait_for is None:
            self._wait_for = self._queue.came
        return self._queue.gone >= self._wait_for


class Ticker:
    """One task for all stateful transforms of a run."""

    def __init__(self, timed: Sequence[Timed], pump: Pump, clock: Clock) -> None:
        self._timed = timed
        self._pump = pump
        self._clock = clock

    async def run(self) -> None:
        """Sleep until something is due, then tick, for ever."""
        while True:
            await asyncio.sleep(self._nap_s())
            await self.tick()

    async def tick(self) -> None:
        """Tick every key that is due now."""
        for timed in self._timed:
            if timed.wait_s(self._clock.now_ns()) <= 0:
                failures: list[Failure] = []
                await self._send(timed, timed.segment.tick(failures), failures)

    async def flush(self, segment: StatefulSegment) -> None:
        """Let the transform give out what it holds."""
        failures: list[Failure] = []
        timed = next(timed for timed in self._timed if timed.segment is segment)
        await self._send(timed, segment.flush(failures), failures)

    async def _send(self, timed: Timed, outputs: Ported, failures: Sequence[Failure]) -> None:
        deliveries: Deliveries = []
        token = timed.token()
        self._pump.after(timed.segment, outputs, failures, deliveries)
        await self._pump.deliver(deliveries, token)
        token.done()

    def _nap_s(self) -> float:
        now_ns = self._clock.now_ns()
        return min((LONGEST_NAP_S, *(timed.wait_s(now_ns) for timed in self._timed)))
