"""Runs a stateful transform: groups by key, hands over state, keeps what comes back, calls it when time has come."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from flowhost.engine.counters import NodeCounters
from flowhost.engine.failure import Failure, reason_of
from flowhost.engine.memory import Remembered
from flowhost.engine.segment import Ported, by_port, failure_of
from flowhost.errors import MessageError
from flowhost.sdk import Message, StatefulTransform, Step


class StatefulSegment:
    """One stateful transform and its state per key (`flowhost.engine.memory.Memory`).

    Args:
        node_id: id of the node.
        node: the transform.
        counters: of the node.
        now_ns: wall clock.
        behind_queue: a queue stands before the node and counts what arrives.
    """

    def __init__(
        self,
        node_id: str,
        node: StatefulTransform[Any],
        counters: NodeCounters,
        now_ns: Callable[[], int],
        *,
        behind_queue: bool = False,
    ) -> None:
        self.nodes: tuple[str, ...] = (node_id,)
        self.node_id = node_id
        self._behind_queue = behind_queue
        self._node = node
        self._counters = counters
        self._now_ns = now_ns
        self._states: dict[str, Any] = {}
        self._held: dict[str, int] = {}
        self._changed: dict[str, None] = {}
        self._due: list[tuple[int, str]] = []
        self._due_of: dict[str, int] = {}
        self._traced: dict[tuple[str, str], Message] = {}

    def run(self, messages: Sequence[Message], failures: list[Failure]) -> Ported:
        """Process a batch, key by key, in order within each key."""
        if not self._behind_queue:
            self._counters.in_ += len(messages)
        self._counters.batches += 1
        ported: dict[str, list[Message]] = {}
        for key, group in self._grouped(messages, failures).items():
            self._process(key, group, ported, failures)
        return self._traced_list(ported)

    def take_changed(self) -> list[Remembered]:
        """Keys that were worked on since the last call."""
        changed, self._changed = self._changed, {}
        return [
            Remembered(key, self._states.get(key), self._held.get(key, 0), key not in self._states) for key in changed
        ]

    def restore(self, remembered: Remembered) -> None:
        """Put back what was saved."""
        self._remember(remembered.key, remembered.state, remembered.held)

    def adopt(self, remembered: Remembered, step: Step, failures: list[Failure]) -> Ported:
        """Go on with what the transform made of a state saved in another form; what it gives out because of that."""
        ported: dict[str, list[Message]] = {}
        self._held[remembered.key] = remembered.held
        self._accept(remembered.key, step, 0, ported, failures)
        return self._traced_list(ported)

    def resume(self) -> None:
        """Tell the transform that messages can come again."""
        now_ns = self._now_ns()
        for key, state in list(self._states.items()):
            try:
                fresh = self._node.resume(state, now_ns)
            except Exception as error:  # noqa: BLE001 - a plugin's own bug: the key goes on as it was
                self._tell(error)
                continue
            if fresh is not state:
                self._changed[key] = None
                self._remember(key, fresh, self._held[key])

    def next_due_ns(self) -> int | None:
        """When `tick` is wanted next, nanoseconds UTC."""
        while self._due and self._due_of.get(self._due[0][1]) != self._due[0][0]:
            heapq.heappop(self._due)
        return self._due[0][0] if self._due else None

    def tick(self, failures: list[Failure]) -> Ported:
        """Call the transform for every key whose time has come."""
        now_ns = self._now_ns()
        ported: dict[str, list[Message]] = {}
        # a key is called once per round: one that stays due is called at the next round, so this ends
        ready = []
        while (due := self.next_due_ns()) is not None and due <= now_ns:
            key = heapq.heappop(self._due)[1]
            del self._due_of[key]
            ready.append(key)
        for key in ready:
            self._time_call(key, lambda state: self._node.tick(state, now_ns), ported, failures)
        return self._traced_list(ported)

    def flush(self, failures: list[Failure]) -> Ported:
        """The run ends: let every key give out what it holds."""
        ported: dict[str, list[Message]] = {}
        for key in list(self._states):
            self._time_call(key, self._node.flush, ported, failures)
        return self._traced_list(ported)

    def _grouped(self, messages: Sequence[Message], failures: list[Failure]) -> dict[str, list[Message]]:
        groups: dict[str, list[Message]] = {}
        for message in messages:
            try:
                key = self._node.key_of(message)
                if not isinstance(key, str):
                    raise MessageError(f"key_of must give text but gave {key!r:.40}")
            except Exception as error:  # noqa: BLE001 - concerns this message alone
                failures.append(failure_of(self.nodes[0], message, error))
                continue
            groups.setdefault(key, []).append(message)
        return groups

    def _process(
        self, key: str, group: Sequence[Message], ported: dict[str, list[Message]], failures: list[Failure]
    ) -> None:
        try:
            step = self._node.process(group, self._states.get(key), self._now_ns())
        except Exception as error:  # noqa: BLE001 - state in, state out: the failed call left no trace, find the culprit
            if len(group) == 1:
                failures.append(failure_of(self.nodes[0], group[0], error))
                return
            middle = len(group) // 2
            self._process(key, group[:middle], ported, failures)
            self._process(key, group[middle:], ported, failures)
            return
        self._accept(key, step, len(group), ported, failures)

    def _time_call(
        self, key: str, call: Callable[[Any], Step], ported: dict[str, list[Message]], failures: list[Failure]
    ) -> None:
        try:
            step = call(self._states[key])
        except Exception as error:  # noqa: BLE001 - concerns this key; the engine must go on
            failures.append(failure_of(self.nodes[0], Message(None), error))
            self._counters.made += 1
            return
        self._accept(key, step, 0, ported, failures)

    def _accept(
        self, key: str, step: Step, came: int, ported: dict[str, list[Message]], failures: list[Failure]
    ) -> None:
        outputs = by_port(step.out)
        left = sum(len(sent) for _, sent in outputs)
        counters = self._counters
        counters.out += left
        counters.made += left - step.passed + len(step.failed)
        failures.extend(Failure(self.nodes[0], item.message, item.reason) for item in step.failed)
        # an input that only passed on is neither used nor held
        counters.used += step.used
        counters.filtered += step.filtered
        counters.dropped += step.dropped
        for port, sent in outputs:
            ported.setdefault(port, []).extend(sent)
        came -= step.passed + step.used + step.filtered + step.dropped
        self._changed[key] = None
        self._remember(key, step.state, self._held.get(key, 0) + came)

    def _remember(self, key: str, state: Any, held: int) -> None:
        if state is None:
            self._states.pop(key, None)
            self._held.pop(key, None)
            self._due_of.pop(key, None)
            return
        self._states[key] = state
        self._held[key] = held
        try:
            due = self._node.due(state)
        except Exception as error:  # noqa: BLE001 - a plugin's own bug: the key is only not called on time
            self._tell(error)
            due = None
        if due is None:
            self._due_of.pop(key, None)
        elif self._due_of.get(key) != due:
            self._due_of[key] = due
            heapq.heappush(self._due, (due, key))

    def _tell(self, error: Exception) -> None:
        self._counters.errors += 1
        self._counters.last_error = reason_of(error)

    def _traced_list(self, ported: dict[str, list[Message]]) -> Ported:
        for port, sent in ported.items():
            if sent:
                self._traced[self.nodes[0], port] = sent[-1]
        return list(ported.items())

    def from_node(self, node_id: str) -> StatefulSegment:  # noqa: ARG002 - part of the protocol
        """There is but one node."""
        return self

    def settle_counters(self) -> None:
        """Counters are always up to date here."""

    def trace_next(self) -> None:
        """The last message of every batch is kept anyway."""

    def traced(self) -> Mapping[tuple[str, str], Message]:
        """The newest message by port."""
        return self._traced
