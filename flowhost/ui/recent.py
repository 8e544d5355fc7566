"""Values seen lately, by topic: the host gives the newest per node, a page remembers those of the other topics."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from flowhost.services.views import ValueView

KEPT = 12
OLDEST = timedelta(minutes=10)
QUIET = timedelta(minutes=3)
"""An error that has not come again for so long is history: it keeps its words, but not its colour."""


def is_recent(moment: datetime | None, now: datetime | None = None) -> bool:
    """Whether an error of this moment still is news; one of an unknown time is."""
    return moment is None or (now or datetime.now(UTC)) - moment < QUIET


class RecentValues:
    """The newest value of each topic, while a page is open.

    Args:
        kept: most topics remembered; the longest silent goes first.
    """

    def __init__(self, kept: int = KEPT) -> None:
        self._kept = kept
        self._values: dict[str, ValueView] = {}
        self._seen: dict[str, datetime] = {}

    def take(self, values: Iterable[ValueView], now: datetime) -> dict[str, ValueView]:
        """Remember these; return all remembered by port and topic, newest first."""
        for value in values:
            key = f"{value.topic or value.node}\0{value.port}"
            known = self._values.get(key)
            if known is None or value.time >= known.time:
                # a device whose clock is wrong sends old times, but what it sends is news
                if value != known:
                    self._seen[key] = now
                self._values[key] = value
        fresh = ((key, value) for key, value in self._values.items() if now - self._seen[key] < OLDEST)
        self._values = dict(sorted(fresh, key=lambda item: item[1].time, reverse=True)[: self._kept])
        self._seen = {key: self._seen[key] for key in self._values}
        return dict(self._values)

    def forget(self) -> None:
        """Start anew, as when another run begins."""
        self._values.clear()
        self._seen.clear()
