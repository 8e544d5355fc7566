"""Runs a transform of any kind over batches, as the engine does, and finds the messages that fail."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from flowhost.engine.counters import NodeCounters
from flowhost.engine.failure import Failure, reason_of
from flowhost.engine.generated import ChainNode, GeneratedSegment
from flowhost.engine.memory import InlineMemory, Remembered
from flowhost.engine.outbox.codec import decode, encode
from flowhost.engine.segment import KernelSegment, by_port
from flowhost.sdk import AsyncTransform, InlineTransform, Message, Node, StatefulTransform, Step, Transform
from flowhost.testing.clock import START_NS

NODE = "tested"


class Run:
    """What came out.

    Attributes:
        out: messages by port, in order.
        failed: messages that failed, with the reason.
    """

    def __init__(self) -> None:
        self.out: dict[str, list[Message]] = {}
        self.failed: list[tuple[Message, str]] = []

    def take(self, outputs: Any) -> None:
        """Add what `process` returned."""
        for port, sent in by_port(outputs):
            self.out.setdefault(port, []).extend(sent)

    def everything(self) -> list[str]:
        """All outputs, comparable whatever order keys were worked on in."""
        return sorted(f"{port} {message!r}" for port, sent in self.out.items() for message in sent)


class Drive(Protocol):
    """A transform that is given batches."""

    async def batch(self, messages: Sequence[Message], run: Run) -> None:
        """Process one batch."""
        ...

    def finish(self, run: Run) -> None:
        """Time goes on and the run ends."""
        ...

    def saved(self) -> dict[str, Any]:
        """What the node remembers by key, as it comes back from disk. Raises AssertionError if it cannot be saved."""
        ...

    def restore(self, saved: Mapping[str, Any]) -> None:
        """Let the node go on with it."""
        ...


def drive_of(node: Node[Any]) -> Drive:
    """The driver for this kind of transform."""
    if isinstance(node, StatefulTransform):
        return StatefulDrive(node)
    if isinstance(node, AsyncTransform):
        return AsyncDrive(node)
    return SegmentDrive(node)


class SegmentDrive:
    """A `Transform` or `InlineTransform`, run by the engine's own segment."""

    def __init__(self, node: Node[Any]) -> None:
        counters = NodeCounters(NODE)
        self._memory = InlineMemory(NODE)
        self._rows: dict[str, bytes] = {}
        if isinstance(node, InlineTransform):
            ports = node.output_ports(node.config)
            trunk = "out" if "out" in ports else None
            self._segment: Any = GeneratedSegment([ChainNode(NODE, node, counters, state=self._memory)], ports, trunk)
        else:
            assert isinstance(node, Transform)
            self._segment = KernelSegment(NODE, node.process, counters)

    async def batch(self, messages: Sequence[Message], run: Run) -> None:
        """Process one batch."""
        failures: list[Failure] = []
        for port, sent in self._segment.run(messages, failures):
            run.take({port: sent})
        run.failed.extend((failure.message, failure.reason) for failure in failures)
        # as the engine does: what was not assigned is not saved
        for key, state, _, forgotten in self._memory.take_changed():
            self._rows.pop(key, None) if forgotten else self._rows.update({key: row_of(key, state)})

    def finish(self, run: Run) -> None:
        """Nothing is held."""

    def saved(self) -> dict[str, Any]:
        """What was assigned."""
        return {key: decode(row) for key, row in self._rows.items()}

    def restore(self, saved: Mapping[str, Any]) -> None:
        """Go on with it."""
        for key, state in saved.items():
            self._memory.restore(Remembered(key, state))


class AsyncDrive:
    """An `AsyncTransform`."""

    def __init__(self, node: AsyncTransform[Any]) -> None:
        self._node = node

    async def batch(self, messages: Sequence[Message], run: Run) -> None:
        """Process one batch; if it fails, halve it until the culprit is alone."""
        try:
            outputs = await self._node.process(messages)
        except Exception as error:  # noqa: BLE001 - concerns the message that caused it
            if len(messages) == 1:
                run.failed.append((messages[0], reason_of(error)))
                return
            middle = len(messages) // 2
            await self.batch(messages[:middle], run)
            await self.batch(messages[middle:], run)
        else:
            run.take(outputs)

    def finish(self, run: Run) -> None:
        """Nothing is held."""

    def saved(self) -> dict[str, Any]:
        """Nothing is remembered."""
        return {}

    def restore(self, saved: Mapping[str, Any]) -> None:
        """Nothing is remembered."""


class StatefulDrive:
    """A `StatefulTransform`, with its state per key.

    Attributes:
        states: state by key.
        breaches: what it did against the contract.
        counts: sums of what the steps said became of the inputs.
    """

    def __init__(self, node: StatefulTransform[Any]) -> None:
        self.states: dict[str, Any] = {}
        self.breaches: list[str] = []
        self.counts = {"in": 0, "passed": 0, "used": 0, "filtered": 0, "dropped": 0, "failed": 0}
        self._node = node

    async def batch(self, messages: Sequence[Message], run: Run) -> None:
        """Process one batch, grouped by key."""
        self.counts["in"] += len(messages)
        groups: dict[str, list[Message]] = {}
        for message in messages:
            groups.setdefault(self._node.key_of(message), []).append(message)
        for key, group in groups.items():
            self._group(key, group, run)

    def finish(self, run: Run) -> None:
        """Call `tick` as long as it is wanted, then `flush`."""
        for _ in range(1000):
            due = {key: ns for key, state in self.states.items() if (ns := self._node.due(state)) is not None}
            if not due:
                break
            key = min(due, key=lambda found: due[found])
            moment = due[key]
            self._call(key, lambda state: self._node.tick(state, moment), run)  # noqa: B023 - called at once
        for key in list(self.states):
            self._call(key, self._node.flush, run)

    def saved(self) -> dict[str, Any]:
        """The state as it is after a restart."""
        return {key: decode(row_of(key, state)) for key, state in self.states.items()}

    def restore(self, saved: Mapping[str, Any]) -> None:
        """Go on with it."""
        self.states = dict(saved)

    def _group(self, key: str, group: Sequence[Message], run: Run) -> None:
        try:
            self._call(key, lambda state: self._node.process(group, state, START_NS), run)
        except Exception as error:  # noqa: BLE001 - state in, state out: find the culprit
            if len(group) == 1:
                run.failed.append((group[0], reason_of(error)))
                self.counts["failed"] += 1
                return
            middle = len(group) // 2
            self._group(key, group[:middle], run)
            self._group(key, group[middle:], run)

    def _call(self, key: str, call: Callable[[Any], Step], run: Run) -> None:
        given = self.states.get(key)
        before = copy.deepcopy(given)
        try:
            step = call(given)
        finally:
            if given != before:
                self.breaches.append("it changed the state object it was given; return a new one in the Step")
                self.states[key] = before
        for name in ("passed", "used", "filtered", "dropped"):
            self.counts[name] += getattr(step, name)
        run.take(step.out)
        run.failed.extend((item.message, item.reason) for item in step.failed)
        if step.state is None:
            self.states.pop(key, None)
        else:
            self.states[key] = step.state


def row_of(key: object, state: Any) -> bytes:
    """The state as it lies on disk."""
    assert isinstance(key, str), f"key {key!r:.80} is no text; only states of text keys can be saved"
    try:
        return encode(state)
    except TypeError as error:
        raise AssertionError(f"the state of key {key!r:.80} cannot be saved: {error}") from None


def ports_of(outputs: Mapping[str, Sequence[Message]]) -> set[str]:
    """Ports something left by."""
    return {port for port, sent in outputs.items() if sent}
