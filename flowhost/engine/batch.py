"""What a node that waits takes from its queue at once."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate

from flowhost.engine.edge import Portion, age_s
from flowhost.engine.pace import BACKLOG_S
from flowhost.sdk import Message


class Batch:
    """Messages of some portions, by their place.

    Attributes:
        messages: of all portions, in order.
        portions: where they came from.
        tries: how often a message was tried, by place.
        faults: how often the node failed on it, by place.
        unknown: places whose messages may have been done: to be asked about, not sent.
        resent: places whose messages an earlier run may have brought to the target already.
        waited: they have waited for the target for a while, rather than coming in just now.
    """

    def __init__(self, portions: Sequence[Portion]) -> None:
        self.portions = portions
        self.messages: Sequence[Message] = portions[0].messages
        if len(portions) > 1:
            self.messages = [message for portion in portions for message in portion.messages]
        self.tries: dict[int, int] = {}
        self.faults: dict[int, int] = {}
        self.unknown: set[int] = set()
        self.resent: set[int] = set()
        self.waited = age_s(portions[0].at_ms) > BACKLOG_S
        self._ends: list[int] = []

    def portion(self, place: int) -> Portion:
        """Where the message came from."""
        if len(self.portions) == 1:
            return self.portions[0]
        if not self._ends:
            self._ends = list(accumulate(len(portion.messages) for portion in self.portions))
        return self.portions[bisect_right(self._ends, place)]

    def at_ms(self, place: int) -> int:
        """When the message came to the queue, milliseconds UTC."""
        return self.portion(place).at_ms


def key_of(message: Message) -> str:
    """What keeps messages in order: those of one key stay in it."""
    return message.meta.key or message.meta.topic
