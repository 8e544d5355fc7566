"""Messages that died a moment ago: a flow that runs but gets nothing through is told from one that is well."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

LATELY_S = 60.0


class DeadLately:
    """Dead messages of each node within the last minute, taken from counters that begin at zero with the run."""

    def __init__(self) -> None:
        # one for each moment at which a counter had grown, and the last one from before the minute
        self._moments: deque[tuple[float, Mapping[str, int]]] = deque()

    def take(self, now_s: float, dead: Mapping[str, int]) -> None:
        """Note the counters of one moment, by node."""
        if not self._moments or dead != self._moments[-1][1]:
            self._moments.append((now_s, dead))
        self._forget(now_s)

    def counts(self, now_s: float) -> dict[str, int]:
        """How many died, by node; nodes where none did are left out."""
        self._forget(now_s)
        if not self._moments:
            return {}
        (began_s, first), (_, last) = self._moments[0], self._moments[-1]
        before = first if now_s - began_s >= LATELY_S else {}
        grown = {node: number - before.get(node, 0) for node, number in last.items()}
        return {node: number for node, number in grown.items() if number > 0}

    def _forget(self, now_s: float) -> None:
        while len(self._moments) > 1 and now_s - self._moments[1][0] >= LATELY_S:
            self._moments.popleft()


def letters_words(number: int) -> str:
    """Open dead letters as people read them; empty where there are none."""
    return f"{number:,} open dead letter{'' if number == 1 else 's'}" if number else ""


def lately_words(number: int) -> str:
    """The same as people read it; empty where none died."""
    if not number:
        return ""
    return f"{number:,} message{'' if number == 1 else 's'} dead in the last minute"
