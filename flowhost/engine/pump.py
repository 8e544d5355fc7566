"""Moves batches: through synchronous segments at once, into the queues of nodes that wait, failures to their port."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from flowhost.engine.counters import NodeCounters
from flowhost.engine.failure import Failure
from flowhost.engine.graveyard import Graveyard
from flowhost.engine.segment import Ported, Segment
from flowhost.engine.station import Station
from flowhost.engine.token import Token
from flowhost.sdk import Message

if TYPE_CHECKING:
    from flowhost.engine.passage import Passage

YIELD_AFTER_S = 0.002
CHUNK = 1000


Routes = Mapping[tuple[str, str], tuple[str, ...]]
"""Targets of every wired output, by node and port."""

Deliveries = list[tuple[Station, Sequence[Message]]]


class Pump:
    """The way of a batch from one output to everything downstream of it.

    Guarantees: messages of one call stay in order on every wire; a target gets its messages before `feed` returns.
    """

    def __init__(self, routes: Routes, counters: Mapping[str, NodeCounters], graveyard: Graveyard) -> None:
        self._routes = routes
        self._counters = counters
        self._graveyard = graveyard
        self._segments: dict[str, Segment] = {}
        self._within: dict[str, Segment] = {}
        self._keepers: dict[str, Station] = {}
        self._stations: dict[str, Station] = {}
        self._last_yield = time.perf_counter()

    def add_segment(self, segment: Segment) -> None:
        """Messages for its first node run through it."""
        self._segments[segment.nodes[0]] = segment
        self._within.update(dict.fromkeys(segment.nodes, segment))

    def add_keeper(self, node_id: str, keeper: Station) -> None:
        """What this node of a segment remembers is kept there: it hears of a batch before anything else gets it."""
        self._keepers[node_id] = keeper

    def add_station(self, node_id: str, station: Station) -> None:
        """Messages for this node are handed to the station."""
        self._stations[node_id] = station

    async def feed(
        self, node_id: str, port: str, messages: Sequence[Message], token: Token, passage: Passage | None = None
    ) -> None:
        """Send out a source's messages, counted as its own as they leave, part by part; ends one branch of the token.

        Args:
            node_id: of the source.
            port: which of its outputs.
            messages: in order.
            token: of their batch.
            passage: notes on the token what each part brings about, if somebody wants to know.
        """
        for start in range(0, len(messages), CHUNK):
            chunk = messages if len(messages) <= CHUNK else messages[start : start + CHUNK]
            deliveries: Deliveries = []
            if passage is None:
                self.begin(node_id, port, chunk, deliveries)
            else:
                passage.note(token, partial(self.begin, node_id, port, chunk, deliveries))
            await self.deliver(deliveries, token)
            await self.breathe()
        token.done()

    async def breathe(self) -> None:
        """Let others have their turn if the last one was a while ago."""
        if time.perf_counter() - self._last_yield > YIELD_AFTER_S:
            await asyncio.sleep(0)
            self._last_yield = time.perf_counter()

    async def deliver(self, deliveries: Deliveries, token: Token) -> None:
        """Give each station its share."""
        token.split(len(deliveries))
        for station, messages in deliveries:
            await station.accept(messages, token)

    def spread(self, node_id: str, port: str, messages: Sequence[Message], deliveries: Deliveries) -> None:
        """Run everything synchronous downstream of an output; what is left to deliver is appended."""
        targets = self._routes.get((node_id, port))
        if targets is None:
            counters = self._counters[node_id]
            counters.out -= len(messages)
            counters.filtered += len(messages)
            return
        for target in targets:
            segment = self._segments.get(target)
            if segment is None:
                deliveries.append((self._stations[target], messages))
            else:
                self.through(segment, messages, deliveries)

    def enter(self, node_id: str, messages: Sequence[Message], deliveries: Deliveries) -> None:
        """Send messages in at any node, as if a wire had brought them; a source sends them out as its own."""
        if node_id in self._within:
            self.through(self._within[node_id].from_node(node_id), messages, deliveries)
        elif node_id in self._stations:
            deliveries.append((self._stations[node_id], messages))
        else:
            self.begin(node_id, "out", messages, deliveries)

    def begin(self, node_id: str, port: str, messages: Sequence[Message], deliveries: Deliveries) -> None:
        """Send messages out of a source as its own."""
        counters = self._counters[node_id]
        counters.made += len(messages)
        counters.out += len(messages)
        self.spread(node_id, port, messages, deliveries)

    def through(self, segment: Segment, messages: Sequence[Message], deliveries: Deliveries) -> int:
        """Run a segment and everything synchronous behind it.

        Returns:
            How many messages are dead at its nodes.
        """
        failures: list[Failure] = []
        outputs = segment.run(messages, failures)
        return self.after(segment, outputs, failures, deliveries)

    def after(self, segment: Segment, outputs: Ported, failures: Sequence[Failure], deliveries: Deliveries) -> int:
        """Send on what came out of a segment; how many messages are dead."""
        for node_id in segment.nodes if self._keepers else ():
            if (keeper := self._keepers.get(node_id)) is not None:
                deliveries.insert(0, (keeper, ()))
        self.spread_all(segment.nodes[-1], outputs, deliveries)
        return self.fail(failures, deliveries) if failures else 0

    def spread_all(
        self, node_id: str, outputs: Sequence[tuple[str, Sequence[Message]]], deliveries: Deliveries
    ) -> None:
        """`spread` for several ports of one node."""
        for port, messages in outputs:
            if messages:
                self.spread(node_id, port, messages, deliveries)

    def fail(self, failures: Sequence[Failure], deliveries: Deliveries) -> int:
        """Send failed messages to their node's error port, or count them dead.

        Returns:
            How many are dead.
        """
        rerouted: dict[str, list[Message]] = {}
        dead: list[Failure] = []
        for failure in failures:
            counters = self._counters[failure.node]
            counters.errors += 1
            counters.last_error = failure.reason
            if (failure.node, "error") in self._routes:
                counters.rerouted += 1
                rerouted.setdefault(failure.node, []).append(failure.for_error_port())
            else:
                counters.dead += 1
                dead.append(failure)
        for node_id, messages in rerouted.items():
            self.spread(node_id, "error", messages, deliveries)
        if dead and (burial := self._graveyard.bury(dead)) is not None:
            deliveries.append((burial, ()))
        return len(dead)
