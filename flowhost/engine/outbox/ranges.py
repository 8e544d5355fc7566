"""Sets of numbers that lie close together, kept as ranges."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable

Pair = tuple[int, int]
"""First and last number of a range."""


class Ranges:
    """A set of numbers, as ranges that neither touch nor overlap, in order.

    Args:
        pairs: first and last numbers of ranges.
    """

    __slots__ = ("_pairs",)

    def __init__(self, pairs: Iterable[Pair] = ()) -> None:
        self._pairs: list[Pair] = []
        for first, last in pairs:
            self.add(first, last)

    def __bool__(self) -> bool:
        return bool(self._pairs)

    def __contains__(self, number: int) -> bool:
        place = bisect_left(self._pairs, number, key=lambda pair: pair[1])
        return place < len(self._pairs) and self._pairs[place][0] <= number

    @property
    def count(self) -> int:
        """How many numbers."""
        return sum(last - first + 1 for first, last in self._pairs)

    @property
    def pairs(self) -> list[Pair]:
        """First and last numbers of the ranges."""
        return self._pairs

    @property
    def front(self) -> Pair:
        """The first range. There must be one."""
        return self._pairs[0]

    def add(self, first: int, last: int) -> None:
        """Add the numbers from the first to the last."""
        pairs = self._pairs
        start = bisect_left(pairs, first, key=lambda pair: pair[1] + 1)
        end = start
        while end < len(pairs) and pairs[end][0] <= last + 1:
            first, last = min(first, pairs[end][0]), max(last, pairs[end][1])
            end += 1
        pairs[start:end] = [(first, last)]

    def drop_to(self, last: int) -> None:
        """Remove all numbers up to this one."""
        pairs = self._pairs
        while pairs and pairs[0][1] <= last:
            pairs.pop(0)
        if pairs and pairs[0][0] <= last:
            pairs[0] = (last + 1, pairs[0][1])

    def without(self, first: int, last: int) -> Ranges:
        """The numbers from the first to the last that are not among these."""
        rest = Ranges()
        for start, end in self._pairs:
            if start > first:
                rest.add(first, min(start - 1, last))
            first = max(first, end + 1)
        if first <= last:
            rest.add(first, last)
        return rest
