"""The real clock."""

from __future__ import annotations

import asyncio
import time


class SystemClock:
    """Wall clock of this machine."""

    def now_ns(self) -> int:
        """Nanoseconds since 1970-01-01 UTC."""
        return time.time_ns()

    async def sleep(self, seconds: float) -> None:
        """Wait that long."""
        await asyncio.sleep(seconds)
