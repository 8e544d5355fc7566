"""Where the nodes of a flow stand in its picture: layers from left to right, few crossings, no overlap.

Pure: sizes and wires in, positions and bends out. Where the flow file gives a position to every node, those are used.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

GAP_X = 100.0
"""Free room between two layers, for wires and their figures."""
GAP_Y = 28.0
"""Free room between two nodes of a layer."""
_SWEEPS = 6


@dataclass(frozen=True)
class Box:
    """Size of a node, in pixels of the picture."""

    width: float
    height: float


@dataclass(frozen=True)
class Place:
    """Top left corner of a node."""

    x: float
    y: float


@dataclass(frozen=True)
class Picture:
    """A laid-out flow.

    Attributes:
        places: top left corner of each node.
        bends: for a wire that passes layers, the points it goes through, by (source, target).
        width: of the whole picture.
        height: of the whole picture.
    """

    places: dict[str, Place]
    bends: dict[tuple[str, str], tuple[Place, ...]]
    width: float
    height: float


def arrange(
    boxes: Mapping[str, Box],
    wires: Sequence[tuple[str, str]],
    given: Mapping[str, tuple[float, float]] | None = None,
) -> Picture:
    """Lay out a flow.

    Args:
        boxes: size of each node, in file order; the order decides where the wires leave a choice.
        wires: (source, target); those to unknown nodes are ignored.
        given: positions from the flow file; used if they name every node.
    """
    known = list(dict.fromkeys((a, b) for a, b in wires if a in boxes and b in boxes and a != b))
    if given and all(node in given for node in boxes):
        return _as_given(boxes, given)
    layer = layers(boxes, known)
    chains = _with_dummies(known, layer)
    rows = _rows(boxes, layer, chains)
    _reduce_crossings(rows, chains)
    return _positions(boxes, layer, rows, chains)


def layers(nodes: Iterable[str], wires: Sequence[tuple[str, str]]) -> dict[str, int]:
    """Layer of each node: the longest way to it from a start. Nodes of a cycle stand where they are first met."""
    follow: dict[str, list[str]] = defaultdict(list)
    waiting = dict.fromkeys(nodes, 0)
    for source, target in wires:
        follow[source].append(target)
        waiting[target] += 1
    layer = dict.fromkeys(waiting, 0)
    ready = [node for node, left in waiting.items() if left == 0]
    done: set[str] = set()
    while len(done) < len(layer):
        if not ready:  # a cycle: lint reports it, the picture still shows it
            ready.append(next(node for node in layer if node not in done))
        node = ready.pop(0)
        done.add(node)
        for target in follow[node]:
            if target in done:
                continue
            layer[target] = max(layer[target], layer[node] + 1)
            waiting[target] -= 1
            if waiting[target] == 0:
                ready.append(target)
    return layer


def crossings(rows: Sequence[Sequence[str]], chains: Mapping[tuple[str, str], Sequence[str]]) -> int:
    """How often wires between neighbouring layers cross."""
    at = {item: index for row in rows for index, item in enumerate(row)}
    level = {item: index for index, row in enumerate(rows) for item in row}
    by_layer: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for chain in chains.values():
        for left, right in pairwise(chain):
            by_layer[level[left]].append((at[left], at[right]))
    return sum(
        (a[0] - b[0]) * (a[1] - b[1]) < 0
        for steps in by_layer.values()
        for index, a in enumerate(steps)
        for b in steps[index + 1 :]
    )


def _as_given(boxes: Mapping[str, Box], given: Mapping[str, tuple[float, float]]) -> Picture:
    """Positions of the file, moved so that the picture begins at zero."""
    left = min(given[node][0] for node in boxes)
    top = min(given[node][1] for node in boxes)
    places = {node: Place(given[node][0] - left, given[node][1] - top) for node in boxes}
    return _picture(boxes, places, {})


def _with_dummies(wires: Sequence[tuple[str, str]], layer: Mapping[str, int]) -> dict[tuple[str, str], list[str]]:
    """Each wire as a chain of one item per layer, so that long wires get a row of their own to pass by."""
    return {
        (a, b): [a, *(f"{a}\0{b}\0{step}" for step in range(layer[a] + 1, layer[b])), b]
        for a, b in wires
        if layer[b] > layer[a]
    }


def _rows(
    boxes: Mapping[str, Box], layer: Mapping[str, int], chains: Mapping[tuple[str, str], Sequence[str]]
) -> list[list[str]]:
    rows: list[list[str]] = [[] for _ in range(max(layer.values(), default=-1) + 1)]
    for node in boxes:
        rows[layer[node]].append(node)
    for (source, _), chain in chains.items():
        for offset, item in enumerate(chain[1:-1], start=1):
            rows[layer[source] + offset].append(item)
    return rows


def _reduce_crossings(rows: list[list[str]], chains: Mapping[tuple[str, str], Sequence[str]]) -> None:
    """Order each layer by the middle of its neighbours, to and fro; keep the best order seen."""
    before, after = _neighbours(chains)
    best = [list(row) for row in rows]
    fewest = crossings(rows, chains)
    for sweep in range(_SWEEPS):
        forward = sweep % 2 == 0
        order = range(1, len(rows)) if forward else range(len(rows) - 2, -1, -1)
        for index in order:
            beside = rows[index - 1] if forward else rows[index + 1]
            _order_by_middle(rows[index], beside, before if forward else after)
        now = crossings(rows, chains)
        if now < fewest:
            fewest, best = now, [list(row) for row in rows]
    rows[:] = best


def _neighbours(
    chains: Mapping[tuple[str, str], Sequence[str]],
) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    before: dict[str, list[str]] = defaultdict(list)
    after: dict[str, list[str]] = defaultdict(list)
    for chain in chains.values():
        for left, right in pairwise(chain):
            after[left].append(right)
            before[right].append(left)
    return before, after


def _order_by_middle(row: list[str], beside: Sequence[str], neighbours: Mapping[str, Sequence[str]]) -> None:
    at = {item: index for index, item in enumerate(beside)}
    own = {item: index for index, item in enumerate(row)}

    def middle(item: str) -> float:
        seen = [at[other] for other in neighbours.get(item, ()) if other in at]
        return sum(seen) / len(seen) if seen else own[item]

    row.sort(key=middle)


def _positions(
    boxes: Mapping[str, Box],
    layer: Mapping[str, int],
    rows: Sequence[Sequence[str]],
    chains: Mapping[tuple[str, str], Sequence[str]],
) -> Picture:
    height = {item: boxes[item].height if item in boxes else 0.0 for row in rows for item in row}
    centre = _centres(rows, height, chains)
    widths = [max((boxes[item].width for item in row if item in boxes), default=0.0) for row in rows]
    left = [sum(widths[:index]) + GAP_X * index for index in range(len(rows))]
    top = min((centre[item] - height[item] / 2 for row in rows for item in row), default=0.0)
    places = {node: Place(left[layer[node]], centre[node] - height[node] / 2 - top) for node in boxes}
    bends = {
        (a, b): tuple(
            Place(left[layer[a] + step] + widths[layer[a] + step] / 2, centre[item] - top)
            for step, item in enumerate(chain[1:-1], start=1)
        )
        for (a, b), chain in chains.items()
        if len(chain) > 2
    }
    return _picture(boxes, places, bends)


def _centres(
    rows: Sequence[Sequence[str]], height: Mapping[str, float], chains: Mapping[tuple[str, str], Sequence[str]]
) -> dict[str, float]:
    """Vertical middle of every item: pulled towards its neighbours, pushed apart within its layer."""
    before, after = _neighbours(chains)
    centre: dict[str, float] = {}
    for row in rows:
        total = sum(height[item] for item in row) + GAP_Y * max(len(row) - 1, 0)
        _stack(row, height, centre, dict.fromkeys(row, 0.0), start=-total / 2)
    for sweep in range(_SWEEPS):
        sides = [before, after] if sweep == _SWEEPS - 1 else [after if sweep % 2 else before]
        for row in rows if sweep % 2 == 0 else list(reversed(rows)):
            wish = {item: _wish(item, centre, sides) for item in row}
            _stack(row, height, centre, wish, start=None)
    return centre


def _wish(item: str, centre: Mapping[str, float], sides: Sequence[Mapping[str, Sequence[str]]]) -> float:
    seen = [centre[other] for side in sides for other in side.get(item, ())]
    return sum(seen) / len(seen) if seen else centre[item]


def _stack(
    row: Sequence[str],
    height: Mapping[str, float],
    centre: dict[str, float],
    wish: Mapping[str, float],
    *,
    start: float | None,
) -> None:
    """Put the items of a layer below each other, each as near to its wish as order and gaps allow."""
    if start is not None:
        at = start
        for item in row:
            centre[item] = at + height[item] / 2
            at += height[item] + GAP_Y
        return
    groups: list[tuple[list[str], float]] = []  # neighbours that touch move as one, by the mean of their wishes
    for item in row:
        group, middle = [item], wish[item]
        while groups and groups[-1][1] + _span(groups[-1][0], height) / 2 + GAP_Y > middle - _span(group, height) / 2:
            group = [*groups.pop()[0], *group]
            middle = _group_middle(group, height, wish)
        groups.append((group, middle))
    for group, middle in groups:
        at = middle - _span(group, height) / 2
        for item in group:
            centre[item] = at + height[item] / 2
            at += height[item] + GAP_Y


def _span(group: Sequence[str], height: Mapping[str, float]) -> float:
    return sum(height[item] for item in group) + GAP_Y * (len(group) - 1)


def _group_middle(group: Sequence[str], height: Mapping[str, float], wish: Mapping[str, float]) -> float:
    """Where the group's middle has to be for its members to be nearest to their wishes."""
    at, total = 0.0, 0.0
    for item in group:
        total += wish[item] - (at + height[item] / 2)
        at += height[item] + GAP_Y
    return total / len(group) + _span(group, height) / 2


def _picture(
    boxes: Mapping[str, Box], places: dict[str, Place], bends: dict[tuple[str, str], tuple[Place, ...]]
) -> Picture:
    right = max((place.x + boxes[node].width for node, place in places.items()), default=0.0)
    bottom = max((place.y + boxes[node].height for node, place in places.items()), default=0.0)
    low = max((bend.y for points in bends.values() for bend in points), default=0.0)
    return Picture(places, bends, right, max(bottom, low))
