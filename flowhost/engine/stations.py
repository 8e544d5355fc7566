"""Nodes that wait: a sink or asynchronous transform behind its queue, and sinks of this machine that need none."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any

from flowhost.engine.attempt import Attempts, Tried
from flowhost.engine.batch import Batch
from flowhost.engine.counters import NodeCounters
from flowhost.engine.delivery import TAKE_AT_MOST, Delivery, Shelf, open_until_ready
from flowhost.engine.edge import Edge, Portion, UnstorableError, now_ms
from flowhost.engine.failure import Failure, reason_of
from flowhost.engine.gate import Gate
from flowhost.engine.notices import NoticeBoard
from flowhost.engine.outbox.durable_edge import DurableEdge
from flowhost.engine.outbox.parking import ParkingLot
from flowhost.engine.pump import Deliveries, Pump
from flowhost.engine.segment import Ported, by_port
from flowhost.engine.tasks import first_of
from flowhost.engine.token import JointToken, Token
from flowhost.graph.delivery import DeliveryPolicy, Order
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
        order: Order,
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
        oracle = node if isinstance(node, QueryOutcome) and node.can_query_outcome(node.config) else None
        self._first_try: Exception | Sequence[WriteOutcome] | None = None
        self._attempts = attempts = Attempts(self.node_id, write, order, resend_unknown=resend, oracle=oracle)
        self._asks_first = oracle is not None and not resend
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

    @property
    def asks_first(self) -> bool:
        """What an earlier run may have sent already is asked about before it is sent."""
        return self._asks_first

    async def bring(self, batch: Batch, shelf: Shelf | None = None) -> int:
        """Bring what was taken from the queue through; what leaves the node carries the portions' tokens.

        Args:
            batch: messages to deliver.
            shelf: where those wait that must be tried again; None if everything behind them waits.

        Returns:
            How many messages are dead.
        """
        self._counters.batches += 1
        dead = 0

        async def pass_on(tried: Tried) -> None:
            nonlocal dead
            dead += await self._pass_on(tried, batch.portions)
            if self._delivers and tried.newest is not None:
                self.last[self.node_id, "out"] = batch.messages[tried.newest]

        await self._delivery.bring(batch, pass_on, shelf)
        return dead

    async def _pass_on(self, tried: Tried, portions: Sequence[Portion]) -> int:
        self._count(tried.done, tried.outputs)
        self._counters.repeated += len(tried.repeated)
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

    async def target_down(self) -> None:
        """Returns once it is known that the target takes nothing for now."""
        await self._gate.down()

    def tell(self, parked: str) -> None:
        """Bring the node's state up to date: what it waits for, in words.

        Args:
            parked: which messages wait while others pass; empty if none do.
        """
        counters = self._counters
        counters.down_since_ns = self._gate.since_ns
        if counters.state in ("running", "retrying") and (text := self._gate.text()):
            counters.ail("retrying", self._gate.reason, text)
        elif counters.state == "running":
            counters.text = parked

    async def refuse(self, failures: Sequence[Failure], token: Token) -> None:
        """Messages that could not even be queued leave by the error port or are dead."""
        deliveries: Deliveries = []
        self._counters.refused += len(failures)
        self._counters.refused_dead += self._pump.fail(failures, deliveries)
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

    async def at_once(self, messages: Sequence[Message]) -> bool:
        """The common case of a sink of this machine: everything is taken at the first try.

        Returns:
            False if it was not. `bring` then sorts what that try said; it is not made a second time.
        """
        counters = self._counters
        if counters.state != "running" or not self._attempts.calm or not isinstance(self._node, Sink):
            return False
        started = time.perf_counter()
        try:
            outcomes = await self._node.write(messages)
        except Exception as error:  # noqa: BLE001 - sorted by `bring`
            self._first_try = error
            return False
        finally:
            counters.busy_s += time.perf_counter() - started
        if outcomes is not None:
            self._first_try = outcomes
            return False
        counters.batches += 1
        counters.out += len(messages)
        self.last[self.node_id, "out"] = messages[-1]
        return True

    async def _write(self, messages: Sequence[Message], outputs: Ported) -> Sequence[WriteOutcome] | None:  # noqa: ARG002
        assert isinstance(self._node, Sink)
        first, self._first_try = self._first_try, None
        if isinstance(first, Exception):
            raise first
        if first is not None:
            return first
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
        self._found: DurableEdge | None = None

    async def drained(self, may_leave: asyncio.Event) -> bool:
        """Wait until nothing waits here any more, or what waits is kept on disk and the target is down.

        Args:
            may_leave: set once messages may be left to the next run.

        Returns:
            False if some are left.
        """
        if isinstance(self.edge, DurableEdge):
            await first_of(self.edge.idle(), self._left_on_disk(may_leave))
        else:
            await self.edge.idle()
        return not self.edge.snapshot().pending

    async def _left_on_disk(self, may_leave: asyncio.Event) -> None:
        await may_leave.wait()
        await self.waiting.target_down()

    def tell(self) -> None:
        """Bring the node's state up to date: what it waits for, in words."""
        lot = self.edge.lot if isinstance(self.edge, DurableEdge) else None
        self.waiting.tell("" if lot is None else lot.text())

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
        if not isinstance(self.edge, DurableEdge) or self.edge.lot is None:
            while True:
                await self._serve_new(None)
        doubtful = self.waiting.asks_first
        self._found = self.edge if doubtful else None
        lot = self.edge.lot
        try:
            if not lot.parks:
                await self._serve_left(lot)
            while True:
                lot.set_alarm()
                await self._serve_new(lot if lot.parks else None)
                if lot.due_s() == 0.0 and (visit := await lot.take(TAKE_AT_MOST)) is not None:
                    lot.settle(visit, dead=await self.waiting.bring(visit.batch(doubtful=doubtful), visit))
                    # look for new ones without waiting for them
                    self.edge.wake()
        finally:
            lot.close()

    async def _serve_new(self, shelf: Shelf | None) -> None:
        """The next messages of the queue; none if there is something else to do."""
        portions = await self.edge.take(TAKE_AT_MOST)
        if not portions:
            return
        batch = Batch(portions)
        if isinstance(self.edge, DurableEdge):
            batch.resent.update(self._doubtful(batch, self.edge))
        if self._found is not None:
            # they have to be asked about first
            batch.unknown.update(batch.resent)
        self.edge.settle(portions, dead=await self.waiting.bring(batch, shelf))

    @staticmethod
    def _doubtful(batch: Batch, edge: DurableEdge) -> Iterator[int]:
        """Places of messages that may have been on their way when the last run ended."""
        first = 0
        for portion in batch.portions:
            yield from range(first, first + edge.doubtful(portion, TAKE_AT_MOST))
            first += len(portion.messages)

    async def _serve_left(self, lot: ParkingLot) -> None:
        """What a run with another order has parked comes first, and all waits for it."""
        while (due_s := lot.due_s()) is not None:
            await asyncio.sleep(due_s)
            if (visit := await lot.take(TAKE_AT_MOST)) is not None:
                batch = visit.batch(doubtful=self.waiting.asks_first)
                lot.settle(visit, dead=await self.waiting.bring(batch))


class DirectStation:
    """A sink of this machine that never waits long (log, discard): no queue before it."""

    def __init__(self, waiting: WaitingNode, counters: NodeCounters) -> None:
        self.waiting = waiting
        self._counters = counters

    async def accept(self, messages: Sequence[Message], token: Token) -> None:
        """Deliver at once."""
        self._counters.in_ += len(messages)
        if not await self.waiting.at_once(messages):
            await self.waiting.bring(Batch([Portion(messages, token, 0, now_ms())]))
        token.done()
