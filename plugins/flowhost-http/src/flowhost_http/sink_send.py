"""`http.send`: each message becomes a request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from typing_extensions import override

from flowhost.sdk import (
    Message,
    NodeContext,
    NodeSpec,
    Ok,
    PermanentError,
    Port,
    Unknown,
    UnknownOutcomeError,
    WriteOutcome,
)
from flowhost_http.asking import Questions
from flowhost_http.config import SendConfig
from flowhost_http.exchange import Answer, Request
from flowhost_http.outcomes import answer_message
from flowhost_http.requesting import Batch, Requesting
from flowhost_http.values import body_of, header_of, idempotency_key, path_of


class HttpSend(Requesting[SendConfig]):
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
        self.parallel = config.parallel
        self._has_query = "?" in config.path.text
        self._unanswered_ns = 0

    async def query_outcome(self, messages: Sequence[Message]) -> Sequence[WriteOutcome]:
        """Ask what became of messages (`flowhost.sdk.QueryOutcome`). Raises `NotConnectedError`."""
        config, clock = self.config.ask, self.context.clock
        if config is None:
            msg = "`ask` does not say how to find out"
            raise PermanentError(msg)
        await clock.sleep(max(0.0, config.after_s - (clock.now_ns() - self._unanswered_ns) / 1e9))
        return await Questions(config, self.client(), self._done).ask(messages, self.config.parallel)

    @override
    async def exchange(self, message: Message, batch: Batch) -> WriteOutcome:
        """Send the message."""
        config = self.config
        body, kind = body_of(message.payload if config.body is None else config.body.evaluate(message))
        path = path_of(config.path.render(message), has_query=self._has_query).lstrip("/")
        request = Request(config.method, self.url_of(path), self._headers(message, kind), body)
        answer = await self.client().send(request)
        outcome = self.judged(request, answer, config.ok_statuses, batch)
        return self._done(message, answer) if isinstance(outcome, Ok) else outcome

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

    @override
    def unanswered(self, message: Message, error: UnknownOutcomeError) -> WriteOutcome:
        """Nobody knows whether it was done."""
        self._unanswered_ns = self.context.clock.now_ns()
        self.context.log.warning("no answer to %s: %s", self._key(message) or "a request without a key", error)
        return Unknown(self._key(message) or f"{self.config.method} without a key: {error}")
