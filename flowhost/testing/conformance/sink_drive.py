"""Brings messages through a sink as the engine does: tries, waits, tries again, until each has one end."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Any, Literal

from flowhost.errors import MessageError, PermanentError, TemporaryError, UnknownOutcomeError
from flowhost.sdk import Message, Ok, Reject, Retry, Sink, Unknown, WriteOutcome

End = Literal["done", "refused", "unknown"]

FAULT_TRIES = 3


class SinkDrive:
    """One life of a sink.

    Args:
        node: the sink, opened.

    Attributes:
        breaches: what the sink did against the contract, in words.
        losses: how often it asked for another try.
        reasons: why messages were refused, by their place in the last call of `bring`.
    """

    def __init__(self, node: Sink[Any]) -> None:
        self.node = node
        self.breaches: list[str] = []
        self.losses = 0
        self.reasons: dict[int, str] = {}

    async def bring(self, messages: Sequence[Message], seconds: float = 30.0) -> list[End]:
        """How each message ended.

        Raises:
            TimeoutError: not all had an end in time.
        """
        ends: dict[int, End] = {}
        self.reasons = {}
        pause = 0.02
        deadline = time.monotonic() + seconds
        while todo := [index for index in range(len(messages)) if index not in ends]:
            if time.monotonic() > deadline:
                text = f"{len(todo)} of {len(messages)} messages had no end within {seconds:g} s"
                raise TimeoutError(text)
            outcomes = await self.attempt([messages[index] for index in todo])
            for index, outcome in zip(todo, outcomes, strict=True):
                self._sort(index, outcome, ends)
            if len(ends) < len(messages):
                self.losses += 1
                await asyncio.sleep(pause)
                pause = min(pause * 2, 0.5)
        return [ends[index] for index in range(len(messages))]

    async def attempt(self, messages: Sequence[Message]) -> Sequence[WriteOutcome]:
        """One try; what it raises is turned into outcomes by the engine's rules."""
        try:
            outcomes = await self.node.write(list(messages))
        except TemporaryError as error:
            return [Retry(error.after_s, str(error))] * len(messages)
        except UnknownOutcomeError as error:
            return [Unknown(str(error))] * len(messages)
        except PermanentError as error:
            return [Reject(str(error))] * len(messages)
        except Exception as error:  # noqa: BLE001 - the node's own fault: halve the batch until the culprit is alone
            return await self._halved(messages, error)
        return self._checked(outcomes, len(messages))

    async def _halved(self, messages: Sequence[Message], error: Exception) -> Sequence[WriteOutcome]:
        if len(messages) == 1:
            if not isinstance(error, MessageError):
                self._breach(f"write() failed: {type(error).__name__}: {error}")
            return [Reject(str(error))]
        middle = len(messages) // 2
        return [*await self.attempt(messages[:middle]), *await self.attempt(messages[middle:])]

    def _checked(self, outcomes: Sequence[WriteOutcome] | None, size: int) -> Sequence[WriteOutcome]:
        if outcomes is None:
            return [Ok()] * size
        if len(outcomes) != size or not all(isinstance(one, Ok | Retry | Reject | Unknown) for one in outcomes):
            self._breach(
                f"write() returned {len(outcomes)} outcomes for {size} messages, or other things than outcomes"
            )
            return [Reject("not as many outcomes as messages")] * size
        return outcomes

    def _sort(self, index: int, outcome: WriteOutcome, ends: dict[int, End]) -> None:
        if isinstance(outcome, Ok):
            ends[index] = "done"
        elif isinstance(outcome, Reject):
            ends[index] = "refused"
            self.reasons[index] = outcome.reason
        elif isinstance(outcome, Unknown) and not self.node.is_idempotent(self.node.config):
            ends[index] = "unknown"

    def _breach(self, text: str) -> None:
        if text not in self.breaches:
            self.breaches.append(text)
