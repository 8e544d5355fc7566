"""Builds everything a run needs out of a flow: connections, nodes, segments, stations."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from flowhost.engine.books import Books, note_passages
from flowhost.engine.breaker import Breaker
from flowhost.engine.clock import SystemClock
from flowhost.engine.connections import ConnectionBoard, ConnectionPool, ManagedConnection
from flowhost.engine.counters import NodeCounters
from flowhost.engine.disk_report import DiskReport
from flowhost.engine.edge import Edge, MemoryEdge
from flowhost.engine.gate import Gate
from flowhost.engine.generated import ChainNode, GeneratedSegment
from flowhost.engine.graveyard import Graveyard
from flowhost.engine.holding import HoldingStation
from flowhost.engine.journal import Journal
from flowhost.engine.kept_positions import KeptPositions
from flowhost.engine.letter_office import LetterOffice
from flowhost.engine.load import Rides
from flowhost.engine.memories import Memories
from flowhost.engine.memory import InlineMemory
from flowhost.engine.notices import History, NoticeBoard
from flowhost.engine.options import RunOptions
from flowhost.engine.outbox.burial import DeadLetterKeeper
from flowhost.engine.outbox.checkpoint import OutboxCheckpoint
from flowhost.engine.outbox.durable_edge import DurableEdge
from flowhost.engine.outbox.ledger import Ledger
from flowhost.engine.outbox.stretches import Lost
from flowhost.engine.outbox.succession import Succession
from flowhost.engine.outbox.trail import LetterTrail
from flowhost.engine.overflow import Overflow
from flowhost.engine.plan import Plan, make_plan
from flowhost.engine.pump import Pump
from flowhost.engine.reach import Landscape, reach, rides_by_start, upstream
from flowhost.engine.segment import KernelSegment, Segment
from flowhost.engine.snapshot import EdgeSnapshot, NodeSnapshot
from flowhost.engine.source_loop import SourceLoop
from flowhost.engine.stateful import StatefulSegment
from flowhost.engine.stations import DirectStation, QueuedStation, WaitingNode
from flowhost.engine.ticker import Timed
from flowhost.engine.token import Positions, PositionTracker
from flowhost.errors import ConfigError
from flowhost.graph.configs import connection_config, node_config, node_delivery
from flowhost.graph.delivery import DeliveryPolicy, Order
from flowhost.graph.document import FlowDocument, NodeEntry
from flowhost.graph.library import NodeLibrary
from flowhost.sdk import (
    AsyncTransform,
    Checkpoint,
    Clock,
    ConnectionContext,
    InlineTransform,
    Node,
    NodeContext,
    Sink,
    Source,
    StatefulTransform,
    Transform,
)
from flowhost.sdk.context import MemoryCheckpoint

_log = logging.getLogger("flowhost.run")


@dataclass
class Assembly:
    """The parts of a run, built and wired, not yet started."""

    flow: FlowDocument
    clock: Clock
    history: History
    graveyard: Graveyard
    pump: Pump
    pool: ConnectionPool
    counters: dict[str, NodeCounters]
    nodes: dict[str, Node[Any]]
    plan: Plan
    sources: list[SourceLoop] = field(default_factory=list)
    segments: list[Segment] = field(default_factory=list)
    stateful: dict[str, StatefulSegment] = field(default_factory=dict)
    queued: dict[str, QueuedStation] = field(default_factory=dict)
    direct: dict[str, DirectStation] = field(default_factory=dict)
    durable: dict[str, DurableEdge] = field(default_factory=dict)
    overflows: dict[str, Overflow] = field(default_factory=dict)
    transforms: list[Node[Any]] = field(default_factory=list)
    holding: dict[str, HoldingStation] = field(default_factory=dict)
    memories: Memories | None = None
    succession: Succession | None = None
    letters: LetterOffice | None = None
    disk: DiskReport | None = None
    books: Books | None = None
    boards: dict[str, NoticeBoard] = field(default_factory=dict)

    def settle_counters(self) -> None:
        """Bring the counters of all nodes up to date."""
        for segment in self.segments:
            segment.settle_counters()

    def node_snapshots(self) -> dict[str, NodeSnapshot]:
        """The figures of all nodes at this moment."""
        nodes = {node_id: own.snapshot() for node_id, own in self.counters.items()}
        for node_id, board in self.boards.items():
            nodes[node_id].gone, nodes[node_id].gone_text = board.gone, board.gone_text
        for node_id in self.stateful:
            queue = self.holding.get(node_id)
            queued = 0 if queue is None else queue.edge.snapshot().pending
            nodes[node_id].held = max(0, nodes[node_id].pending - queued)
        return nodes

    def replay_edges(self) -> list[EdgeSnapshot]:
        """Ledgers of the queues that bring retried dead letters back."""
        return self.letters.replays.snapshot() if self.letters is not None else []

    async def take_over(self) -> None:
        """Settle what an earlier revision left in the outbox. Raises `HostError`."""
        if self.disk is not None:
            self.disk.begin()
        if self.succession is None:
            return
        entries = self.flow.nodes
        off = {name for name, entry in entries.items() if entry.disabled is not None}
        resting = {name for name in off if isinstance(self.nodes[name], Sink | AsyncTransform | StatefulTransform)}
        types = {name: entry.type for name, entry in entries.items()}
        left = await self.succession.take_over(types, resting | self.durable.keys())
        held = await self.succession.held()
        for name in resting & (left.keys() | held.keys()):
            counters = self.counters[name]
            counters.resting = left.get(name, 0) + held.get(name, 0)
            counters.text = f"{counters.text}; what waits before it stays on disk until it is switched on"

    def edges(self) -> list[Edge]:
        """All queues."""
        return [*(station.edge for station in self.queued.values()), *(each.edge for each in self.holding.values())]

    def timed(self) -> list[Timed]:
        """Nodes that are called as time goes by."""
        return [self._timed(node_id, segment) for node_id, segment in self.stateful.items()]

    def _timed(self, node_id: str, segment: StatefulSegment) -> Timed:
        origin = None if self.memories is None else self.memories.origin(node_id)
        before = upstream(self.plan.routes, node_id)
        sources = [source.node_id for source in self.sources if source.node_id in before]
        holding = self.holding.get(node_id)

        def flows() -> bool:
            return not any(self._is_away(source) for source in sources)

        return Timed(segment, origin, flows, None if holding is None else holding.edge)

    def _is_away(self, source: str) -> bool:
        """Whether messages of a source may be held up at its origin."""
        state = self.counters[source].state
        if state != "running":
            return state in ("starting", "retrying")
        link = self.flow.nodes[source].connection
        return link is not None and not self.pool.is_up(link)

    def waiting_nodes(self) -> list[WaitingNode]:
        """Sinks and asynchronous transforms."""
        queued = [station.waiting for station in self.queued.values()]
        return [*queued, *(station.waiting for station in self.direct.values())]


class Assembler:
    """Builds an `Assembly`; raises `ConfigError` with the place before anything is opened."""

    def __init__(self, flow: FlowDocument, library: NodeLibrary, options: RunOptions) -> None:
        self._flow = flow
        self._library = library
        self._options = options
        self._clock: Clock = options.clock or SystemClock()
        self._history = History(self._clock, options.on_event)
        self._journal = None if options.outbox is None else Journal(options.outbox)
        self._managed: dict[str, ManagedConnection] = {}
        self._boards: dict[str, NoticeBoard] = {}
        self._trail = LetterTrail()
        self._rides_from: Callable[[str], Rides] = lambda _: Rides.NONE

    def build(self) -> Assembly:
        """All parts."""
        self._build_connections()
        nodes = {entry.id: self._node(entry) for entry in self._flow.nodes.values()}
        ports = {node_id: type(node).output_ports(node.config) for node_id, node in nodes.items()}
        plan = make_plan(self._flow, nodes, ports)
        counters = {node_id: NodeCounters(node_id) for node_id in nodes}
        graveyard = Graveyard(self._logger(), self._history, self._keeper())
        assembly = Assembly(
            self._flow, self._clock, self._history, graveyard, Pump(plan.routes, counters, graveyard),
            ConnectionPool(self._managed), counters, nodes, plan,
        )  # fmt: skip
        assembly.memories = self._memories(assembly)
        self._add_chains(assembly, ports)
        for node_id in plan.singles:
            self._add_single(assembly, node_id)
        self._add_sources(assembly)
        self._set_rides(assembly)
        assembly.succession = self._succession()
        assembly.letters = self._letters(assembly.pump)
        if (outbox := self._options.outbox) is not None:
            assembly.disk = DiskReport(outbox, self._logger(), self._history)
        assembly.books = self._books(assembly)
        assembly.boards = self._boards
        return assembly

    # -- connections and nodes

    def _build_connections(self) -> None:
        used = {entry.connection for entry in self._flow.nodes.values() if entry.connection and not entry.disabled}
        for name in sorted(used):
            entry = self._flow.connections.get(name)
            if entry is None:
                known = ", ".join(sorted(self._flow.connections)) or "none"
                raise ConfigError(f"connection {name!r} is not declared; declared are: {known}", f"connections.{name}")
            kind = self._library.connections.get(entry.type)
            if kind is None:
                message = f"connection type {entry.type!r} is not installed; install the plugin that brings it"
                raise ConfigError(message, f"connections.{name}.type")
            options = self._options
            config = connection_config(entry, kind, self._library.functions, options.secrets, options.environ)
            board = ConnectionBoard(name, self._logger(connection=name), self._history)
            context = ConnectionContext(
                name=name, host_id=options.host_id, base_dir=options.base_dir, log=self._logger(connection=name),
                clock=self._clock, board=board,
            )  # fmt: skip
            self._managed[name] = ManagedConnection(name, kind(config, context), board, options.open_timeout_s)

    def _node(self, entry: NodeEntry) -> Node[Any]:
        place = f"nodes.{entry.id}"
        kind = self._library.nodes.get(entry.type)
        if kind is None:
            message = f"node type {entry.type!r} is not installed; `flowhost nodes` lists what is"
            raise ConfigError(message, f"{place}.type")
        if kind.spec.connection is not None and entry.connection is None and not entry.disabled:
            message = f"{entry.type} needs a connection of type {kind.spec.connection}; add `connection: <name>`"
            raise ConfigError(message, f"{place}.connection")
        config = node_config(entry, kind, self._library.functions, self._options.secrets, self._options.environ)
        log = self._logger(node=entry.id)
        board = self._boards[entry.id] = NoticeBoard(entry.id, log, self._history)
        managed = self._managed.get(entry.connection or "")
        wired = frozenset(wire.port for wire in self._flow.wires if wire.source == entry.id)
        context = NodeContext(
            flow=self._flow.id, node=entry.id, host_id=self._options.host_id, base_dir=self._options.base_dir, log=log,
            clock=self._clock, board=board, connection=managed.connection if managed else None, wired_ports=wired,
            checkpoint=self._checkpoint(entry.id),
        )  # fmt: skip
        return kind(config, context)

    def _checkpoint(self, node_id: str) -> Checkpoint:
        outbox = self._options.outbox
        return MemoryCheckpoint() if outbox is None else OutboxCheckpoint(outbox, self._flow.id, node_id)

    def _logger(self, **fields: str) -> logging.LoggerAdapter[logging.Logger]:
        return logging.LoggerAdapter(_log, {"flow": self._flow.id, **fields})

    # -- what runs

    def _add_chains(self, assembly: Assembly, ports: dict[str, tuple[str, ...]]) -> None:
        for chain in assembly.plan.chains:
            links = [self._link(assembly, node_id) for node_id in chain]
            last = chain[-1]
            wired = [port for port in ports[last] if (last, port) in assembly.plan.routes]
            plain = tuple(ports[last]) == ("out",) or self._flow.nodes[last].disabled is not None
            segment = GeneratedSegment(links, wired, "out" if plain else None)
            assembly.segments.append(segment)
            assembly.pump.add_segment(segment)
            if assembly.memories is not None:
                assembly.memories.keep(segment, [
                    (link.node, link.state, self._boards[link.node_id])
                    for link in segment.remembering
                    if link.node is not None and isinstance(link.state, InlineMemory)
                ])  # fmt: skip

    def _link(self, assembly: Assembly, node_id: str) -> ChainNode:
        node, disabled = assembly.nodes[node_id], self._flow.nodes[node_id].disabled
        counters = assembly.counters[node_id]
        counters.state = "running" if disabled is None else "stopped"
        counters.text = "" if disabled is None else f"disabled ({disabled})"
        if disabled is None and isinstance(node, InlineTransform):
            assembly.transforms.append(node)
            state = None if assembly.memories is None else InlineMemory(node_id)
            return ChainNode(node_id, node, counters, state=state)
        passes = disabled == "pass" and not isinstance(node, Sink)
        return ChainNode(node_id, None, counters, passes=passes)

    def _add_single(self, assembly: Assembly, node_id: str) -> None:
        node, counters = assembly.nodes[node_id], assembly.counters[node_id]
        if isinstance(node, Transform | StatefulTransform):
            assembly.transforms.append(node)
        if isinstance(node, Transform):
            self._add_segment(assembly, KernelSegment(node_id, node.process, counters), counters)
        elif isinstance(node, StatefulTransform):
            self._add_stateful(assembly, node, counters)
        elif isinstance(node, Sink | AsyncTransform):
            self._add_station(assembly, node_id, node, counters)
        else:
            place = f"nodes.{node_id}.type"
            raise ConfigError(f"{node.spec.id} is neither source, transform nor sink; the plugin is broken", place)

    def _add_stateful(self, assembly: Assembly, node: StatefulTransform[Any], counters: NodeCounters) -> None:
        outbox, node_id = self._options.outbox, counters.node_id
        holds = outbox is not None and node.spec.holds_messages
        stateful = StatefulSegment(node_id, node, counters, self._clock.now_ns, behind_queue=holds)
        assembly.stateful[node_id] = stateful
        if assembly.memories is not None:
            assembly.memories.keep(stateful, [(node, stateful, self._boards[node_id])])
        if outbox is None or not holds:
            self._add_segment(assembly, stateful, counters)
            return
        counters.state = "running"
        assembly.segments.append(stateful)
        edge = assembly.durable[node_id] = DurableEdge(
            outbox, self._flow.id, node_id, self._journal, holds=True, trail=self._trail,
            on_lost=self._tell_lost(counters),
        )  # fmt: skip
        station = assembly.holding[node_id] = HoldingStation(stateful, edge, counters, assembly.pump)
        assembly.pump.add_station(node_id, station)

    def _add_segment(self, assembly: Assembly, segment: Segment, counters: NodeCounters) -> None:
        counters.state = "running"
        assembly.segments.append(segment)
        assembly.pump.add_segment(segment)

    def _add_station(
        self, assembly: Assembly, node_id: str, node: Sink[Any] | AsyncTransform[Any], counters: NodeCounters
    ) -> None:
        policy = node_delivery(self._flow.nodes[node_id], self._options.environ)
        waiting = WaitingNode(
            node, counters, assembly.pump, self._boards[node_id], self._link_ready(assembly, node_id),
            self._gate(node_id, policy), policy, self._order(node, policy),
        )  # fmt: skip
        stays = isinstance(node, Sink) and not node.spec.leaves_machine and node.spec.connection is None
        if stays and not self._left(node_id):
            direct = DirectStation(waiting, counters)
            assembly.direct[node_id] = direct
            assembly.pump.add_station(node_id, direct)
            return
        edge = self._edge(assembly, node_id, node, policy)
        queued = QueuedStation(waiting, edge, counters)
        assembly.queued[node_id] = queued
        assembly.pump.add_station(node_id, queued)

    def _gate(self, node_id: str, policy: DeliveryPolicy) -> Gate:
        managed = self._managed.get(self._flow.nodes[node_id].connection or "")
        link = Breaker() if managed is None else managed.breaker
        return Gate(Breaker(policy.retry.first_s, policy.retry.max_s), link)

    def _order(self, node: Node[Any], policy: DeliveryPolicy) -> Order:
        return policy.order_kept(type(node)) if self._options.outbox is not None else "strict"

    def _edge(self, assembly: Assembly, node_id: str, node: Node[Any], policy: DeliveryPolicy) -> Edge:
        outbox = self._options.outbox
        wanted = policy.on_disk(type(node))
        overflow = assembly.overflows[node_id] = Overflow(assembly.counters[node_id], self._boards[node_id])
        if outbox is None or not (wanted or self._left(node_id)):
            return MemoryEdge(
                node_id, policy.max_messages or self._options.queue_messages,
                policy.max_bytes or self._options.queue_bytes,
                overflow if policy.when_full == "drop_oldest" else None,
            )  # fmt: skip
        if not wanted:
            # what it holds was promised to arrive, in order
            text = "still holds messages on disk, so its queue stays there in this run although it was switched off"
            self._history.add("info", text, node=node_id)
        durable = assembly.durable[node_id] = DurableEdge(
            outbox, self._flow.id, node_id, self._journal, trail=self._trail,
            on_lost=self._tell_lost(assembly.counters[node_id]),
        )  # fmt: skip
        durable.limit_by(policy, overflow)
        durable.park_with(policy, self._order(node, policy), self._tell_damaged(assembly.counters[node_id]))
        return durable

    def _tell_lost(self, counters: NodeCounters) -> Callable[[Lost], None]:
        def tell(lost: Lost) -> None:
            counters.lost(lost.number, lost.words())
            self._boards[counters.node_id].notice("error", lost.words())

        return tell

    def _tell_damaged(self, counters: NodeCounters) -> Callable[[str], None]:
        def tell(reason: str) -> None:
            counters.lost(1, reason)
            text = f"a parked message is damaged and was set aside: {reason}"
            self._boards[counters.node_id].notice("error", text)

        return tell

    def _left(self, node_id: str) -> bool:
        outbox = self._options.outbox
        return outbox is not None and outbox.left(self._flow.id, node_id)

    def _memories(self, assembly: Assembly) -> Memories | None:
        outbox = self._options.outbox
        if outbox is None or self._journal is None:
            return None
        return Memories(
            outbox, self._journal, self._flow.id, assembly.pump, assembly.graveyard, assembly.counters, self._clock
        )

    def _set_rides(self, assembly: Assembly) -> None:
        """Decide which appends are part of their batch's own transaction."""
        memories = assembly.memories
        if memories is None:
            return
        waiting = assembly.queued.keys() - assembly.durable.keys()
        fleeting = {source.node_id for source in assembly.sources if not source.comes_again}
        land = Landscape(assembly.plan.routes, assembly.durable.keys(), memories.nodes, waiting, fleeting)
        starts = {*(source.node_id for source in assembly.sources), *assembly.durable, *memories.nodes}
        rides = rides_by_start(land, starts)
        for node_id in memories.nodes:
            memories.origin(node_id).rides = rides[node_id]
        for node_id, edge in assembly.durable.items():
            edge.take_along(rides[node_id])
        for source in assembly.sources:
            source.take_along(rides[source.node_id])
        self._rides_from = lambda node_id: rides_by_start(land, {*starts, node_id})[node_id]

    def _succession(self) -> Succession | None:
        options = self._options
        if options.outbox is None:
            return None
        return Succession(options.outbox, self._flow.id, options.revision, self._clock, self._history)

    def _letters(self, pump: Pump) -> LetterOffice | None:
        if self._journal is None:
            return None
        return LetterOffice(
            self._journal, self._flow, self._options.revision, pump, self._trail, self._clock, self._rides_from
        )

    def _books(self, assembly: Assembly) -> Books | None:
        outbox, journal = self._options.outbox, self._journal
        if outbox is None or journal is None:
            return None
        land = Landscape(assembly.plan.routes, assembly.durable.keys(), (), ())
        once = [source.node_id for source in assembly.sources if not source.comes_again]
        fleeting = {node_id for start in once for node_id in reach(land, start)}
        note_passages(assembly.sources, assembly.segments, land, assembly.counters)
        ledger = Ledger(outbox, self._flow.id, self._clock)
        return Books(
            ledger, assembly.counters, assembly.nodes, assembly.durable, fleeting, assembly.settle_counters,
            assembly.sources, journal,
        )  # fmt: skip

    def _keeper(self) -> DeadLetterKeeper | None:
        options = self._options
        if options.outbox is None:
            return None
        return DeadLetterKeeper(options.outbox, self._flow.id, options.revision, self._clock)

    def _add_sources(self, assembly: Assembly) -> None:
        for node_id, node in assembly.nodes.items():
            if not isinstance(node, Source):
                continue
            counters = assembly.counters[node_id]
            if (disabled := self._flow.nodes[node_id].disabled) is not None:
                counters.state, counters.text = "stopped", f"disabled ({disabled})"
                continue
            ready = self._link_ready(assembly, node_id)
            positions = self._positions(node)
            loop = SourceLoop(
                node_id, node, counters, assembly.pump, self._boards[node_id], ready, positions,
                stays=self._options.by_hand,
            )  # fmt: skip
            assembly.sources.append(loop)

    def _positions(self, node: Source[Any]) -> Positions | None:
        if self._journal is not None:
            return KeptPositions(self._journal, told=node.is_replayable(node.config))
        return PositionTracker() if node.is_replayable(node.config) else None

    def _link_ready(self, assembly: Assembly, node_id: str) -> Callable[[], Awaitable[None]]:
        name = self._flow.nodes[node_id].connection

        async def ready() -> None:
            await assembly.pool.ready(name)

        return ready
