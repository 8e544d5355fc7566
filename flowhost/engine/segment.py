"""What runs synchronously between two queues: generated code, a vendor's kernel, or a stateful transform."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from flowhost.engine.counters import NodeCounters
from flowhost.engine.failure import Failure, reason_of
from flowhost.sdk import Message

Ported = list[tuple[str, Sequence[Message]]]
"""Messages by the port they leave."""


class Segment(Protocol):
    """A run of nodes that takes a batch and gives what leaves its last node.

    Attributes:
        nodes: ids, in order; outputs are those of the last one.
    """

    nodes: tuple[str, ...]

    def run(self, messages: Sequence[Message], failures: list[Failure]) -> Ported:
        """Process a batch; messages that fail are appended to `failures` and the rest goes on."""
        ...

    def from_node(self, node_id: str) -> Segment:
        """What runs from one of the nodes on."""
        ...

    def settle_counters(self) -> None:
        """Bring the counters of all nodes up to date."""
        ...

    def trace_next(self) -> None:
        """Keep the last message leaving each node of the next batch."""
        ...

    def traced(self) -> Mapping[tuple[str, str], Message]:
        """Those messages, by node and port."""
        ...


class KernelSegment:
    """One transform called batch in, batch out.

    Args:
        node_id: id of the node.
        process: the transform's method.
        counters: of the node.
    """

    def __init__(self, node_id: str, process: Callable[[Sequence[Message]], Any], counters: NodeCounters) -> None:
        self.nodes: tuple[str, ...] = (node_id,)
        self._process = process
        self._counters = counters
        self._traced: dict[tuple[str, str], Message] = {}

    def run(self, messages: Sequence[Message], failures: list[Failure]) -> Ported:
        """Call the transform; if it raises, bisect until the culprits stand alone."""
        counters = self._counters
        counters.in_ += len(messages)
        counters.batches += 1
        ported: dict[str, list[Message]] = {}
        self._attempt(messages, ported, failures)
        for port, sent in ported.items():
            if sent:
                self._traced[self.nodes[0], port] = sent[-1]
        return list(ported.items())

    def _attempt(self, messages: Sequence[Message], ported: dict[str, list[Message]], failures: list[Failure]) -> None:
        try:
            outputs = by_port(self._process(messages))
        except Exception as error:  # noqa: BLE001 - whatever a plugin raises concerns the message that caused it
            if len(messages) == 1:
                failures.append(failure_of(self.nodes[0], messages[0], error))
                return
            middle = len(messages) // 2
            self._attempt(messages[:middle], ported, failures)
            self._attempt(messages[middle:], ported, failures)
            return
        self._count(len(messages), outputs)
        for port, sent in outputs:
            ported.setdefault(port, []).extend(sent)

    def _count(self, came: int, outputs: Ported) -> None:
        left = sum(len(sent) for _, sent in outputs)
        self._counters.out += left
        if left > came:
            self._counters.made += left - came
        else:
            self._counters.filtered += came - left

    def from_node(self, node_id: str) -> KernelSegment:  # noqa: ARG002 - part of the protocol
        """There is but one node."""
        return self

    def settle_counters(self) -> None:
        """Counters are always up to date here."""

    def trace_next(self) -> None:
        """The last message of every batch is kept anyway."""

    def traced(self) -> Mapping[tuple[str, str], Message]:
        """The newest message by port."""
        return self._traced


def by_port(outputs: Any) -> Ported:
    """What a transform returned, in one shape. Raises TypeError if it is no list of messages."""
    if isinstance(outputs, Mapping):
        return [(port, _checked(sent)) for port, sent in outputs.items()]
    return [("out", _checked(outputs))]


def _checked(sent: Any) -> Sequence[Message]:
    if not isinstance(sent, list | tuple):
        msg = f"process() must return a list of messages or a mapping of ports to lists, not {type(sent).__name__}"
        raise TypeError(msg)
    if sent and not isinstance(sent[-1], Message):
        msg = f"process() must return Message objects, not {type(sent[-1]).__name__}"
        raise TypeError(msg)
    return sent


def failure_of(node: str, message: Message, error: BaseException) -> Failure:
    """A failure with its cause in words."""
    return Failure(node, message, reason_of(error), type(error).__name__)
