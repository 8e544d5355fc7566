"""Time: scans at a fixed rate, and waiting longer after each failure."""

from __future__ import annotations

import math


class FixedRate:
    """Due times start, start + period, start + 2 periods and so on: no drift; what was missed is skipped.

    Args:
        period_s: seconds from scan to scan.
        start: first due time, seconds on any steady clock.
    """

    def __init__(self, period_s: float, start: float) -> None:
        self._period = period_s
        self._start = start
        self._last = 0

    def next_due(self, now: float) -> tuple[float, int]:
        """After a scan: when the next one is due, and how many due times have passed meanwhile."""
        following = max(self._last + 1, math.ceil((now - self._start) / self._period))
        missed = following - self._last - 1
        self._last = following
        return self._start + following * self._period, missed


class BackOff:
    """0.5 s after the first failure, doubled after each further one, at most 10 s."""

    FIRST_S = 0.5
    LONGEST_S = 10.0

    def __init__(self) -> None:
        self._next = self.FIRST_S

    def failed(self) -> float:
        """Seconds to wait now."""
        delay = self._next
        self._next = min(2 * delay, self.LONGEST_S)
        return delay

    def succeeded(self) -> None:
        """Start small again."""
        self._next = self.FIRST_S
