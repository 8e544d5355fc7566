"""The guarantee of every path from a source to a target, worked out from what its nodes say and how they are set.

Best effort: something may be lost. At least once: nothing is lost, but may count twice. Effectively once: nothing is
lost and everything counts once, however often it is sent.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from flowhost.graph.answers import Answers
from flowhost.graph.document import FlowDocument, Wire
from flowhost.graph.topology import topological_order
from flowhost.graph.ways import Reason, Way, begin, enter, join, leave, reason

Level = Literal["best effort", "at least once", "effectively once"]

LEVELS: tuple[Level, ...] = ("best effort", "at least once", "effectively once")
"""From the weakest to the strongest."""


@dataclass(frozen=True, kw_only=True)
class PathGuarantee:
    """What one path promises. Paths between the same two nodes that promise the same are one.

    Attributes:
        source: where messages begin.
        sink: where they leave the machine.
        route: the nodes on the way, the shortest where there are several: `a`, or `a.port` where it is not `out`.
        failed: the path of messages that left a node by its error port.
        level: from the origin to the target.
        received: from the moment on at which FlowHost has taken a message over; better than `level` where the origin
            cannot bring again what FlowHost did not see.
        reasons: why it is no better: first those that concern `level`, last those that only concern order.
    """

    source: str
    sink: str
    route: tuple[str, ...]
    failed: bool
    level: Level
    received: Level
    reasons: tuple[Reason, ...]

    @property
    def words(self) -> str:
        """The guarantee in words."""
        return self.level if self.level == self.received else f"{self.level} up to FlowHost, then {self.received}"


def guarantees(document: FlowDocument, nodes: Mapping[str, Answers]) -> tuple[PathGuarantee, ...]:
    """The guarantee of every path, by sink and source in file order.

    Args:
        document: a flow without errors.
        nodes: what its nodes answered.
    """
    wires: dict[str, list[Wire]] = {}
    for wire in document.wires:
        wires.setdefault(wire.target, []).append(wire)
    after: dict[str, list[Way]] = {}
    for node_id in topological_order(document):
        node = nodes[node_id]
        came = (leave(way, wire.port) for wire in wires.get(node_id, ()) for way in _leaving(after, nodes, wire))
        after[node_id] = list(_after(node, came))
    found = [_promise(way, nodes[sink]) for sink in document.nodes if _delivers(nodes[sink]) for way in after[sink]]
    place = {node_id: index for index, node_id in enumerate(document.nodes)}
    return tuple(sorted(_one_each(found), key=lambda path: (place[path.sink], path.failed, place[path.source])))


def _after(node: Answers, came: Iterator[Way]) -> Iterator[Way]:
    """How messages stand once they have come to a node."""
    disabled = node.entry.disabled
    if disabled == "pass" and not node.is_source:
        yield from join(came)
    elif disabled is None and node.is_source:
        yield begin(node)
    elif disabled is None:
        yield from join(enter(way, node) for way in came)


def _leaving(after: Mapping[str, list[Way]], nodes: Mapping[str, Answers], wire: Wire) -> list[Way]:
    """What a wire carries; of a disabled node, only what passes it."""
    node = nodes[wire.source]
    passes = node.entry.disabled is None or (wire.port == "out" and not node.is_sink)
    return after[wire.source] if passes else []


def _one_each(paths: Sequence[PathGuarantee]) -> Iterable[PathGuarantee]:
    """One path for all that promise the same between the same nodes: the shorter route, all reasons."""
    kept: dict[tuple[object, ...], PathGuarantee] = {}
    for path in paths:
        kind = (path.source, path.sink, path.failed, path.level, path.received)
        if (known := kept.get(kind)) is None:
            kept[kind] = path
            continue
        route = min(known.route, path.route, key=len)
        kept[kind] = replace(known, route=route, reasons=tuple(dict.fromkeys((*known.reasons, *path.reasons))))
    return kept.values()


def _delivers(node: Answers) -> bool:
    return node.is_target and node.entry.disabled is None


def _promise(way: Way, sink: Answers) -> PathGuarantee:
    losses, doubles = way.losses, way.doubles
    if sink.known and not sink.confirmed:
        text = "calls done what its target has not confirmed: what is on the line at a break is lost"
        losses = (*losses, reason(sink, text, "is_confirmed"))
    if sink.known and not sink.idempotent:
        text = "a message that is sent again counts again at the target"
        doubles = (*doubles, reason(sink, text, "is_idempotent"))
    elif sink.by_id and way.new_ids:
        doubles = (*doubles, *way.new_ids)
    received: Level = "best effort" if losses else "at least once" if doubles else "effectively once"
    return PathGuarantee(
        source=way.source,
        sink=sink.entry.id,
        route=way.route,
        failed=way.failed,
        level="best effort" if way.missed else received,
        received=received,
        reasons=tuple(dict.fromkeys((*way.missed, *losses, *doubles, *way.unordered))),
    )
