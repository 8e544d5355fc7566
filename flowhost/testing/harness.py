"""Runs a flow by the book: the test hands in messages and time, recorders take what arrives."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from typing_extensions import override

from flowhost.engine.assembly import Assembler
from flowhost.engine.failure import Failure
from flowhost.engine.options import RunOptions
from flowhost.engine.segment import Ported, Segment
from flowhost.engine.snapshot import FlowSnapshot, RunEvent
from flowhost.engine.ticker import Ticker, Timed
from flowhost.engine.token import Token
from flowhost.errors import ConfigError
from flowhost.graph.document import FlowDocument, NodeEntry
from flowhost.graph.library import NodeLibrary
from flowhost.graph.topology import topological_order
from flowhost.sdk import Config, Emit, Message, Node, NodeContext, NodeSpec, Sink, Source, WriteOutcome
from flowhost.testing.clock import VirtualClock
from flowhost.testing.freeze import freeze_message


class GivenSource(Source[Config]):
    """Stands in for a source; the harness feeds its output."""

    spec = NodeSpec(id="testing.given", title="Given", summary="Messages a test hands in.", category="debug")
    Config = Config

    @override
    async def run(self, emit: Emit) -> None:
        """Nothing comes by itself."""


class Recorder(Sink[Config]):
    """Stands in for a sink and keeps what arrives."""

    spec = NodeSpec(
        id="testing.recorder", title="Recorder", summary="Keeps what arrives.", category="debug", ports=(),
        leaves_machine=False, idempotent=True,
    )  # fmt: skip
    Config = Config

    def __init__(self, config: Any, context: NodeContext) -> None:
        super().__init__(config, context)
        self.received: list[Message] = []

    @override
    async def write(self, messages: Sequence[Message]) -> Sequence[WriteOutcome] | None:
        """Keep them."""
        self.received.extend(messages)
        return None


class FlowHarness:
    """A flow whose sources are the test, whose sinks are recorders and whose time is virtual.

    Args:
        flow: as written; sources and sinks are replaced, everything else runs as it is.
        library: installed node types.
        environ: values for `{env: NAME}`.
        base_dir: what relative paths are relative to.

    Raises:
        ConfigError: the flow cannot run as it is written.
    """

    def __init__(
        self,
        flow: FlowDocument,
        library: NodeLibrary,
        environ: Mapping[str, str] | None = None,
        base_dir: Path = Path(),
    ) -> None:
        self.clock = VirtualClock()
        self.events: list[RunEvent] = []
        options = RunOptions(base_dir=base_dir, environ=environ or {}, clock=self.clock, on_event=self.events.append)
        stand_ins = self._stand_ins(library)
        self._flow = flow
        self._parts = Assembler(stand_ins.replace_in(flow), stand_ins, options).build()
        self._freeze_inputs()
        self._ticker = Ticker(
            [Timed(segment) for segment in self._parts.stateful.values()], self._parts.pump, self.clock
        )
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> FlowHarness:
        """Open the nodes."""
        for transform in self._parts.transforms:
            await transform.open()
        for direct in self._parts.direct.values():
            await direct.waiting.open()
        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(queued.serve()) for queued in self._parts.queued.values()]
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close the nodes."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for transform in self._parts.transforms:
            await transform.close()
        for waiting in self._parts.waiting_nodes():
            await waiting.close()

    async def feed(self, source: str, messages: Sequence[Message], port: str = "out") -> None:
        """Let messages come out of a source and everything that follows from them happen."""
        await self._parts.pump.feed(source, port, [freeze_message(m) for m in messages], Token())
        await self._settle()

    async def move_to(self, moment_ns: int) -> None:
        """Move time forward, stopping wherever a node wanted to be called."""
        while (due := self._next_due_ns()) is not None and due <= moment_ns:
            self.clock.move_to(due)
            await self._ticker.tick()
            await self._settle()
        self.clock.move_to(moment_ns)

    async def end(self) -> None:
        """The run ends: transforms that hold messages give them out, upstream first."""
        for node_id in topological_order(self._flow):
            if (stateful := self._parts.stateful.get(node_id)) is not None:
                await self._ticker.flush(stateful)
                await self._settle()

    def received(self, sink: str) -> list[Message]:
        """What has arrived at a sink, oldest first.

        Raises:
            ConfigError: the node is no sink of this flow.
        """
        recorder = self._parts.nodes.get(sink)
        if not isinstance(recorder, Recorder):
            raise ConfigError("is no sink of this flow; only sinks record what arrives", f"nodes.{sink}")
        return recorder.received

    def recorded(self, node_id: str) -> Sequence[Message] | None:
        """What has arrived at a node that records; None for one that does not."""
        node = self._parts.nodes.get(node_id)
        return node.received if isinstance(node, Recorder) else None

    def snapshot(self) -> FlowSnapshot:
        """Figures of every node and queue at this moment; `balanced()` tells whether the ledger adds up."""
        for segment in self._parts.segments:
            segment.settle_counters()
        nodes = {node_id: counters.snapshot() for node_id, counters in self._parts.counters.items()}
        edges = [queued.edge.snapshot() for queued in self._parts.queued.values()]
        return FlowSnapshot(flow=self._flow.id, state="running", nodes=nodes, edges=edges)

    def dead(self) -> list[str]:
        """Failures nobody handled, as `node: cause`."""
        return [f"{event.node}: {event.text}" for event in self.events if event.kind == "dead"]

    def _next_due_ns(self) -> int | None:
        return min((ns for s in self._parts.stateful.values() if (ns := s.next_due_ns()) is not None), default=None)

    async def _settle(self) -> None:
        for queued in self._parts.queued.values():
            await queued.edge.idle()

    def _freeze_inputs(self) -> None:
        for segment in self._parts.segments:
            self._parts.pump.add_segment(self._wrapped(segment))

    def _wrapped(self, segment: Segment) -> Segment:
        return FreezingSegment(segment)

    def _stand_ins(self, library: NodeLibrary) -> StandIns:
        return StandIns(library)


class SegmentAround:
    """A segment around another; what it does not do itself the other does."""

    def __init__(self, segment: Segment) -> None:
        self.nodes = segment.nodes
        self._segment = segment

    def settle_counters(self) -> None:
        """As the segment does."""
        self._segment.settle_counters()

    def trace_next(self) -> None:
        """As the segment does."""
        self._segment.trace_next()

    def traced(self) -> Mapping[tuple[str, str], Message]:
        """As the segment does."""
        return self._segment.traced()


class FreezingSegment(SegmentAround):
    """Freezes what a segment is given, so that a transform that changes its input is found out."""

    def run(self, messages: Sequence[Message], failures: list[Failure]) -> Ported:
        """Run with frozen messages."""
        return self._segment.run([freeze_message(message) for message in messages], failures)

    def from_node(self, node_id: str) -> FreezingSegment:
        """As the segment does."""
        return FreezingSegment(self._segment.from_node(node_id))


class StandIns:
    """A library whose sources and sinks are replaced; implements `NodeLibrary`."""

    def __init__(self, library: NodeLibrary) -> None:
        self._library = library
        self.nodes: Mapping[str, type[Node[Any]]] = {
            **library.nodes, GivenSource.spec.id: GivenSource, Recorder.spec.id: Recorder,
        }  # fmt: skip
        self.connections = library.connections
        self.functions = library.functions

    def replace_in(self, flow: FlowDocument) -> FlowDocument:
        """The flow with stand-ins."""
        return replace(flow, nodes={node_id: self._stand_in(entry) for node_id, entry in flow.nodes.items()})

    def _stand_in(self, entry: NodeEntry) -> NodeEntry:
        kind = self._library.nodes.get(entry.type)
        if kind is not None and issubclass(kind, Source):
            return replace(entry, type=GivenSource.spec.id, config={}, connection=None)
        if kind is not None and issubclass(kind, Sink):
            return replace(entry, type=Recorder.spec.id, config={}, connection=None)
        return entry
