"""Says that a queue was full and gave up its oldest messages: counted each time, told now and then."""

from __future__ import annotations

import asyncio

from flowhost.engine.counters import NodeCounters
from flowhost.engine.notices import NoticeBoard

TELL_EVERY_S = 60.0


class Overflow:
    """What is done when messages are dropped before one node.

    Args:
        counters: of the node.
        board: takes a warning at once, and then one a minute at most, until all were told.
    """

    def __init__(self, counters: NodeCounters, board: NoticeBoard) -> None:
        self._counters = counters
        self._board = board
        self._untold = 0
        self._timer: asyncio.TimerHandle | None = None

    def __call__(self, number: int) -> None:
        """So many messages were dropped."""
        self._counters.dropped += number
        self._untold += number
        if self._timer is None:
            self._tell()

    def close(self) -> None:
        """The run ends: what is still untold is told now."""
        if self._timer is not None:
            self._timer.cancel()
        self._say()

    def _tell(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(TELL_EVERY_S, self._tell) if self._untold else None
        self._say()

    def _say(self) -> None:
        if not self._untold:
            return
        messages = "its oldest message was" if self._untold == 1 else f"its {self._untold:,} oldest messages were"
        self._untold = 0
        self._board.notice("warning", f"the queue before it is full: {messages} dropped (when_full: drop_oldest)")
