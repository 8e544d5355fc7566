"""How long to wait before the next try."""

from __future__ import annotations

import random


class Backoff:
    """Doubles from `first_s` to `cap_s`, with jitter so that many nodes do not knock at once."""

    def __init__(self, first_s: float = 0.5, cap_s: float = 60.0) -> None:
        self._first_s = first_s
        self._cap_s = cap_s
        self._tries = 0

    @property
    def tries(self) -> int:
        """Failures since the last success."""
        return self._tries

    def next_s(self, cap_s: float | None = None) -> float:
        """Seconds until the next try: between half and all of the doubled time."""
        cap = min(self._cap_s, cap_s or self._cap_s)
        full = min(cap, self._first_s * 2 ** min(self._tries, 20))
        self._tries += 1
        return random.uniform(full / 2, full)  # noqa: S311 - jitter, not a secret

    def reset(self) -> None:
        """It worked."""
        self._tries = 0
