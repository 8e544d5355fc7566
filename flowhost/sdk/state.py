"""Nodes that remember: state per key, kept, saved and loaded by the engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, TypeAlias

import msgspec

from flowhost.sdk.message import Message
from flowhost.sdk.node import C, Node, Outputs, Rejected

State: TypeAlias = Any
"""State of one key, plain data: dict with text keys, list, str, int, float, bool, None, bytes, Decimal, datetime (a
tuple comes back as a list). The engine owns and saves it."""


class Step(msgspec.Struct, frozen=True):
    """What one call of a stateful transform did.

    Attributes:
        state: the key's new state; None forgets the key.
        out: messages to send on, by port or all on `out`.
        passed: inputs that left as themselves, changed or not (one input, one output).
        used: inputs, held since now or earlier, that went into other messages and are done.
        filtered: inputs dropped on purpose.
        held: inputs of this call kept in the state for later.
        dropped: inputs given up because a limit said so, such as lateness.
        failed: results that could not be worked out; they leave by the error port or become dead letters.
    """

    state: State
    out: Outputs = ()
    passed: int = 0
    used: int = 0
    filtered: int = 0
    held: int = 0
    dropped: int = 0
    failed: Sequence[Rejected] = ()


class StateForm(msgspec.Struct, frozen=True):
    """What a saved state was made by.

    Attributes:
        version: `state_version` of the node type then.
        config: what `state_config` gave then.
    """

    version: int
    config: Mapping[str, Any]


class Remembering(Node[C]):
    """What nodes that remember share: how a saved state outlives a change of the node.

    State is saved with the batches that changed it and loaded at the next start, also after a deploy. Where the form it
    was saved in (`StateForm`) is no longer the node's own, every key's state goes through `adopt` first.
    """

    state_version: ClassVar[int] = 1
    """Raise it when a newer version of the node type keeps its state in another shape."""

    def state_config(self) -> Mapping[str, Any]:
        """What of the config the state depends on, as plain data: a state made under another is not used as it is."""
        return {}

    def adopt(self, state: State, made: StateForm) -> Step | None:  # noqa: ARG002 - overridden by types that can
        """Take on a state that was saved in another form.

        Returns:
            The state in the node's own form, with what has to be given out because of the change (only where the node
            has a state per key and `Step`); None if it cannot be carried over: then the key starts afresh, and
            messages it held become a dead letter.
        """
        return None


class StatefulTransform(Remembering[C]):
    """A transform that remembers, per key.

    The engine groups a batch by key, hands each group over with that key's state and keeps what comes back. State in,
    state out: never change the object that was given, so that a failing message leaves no trace.
    """

    def key_of(self, message: Message) -> str:
        """Which state a message belongs to; by default its key, else its topic."""
        return message.meta.key or message.meta.topic

    def process(self, messages: Sequence[Message], state: State, now_ns: int) -> Step:
        """Take messages of one key.

        Args:
            messages: in order.
            state: what the last call for this key returned; None at first.
            now_ns: wall clock, nanoseconds UTC.
        """
        raise NotImplementedError

    def due(self, state: State) -> int | None:  # noqa: ARG002 - overridden by transforms that act on time
        """When `tick` wants to be called for this key, nanoseconds UTC; None for never."""
        return None

    def resume(self, state: State, now_ns: int) -> State:  # noqa: ARG002 - as above
        """Messages can come again: after a start with a saved state, and when a source upstream is back.

        What came meanwhile is still on its way, so a node that counts how long a key has been quiet counts from here.

        Returns:
            The state to go on with; a new object if it differs.
        """
        return state

    def tick(self, state: State, now_ns: int) -> Step:  # noqa: ARG002 - as above
        """The time named by `due` has come."""
        return Step(state)

    def flush(self, state: State) -> Step:
        """The run ends: give out what is held. Outputs made too early carry the header `partial`."""
        return Step(state)
