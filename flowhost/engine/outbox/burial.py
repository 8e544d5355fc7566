"""Keeps dead messages on disk: in the transaction that lets them leave their queue, where they come from one."""

from __future__ import annotations

from collections.abc import Sequence

from flowhost.engine.failure import Failure
from flowhost.engine.outbox.changes import Bury
from flowhost.engine.outbox.codec import encode_message
from flowhost.engine.outbox.outbox import Outbox
from flowhost.engine.token import Token
from flowhost.sdk import Clock, Message


class DeadLetterKeeper:
    """Makes the stations that keep dead messages of one flow.

    Args:
        outbox: the file.
        flow: flow id.
        revision: of the flow, 0 where there is none.
        clock: source of time.
    """

    def __init__(self, outbox: Outbox, flow: str, revision: int, clock: Clock) -> None:
        self._outbox = outbox
        self._flow = flow
        self._revision = revision
        self._clock = clock

    def __call__(self, failures: Sequence[Failure]) -> Burial:
        """Where these failures are kept."""
        return Burial(self._outbox, [self.letter(failure) for failure in failures])

    def letter(self, failure: Failure) -> Bury:
        """The dead letter for a failure."""
        meta = failure.message.meta
        return Bury(
            self._flow, failure.node, self._clock.now_ns(), self._revision, failure.kind, storable(failure.reason),
            failure.attempts, kept(failure.message), storable(meta.topic), storable(meta.key), storable(meta.id),
            meta.letter,
        )  # fmt: skip


class Burial:
    """Some dead messages on their way to disk (`flowhost.engine.station.Station`)."""

    def __init__(self, outbox: Outbox, letters: Sequence[Bury]) -> None:
        self._outbox = outbox
        self._letters = letters

    async def accept(self, messages: Sequence[Message], token: Token) -> None:  # noqa: ARG002 - part of the protocol
        """Keep the letters; the token's branch ends when they are safe."""
        loose = [letter for letter in self._letters if not token.attach(letter)]
        if not loose:
            token.done()
            return
        self._outbox.submit(loose, lambda _: token.done(), stays_unconfirmed)


def stays_unconfirmed(_: Exception) -> None:
    """The run hears of the fault from the outbox itself; what is not confirmed comes again."""


def storable(text: str) -> str:
    """The text as UTF-8 can hold it: names of files and answers of devices may bring half characters."""
    return text.encode("utf-8", "replace").decode()


def kept(message: Message) -> bytes:
    """The message as bytes, without the mark of a retry; a payload that is no message data is kept as its text."""
    meta = message.meta
    if meta.letter:
        message = message.with_meta(letter=0)
    try:
        return encode_message(message)
    except TypeError:
        texts = {name: storable(getattr(meta, name)) for name in ("topic", "unit", "key", "id")}
        headers = {storable(name): storable(text) for name, text in meta.headers.items()}
        payload = storable(message.payload) if isinstance(message.payload, str) else repr(message.payload)
        return encode_message(message.with_payload(payload).with_meta(**texts, headers=headers))
