"""What nodes that send requests have in common: several at once in lanes, and what ends a batch early."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, TypeVar

from typing_extensions import override

from flowhost.sdk import (
    AuthenticationError,
    Config,
    Message,
    MessageError,
    NodeContext,
    NodeError,
    NotConnectedError,
    Ok,
    PermanentError,
    Reject,
    Retry,
    Sink,
    UnknownOutcomeError,
    WriteOutcome,
)
from flowhost_http.connection import HttpClient, refusal
from flowhost_http.exchange import Answer, Request
from flowhost_http.lanes import Lanes
from flowhost_http.outcomes import FOR_ALL, outcome_of

C = TypeVar("C", bound=Config)


class Requesting(Sink[C]):
    """Sends requests over an `http.client`, those of one key one after the other.

    A service that forbids the node (403) is not asked again until the node is opened anew.
    """

    parallel = 1
    """Requests at once; set by the node."""

    def __init__(self, config: C, context: NodeContext) -> None:
        super().__init__(config, context)
        self._forbidden = ""

    @override
    async def open(self) -> None:
        """Get ready. A node that was forbidden tries once more."""
        self.client()
        self._forbidden = ""

    @override
    def health(self) -> str:
        """That of the connection."""
        return self._forbidden or self.client().health()

    @override
    async def write(self, messages: Sequence[Message]) -> Sequence[WriteOutcome] | None:
        """Send a batch.

        Raises `NotConnectedError` or `AuthenticationError` where that is all there is to say.
        """
        if self._forbidden:
            raise AuthenticationError(self._forbidden)
        batch = Batch(self, messages)
        await batch.lanes.run(self.parallel)
        return batch.results()

    async def exchange(self, message: Message, batch: Batch) -> WriteOutcome:
        """What one message asks for, and what came of it. Raises what `HttpClient.send` raises, and `MessageError`."""
        raise NotImplementedError

    def unanswered(self, message: Message, error: UnknownOutcomeError) -> WriteOutcome:
        """What a request without an answer means."""
        raise NotImplementedError

    async def send_one(self, message: Message, batch: Batch) -> WriteOutcome:
        """Send one message and say what happened."""
        try:
            return await self.exchange(message, batch)
        except MessageError as error:
            return Reject(str(error))
        except UnknownOutcomeError as error:
            return self.unanswered(message, error)
        except (NotConnectedError, AuthenticationError) as error:
            batch.end(error)
            # where something was done, the next call raises it
            return Retry(0.0 if isinstance(error, AuthenticationError) else None, str(error))

    def judged(self, request: Request, answer: Answer, ok_statuses: Collection[int], batch: Batch) -> WriteOutcome:
        """What an answer means. Raises `AuthenticationError` where it forbids the node."""
        if answer.status == 403 and 403 not in ok_statuses:
            self._forbidden = refusal(f"{request.method} {request.url.partition('?')[0]}", answer)
            raise AuthenticationError(self._forbidden)
        outcome = outcome_of(answer, ok_statuses, self.context.clock.now_ns())
        if isinstance(outcome, Retry) and (answer.status in FOR_ALL or outcome.after_s is not None):
            batch.lanes.halt()
            return Retry(outcome.after_s, outcome.reason, down=True)
        return Reject(self.client().hide(outcome.reason)) if isinstance(outcome, Reject) else outcome

    def url_of(self, path: str) -> str:
        """The connection's address with this path, or query, behind it."""
        base = self.client().base_url
        return base if not path else f"{base}{'' if path.startswith('?') else '/'}{path}"

    def client(self) -> HttpClient:
        """The connection. Raises `PermanentError` where there is none."""
        connection = self.context.connection
        if not isinstance(connection, HttpClient):
            msg = f"{self.context.node} needs a connection of type http.client: name one in `connection`"
            raise PermanentError(msg)
        return connection


class Batch:
    """One call of `write`: its lanes, and what ended it early."""

    def __init__(self, sink: Requesting[Any], messages: Sequence[Message]) -> None:
        self.lanes = Lanes(messages, lambda message: sink.send_one(message, self))
        self._ended: NodeError | None = None

    def end(self, error: NodeError) -> None:
        """Nothing more can be sent."""
        self._ended = self._ended or error
        self.lanes.halt()

    def results(self) -> list[WriteOutcome] | None:
        """Outcomes in the order of the batch. Raises what ended it if nothing at all was done."""
        outcomes = self.lanes.outcomes
        waiting = [outcome for outcome in outcomes if outcome is None or isinstance(outcome, Retry)]
        if self._ended is not None and len(waiting) == len(outcomes):
            raise self._ended
        if all(isinstance(outcome, Ok) and outcome.answer is None for outcome in outcomes):
            return None
        behind = Retry(None, "waits for what comes before it", down=self.lanes.halted)
        return [behind if outcome is None else outcome for outcome in outcomes]
