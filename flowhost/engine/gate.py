"""When a node may try: not before its own target has had its rest, and not while its connection is down."""

from __future__ import annotations

import asyncio

from flowhost.engine.attempt import Halt
from flowhost.engine.breaker import Breaker, Turn
from flowhost.engine.tasks import first_of


class Gate:
    """The breakers before one node.

    Args:
        own: for what concerns this node alone: a busy service, a locked table.
        link: of its connection, shared with all others that use it; of a node without one, its own.
    """

    def __init__(self, own: Breaker, link: Breaker) -> None:
        self._own = own
        self._link = link
        self._shut = asyncio.Event()

    def shut(self) -> None:
        """Nobody tries any more: only a person can mend it."""
        self._shut.set()

    async def down(self) -> None:
        """Returns once it is known that the target takes nothing for now."""
        await first_of(self._own.opened(), self._link.opened(), self._shut.wait())

    async def turn(self) -> GateTurn:
        """Wait until the node may try."""
        own = await self._own.turn()
        try:
            return GateTurn(own, await self._link.turn())
        except BaseException:
            own.end()
            raise

    @property
    def since_ns(self) -> int:
        """Since when the target has been down, nanoseconds UTC; 0 while it is up."""
        return self._own.since_ns or self._link.since_ns

    @property
    def reason(self) -> str:
        """Why the target is down, in the words of the last try; empty while it is up."""
        return self._own.reason or self._link.reason

    def text(self) -> str:
        """Why nothing is tried now, in words; empty while nothing stands in the way."""
        return self._own.text() or self._link.text()


class GateTurn:
    """Leave to try once. Ends with `end`, whatever happened.

    Attributes:
        alone: the target was down, and this is the one try that finds out whether it still is.
    """

    __slots__ = ("_link", "_own", "alone")

    def __init__(self, own: Turn, link: Turn) -> None:
        self.alone = own.alone or link.alone
        self._own = own
        self._link = link

    def failed(self, halt: Halt) -> None:
        """The target takes nothing."""
        (self._link if halt.link else self._own).failed(halt.reason, halt.after_s)

    def worked(self) -> None:
        """The target takes messages."""
        self._own.worked()
        self._link.worked()

    def opened(self) -> None:
        """The node got ready, which says nothing about its connection."""
        self._own.worked()

    def end(self) -> None:
        """The try is over."""
        self._own.end()
        self._link.end()
