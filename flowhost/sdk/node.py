"""The contract of a node: source, transforms of several kinds, sink.

The engine owns delivery: acknowledgement, retry, order, back pressure. Node code is straight-line.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Generic, Protocol, TypeAlias, TypeVar, runtime_checkable

import msgspec
from typing_extensions import override

from flowhost.sdk.config import Config
from flowhost.sdk.context import NodeContext
from flowhost.sdk.message import Message
from flowhost.sdk.outcome import Settlement, WriteOutcome
from flowhost.sdk.spec import NodeSpec

C = TypeVar("C", bound=Config)

Outputs: TypeAlias = Sequence[Message] | Mapping[str, Sequence[Message]]
"""What a transform gives back: messages for port `out`, or messages by port name."""


class Node(Generic[C]):
    """What every node type has: a label, a config, a life.

    `open` and `close` run on the event loop and never block it. `close` is safe at any time and any number of times.
    """

    spec: ClassVar[NodeSpec]
    Config: ClassVar[type[Any]]

    remedies: ClassVar[Mapping[str, str]] = {}
    """What a user can set where a question about delivery is answered unfavourably, by the name of the method that
    answers it: `{"is_replayable": "set `qos: 1`"}`. `flowhost lint` shows it behind the reason."""

    def __init__(self, config: C, context: NodeContext) -> None:
        self.config = config
        self.context = context

    async def open(self) -> None:
        """Get ready. Raises `TemporaryError` (the engine tries again) or `PermanentError` (the node stops)."""

    async def close(self) -> None:
        """Release everything."""

    def health(self) -> str:
        """State in words; empty where there is nothing to say."""
        return ""

    @classmethod
    def output_ports(cls, config: C) -> tuple[str, ...]:  # noqa: ARG003 - overridden where ports come from the config
        """Names of the outputs besides `error`, for this config."""
        return tuple(port.name for port in cls.spec.ports)

    @classmethod
    def drops_repeats(cls, config: C) -> bool:  # noqa: ARG003 - overridden by transforms that do
        """Of a transform: a message that comes again ends here, within the limits the node states."""
        return False

    @classmethod
    def goes_by_id(cls, config: C) -> bool:  # noqa: ARG003 - as above
        """What this node tells a repeated message by is its id; False if it looks at what the message says.

        Asked of idempotent sinks and of transforms that drop repeats.
        """
        return True


class Rejected(msgspec.Struct, frozen=True):
    """A message a source received but cannot decode; it leaves by the error port or becomes a dead letter.

    Attributes:
        message: with its original bytes.
        reason: what is wrong with it.
        is_report: it only tells of something, such as a broken file; its dead letter can be discarded, never sent on.
    """

    message: Message
    reason: str
    is_report: bool = False


class Emit(Protocol):
    """How a source hands over what it has received."""

    async def __call__(
        self,
        messages: Sequence[Message],
        position: Any = None,
        *,
        port: str = "out",
        rejected: Sequence[Rejected] = (),
    ) -> None:
        """Hand over a batch; returns when it has a place (and, where not replayable, is safe on disk).

        Args:
            messages: the batch; may be empty if `rejected` is not. The list belongs to the engine from now on.
            position: of a replayable source: what to confirm later through `on_outcome`.
            port: output the batch leaves by.
            rejected: received, but not decodable.
        """
        ...


class Source(Node[C]):
    """Brings messages in.

    Guarantees: what one `emit` call hands over stays together and in order; calls are not made concurrently.
    A replayable source is told once per position, in the order of its `emit` calls, when all up to it is settled.
    Cancelling `run` is the request to stop: the engine never cancels inside an `emit` that can still finish.
    """

    replayable: ClassVar[bool] = False
    """What `is_replayable` answers, where that does not depend on the config."""
    stable_ids: ClassVar[bool] = False
    """What `has_stable_ids` answers, where that does not depend on the config."""

    @classmethod
    def is_replayable(cls, config: C) -> bool:  # noqa: ARG003 - overridden where the config decides
        """The origin can deliver again what was not confirmed (MQTT QoS 1, SQL cursor)."""
        return cls.replayable

    @classmethod
    def has_stable_ids(cls, config: C) -> bool:  # noqa: ARG003 - overridden where the config decides
        """Every message has an id, and one that comes again has the same id as before."""
        return cls.stable_ids

    async def run(self, emit: Emit) -> None:
        """Receive until cancelled; returning means the source has ended.

        Raises `TemporaryError` when the link is lost: the engine closes, waits, opens and runs it again.
        """
        raise NotImplementedError

    async def on_outcome(self, position: Any, settlement: Settlement) -> None:
        """Confirm at the origin: PUBACK, stored cursor. Called for replayable sources only."""


@runtime_checkable
class Trigger(Protocol):
    """Power of a source to send now, because a person pressed a button on the running flow.

    Called after `open`, while `run` runs or after it has returned: in a host, a source with this power stays ready
    until its flow is stopped. One call at a time, on the event loop beside `run`; the engine keeps its `emit` and
    that of `run` apart. What is sent is as real as anything else the source sends, and needs ids of its own: a target
    takes a message whose id it has seen for a repeat.
    """

    async def trigger(self, emit: Emit, only: int | None = None) -> int:
        """Send once, in one call of `emit`.

        Args:
            emit: takes the messages.
            only: of a source with several saved messages: the number of one of them, from 0; None for all.

        Returns:
            How many messages were handed over.

        Raises:
            ConfigError: there is nothing of that number; nothing was sent.
        """
        ...


class Transform(Node[C]):
    """Batch in, batch out: synchronous, pure, no waiting, never changes what it was given."""

    def process(self, messages: Sequence[Message]) -> Outputs:
        """Turn a batch into what follows from it. Raising `MessageError` makes the engine find the culprit."""
        raise NotImplementedError


class MessageTransform(Transform[C]):
    """A transform written for one message at a time."""

    def process_one(self, message: Message) -> Message | Sequence[Message] | None:
        """One message in; none, one or several out."""
        raise NotImplementedError

    @override
    def process(self, messages: Sequence[Message]) -> Outputs:
        """Run `process_one` over the batch."""
        out: list[Message] = []
        for message in messages:
            result = self.process_one(message)
            if result is None:
                continue
            if isinstance(result, Message):
                out.append(result)
            else:
                out.extend(result)
        return out


class AsyncTransform(Node[C]):
    """A transform that waits for somebody (a query, a request). A queue stands before it."""

    async def process(self, messages: Sequence[Message]) -> Outputs:
        """Turn a batch into what follows from it. Raises as a sink does."""
        raise NotImplementedError


@runtime_checkable
class QueryOutcome(Protocol):
    """Power of a sink to find out what became of messages its target gave no answer for.

    The engine asks after `Unknown`, and after a restart for what may have been on its way, unless the sink is
    idempotent: then it sends again.
    """

    @classmethod
    def can_query_outcome(cls, config: Any) -> bool:
        """Whether the target can be asked, as the node is configured."""
        ...

    async def query_outcome(self, messages: Sequence[Message]) -> Sequence[WriteOutcome]:
        """Ask the target, changing nothing there.

        Returns:
            One outcome per message: `Ok`: the target has it; `Retry`: it has not, sending it again is safe;
            `Reject`: it has refused it; `Unknown`: it cannot say yet, the engine asks again later.

        Raises:
            TemporaryError: the target cannot be asked now.
            PermanentError: nobody will be able to tell: each message becomes a dead letter of kind `unknown-outcome`,
                or leaves by the error port.
        """
        ...


class Sink(Node[C]):
    """Delivers messages. Tries once and says what happened; the engine retries."""

    @classmethod
    def is_idempotent(cls, config: C) -> bool:  # noqa: ARG003 - overridden where the config decides
        """Writing the same message twice changes nothing at the target; by default what the spec says.

        The engine sends a message whose outcome is unknown again only where this is true.
        """
        return cls.spec.idempotent

    @classmethod
    def is_confirmed(cls, config: C) -> bool:  # noqa: ARG003 - overridden where the config decides
        """What `write` calls done, the target has confirmed; False if it only means that the bytes have left."""
        return True

    async def write(self, messages: Sequence[Message]) -> Sequence[WriteOutcome] | None:
        """Deliver a batch, in order.

        Returns:
            None if all were confirmed, else one outcome per message.

        Raises:
            TemporaryError: nothing was done, try the whole batch again.
            PermanentError: the target refuses the whole batch.
            UnknownOutcomeError: the batch may have been done.
        """
        raise NotImplementedError
