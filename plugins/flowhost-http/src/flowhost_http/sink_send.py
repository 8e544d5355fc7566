"""`http.send`: each message becomes a request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from typing_extensions import override

from flowhost.sdk import (
    AuthenticationError,
    Message,
    MessageError,
    NodeContext,
    NodeError,
    NodeSpec,
    NotConnectedError,
    Ok,
    PermanentError,
    Port,
    Reject,
    Retry,
    Sink,
    Unknown,
    UnknownOutcomeError,
    WriteOutcome,
)
from flowhost_http.asking import Questions
from flowhost_http.config import SendConfig
from flowhost_http.connection import HttpClient, refusal
from flowhost_http.exchange import Answer, Request
from flowhost_http.lanes import Lanes
from flowhost_http.outcomes import FOR_ALL, answer_message, outcome_of
from flowhost_http.values import body_of, header_of, idempotency_key, path_of


class HttpSend(Sink[SendConfig]):
    """Sends one request per message, several at once.

    Guarantees: order per key (else topic). At least once where `resend_unanswered` is on or the method is PUT, and
    once in effect where the target counts a repeated idempotency key once. Otherwise a request that got no answer is
    not sent again before the service was asked, where `ask` says how, and else put before a person.
    """

    spec: ClassVar[NodeSpec] = NodeSpec(
        id="http.send",
        title="HTTP send",
        summary="Sends each message as a request to a web service.",
        category="business",
        icon="http",
        ports=(Port(name="out", summary="the answer: `{status, body}`"),),
        connection="http.client",
        keywords=("http", "rest", "post", "put", "patch", "api", "web", "erp", "mes"),
    )
    Config: ClassVar[type[SendConfig]] = SendConfig
    remedies: ClassVar[Mapping[str, str]] = {
        "is_idempotent": "set `resend_unanswered: true` if the target counts a repeated idempotency key once",
    }

    @classmethod
    @override
    def is_idempotent(cls, config: SendConfig) -> bool:
        """As the config says; left out, PUT only."""
        return config.method == "PUT" if config.resend_unanswered is None else config.resend_unanswered

    @classmethod
    def can_query_outcome(cls, config: SendConfig) -> bool:
        """As `ask` says."""
        return config.ask is not None

    @classmethod
    @override
    def goes_by_id(cls, config: SendConfig) -> bool:
        """By the idempotency key we send; without one, or with PUT, by what the user wrote into the request."""
        if config.method != "PUT" and config.idempotency_header:
            return True
        written = [config.path.compiled, *(text.compiled for text in config.headers.values())]
        return any("id" in text.names for text in written)

    def __init__(self, config: SendConfig, context: NodeContext) -> None:
        super().__init__(config, context)
        self._forbidden = ""
        self._has_query = "?" in config.path.text
        self._unanswered_ns = 0

    @override
    async def open(self) -> None:
        """Get ready. A node that was forbidden tries once more."""
        self._client()
        self._forbidden = ""

    @override
    def health(self) -> str:
        """That of the connection."""
        return self._forbidden or self._client().health()

    @override
    async def write(self, messages: Sequence[Message]) -> Sequence[WriteOutcome] | None:
        """Send a batch.

        Raises `NotConnectedError` or `AuthenticationError` where that is all there is to say.
        """
        if self._forbidden:
            raise AuthenticationError(self._forbidden)
        batch = Batch(self, messages)
        await batch.lanes.run(self.config.parallel)
        return batch.results()

    async def query_outcome(self, messages: Sequence[Message]) -> Sequence[WriteOutcome]:
        """Ask what became of messages (`flowhost.sdk.QueryOutcome`). Raises `NotConnectedError`."""
        config, clock = self.config.ask, self.context.clock
        if config is None:
            msg = "`ask` does not say how to find out"
            raise PermanentError(msg)
        await clock.sleep(max(0.0, config.after_s - (clock.now_ns() - self._unanswered_ns) / 1e9))
        return await Questions(config, self._client(), self._done).ask(messages, self.config.parallel)

    async def send_one(self, message: Message, batch: Batch) -> WriteOutcome:
        """Send one message and say what happened."""
        try:
            return await self._exchange(message, batch)
        except MessageError as error:
            return Reject(str(error))
        except UnknownOutcomeError as error:
            return self._unanswered(message, error)
        except (NotConnectedError, AuthenticationError) as error:
            batch.end(error)
            # where something was done, the next call raises it
            return Retry(0.0 if isinstance(error, AuthenticationError) else None, str(error))

    async def _exchange(self, message: Message, batch: Batch) -> WriteOutcome:
        config, client = self.config, self._client()
        body, kind = body_of(message.payload if config.body is None else config.body.evaluate(message))
        path = path_of(config.path.render(message), has_query=self._has_query).lstrip("/")
        url = client.base_url if not path else f"{client.base_url}{'' if path.startswith('?') else '/'}{path}"
        answer = await client.send(Request(config.method, url, self._headers(message, kind), body))
        if answer.status == 403 and 403 not in config.ok_statuses:
            self._forbidden = refusal(f"{config.method} {url.partition('?')[0]}", answer)
            raise AuthenticationError(self._forbidden)
        outcome = outcome_of(answer, config.ok_statuses, self.context.clock.now_ns())
        if isinstance(outcome, Retry) and (answer.status in FOR_ALL or outcome.after_s is not None):
            batch.lanes.halt()
            return Retry(outcome.after_s, outcome.reason, down=True)
        if isinstance(outcome, Ok):
            return self._done(message, answer)
        return Reject(client.hide(outcome.reason)) if isinstance(outcome, Reject) else outcome

    def _done(self, message: Message, answer: Answer) -> Ok:
        return Ok(answer_message(message, answer) if "out" in self.context.wired_ports else None)

    def _headers(self, message: Message, kind: str) -> dict[str, bytes]:
        headers = {name: header_of(name, text.render(message)) for name, text in self.config.headers.items()}
        if not any(name.lower() == "content-type" for name in headers):
            headers["Content-Type"] = kind.encode()
        if key := self._key(message):
            headers[self.config.idempotency_header] = key.encode()
        return headers

    def _key(self, message: Message) -> str:
        """The message's idempotency key; empty where it has no id or none is wanted."""
        if not self.config.idempotency_header or not message.meta.id:
            return ""
        return idempotency_key(self.context.flow, self.context.node, message.meta.id)

    def _unanswered(self, message: Message, error: UnknownOutcomeError) -> WriteOutcome:
        self._unanswered_ns = self.context.clock.now_ns()
        self.context.log.warning("no answer to %s: %s", self._key(message) or "a request without a key", error)
        return Unknown(self._key(message) or f"{self.config.method} without a key: {error}")

    def _client(self) -> HttpClient:
        connection = self.context.connection
        if not isinstance(connection, HttpClient):
            msg = f"{self.context.node} needs a connection of type http.client: name one in `connection`"
            raise PermanentError(msg)
        return connection


class Batch:
    """One call of `write`: its lanes, and what ended it early."""

    def __init__(self, sink: HttpSend, messages: Sequence[Message]) -> None:
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
