"""Values that a new subscription brings although they came already: every server begins one with the present values."""

from __future__ import annotations

import time

from flowhost.sdk import NoticeBoard

PATIENCE_S = 5.0
"""An item may have no value to begin with; the others are told by then."""


class ReadAgain:
    """Counts them where they arise and says so once per reconnect; targets that know ids count them once.

    What came before the node was opened is not known here: after a restart of the flow only the target can tell.
    """

    def __init__(self, board: NoticeBoard) -> None:
        self._board = board
        self._last: dict[int, str] = {}
        self._before: dict[int, str] = {}
        self._count = 0
        self._began_s = 0.0

    def begin(self) -> None:
        """A new subscription stands: the first value of each item may be the one that came last."""
        self._tell()
        self._before = dict(self._last)
        self._began_s = time.monotonic()

    def see(self, handle: int, id_: str) -> None:
        """A value of an item, by the id its message has."""
        if self._before and self._before.pop(handle, "") == id_:
            self._count += 1
        self._last[handle] = id_

    def tell(self) -> None:
        """Say how many, once all that may be repeated has come."""
        if self._count and (not self._before or time.monotonic() - self._began_s > PATIENCE_S):
            self._tell()

    def _tell(self) -> None:
        if self._count:
            what = "1 value that had" if self._count == 1 else f"{self._count:,} values that had"
            text = f"read again after the reconnect: {what} come already; targets that go by ids count them once"
            self._board.notice("info", text)
        self._count = 0
        self._before = {}
