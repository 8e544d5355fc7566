"""A transform that holds messages, behind its queue on disk."""

from __future__ import annotations

from collections.abc import Sequence

from flowhost.engine.counters import NodeCounters
from flowhost.engine.edge import UnstorableError
from flowhost.engine.failure import Failure
from flowhost.engine.outbox.durable_edge import DurableEdge
from flowhost.engine.pump import Deliveries, Pump
from flowhost.engine.stateful import StatefulSegment
from flowhost.engine.token import JointToken, Token
from flowhost.sdk import Message

TAKE_AT_MOST = 1000


class HoldingStation:
    """A node that keeps messages over time: what it holds outlives the process.

    Guarantees: a source may be told once its message is in the queue; a message leaves the queue in the transaction
    that saves the state holding it.

    Args:
        segment: the node.
        edge: the queue before it.
        counters: of the node.
        pump: takes on what leaves the node.
    """

    def __init__(self, segment: StatefulSegment, edge: DurableEdge, counters: NodeCounters, pump: Pump) -> None:
        self.segment = segment
        self.edge = edge
        self._counters = counters
        self._pump = pump

    async def accept(self, messages: Sequence[Message], token: Token) -> None:
        """Queue the messages; waits for the disk if it is far behind."""
        self._counters.in_ += len(messages)
        try:
            await self.edge.put(messages, token)
        except UnstorableError as error:
            await self._without_unstorable(messages, token, error)

    async def _without_unstorable(self, messages: Sequence[Message], token: Token, error: UnstorableError) -> None:
        """Some payload is no message data: those messages fail here, the others are queued."""
        rest = [message for n, message in enumerate(messages) if n not in error.reasons]
        if rest:
            token.split()
            await self.edge.put(rest, token)
        failures = [Failure(self.segment.node_id, messages[n], reason) for n, reason in error.reasons.items()]
        deliveries: Deliveries = []
        self._counters.refused += len(failures)
        self._counters.refused_dead += self._pump.fail(failures, deliveries)
        await self._pump.deliver(deliveries, token)
        token.done()

    async def serve(self) -> None:
        """Take what has accumulated, bring it into the node, again."""
        while True:
            portions = await self.edge.take(TAKE_AT_MOST)
            messages = [message for portion in portions for message in portion.messages]
            joint = JointToken([portion.token for portion in portions])
            deliveries: Deliveries = []
            dead = self._pump.through(self.segment, messages, deliveries)
            await self._pump.deliver(deliveries, joint)
            joint.done()
            self.edge.settle(portions, dead=dead)
            await self._pump.breathe()
