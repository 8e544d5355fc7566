"""Time that moves only when a test says so."""

from __future__ import annotations

import asyncio

SECOND_NS = 1_000_000_000
START_NS = 1_767_225_600 * SECOND_NS
"""Where virtual time starts: 2026-01-01T00:00:00Z, a round moment, so that windows begin with the test."""


class VirtualClock:
    """A clock for tests (`flowhost.sdk.Clock`)."""

    def __init__(self, start_ns: int = START_NS) -> None:
        self._now_ns = start_ns
        self._sleepers: list[tuple[int, asyncio.Event]] = []

    def now_ns(self) -> int:
        """The virtual moment, nanoseconds UTC."""
        return self._now_ns

    async def sleep(self, seconds: float) -> None:
        """Wait until the test has moved time that far."""
        wake_ns = self._now_ns + round(seconds * SECOND_NS)
        if wake_ns <= self._now_ns:
            await asyncio.sleep(0)
            return
        sleeper = (wake_ns, asyncio.Event())
        self._sleepers.append(sleeper)
        try:
            await sleeper[1].wait()
        finally:
            if sleeper in self._sleepers:
                self._sleepers.remove(sleeper)

    def move_to(self, moment_ns: int) -> None:
        """Move time forward; sleepers whose time has come wake. Time never goes back."""
        self._now_ns = max(self._now_ns, moment_ns)
        for wake_ns, event in self._sleepers:
            if wake_ns <= self._now_ns:
                event.set()
        self._sleepers = [(ns, event) for ns, event in self._sleepers if ns > self._now_ns]
