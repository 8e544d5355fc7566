"""Calls stateful transforms when their time has come."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from flowhost.engine.failure import Failure
from flowhost.engine.pump import Deliveries, Pump
from flowhost.engine.stateful import StatefulSegment
from flowhost.engine.token import Token
from flowhost.sdk import Clock

LONGEST_NAP_S = 0.5


class Ticker:
    """One task for all stateful transforms of a run."""

    def __init__(self, segments: Sequence[StatefulSegment], pump: Pump, clock: Clock) -> None:
        self._segments = segments
        self._pump = pump
        self._clock = clock

    async def run(self) -> None:
        """Sleep until something is due, then tick, for ever."""
        while True:
            await asyncio.sleep(self._nap_s())
            await self.tick()

    async def tick(self) -> None:
        """Tick every key that is due now."""
        for segment in self._segments:
            due = segment.next_due_ns()
            if due is not None and due <= self._clock.now_ns():
                await self._send(segment, flush=False)

    async def flush(self, segment: StatefulSegment) -> None:
        """Let the transform give out what it holds."""
        await self._send(segment, flush=True)

    async def _send(self, segment: StatefulSegment, *, flush: bool) -> None:
        failures: list[Failure] = []
        outputs = segment.flush(failures) if flush else segment.tick(failures)
        deliveries: Deliveries = []
        self._pump.spread_all(segment.nodes[-1], outputs, deliveries)
        if failures:
            self._pump.fail(failures, deliveries)
        token = Token()
        await self._pump.deliver(deliveries, token)
        token.done()

    def _nap_s(self) -> float:
        due = [ns for segment in self._segments if (ns := segment.next_due_ns()) is not None]
        if not due:
            return LONGEST_NAP_S
        return min(LONGEST_NAP_S, max(0.0, (min(due) - self._clock.now_ns()) / 1e9))
