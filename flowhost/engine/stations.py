"""Nodes that wait: a sink or asynchronous transform behind its queue, and sinks of this machine that need none."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from flowhost.engine.attempt import Attempts, Tried
from flowhost.engine.batch import Batch
from flowhost.engine.counters import NodeCounters
from flowhost.engine.delivery import TAKE_AT_MOST, Delivery, open_until_ready
from flowhost.engine.edge import Edge, Portion, UnstorableError, now_ms
from flowhost.engine.failure import Failure, reason_of
from flowhost.engine.gate import Gate
from flowhost.engine.notices import NoticeBoard
from flowhost.engine.pump import Deliveries, Pump
from flowhost.engine.segment import Ported, by_port
from flowhost.engine.token import JointToken, Token
from flowhost.graph.delivery import DeliveryPolicy
from flowhost.sdk import AsyncTransform, Message, QueryOutcome, Sink, WriteOutcome


class WaitingNode:
    """A sink or asynchronous transform: opens it, brings batches through it, counts, closes it."""

    def __init__(
        self,
        node: Sink[Any] | AsyncTransform[Any],
        counters: NodeCounters,
        pump: Pump,
        board: NoticeBoard,
        link_ready: Callable[[], Awaitable[None]],
        gate: Gate,
        policy: DeliveryPolicy,
    ) -> None:
        self.node_id = counters.node_id
        self.last: dict[tuple[str, str], Message] = {}
        self._node = node
        self._counters = counters
        self._pump = pump
        self._board = board
        self._link_ready = link_ready
        self._delivers = isinstance(node, Sink)
        self._gate = gate
        write = self._write if isinstance(node, Sink) else self._transform
        resend = not isinstance(node, Sink) or node.is_idempotent(node.config)
        oracle = node if isinstance(node, QueryOutcome) else None
        attempts = Attempts(self.node_id, write, resend_unknown=resend, oracle=oracle)
        self._delivery = Delivery(self.node_id, attempts, gate, policy, counters, board)

    async def open(self) -> bool:
        """Open the node; False if only a person can mend it."""
        return await open_until_ready(self._node, self._counters, self._board, self._gate, self._link_ready)

    async def close(self) -> None:
        """Close the node."""
        try:
            await self._node.close()
        except Exception as error:  # noqa: BLE001 - the rest must still be closed
            self._board.notice("warning", f"closing failed: {reason_of(error)}")
        if self._counters.state == "running":
            self._counters.state = "stopped"

    async def bring(self, portions: Sequence[Portion]) -> int:
        """Bring what was taken from the queue through; what leaves the node carries the portions' tokens.

        Returns:
            How many messages are dead.
        """
        self._counters.batches += 1
        batch = Batch(portions)
        dead = 0

        async def pass_on(tried: Tried) -> None:
            nonlocal dead
            dead += await self._pass_on(tried, portions)

        await self._delivery.bring(batch, pass_on)
        if self._delivers:
            self.last[self.node_id, "out"] = batch.messages[-1]
        return dead

    async def _pass_on(self, tried: Tried, portions: Sequence[Portion]) -> int:
        self._count(tried.done, tried.outputs)
        deliveries: Deliveries = []
        if tried.outputs:
            self._pump.spread_all(self.node_id, tried.outputs, deliveries)
        dead = self._pump.fail(list(tried.failures.values()), deliveries) if tried.failures else 0
        if deliveries:
            # every source batch in this portion waits for all that came out of it
            joint = JointToken([portion.token for portion in portions])
            await self._pump.deliver(deliveries, joint)
            joint.done()
        return dead

    def tell(self) -> None:
        """Bring the node's state up to date: what it waits for, in words."""
        if self._counters.state in ("running", "retrying") and (text := self._gate.text()):
            self._counters.state, self._counters.text = "retrying", text

    async def refuse(self, failures: Sequence[Failure], token: Token) -> None:
        """Messages that could not even be queued leave by the error port or are dead."""
        deliveries: Deliveries = []
        self._pump.fail(failures, deliveries)
        await self._pump.deliver(deliveries, token)

    def _count(self, done: int, outputs: Ported) -> None:
        counters = self._counters
        left = sum(len(sent) for _, sent in outputs)
        if self._delivers:
            counters.out += done + left
            counters.made += left
            return
        counters.out += left
        counters.made += max(0, left - done)
        counters.filtered += max(0, done - left)
        for port, sent in outputs:
            if sent:
                self.last[self.node_id, port] = sent[-1]

    async def _write(self, messages: Sequence[Message], outputs: Ported) -> Sequence[WriteOutcome] | None:  # noqa: ARG002
        assert isinstance(self._node, Sink)
        started = time.perf_counter()
        try:
            return await self._node.write(messages)
        finally:
            self._counters.busy_s += time.perf_counter() - started

    async def _transform(self, messages: Sequence[Message], outputs: Ported) -> Sequence[WriteOutcome] | None:
        assert isinstance(self._node, AsyncTransform)
        started = time.perf_counter()
        try:
            outputs.extend(by_port(await self._node.process(messages)))
        finally:
            self._counters.busy_s += time.perf_counter() - started
        return None


class QueuedStation:
    """A waiting node behind its queue, served by one task."""

    def __init__(self, waiting: WaitingNode, edge: Edge, counters: NodeCounters) -> None:
        self.waiting = waiting
        self.edge = edge
        self._counters = counters

    async def accept(self, messages: Sequence[Message], token: Token) -> None:
        """Queue the messages; waits while the queue is full."""
        self._counters.in_ += len(messages)
        try:
            if not self.edge.offer(messages, token):
                await self.edge.put(messages, token)
        except UnstorableError as error:
            await self._without_unstorable(messages, token, error)

    async def _without_unstorable(self, messages: Sequence[Message], token: Token, error: UnstorableError) -> None:
        """Some payload is no message data: those messages fail here, the others are queued."""
        failures = [Failure(self.waiting.node_id, messages[n], reason) for n, reason in error.reasons.items()]
        rest = [message for n, message in enumerate(messages) if n not in error.reasons]
        if rest:
            token.split()
            if not self.edge.offer(rest, token):
                await self.edge.put(rest, token)
        await self.waiting.refuse(failures, token)
        token.done()

    async def serve(self) -> None:
        """Take what has accumulated, bring it through, again."""
        if not await self.waiting.open():
            return
        while True:
            portions = await self.edge.take(TAKE_AT_MOST)
            dead = await self.waiting.bring(portions)
            self.edge.settle(portions, dead=dead)


class DirectStation:
    """A sink of this machine that never waits long (log, discard): no queue before it."""

    def __init__(self, waiting: WaitingNode, counters: NodeCounters) -> None:
        self.waiting = waiting
        self._counters = counters

    async def accept(self, messages: Sequence[Message], token: Token) -> None:
        """Deliver at once."""
        self._counters.in_ += len(messages)
        await self.waiting.bring([Portion(messages, token, 0, now_ms())])
        token.done()
