"""Brings runs and events to the history, in order and in batches, without anybody waiting for the disk."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace

from flowhost.store import EventRecord, Outcome, RunFigures, RunStore

log = logging.getLogger(__name__)

GATHER_S = 0.2
RETRY_S = 2.0
WAITING_LIMIT = 20_000
"""Events held while the disk does not take them; more are counted as left out."""


@dataclass(frozen=True)
class _End:
    run: int
    outcome: Outcome
    reason: str
    figures: RunFigures | None


class HistoryWriter:
    """Writes in the background; `flush` waits until all so far is written.

    Attributes:
        fault: why the last write failed, empty while all is well.
    """

    def __init__(self, runs: RunStore) -> None:
        self._runs = runs
        self._waiting: deque[EventRecord | _End] = deque()
        self._left_out: dict[int, int] = {}
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._task: asyncio.Task[None] | None = None
        self.fault = ""

    def open(self) -> None:
        """Begin to write."""
        self._task = asyncio.create_task(self._write_on(), name="history")

    async def close(self) -> None:
        """Write what waits, then end; gives up where the disk does not take it."""
        if self._task is None:
            return
        if not self.fault:
            await self.flush()
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self._task = None

    def event(self, event: EventRecord) -> None:
        """Keep a line; one equal to the line before only counts up."""
        if self._waiting and isinstance(last := self._waiting[-1], EventRecord) and _same(last, event):
            self._waiting[-1] = replace(event, count=last.count + event.count)
        elif len(self._waiting) >= WAITING_LIMIT:
            self.left_out(event.run_id, event.count)
        else:
            self._waiting.append(event)
        self._busy()

    def left_out(self, run: int, count: int) -> None:
        """Count events that came too fast to be kept."""
        self._left_out[run] = self._left_out.get(run, 0) + count
        self._busy()

    def end(self, run: int, outcome: Outcome, reason: str, figures: RunFigures | None) -> None:
        """A run is over."""
        self._waiting.append(_End(run, outcome, reason, figures))
        self._busy()

    async def flush(self) -> None:
        """Wait until all handed over so far is written."""
        await self._idle.wait()

    def _busy(self) -> None:
        self._idle.clear()
        self._wake.set()

    async def _write_on(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            await asyncio.sleep(GATHER_S)
            while self._waiting or self._left_out:
                await self._write_some()
            self._idle.set()

    async def _write_some(self) -> None:
        """One batch; it goes back to its place where the disk does not take it."""
        events = self._take_events()
        left_out, self._left_out = self._left_out, {}
        end = self._waiting.popleft() if self._waiting and isinstance(self._waiting[0], _End) else None
        try:
            await self._runs.add_events(events, left_out)
            events, left_out = [], {}
            if isinstance(end, _End):
                await self._runs.end(end.run, end.outcome, end.reason, end.figures)
        except Exception as error:
            # a full or broken disk: hold on, say so in readiness, try again
            if not self.fault:
                log.exception("the history cannot be written")
            self.fault = f"{type(error).__name__}: {error}"
            self._put_back([*events, end] if end is not None else list(events), left_out)
            await asyncio.sleep(RETRY_S)
        else:
            self.fault = ""

    def _take_events(self) -> list[EventRecord]:
        """Events up to the next end of a run."""
        events = []
        while self._waiting and isinstance(first := self._waiting[0], EventRecord):
            events.append(first)
            self._waiting.popleft()
        return events

    def _put_back(self, entries: Sequence[EventRecord | _End], left_out: dict[int, int]) -> None:
        self._waiting.extendleft(reversed(entries))
        for run, count in left_out.items():
            self._left_out[run] = self._left_out.get(run, 0) + count


def _same(one: EventRecord, other: EventRecord) -> bool:
    return (one.run_id, one.kind, one.text, one.node) == (other.run_id, other.kind, other.text, other.node)
