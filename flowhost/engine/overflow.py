"""Says that a queue was full and gave up its oldest messages: counted each time, told now and then."""

from __future__ import annotations

import time

from flowhost.engine.counters import NodeCounters
from flowhost.engine.notices import NoticeBoard

TELL_EVERY_S = 60.0


class Overflow:
    """What is done when messages are dropped before one node.

    Args:
        counters: of the node.
        board: takes a warning, at most once a minute.
    """

    def __init__(self, counters: NodeCounters, board: NoticeBoard) -> None:
        self._counters = counters
        self._board = board
        self._untold = 0
        self._told_at: float | None = None

    def __call__(self, number: int) -> None:
        """So many messages were dropped."""
        self._counters.dropped += number
        self._untold += number
        now = time.monotonic()
        if self._told_at is not None and now - self._told_at < TELL_EVERY_S:
            return
        messages = "its oldest message was" if self._untold == 1 else f"its {self._untold:,} oldest messages were"
        self._board.notice("warning", f"the queue before it is full: {messages} dropped (when_full: drop_oldest)")
        self._untold, self._told_at = 0, now
