"""What the broker says it has thrown away: its queues for clients that are away or slow are bounded by default."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from flowhost.sdk import NodeError, NoticeBoard
from flowhost_mqtt.packets import Arrival
from flowhost_mqtt.session import Session, SessionOwner

log = logging.getLogger(__name__)

QUIET_S = 60.0


class DropWatch:
    """Follows the broker's counter of dropped messages by a client of its own, and says when it grows.

    A broker that has no such counter, or does not let us read it, is left alone.

    Args:
        make: a session that subscribes to the counter, for this owner.
        board: takes the warnings.
        broker: name of the broker, for sentences.
        known: the counter as it was last seen, perhaps in an earlier life; None if never.
        keep: remembers it for the next life.
    """

    def __init__(
        self,
        make: Callable[[SessionOwner], Session],
        board: NoticeBoard,
        broker: str,
        known: int | None,
        keep: Callable[[int], Awaitable[None]],
    ) -> None:
        self._make = make
        self._board = board
        self._broker = broker
        self._known = known
        self._keep = keep
        self._keeping: set[asyncio.Task[None]] = set()
        self._unsaid = 0
        self._session: Session | None = None
        self._opening: asyncio.Task[None] | None = None
        self._quiet: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begin, in the background; once is enough."""
        if self._opening is None:
            self._opening = asyncio.create_task(self._open(), name="mqtt drops")

    async def close(self) -> None:
        """Leave."""
        opening, self._opening = self._opening, None
        if opening is not None:
            opening.cancel()
            await asyncio.gather(opening, return_exceptions=True)
        if self._quiet is not None:
            self._quiet.cancel()
            self._quiet = None
        session, self._session = self._session, None
        if session is not None:
            await session.close()
        if self._keeping:
            await asyncio.wait(self._keeping)

    async def _open(self) -> None:
        session = self._make(self)
        try:
            await session.open()
        except NodeError as error:
            log.debug("%s does not tell what it drops: %s", self._broker, error)
            await session.close()
        except BaseException:
            await session.close()
            raise
        else:
            self._session = session

    # what the session reports

    def arrived(self, generation: int, arrivals: list[Arrival], size: int) -> None:  # noqa: ARG002 - the contract
        """The counter, when we come and whenever it has grown."""
        for _, payload, *_ in arrivals:
            if payload.isdigit() and len(payload) < 20:
                self._count(int(payload))

    def resumed(self, kept: bool) -> None:
        """A new link: the counter comes again."""

    def failed(self, error: NodeError) -> None:
        """Nobody waits for this."""

    def _count(self, number: int) -> None:
        known, self._known = self._known, number
        if number != known:
            task = asyncio.create_task(self._remember(number), name="mqtt drops")
            self._keeping.add(task)
            task.add_done_callback(self._keeping.discard)
        if known is None:
            return
        # a broker that was started anew counts from zero
        self._unsaid += number - known if number >= known else number
        if self._unsaid and self._quiet is None:
            self._say()

    async def _remember(self, number: int) -> None:
        try:
            await self._keep(number)
        except Exception as error:  # noqa: BLE001 - a disk that is full is told by those whose messages lie on it
            log.warning("what %s has dropped cannot be remembered: %s", self._broker, error)

    def _say(self) -> None:
        self._quiet = None
        number, self._unsaid = self._unsaid, 0
        if number:
            what = "1 message" if number == 1 else f"{number:,} messages"
            self._board.notice(
                "warning",
                f"{self._broker} has dropped {what} meant for clients that were away or too slow, because their queues "
                "at the broker were full; it does not say whose they were. Raise the bound: mosquitto keeps 1000 for "
                "each client unless `max_queued_messages` says otherwise, 0 is without bound",
            )
            self._quiet = asyncio.get_running_loop().call_later(QUIET_S, self._say)
