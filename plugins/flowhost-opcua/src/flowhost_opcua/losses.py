"""Counts values that were lost although the link stood, and says so without flooding the history."""

from __future__ import annotations

import time

from flowhost.sdk import NoticeBoard

QUIET_S = 60.0


class Losses:
    """Says the first loss at once, further ones at most once a minute, with their number.

    Attributes:
        overflows: values in front of which the server's queue had lost others.
    """

    def __init__(self, board: NoticeBoard) -> None:
        self._board = board
        self.overflows = 0
        self._overflow_topic = ""
        self._said: dict[str, tuple[int, float]] = {}

    def overflow(self, topic: str) -> None:
        """The server marked this value: others before it did not fit into its queue."""
        self.overflows += 1
        self._overflow_topic = topic

    def check(self, dropped: int, missed: int) -> None:
        """Say what is new.

        Args:
            dropped: values dropped here because the flow was too slow and the server did not hold back, ever.
            missed: notification messages of this subscription that never arrived or could not be decoded.
        """
        self._say(
            "overflow",
            self.overflows,
            f"the server's queues overflowed {self.overflows:,} times, last at {self._overflow_topic!r}: "
            "values were lost; let it publish more often or sample less often, or make the flow faster",
        )
        self._say(
            "dropped",
            dropped,
            f"{dropped:,} values dropped: the flow is slower than the server, which does not hold back",
        )
        self._say(
            "missed",
            missed,
            f"{missed} notification messages of the server did not arrive or could not be decoded",
        )

    def _say(self, what: str, count: int, text: str) -> None:
        known, said_at = self._said.get(what, (0, 0.0))
        if count < known:
            known = 0  # a new subscription counts from zero
        now = time.monotonic()
        if count > known and (not said_at or now - said_at >= QUIET_S):
            self._said[what] = (count, now)
            self._board.notice("warning", text)
