"""Brings a batch through a node that waits, a sink or an asynchronous transform: tries, retries, finds culprits."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from flowhost.engine.backoff import Backoff
from flowhost.engine.counters import NodeCounters
from flowhost.engine.failure import Failure, reason_of
from flowhost.engine.notices import NoticeBoard
from flowhost.engine.segment import Ported
from flowhost.errors import (
    AuthenticationError,
    ConfigError,
    MessageError,
    NotConnectedError,
    PermanentError,
    TemporaryError,
    UnknownOutcomeError,
)
from flowhost.sdk import Message, Ok, Reject, Retry, Unknown, WriteOutcome

NODE_FAULT_TRIES = 5
LINK_CAP_S = 5.0

Attempt = Callable[[Sequence[Message], Ported], Awaitable[Sequence[WriteOutcome] | None]]
"""One try: outcomes per message or None if all went well; what leaves the node is appended to the second argument."""


class Delivery:
    """Calls a node with a batch until every message has an end.

    Args:
        node_id: id of the node.
        attempt: one try.
        counters: of the node.
        board: for lost and restored.
        resend_unknown: an unanswered request may be sent again, because the target takes it once only.
    """

    def __init__(
        self, node_id: str, attempt: Attempt, counters: NodeCounters, board: NoticeBoard, *, resend_unknown: bool
    ) -> None:
        self._node_id = node_id
        self._attempt = attempt
        self._counters = counters
        self._board = board
        self._resend_unknown = resend_unknown
        self._backoff = Backoff()

    async def bring(self, messages: Sequence[Message]) -> tuple[Ported, list[Failure]]:
        """Deliver all; waits as long as the target wants to be tried again.

        Returns:
            What leaves the node by port, and the messages that were refused.
        """
        outputs: Ported = []
        failures: list[Failure] = []
        todo = messages
        while todo:
            outcomes = await self._try(todo, outputs)
            if outcomes is None:
                self._worked()
                break
            todo, waits = self._sort(todo, outcomes, outputs, failures)
            if todo:
                await self._wait_again(waits)
            else:
                self._worked()
        return outputs, failures

    async def _try(self, messages: Sequence[Message], outputs: Ported) -> Sequence[WriteOutcome] | None:
        try:
            outcomes = await self._attempt(messages, outputs)
        except Exception as error:  # noqa: BLE001 - sorted by what happens next
            return await self._after(error, messages, outputs)
        if outcomes is not None and len(outcomes) != len(messages):
            reason = f"write() returned {len(outcomes)} outcomes for {len(messages)} messages; this is a plugin bug"
            return [Reject(reason)] * len(messages)
        return outcomes

    async def _after(self, error: Exception, messages: Sequence[Message], outputs: Ported) -> Sequence[WriteOutcome]:
        reason = reason_of(error)
        if isinstance(error, TemporaryError | OSError):
            # an operating system error a plugin let through is most often an unplugged cable
            cap = None if isinstance(error, TemporaryError) and not isinstance(error, NotConnectedError) else LINK_CAP_S
            asked = getattr(error, "after_s", None)
            wait = asked if asked is not None else self._backoff.next_s(cap)
            return [Retry(wait, reason)] * len(messages)
        if isinstance(error, UnknownOutcomeError):
            return [Unknown(reason)] * len(messages)
        if isinstance(error, AuthenticationError):
            await self._stand_still(reason)
        if isinstance(error, PermanentError):
            return [Reject(reason)] * len(messages)
        return await self._alone(error, messages, outputs)

    async def _alone(self, error: Exception, messages: Sequence[Message], outputs: Ported) -> Sequence[WriteOutcome]:
        """The node itself failed: halve the batch until the culprit stands alone, and try that one five times.

        A message the node found at fault itself is refused at once.
        """
        if len(messages) > 1:
            middle = len(messages) // 2
            halves = [await self._try(half, outputs) for half in (messages[:middle], messages[middle:])]
            first = halves[0] if halves[0] is not None else [Ok()] * middle
            second = halves[1] if halves[1] is not None else [Ok()] * (len(messages) - middle)
            return [*first, *second]
        if isinstance(error, MessageError):
            return [Reject(reason_of(error))]
        if self._backoff.tries < NODE_FAULT_TRIES - 1:
            return [Retry(self._backoff.next_s(cap_s=1.0), reason_of(error))]
        self._backoff.reset()
        return [Reject(reason_of(error))]

    async def _stand_still(self, reason: str) -> None:
        """Credentials are wrong: more attempts would lock the account. Messages wait until a person restarts."""
        self._counters.state, self._counters.text, self._counters.last_error = "failed", reason, reason
        self._counters.errors += 1
        self._board.notice("error", reason)
        await asyncio.Event().wait()

    def _sort(
        self,
        messages: Sequence[Message],
        outcomes: Sequence[WriteOutcome],
        outputs: Ported,
        failures: list[Failure],
    ) -> tuple[list[Message], list[Retry]]:
        again: list[Message] = []
        waits: list[Retry] = []
        for message, outcome in zip(messages, outcomes, strict=True):
            if isinstance(outcome, Ok):
                if outcome.answer is not None:
                    outputs.append(("out", [outcome.answer]))
            elif isinstance(outcome, Retry):
                again.append(message)
                waits.append(outcome)
            elif isinstance(outcome, Unknown) and self._resend_unknown:
                again.append(message)
                waits.append(Retry(None, f"no answer to {outcome.ask or 'the request'}, sending again"))
            elif isinstance(outcome, Unknown):
                reason = f"unknown outcome, not sent again: {outcome.ask or 'the target did not answer'}"
                failures.append(Failure(self._node_id, message, reason, "UnknownOutcomeError"))
            else:
                failures.append(Failure(self._node_id, message, outcome.reason, "Reject"))
        return again, waits

    async def _wait_again(self, waits: Sequence[Retry]) -> None:
        reason = waits[0].reason or "the target asked to try again"
        asked = [wait.after_s for wait in waits if wait.after_s is not None]
        self._counters.errors += 1
        self._counters.last_error = reason
        if self._counters.state != "retrying":
            self._board.notice("lost", reason)
        self._counters.state, self._counters.text = "retrying", reason
        await asyncio.sleep(max(asked) if asked else self._backoff.next_s())

    def _worked(self) -> None:
        self._backoff.reset()
        if self._counters.state == "retrying":
            self._board.notice("restored", "delivering again")
        self._counters.state, self._counters.text = "running", ""


async def open_until_ready(
    node: Any, counters: NodeCounters, board: NoticeBoard, link_ready: Callable[[], Awaitable[None]]
) -> bool:
    """Open a sink or asynchronous transform, trying again while that may help.

    Returns:
        False if only a person can mend it; its messages stay pending.
    """
    backoff = Backoff(cap_s=30.0)
    while True:
        try:
            await link_ready()
            await node.open()
        except (PermanentError, ConfigError) as error:
            counters.state, counters.text, counters.last_error = "failed", str(error), str(error)
            counters.errors += 1
            board.notice("error", str(error))
            return False
        except Exception as error:  # noqa: BLE001 - a node's own bug must not take other nodes down
            reason = reason_of(error)
            counters.errors += 1
            counters.last_error = reason
            if counters.state != "retrying":
                board.notice("lost", reason)
            counters.state, counters.text = "retrying", reason
            await node.close()
            await asyncio.sleep(getattr(error, "after_s", None) or backoff.next_s())
        else:
            if counters.state == "retrying":
                board.notice("restored", "opened")
            counters.state, counters.text = "running", ""
            return True
