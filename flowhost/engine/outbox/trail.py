"""Follows the messages of retried dead letters through the queues on disk."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from flowhost.engine.outbox.letter_changes import Follow
from flowhost.sdk import Message


class LetterTrail:
    """Notes, in the transactions of queues, which of their messages belong to a retried letter.

    A letter is delivered when none of its messages lies in a queue any more. Costs nothing until one is retried.

    Attributes:
        active: there are retried letters on their way.
    """

    def __init__(self) -> None:
        self.active = False

    def entering(self, messages: Sequence[Message]) -> list[Follow]:
        """What has to be noted when these messages come into a queue."""
        return self._steps(messages, 1) if self.active else []

    def leaving(self, messages: Sequence[Message]) -> list[Follow]:
        """What has to be noted when these messages leave a queue."""
        return self._steps(messages, -1) if self.active else []

    @staticmethod
    def _steps(messages: Sequence[Message], step: int) -> list[Follow]:
        return [Follow(letter, step * number) for letter, number in letters_of(messages).items()]


def letters_of(messages: Iterable[Message]) -> Counter[int]:
    """How many of the messages belong to which letter."""
    return Counter(message.meta.letter for message in messages if message.meta.letter)
