"""One browser tab on a flow's socket: what it is to be sent, never more than it can take."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from flowhost.services.access import Principal

MAX_WAITING = 2000
"""Frames that may wait for a slow browser; beyond that it is cut off and begins anew."""


class TooSlowError(Exception):
    """A browser that takes less than it is sent."""


@dataclass(eq=False)
class Member:
    """A tab.

    Attributes:
        id: of the tab, as it named itself; the same after a lost line.
        principal: who sits there.
        presence: what others may see of it: selection and the node whose form is open.
        watching: nodes whose last values it wants.
        behind: it did not take the last figures in time and needs all of them next time.
    """

    id: str
    principal: Principal
    presence: dict[str, Any] = field(default_factory=dict)
    watching: frozenset[str] = frozenset()
    behind: bool = True
    _waiting: deque[str] = field(default_factory=deque)
    _figures: str | None = None
    _wake: asyncio.Event = field(default_factory=asyncio.Event)
    too_slow: bool = False

    def send(self, frame: str) -> None:
        """Queue a frame that must arrive."""
        if len(self._waiting) >= MAX_WAITING:
            self.too_slow = True
        else:
            self._waiting.append(frame)
        self._wake.set()

    def show(self, frame: str, *, whole: bool) -> None:
        """Queue figures; older ones that were not taken yet are left out."""
        self.behind = self._figures is not None and not whole
        if not self.behind:
            self._figures = frame
        self._wake.set()

    async def next(self) -> str:
        """The next frame to send. Raises `TooSlowError`."""
        while True:
            if self.too_slow:
                raise TooSlowError
            if self._waiting:
                return self._waiting.popleft()
            if self._figures is not None:
                figures, self._figures = self._figures, None
                return figures
            self._wake.clear()
            await self._wake.wait()
