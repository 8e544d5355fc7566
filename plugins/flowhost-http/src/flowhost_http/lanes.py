"""Several requests at once, one after the other for each key."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence

from flowhost.sdk import Message, Retry, Unknown, WriteOutcome

Send = Callable[[Message], Awaitable[WriteOutcome]]


class Lanes:
    """A batch, sorted by key.

    Order: a message is sent when the one before it of the same key was confirmed or refused for good. Behind one that
    is to be tried again, or whose outcome is unknown, its lane stands still.

    Args:
        messages: the batch.
        send: sends one; never raises for what the target does.

    Attributes:
        outcomes: of each message; None where it was not tried.
        halted: the target takes nothing more.
    """

    def __init__(self, messages: Sequence[Message], send: Send) -> None:
        self.outcomes: list[WriteOutcome | None] = [None] * len(messages)
        self._messages = messages
        self._send = send
        self.halted = False
        lanes: dict[str, list[int]] = {}
        for index, message in enumerate(messages):
            lanes.setdefault(message.meta.key or message.meta.topic, []).append(index)
        self._waiting = deque(lanes.values())

    async def run(self, parallel: int) -> None:
        """Send as far as it goes. What was not tried has no outcome. Cancelling ends all requests."""
        async with asyncio.TaskGroup() as group:
            for number in range(min(parallel, len(self._waiting))):
                group.create_task(self._work(), name=f"http request {number}")

    def halt(self) -> None:
        """Send nothing more of this batch: the target cannot take it."""
        self.halted = True

    async def _work(self) -> None:
        while self._waiting and not self.halted:
            await self._through(self._waiting.popleft())

    async def _through(self, lane: Sequence[int]) -> None:
        for index in lane:
            if self.halted:
                return
            outcome = self.outcomes[index] = await self._send(self._messages[index])
            if isinstance(outcome, Retry | Unknown):
                return
