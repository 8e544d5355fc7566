"""How much an edge on disk may hold, and what it gives out at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from flowhost.graph.delivery import DeliveryPolicy

PART = 10
"""Of a queue that drops its oldest so many parts may be on their way at once: what is on its way is not dropped."""
LIVE_WAITS_FOR = 100
"""Messages of the backlog given out at once where new ones go before them; no more than may leave in a second."""


class Limits(NamedTuple):
    """How much an edge may hold.

    Attributes:
        max_messages: bound; None for none.
        max_bytes: bound; None for none.
        on_dropped: told how many were given up to make room; None lets producers wait.
        live_first: what comes in goes before what has waited.
        backlog: messages of the backlog given out at once then.
        exact_age: messages are given out so that the age of each is known, not about.
    """

    max_messages: int | None = None
    max_bytes: int | None = None
    on_dropped: Callable[[int], None] | None = None
    live_first: bool = False
    backlog: int = LIVE_WAITS_FOR
    exact_age: bool = False

    @classmethod
    def of(cls, policy: DeliveryPolicy, on_dropped: Callable[[int], None]) -> Limits:
        """As a node's policy says."""
        return cls(
            policy.max_messages,
            policy.max_bytes,
            on_dropped if policy.when_full == "drop_oldest" else None,
            live_first=policy.backlog == "live_first",
            backlog=max(1, min(LIVE_WAITS_FOR, int(policy.drain_per_s or LIVE_WAITS_FOR))),
            exact_age=policy.expire_after_s is not None,
        )

    @property
    def drops(self) -> bool:
        """It makes room by giving up the oldest messages."""
        return self.on_dropped is not None and self.any

    @property
    def any(self) -> bool:
        """There are bounds."""
        return self.max_messages is not None or self.max_bytes is not None

    def surplus(self, messages: int, size: int, new: int) -> int:
        """How many messages are too many.

        Args:
            messages: there are.
            size: bytes of them.
            new: messages that are to come.
        """
        too_many = 0 if self.max_messages is None else max(0, messages + new - self.max_messages)
        if self.max_bytes is not None and size >= self.max_bytes:
            # about, going by their average size
            too_many = max(too_many, (size - self.max_bytes) * messages // max(1, size) + 1)
        return too_many

    def portion(self, limit: int, *, live: bool) -> tuple[int, int | None]:
        """How many messages to give out at once where `limit` are asked for, and how many bytes; None for any."""
        if self.live_first and not live:
            limit = min(limit, self.backlog)
        if not self.drops:
            return limit, None
        if self.max_messages is not None:
            limit = min(limit, max(1, self.max_messages // PART))
        return limit, None if self.max_bytes is None else self.max_bytes // PART
