"""How far the batches of each origin travel in memory, and which appends therefore are part of their transaction."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from flowhost.engine.load import Rides
from flowhost.engine.pump import Routes


@dataclass(frozen=True)
class Landscape:
    """What of a flow matters here.

    Attributes:
        routes: targets of every wired output.
        queues: nodes behind a queue on disk: batches of others end there, batches of its own begin there.
        remembering: nodes whose state is saved.
        waiting: nodes a batch waits for in memory.
        fleeting: sources that cannot bring a batch again.
    """

    routes: Routes
    queues: Collection[str]
    remembering: Collection[str]
    waiting: Collection[str]
    fleeting: Collection[str] = ()


def rides_by_start(land: Landscape, starts: Collection[str]) -> Mapping[str, Rides]:
    """Which appends ride, for batches that begin at each of these nodes: sources, nodes behind a queue, nodes that act
    on time.

    Batches that can meet at a node ride alike: what comes out of them may come out of them together.
    """
    groups: list[tuple[set[str], set[str]]] = []
    for start in starts:
        members, nodes = {start}, set(reach(land, start))
        apart = []
        for group in groups:
            if group[1].isdisjoint(nodes):
                apart.append(group)
            else:
                members |= group[0]
                nodes |= group[1]
        groups = [*apart, (members, nodes)]
    return {start: rides_in(land, nodes) for members, nodes in groups for start in members}


def rides_in(land: Landscape, nodes: Collection[str]) -> Rides:
    """Which appends ride behind these nodes."""
    waits = any(node in land.waiting for node in nodes)
    if any(node in land.remembering for node in nodes):
        return Rides.HELD if waits else Rides.ALL
    # a part of a batch in one queue would be all that is left of it: nobody brings it again for the other
    forks = not waits and any(node in land.fleeting for node in nodes) and landings(land, nodes) > 1
    return Rides.ALL if forks else Rides.NONE


def landings(land: Landscape, nodes: Collection[str]) -> int:
    """How many wires lead from these nodes into queues on disk."""
    wires = [target for (node, _), targets in land.routes.items() if node in nodes for target in targets]
    return sum(target in land.queues for target in wires)


def reach(land: Landscape, start: str) -> Iterator[str]:
    """The nodes a batch that begins at `start` passes before it ends on disk or at a target."""
    targets: dict[str, list[str]] = {}
    for (node, _), wired in land.routes.items():
        targets.setdefault(node, []).extend(wired)
    seen = {start}
    todo = [start]
    while todo:
        node = todo.pop()
        yield node
        for target in targets.get(node, ()):
            if target not in seen and target not in land.queues:
                seen.add(target)
                todo.append(target)


def upstream(routes: Routes, node: str) -> set[str]:
    """Every node from which messages can come to this one."""
    found: set[str] = set()
    todo = [node]
    while todo:
        one = todo.pop()
        sources = {source for (source, _), targets in routes.items() if one in targets} - found
        found |= sources
        todo += sources
    return found
