"""A harness that keeps every message on its way, to show what each node made of a sample."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from typing_extensions import override

from flowhost.engine.failure import Failure
from flowhost.engine.pump import Deliveries
from flowhost.engine.segment import Ported, Segment
from flowhost.graph.document import FlowDocument, NodeEntry
from flowhost.graph.library import NodeLibrary
from flowhost.sdk import AsyncTransform, Message
from flowhost.testing.harness import FlowHarness, FreezingSegment, Recorder, SegmentAround, StandIns


@dataclass(frozen=True)
class Tap:
    """A message that left a node by a port."""

    node: str
    port: str
    message: Message


class TappedHarness(FlowHarness):
    """Runs a flow as `FlowHarness` does, touches no target at all, and keeps what leaves each node.

    Transforms that ask a target by a connection are recorders here, too: what they would have been asked is seen,
    what they would have answered is not known.

    Attributes:
        taps: in the order in which they came about.
    """

    def __init__(
        self,
        flow: FlowDocument,
        library: NodeLibrary,
        environ: Mapping[str, str] | None = None,
        base_dir: Path = Path(),
    ) -> None:
        self.taps: list[Tap] = []
        super().__init__(flow, library, environ, base_dir)
        pump = self._parts.pump
        spread = pump.spread

        def tapped(node_id: str, port: str, messages: Sequence[Message], deliveries: Deliveries) -> None:
            self.taps += [Tap(node_id, port, message) for message in messages]
            spread(node_id, port, messages, deliveries)

        pump.spread = tapped  # type: ignore[method-assign]  # this one pump only

    @override
    def _stand_ins(self, library: NodeLibrary) -> StandIns:
        return UntouchedTargets(library)

    @override
    def _wrapped(self, segment: Segment) -> Segment:
        return TappedSegment(FreezingSegment(segment), self.taps)


class UntouchedTargets(StandIns):
    """Stand-ins also for transforms that ask a target."""

    @override
    def _stand_in(self, entry: NodeEntry) -> NodeEntry:
        kind = self._library.nodes.get(entry.type)
        if kind is not None and issubclass(kind, AsyncTransform) and kind.spec.connection is not None:
            return replace(entry, type=Recorder.spec.id, config={}, connection=None)
        return super()._stand_in(entry)


class TappedSegment(SegmentAround):
    """Runs messages one by one, so that what passes between the nodes of a generated stage is seen, too."""

    def __init__(self, segment: Segment, taps: list[Tap]) -> None:
        super().__init__(segment)
        self._taps = taps
        self._known: dict[tuple[str, str], Message] = {}

    def run(self, messages: Sequence[Message], failures: list[Failure]) -> Ported:
        """Run, one message at a time; what comes out in the end is kept where it is sent on."""
        merged: dict[str, list[Message]] = {}
        for message in messages:
            if len(self.nodes) > 1:
                self._segment.trace_next()
            for port, sent in self._segment.run([message], failures):
                merged.setdefault(port, []).extend(sent)
            self._keep_inner()
        return list(merged.items())

    def _keep_inner(self) -> None:
        if len(self.nodes) < 2:
            return
        for (node, port), message in self._segment.traced().items():
            # what an earlier message left behind is no news
            if node != self.nodes[-1] and self._known.get((node, port)) is not message:
                self._known[node, port] = message
                self._taps.append(Tap(node, port, message))

    def from_node(self, node_id: str) -> Segment:
        """As the segment does."""
        return TappedSegment(self._segment.from_node(node_id), self._taps)
