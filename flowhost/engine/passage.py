"""What has been counted of a source's batch while nothing that follows from it is on the way to disk."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

from flowhost.engine.counters import NodeCounters
from flowhost.engine.segment import Segment
from flowhost.engine.token import Figures, Token

NOTHING: Figures = (0,) * 7


def figures_of(own: NodeCounters) -> Figures:
    """What a ledger keeps of a node, in its order."""
    return own.in_, own.made, own.out + own.rerouted, own.used, own.filtered, own.dead, own.dropped


class Passage:
    """A source and the nodes that its batches pass in memory.

    Were the process to die while a part of a batch has been counted there and nothing of it is on disk, it would come
    again and be counted again: until then what it has brought about is told apart, so that the ledger leaves it out.

    Args:
        counters: of those nodes.
        segments: the nodes' segments, which know what the counters do not yet.
    """

    def __init__(self, counters: Sequence[NodeCounters], segments: Sequence[Segment]) -> None:
        self._counters = counters
        self._segments = segments

    def note(self, token: Token, work: Callable[[], None]) -> None:
        """Have a part of a batch pass, and note on its token what the counters say of that."""
        before = self._figures()
        work()
        for own, old, new in zip(self._counters, before, self._figures(), strict=True):
            if old != new:
                token.passes(own.node_id, tuple(b - a for a, b in zip(old, new, strict=True)))

    def _figures(self) -> list[Figures]:
        for segment in self._segments:
            segment.settle_counters()
        return [figures_of(own) for own in self._counters]


def sums(parts: Collection[Mapping[str, Figures]]) -> dict[str, Figures]:
    """Figures by node of several batches."""
    found: dict[str, Figures] = {}
    for part in parts:
        for node_id, figures in part.items():
            found[node_id] = tuple(a + b for a, b in zip(found.get(node_id, NOTHING), figures, strict=True))
    return found
