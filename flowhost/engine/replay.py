"""Brings retried dead letters back into a running flow, at the input of the node where they failed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from typing_extensions import override

from flowhost.engine.journal import Journal
from flowhost.engine.load import Rides
from flowhost.engine.outbox.backlog import READ_ROWS
from flowhost.engine.outbox.changes import Advance, Change
from flowhost.engine.outbox.codec import DamagedRowError, decode_message
from flowhost.engine.outbox.durable_edge import DurableEdge
from flowhost.engine.outbox.letter import REPLAY, Letter
from flowhost.engine.outbox.letter_changes import Follow, LetterChange, Reopen
from flowhost.engine.outbox.letter_desk import refusal
from flowhost.engine.outbox.outbox import EdgeRecord
from flowhost.engine.outbox.trail import LetterTrail
from flowhost.engine.pump import Deliveries, Pump
from flowhost.engine.snapshot import EdgeSnapshot
from flowhost.engine.token import Token
from flowhost.graph.document import FlowDocument
from flowhost.sdk import Clock, Message

TAKE_AT_MOST = 1000
NODE_GONE = "orphaned"
StartTask = Callable[[Coroutine[Any, Any, None], str], None]
_PENDING = "SELECT node FROM edge WHERE flow = ? AND appended > position AND substr(node, 1, ?) = ?"


class Written(Token):
    """A token of messages that come from nowhere in the flow; says when they are on disk."""

    __slots__ = ("event",)

    def __init__(self) -> None:
        super().__init__()
        self.event = asyncio.Event()

    @override
    def done(self) -> None:
        """They are."""
        super().done()
        self.event.set()


class Replays:
    """A queue on disk and a task for each node that letters go back to (`flowhost.engine.outbox.letter_desk.Replay`).

    A letter leaves its queue once every branch of the flow has its message on disk, confirmed or dead again: it is
    never lost, and after a crash it comes again with the same id.

    Args:
        journal: of the run.
        flow: the flow that runs.
        revision: of the flow, 0 where there is none.
        pump: takes the messages.
        trail: follows them.
        clock: source of time.
        rides: which appends are part of the transaction of a batch that begins at a node.
    """

    def __init__(
        self,
        journal: Journal,
        flow: FlowDocument,
        revision: int,
        pump: Pump,
        trail: LetterTrail,
        clock: Clock,
        rides: Callable[[str], Rides],
    ) -> None:
        self._rides = rides
        self._journal = journal
        self._outbox = journal.outbox
        self._flow = flow
        self._revision = revision
        self._pump = pump
        self._trail = trail
        self._clock = clock
        self._edges: dict[str, DurableEdge] = {}
        self._start: StartTask | None = None
        self._opening = asyncio.Lock()

    async def open(self, start: StartTask) -> None:
        """Go on with what was retried while the flow stood still. Raises `HostError`."""
        self._start = start
        found = await self._outbox.query(_PENDING, (self._flow.id, len(REPLAY), REPLAY))
        for node in [row[0].removeprefix(REPLAY) for row in found]:
            if node in self._flow.nodes:
                await self._edge(node)
            else:
                await self._give_back(node)

    def refusal(self, letter: Letter) -> str:
        """Why this letter cannot go back, in words; empty if it can."""
        if letter.flow != self._flow.id:
            return f"it is of flow {letter.flow}, which does not run here"
        return refusal(letter, list(self._flow.nodes))

    async def send(self, flow: str, node: str, messages: Sequence[Message], changes: Sequence[LetterChange]) -> None:  # noqa: ARG002 - part of the protocol
        """Put messages before a node, in the same transaction as the changes; returns once that is on disk."""
        self._trail.active = True
        edge = await self._edge(node)
        written = Written()
        await edge.put(messages, written, changes)
        await written.event.wait()

    async def idle(self) -> None:
        """Returns when all that was retried has left its queue."""
        for edge in self._edges.values():
            await edge.idle()

    def snapshot(self) -> list[EdgeSnapshot]:
        """The ledgers of the queues."""
        return [edge.snapshot() for edge in self._edges.values()]

    async def _edge(self, node: str) -> DurableEdge:
        async with self._opening:
            if node not in self._edges:
                assert self._start is not None
                edge = DurableEdge(self._outbox, self._flow.id, REPLAY + node, self._journal, trail=self._trail)
                edge.origin.rides = self._rides(node)
                await edge.open()
                self._edges[node] = edge
                self._start(self._serve(node, edge), f"retry at {node}")
        return self._edges[node]

    async def _serve(self, node: str, edge: DurableEdge) -> None:
        while True:
            for portion in await edge.take(TAKE_AT_MOST):
                deliveries: Deliveries = []
                self._pump.enter(node, portion.messages, deliveries)
                await self._pump.deliver(deliveries, portion.token)
                edge.settle([portion], dead=0)

    async def _give_back(self, node: str) -> None:
        """The node is gone: what waits to be brought back to it is open again."""
        record = await self._outbox.edge(self._flow.id, REPLAY + node)
        position = record.position
        while rows := await self._outbox.read(record.number, position, READ_ROWS):
            position = rows[-1].number
            await self._outbox.change(*self._gone(node, record, [row.data for row in rows], position))

    def _gone(self, node: str, record: EdgeRecord, rows: Sequence[bytes], position: int) -> list[Change]:
        changes: list[Change] = [Advance(record.number, position)]
        for row in rows:
            try:
                letter = decode_message(row).meta.letter
            except DamagedRowError:
                continue  # its letter is found missing by `Sight`, which opens it again
            reason = f"node {node!r} is no longer in the flow, so it could not be retried there"
            changes.append(Follow(letter, -1))
            changes.append(Reopen(letter, self._clock.now_ns(), self._revision, NODE_GONE, reason))
        return changes
