"""Which of the remembered ids can go: looked for a few at a time, so that no message waits for a sweep."""

from __future__ import annotations

from collections.abc import Callable
from heapq import heapify, heappop, heappush, heapreplace

BETWEEN = "\x1f"
"""Stands between scope and id in the key of a remembered id (ASCII unit separator)."""
LOOKS = 4
"""Remembered ids looked at for each new one: more than one, so that room is made faster than it is taken."""


class RecentIds:
    """Keeps a state of ids small.

    An id goes when the newest source time of its scope is a window ahead of it, so one wrong clock harms no other
    scope; and when there are too many, the oldest first.

    Args:
        state: newest source time by key, which is scope, `BETWEEN` and id; ids leave it here.
        window_ns: how long an id is remembered.
        max_entries: ids remembered at most.
        on_full: called when an id has to go before its time.
    """

    def __init__(self, state: dict[str, int], window_ns: int, max_entries: int, on_full: Callable[[], None]) -> None:
        self.state = state
        self._window_ns = window_ns
        self._max_entries = max_entries
        self._on_full = on_full
        # newest source time and number of ids by scope
        self._scopes: dict[str, list[int]] = {}
        self._newest_ns = 0
        # by source time as it was when the id was put here
        self._oldest = [(time_ns, key) for key, time_ns in state.items()]
        heapify(self._oldest)
        # ids of scopes that fell behind the others, looked at again when their scope goes on
        self._behind: dict[str, list[str]] = {}
        for time_ns, key in self._oldest:
            self._count(scope_of(key), time_ns)

    def added(self, scope: str, key: str, time_ns: int) -> None:
        """A new id is in the state: let a few others go if their time is over."""
        heappush(self._oldest, (time_ns, key))
        self._count(scope, time_ns)
        if scope in self._behind:
            self._look_behind(scope, self._behind[scope])
        for _ in range(LOOKS):
            if not self._look():
                break

    def seen(self, scope: str, time_ns: int) -> None:
        """An id came again, later than before."""
        self._scopes[scope][0] = max(self._scopes[scope][0], time_ns)
        self._newest_ns = max(self._newest_ns, time_ns)

    def _count(self, scope: str, time_ns: int) -> None:
        known = self._scopes.setdefault(scope, [time_ns, 0])
        known[0] = max(known[0], time_ns)
        known[1] += 1
        self._newest_ns = max(self._newest_ns, time_ns)

    def _look(self) -> bool:
        """Look at the oldest id; False if nothing has to be done about it or any other."""
        full = len(self.state) > self._max_entries
        if full and self._behind:
            self._on_full()
            self._drop_behind()
            return True
        if not self._oldest:
            return False
        time_ns, key = self._oldest[0]
        now_ns = self.state[key]
        if now_ns != time_ns:
            heapreplace(self._oldest, (now_ns, key))
            return True
        scope = scope_of(key)
        over = self._is_over(scope, time_ns)
        if over or full:
            if not over:
                self._on_full()
            heappop(self._oldest)
            self._drop(scope, key)
            return True
        if self._newest_ns - time_ns >= self._window_ns:
            heappop(self._oldest)
            self._behind.setdefault(scope, []).append(key)
            return True
        return False

    def _look_behind(self, scope: str, keys: list[str]) -> None:
        for _ in range(min(LOOKS, len(keys))):
            # any of them: the number of those that stay shifts which one is next
            place = self._scopes[scope][1] % len(keys)
            key = keys[place]
            keys[place] = keys[-1]
            keys.pop()
            time_ns = self.state[key]
            if self._is_over(scope, time_ns):
                self._drop(scope, key)
            else:
                heappush(self._oldest, (time_ns, key))
        if not keys:
            del self._behind[scope]

    def _drop_behind(self) -> None:
        scope, keys = next(iter(self._behind.items()))
        key = keys.pop()
        if not keys:
            del self._behind[scope]
        self._drop(scope, key)

    def _is_over(self, scope: str, time_ns: int) -> bool:
        return self._scopes[scope][0] - time_ns >= self._window_ns

    def _drop(self, scope: str, key: str) -> None:
        del self.state[key]
        known = self._scopes[scope]
        known[1] -= 1
        if not known[1]:
            del self._scopes[scope]


def scope_of(key: str) -> str:
    """The scope of a remembered id."""
    return key.partition(BETWEEN)[0]
