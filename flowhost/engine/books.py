"""Keeps the ledger of a run: what it began with, with everything that goes to disk, and when it ends."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from flowhost.engine.counters import NodeCounters
from flowhost.engine.journal import Journal
from flowhost.engine.outbox.changes import Change
from flowhost.engine.outbox.durable_edge import DurableEdge
from flowhost.engine.outbox.ledger import Ledger, Ledgered
from flowhost.engine.passage import Passage, sums
from flowhost.engine.reach import Landscape, reach
from flowhost.engine.segment import Segment
from flowhost.engine.snapshot import EdgeSnapshot, LedgerSnapshot
from flowhost.engine.source_loop import SourceLoop
from flowhost.engine.token import Figures
from flowhost.sdk import Node, Sink

SAVE_S = 5.0


class Books:
    """The ledger, and what of the run it is made from.

    Args:
        ledger: of the flow.
        counters: by node.
        nodes: by id.
        durable: queues on disk by node.
        fleeting: nodes at which messages wait in memory that cannot come again.
        settle: brings the counters up to date.
        sources: of the run.
        journal: of the run; takes the ledger along.
    """

    def __init__(
        self,
        ledger: Ledger,
        counters: Mapping[str, NodeCounters],
        nodes: Mapping[str, Node[Any]],
        durable: Mapping[str, DurableEdge],
        fleeting: Collection[str],
        settle: Callable[[], None],
        sources: Sequence[SourceLoop],
        journal: Journal,
    ) -> None:
        self._ledger = ledger
        self._counters = counters
        self._nodes = nodes
        self._durable = durable
        self._fleeting = fleeting
        self._settle = settle
        self._sources = sources
        self._journal = journal
        self._is_open = False

    async def open(self) -> None:
        """Take up the totals; queues are open and nothing runs yet. Raises `HostError`."""
        kinds = {node_id: self._kind(node_id) for node_id in self._counters}
        await self._ledger.open(self._counters, kinds, self._edges())
        self._is_open = True
        self._journal.entry = self._entry

    def snapshot(self) -> LedgerSnapshot | None:
        """The totals at this moment, if they were taken up; counters are up to date."""
        return self._ledger.snapshot(self._counters) if self._is_open else None

    async def keep(self) -> None:
        """Write all of it every few seconds, if something has moved, for ever: some of it leaves nothing on disk."""
        while True:
            await asyncio.sleep(SAVE_S)
            self._settle()
            self._ledger.save(self._counters, self._queued(), aloft_of(self._sources))

    def close(self) -> None:
        """Have the totals written for the last time; nothing runs any more."""
        if not self._is_open:
            return
        self._settle()
        waiting = {node_id: self._counters[node_id] for node_id in self._fleeting}
        lost = {node_id: own.pending - own.resting for node_id, own in waiting.items()}
        # what a source cannot give out again is told as dropped where it waited; the rest has not come
        again = [source for source in self._sources if source.comes_again]
        self._ledger.save(self._counters, self._queued(), aloft_of(again), lost)

    def _entry(self) -> Sequence[Change]:
        self._settle()
        return self._ledger.entry(self._counters, self._queued(), aloft_of(self._sources))

    def _queued(self) -> dict[str, int]:
        return {node_id: edge.on_disk for node_id, edge in self._durable.items()}

    def _edges(self) -> dict[str, EdgeSnapshot]:
        return {node_id: edge.snapshot() for node_id, edge in self._durable.items()}

    def _kind(self, node_id: str) -> Ledgered:
        if node_id not in self._durable:
            return Ledgered.PLAIN
        return Ledgered.TARGET if isinstance(self._nodes[node_id], Sink) else Ledgered.HOLDER


def aloft_of(sources: Sequence[SourceLoop]) -> dict[str, Figures]:
    """What batches have brought about of which nothing is on its way to disk yet, by node: it has not come so far."""
    return sums([token.aloft for source in sources for token in source.aloft])


def note_passages(
    sources: Sequence[SourceLoop], segments: Sequence[Segment], land: Landscape, counters: Mapping[str, NodeCounters]
) -> None:
    """Have every source note what its batches bring about."""
    for source in sources:
        near = set(reach(land, source.node_id))
        passed = [segment for segment in segments if not near.isdisjoint(segment.nodes)]
        nodes = [source.node_id, *(node_id for segment in passed for node_id in segment.nodes)]
        source.passage = Passage([counters[node_id] for node_id in nodes], passed)
