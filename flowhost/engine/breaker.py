"""Circuit breakers: while a target takes nothing, one try at a time asks whether it is back, everybody else waits."""

from __future__ import annotations

import asyncio
import time
from datetime import datetime

from flowhost.engine.backoff import Backoff

LINK_CAP_S = 5.0
"""Longest wait between two tries of a broken link: messages arrive soon after a cable is plugged in again."""


class Breaker:
    """Open while its target is down. Shared by all nodes that use the target.

    Guarantees: while it is open, at most one caller of `turn` is let through at a time, and not before the wait is
    over; the first success lets everybody through.

    Attributes:
        reason: why the target is down, in the words of the last try; empty while it is up.
        since_ns: since when, nanoseconds UTC; 0 while it is up.
        waiting: nodes that wait for their turn.

    Args:
        first_s: wait after the first failure, doubled with each further one.
        max_s: longest wait; None for that of a link.
    """

    def __init__(self, first_s: float = 0.5, max_s: float | None = None) -> None:
        self.reason = ""
        self.since_ns = 0
        self.waiting = 0
        self._backoff = Backoff(first_s, LINK_CAP_S if max_s is None else max_s)
        self._next_at = 0.0
        self._turn = asyncio.Lock()
        self._changed = asyncio.Event()
        self._opened = asyncio.Event()

    @property
    def is_open(self) -> bool:
        """The target is down, as far as is known."""
        return bool(self.since_ns)

    @property
    def tries(self) -> int:
        """Failed tries since it went down."""
        return self._backoff.tries

    async def opened(self) -> None:
        """Returns once the target is known to be down."""
        await self._opened.wait()

    def next_try_s(self) -> float:
        """Seconds until somebody may try again; 0 if that is now."""
        return max(0.0, self._next_at - time.monotonic()) if self.is_open else 0.0

    async def turn(self, *, node: bool = True) -> Turn:
        """Wait until the caller may try; it ends its turn by saying how that went.

        Args:
            node: a node waits here, and is counted while it does.
        """
        self.waiting += node
        try:
            while self.is_open:
                await self._turn.acquire()
                if await self._may_try():
                    return Turn(self, alone=True)
                self._turn.release()
        finally:
            self.waiting -= node
        return Turn(self, alone=False)

    def hint(self) -> None:
        """Somebody says the target is back: try at once."""
        self._next_at = 0.0
        self._changed.set()

    def end_turn(self) -> None:
        """The one who was let through alone is done."""
        self._turn.release()

    async def _may_try(self) -> bool:
        try:
            while self.is_open and (pause_s := self.next_try_s()):
                self._changed.clear()
                try:
                    async with asyncio.timeout(pause_s):
                        await self._changed.wait()
                except TimeoutError:
                    pass
        except BaseException:
            self._turn.release()
            raise
        return self.is_open

    def failed(self, reason: str, after_s: float | None, began_ns: int = 0) -> None:
        """A try that began when the state was as it is now found the target down."""
        if not self.is_open:
            # a try may take long to find out, such as one that waits for a lock
            self.since_ns = began_ns or time.time_ns()
            self._opened.set()
        self.reason = reason
        pause_s = self._backoff.next_s()
        self._next_at = time.monotonic() + (pause_s if after_s is None else after_s)

    def worked(self) -> None:
        """The target takes messages."""
        if self.is_open:
            self.since_ns, self.reason = 0, ""
            self._opened.clear()
            self._backoff.reset()
            self._changed.set()

    def text(self) -> str:
        """The state in words; empty while the target is up."""
        if not self.is_open:
            return ""
        words = [f"down since {clock_time(self.since_ns)}: {self.reason}"]
        if pause_s := self.next_try_s():
            words.append(f"next try in {pause_s:.0f} s" if pause_s >= 1 else "next try in less than 1 s")
        if self.waiting:
            words.append("1 node waits" if self.waiting == 1 else f"{self.waiting:,} nodes wait")
        return "; ".join(words)


class Turn:
    """Leave to try once. Ends with `end`, whatever happened.

    Attributes:
        alone: the breaker is open and this is the one try.
    """

    __slots__ = ("_began_ns", "_breaker", "_down_since", "alone")

    def __init__(self, breaker: Breaker, *, alone: bool) -> None:
        self.alone = alone
        self._breaker = breaker
        self._down_since = breaker.since_ns
        self._began_ns = time.time_ns()

    def failed(self, reason: str, after_s: float | None = None) -> None:
        """The target is down. Of several tries under way when it went down, the first one counts."""
        if self._breaker.since_ns == self._down_since:
            self._breaker.failed(reason, after_s, self._began_ns)

    def worked(self) -> None:
        """The target is up."""
        self._breaker.worked()

    def end(self) -> None:
        """The try is over: let the next one try."""
        if self.alone:
            self.alone = False
            self._breaker.end_turn()


def clock_time(at_ns: int) -> str:
    """Time of day on this machine, with the date where that is not today."""
    at = datetime.fromtimestamp(at_ns / 1e9).astimezone()
    form = "%H:%M:%S" if at.date() == datetime.now().astimezone().date() else "%Y-%m-%d %H:%M:%S"
    return at.strftime(form)
