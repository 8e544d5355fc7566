"""Messages of one key that are parked before a node."""

from __future__ import annotations

import time

from flowhost.engine.attempt import Again
from flowhost.engine.backoff import Backoff

FAULT_FIRST_S = 0.1
FAULT_CAP_S = 1.0
"""Waits between the tries of a message the node fails on."""
GROWTH = 8
"""After a success, so many times as many messages of the key are tried at once."""
AUTOMATIC = frozenset({"later", "fault", "unknown"})
"""Kinds of waiting that end by themselves; messages of other kinds wait until they are released."""


class Lane:
    """The order within one key: its first message is tried, the others wait behind it.

    Attributes:
        key: of its messages.
        only: number of its one row, where messages do not wait for each other; else 0.
        count: messages in it.
        size: bytes of them.
        oldest_ms: when its first message came to the edge, milliseconds UTC.
        kind: why it waits.
        reason: the same in words.
        tries: how often its first message was tried.
        faults: how often the node failed on it.
        doubtful: what it holds may have been done by an earlier run.
        due: when it is tried next (`time.monotonic`); None until somebody releases it.
        window: how many of its messages are tried at once.
    """

    __slots__ = (
        "_backoff", "_fault_backoff", "count", "doubtful", "due", "faults", "key", "kind", "oldest_ms", "only",
        "reason", "size", "tries", "window",
    )  # fmt: skip

    def __init__(self, key: str, first_s: float, max_s: float, only: int = 0) -> None:
        self.key = key
        self.only = only
        self.count = self.size = self.tries = self.faults = 0
        self.oldest_ms = 0
        self.kind = self.reason = ""
        self.doubtful = False
        self.due: float | None = 0.0
        self.window = 1
        self._backoff = Backoff(first_s, max_s)
        self._fault_backoff = Backoff(FAULT_FIRST_S, FAULT_CAP_S)

    def put_off(self, kind: str, reason: str, after_s: float | None = None) -> None:
        """Its first message has to wait."""
        self.kind, self.reason = kind, reason
        self.window = 1
        if kind not in AUTOMATIC:
            self.due = None
            return
        backoff = self._fault_backoff if kind == "fault" else self._backoff
        wait_s = backoff.next_s()
        self.due = time.monotonic() + (wait_s if after_s is None else after_s)

    def tried(self, again: Again, tries: int, faults: int) -> None:
        """Its first message was tried in vain."""
        self.tries, self.faults = tries, faults
        self.put_off(again.why, again.reason, again.after_s)

    def went_on(self) -> None:
        """Its first messages came to their end: go on at once."""
        self.tries = self.faults = 0
        self.due = time.monotonic()
        self.window *= GROWTH
        self._backoff.reset()
        self._fault_backoff.reset()
