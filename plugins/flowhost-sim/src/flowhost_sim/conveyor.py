"""Conveyors between the machines: bottles take their time, and a full conveyor stops the machine before it."""

from collections import deque


class Conveyor:
    """A belt with a travel time and a number of places.

    Args:
        travel_s: seconds from one machine to the next.
        places: bottles it holds before it is full.
    """

    __slots__ = ("_places", "_ready", "_travel_s", "_under_way", "count")

    def __init__(self, travel_s: float, places: int) -> None:
        self._travel_s = travel_s
        self._places = places
        self._under_way: deque[tuple[float, int]] = deque()
        self._ready = 0
        self.count = 0

    def room(self) -> int:
        return self._places - self.count

    def put(self, bottles: int, now_s: float) -> None:
        if bottles:
            self._under_way.append((now_s + self._travel_s, bottles))
            self.count += bottles

    def waiting(self, now_s: float) -> int:
        """Bottles that have arrived at the far end."""
        while self._under_way and self._under_way[0][0] <= now_s:
            self._ready += self._under_way.popleft()[1]
        return self._ready

    def take(self, bottles: int) -> None:
        self._ready -= bottles
        self.count -= bottles
