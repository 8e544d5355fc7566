"""Sends what a source has saved once more, because a person pressed a button."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import msgspec

from flowhost.engine.notices import History
from flowhost.engine.source_loop import SourceLoop
from flowhost.errors import ConflictError

PATIENCE_S = 5.0
"""How long a person waits for room in the queues before being told, seconds."""

StartTask = Callable[[Coroutine[Any, Any, None], str], None]


class SendByHand(msgspec.Struct, tag=True, frozen=True, kw_only=True):
    """Have a source of a running flow send now.

    Attributes:
        node: the source.
        by: who, in words for the run's history.
        only: number of one of its saved messages, from 0; None for all.
    """

    node: str
    by: str
    only: int | None = None


class SentByHand(msgspec.Struct, tag=True, frozen=True, kw_only=True):
    """What was sent.

    Attributes:
        messages: how many.
        waiting: the flow has taken them, but a queue behind the source is full: they go on once there is room.
    """

    messages: int
    waiting: bool = False


class ByHand:
    """The button of one source.

    Guarantees: what is sent goes the way of all its messages (ids, ledger, back pressure, acknowledgement); an answer
    comes within `PATIENCE_S`; "nothing was sent" is true and stays true; what was let in is never cut off.

    Args:
        source: the source.
        history: takes who has sent what.
        start: runs a task of the run.
    """

    def __init__(self, source: SourceLoop, history: History, start: StartTask) -> None:
        self._source = source
        self._history = history
        self._start = start
        self._sending: Sending | None = None

    async def send(self, request: SendByHand) -> SentByHand:
        """Send now.

        Raises:
            ConflictError: the source is not ready, or the queues are full; nothing was sent.
            ConfigError: it has no saved message of that number.
        """
        node = self._source.node_id
        if refusal := self._source.why_not_now():
            raise ConflictError(f"nothing was sent: {node} {refusal}")
        if self._sending is not None and not self._sending.over.done():
            raise ConflictError(f"nothing was sent: what {node} sent by hand before still waits for room in a queue")
        sending = self._sending = Sending()
        self._start(sending.run(self._source, request.only), f"send by hand {node}")
        await asyncio.wait({sending.over}, timeout=PATIENCE_S)
        if not sending.over.done() and sending.let_in is None:
            sending.give_up()
            raise ConflictError(f"nothing was sent: the queue behind {node} is full; try again once it is shorter")
        sent = sending.answer()
        what = "1 message" if sent.messages == 1 else f"{sent.messages:,} messages"
        waits = ", waiting for room in a queue" if sent.waiting else ""
        self._history.add("info", f"sent by hand by {request.by}: {what}{waits}", node=node)
        return sent

    async def idle(self) -> None:
        """Returns when nothing sent by hand is on its way into the queues."""
        if self._sending is not None:
            await asyncio.wait({self._sending.over})


class Sending:
    """One press of the button.

    Attributes:
        over: set once the queues have taken all, with the number of messages, or with what went wrong.
        let_in: how many messages the flow has taken; None before: until then it can be given up.
    """

    def __init__(self) -> None:
        self.over: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self.let_in: int | None = None
        self._task: asyncio.Task[Any] | None = None

    async def run(self, source: SourceLoop, only: int | None) -> None:
        """Send; what goes wrong is for the one who pressed, not for the run."""
        self._task = asyncio.current_task()
        try:
            number = await source.trigger(only, self._note)
        except Exception as error:  # noqa: BLE001 - whatever a plugin raises is told to the one who pressed
            _settle(self.over, error)
        else:
            _settle(self.over, number)
        finally:
            self.over.cancel()

    def give_up(self) -> None:
        """Send nothing after all."""
        if self._task is not None:
            self._task.cancel()
        self.over.cancel()

    def answer(self) -> SentByHand:
        """What can be said now. Raises what went wrong."""
        if self.over.cancelled():
            raise ConflictError("the flow was stopped meanwhile: look at its figures before sending again")
        if self.over.done():
            return SentByHand(messages=self.over.result())
        return SentByHand(messages=self.let_in or 0, waiting=True)

    def _note(self, messages: int) -> None:
        self.let_in = messages


def _settle(over: asyncio.Future[int], result: int | Exception) -> None:
    if over.done():
        return
    if isinstance(result, Exception):
        over.set_exception(result)
        # the one who pressed may have been told something else already
        over.exception()
    else:
        over.set_result(result)
