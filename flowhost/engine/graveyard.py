"""Where messages end that failed for good: counted by their node, logged with node, topic and cause."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence

from flowhost.engine.failure import Failure
from flowhost.engine.notices import History
from flowhost.engine.station import Station

REPEAT_AFTER_S = 10.0


class Graveyard:
    """Records dead messages. A cause that repeats is logged at most every ten seconds, with how often it came.

    Args:
        log: takes the lines.
        history: takes the events.
        keep: keeps the messages themselves on disk; None where there is no outbox, then they are only counted.
    """

    def __init__(
        self,
        log: logging.LoggerAdapter[logging.Logger],
        history: History,
        keep: Callable[[Sequence[Failure]], Station] | None = None,
    ) -> None:
        self._log = log
        self._history = history
        self._keep = keep
        self._seen: dict[tuple[str, str], Repeated] = {}

    def bury(self, failures: Sequence[Failure]) -> Station | None:
        """Record dead messages.

        Returns:
            Where they have to be delivered to be kept; None if they are not kept.
        """
        for failure in failures:
            self._record(failure)
        return self._keep(failures) if self._keep is not None else None

    def _record(self, failure: Failure) -> None:
        # the first words of the cause tell kinds apart; values inside it must not defeat the limit
        cause = (failure.node, failure.kind)
        repeated = self._seen.get(cause)
        now = time.monotonic()
        if repeated is None:
            self._seen[cause] = Repeated(now)
            self._tell(failure, "")
        elif now - repeated.told_at >= REPEAT_AFTER_S:
            self._tell(failure, f" (and {repeated.silent} more since then)" if repeated.silent else "")
            repeated.told_at, repeated.silent = now, 0
        else:
            repeated.silent += 1

    def close(self) -> None:
        """Tell what had not been told yet."""
        for (node, kind), repeated in self._seen.items():
            if repeated.silent:
                text = f"{repeated.silent} more messages failed the same way ({kind})"
                self._log.error("%s: %s", node, text)
                self._history.add("dead", text, node=node)
                repeated.silent = 0

    def _tell(self, failure: Failure, more: str) -> None:
        topic = failure.message.meta.topic
        about = f"message on topic {topic!r}" if topic else "a message"
        text = f"{about} failed: {failure.reason}{more}"
        self._log.error("%s: %s", failure.node, text)
        self._history.add("dead", text, node=failure.node, topic=topic)


class Repeated:
    """One cause: when it was told last and how often it was not told since."""

    __slots__ = ("silent", "told_at")

    def __init__(self, told_at: float) -> None:
        self.told_at = told_at
        self.silent = 0
