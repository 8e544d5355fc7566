"""Keeps a target that is back from being overrun by what waited for it."""

from __future__ import annotations

import asyncio
import time

BACKLOG_S = 5.0
"""What is older than this when its turn comes has waited for the target."""
SLICE_S = 0.25
"""Messages of so much time may go at once."""


class Pace:
    """Lets a number of messages a second through, on average and in small portions.

    Args:
        per_s: how many.
    """

    def __init__(self, per_s: float) -> None:
        self._per_s = per_s
        self._next_at = 0.0

    async def some(self) -> int:
        """Wait until messages may go; how many."""
        if (pause_s := self._next_at - time.monotonic()) > 0:
            await asyncio.sleep(pause_s)
        return max(1, int(self._per_s * SLICE_S))

    def went(self, number: int) -> None:
        """So many have gone."""
        self._next_at = max(self._next_at, time.monotonic()) + number / self._per_s
