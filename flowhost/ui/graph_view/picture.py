"""What the picture of a flow looks like: nodes with ports, wires as paths, all in pixels of the picture."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from flowhost.graph.document import FlowDocument, Wire
from flowhost.services.host_views import NodeTypeView
from flowhost.ui.icons import bundled
from flowhost.ui.layout import Box, Picture, Place, arrange

WIDTH = 200.0
HEAD = 82.0
"""Height of a node with one output."""
MIDDLE_Y = 26.0
"""Where the input sits, and a single output: level, so that chains are straight lines."""
FIRST_PORT_Y = 64.0
PORT_STEP = 22.0
"""Several outputs stand below each other with their names."""
FOOT = 34.0
LEVEL = 18.0
"""A wire that rises less than this is level: its figures stand above it, else on it."""


def describe(document: FlowDocument, types: Mapping[str, NodeTypeView]) -> str:
    """The flow as JSON text for the drawing script: positions, titles, ports, wire paths. No config, no secret."""
    ports = {node: _ports(document, node, types) for node in document.nodes}
    boxes = {node: Box(WIDTH, _height(ports[node])) for node in document.nodes}
    picture = arrange(boxes, [(wire.source, wire.target) for wire in document.wires], _given(document))
    fed = {wire.target for wire in document.wires}
    nodes = [
        _node(document, node, types, picture.places[node], boxes[node], ports[node], fed=node in fed)
        for node in document.nodes
    ]
    wires = [_wire(wire, document, picture, ports) for wire in document.wires if _drawn(wire, document)]
    return json.dumps({"width": picture.width, "height": picture.height, "nodes": nodes, "wires": wires})


def wire_id(source: str, port: str, target: str) -> str:
    """Name of a wire in picture and figures."""
    return f"{source}.{port}>{target}"


def _drawn(wire: Wire, document: FlowDocument) -> bool:
    return wire.source in document.nodes and wire.target in document.nodes


def _ports(document: FlowDocument, node: str, types: Mapping[str, NodeTypeView]) -> list[str]:
    """Outputs to draw: those of the type, those wired, and `error` last, only if wired."""
    known = types.get(document.nodes[node].type)
    wired = [wire.port for wire in document.wires if wire.source == node]
    names = dict.fromkeys([*(known.ports if known else ()), *wired])
    if known is not None and known.kind == "sink":
        names = dict.fromkeys(name for name in names if name in wired)
    plain = [name for name in names if name != "error"]
    return plain + (["error"] if "error" in wired else [])


def _height(ports: Sequence[str]) -> float:
    return FIRST_PORT_Y + PORT_STEP * (len(ports) - 1) + 10 + FOOT if len(ports) > 1 else HEAD


def _port_y(ports: Sequence[str], port: str) -> float:
    """Where an output sits on the right edge."""
    return MIDDLE_Y if len(ports) == 1 else FIRST_PORT_Y + PORT_STEP * ports.index(port)


def _given(document: FlowDocument) -> dict[str, tuple[float, float]] | None:
    """Positions in the flow file, where each is a pair of numbers."""
    given = document.layout.get("nodes")
    if not isinstance(given, Mapping):
        return None
    pairs: dict[str, tuple[float, float]] = {}
    for node, spot in given.items():
        if isinstance(spot, Sequence) and len(spot) == 2 and all(isinstance(v, int | float) for v in spot):
            pairs[str(node)] = (float(spot[0]), float(spot[1]))
    return pairs


def _node(
    document: FlowDocument,
    node: str,
    types: Mapping[str, NodeTypeView],
    place: Place,
    box: Box,
    ports: Sequence[str],
    *,
    fed: bool,
) -> dict[str, Any]:
    entry = document.nodes[node]
    known = types.get(entry.type)
    return {
        "id": node,
        "title": entry.name or node,
        "type": entry.type,
        "icon": bundled(known.icon, known.kind) if known else "extension_off",
        "kind": known.kind if known else "unknown",
        "off": entry.disabled or "",
        "x": round(place.x, 1),
        "y": round(place.y, 1),
        "w": box.width,
        "h": box.height,
        "input": MIDDLE_Y if fed or (known is not None and known.kind != "source") else None,
        "ports": [{"name": port, "y": round(_port_y(ports, port), 1)} for port in ports],
        "named": len(ports) > 1,
    }


def _wire(wire: Wire, document: FlowDocument, picture: Picture, ports: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    start, end = picture.places[wire.source], picture.places[wire.target]
    points = [
        Place(start.x + WIDTH, start.y + _port_y(ports[wire.source], wire.port)),
        *picture.bends.get((wire.source, wire.target), ()),
        Place(end.x, end.y + MIDDLE_Y),
    ]
    beside = [other for other in document.wires if (other.source, other.target) == (wire.source, wire.target)]
    at = 0.56 if len(beside) == 1 else 0.34 + 0.38 * beside.index(wire) / (len(beside) - 1)
    x, y = label_spot(points[-2], points[-1], at)
    return {
        "id": wire_id(wire.source, wire.port, wire.target),
        "source": wire.source,
        "port": wire.port,
        "target": wire.target,
        "path": path(points),
        "x": round(x, 1),
        "y": round(y, 1),
        "level": abs(points[-1].y - points[-2].y) < LEVEL,
    }


def label_spot(a: Place, b: Place, at: float) -> tuple[float, float]:
    """Where a wire's figures stand: on the curve, `at` of the way from 0 to 1."""
    pull = _pull(a, b)
    ways = ((1 - at) ** 3, 3 * (1 - at) ** 2 * at, 3 * (1 - at) * at**2, at**3)
    xs, ys = (a.x, a.x + pull, b.x - pull, b.x), (a.y, a.y, b.y, b.y)
    return sum(w * x for w, x in zip(ways, xs, strict=True)), sum(w * y for w, y in zip(ways, ys, strict=True))


def path(points: Sequence[Place]) -> str:
    """SVG path through the points, leaving and arriving level."""
    first = points[0]
    parts = [f"M{first.x:.1f} {first.y:.1f}"]
    for a, b in pairwise(points):
        pull = _pull(a, b)
        parts.append(f"C{a.x + pull:.1f} {a.y:.1f} {b.x - pull:.1f} {b.y:.1f} {b.x:.1f} {b.y:.1f}")
    return "".join(parts)


def _pull(a: Place, b: Place) -> float:
    """How far a curve runs level at its ends."""
    return max(abs(b.x - a.x) / 2, 30.0 if b.x > a.x else 80.0)
