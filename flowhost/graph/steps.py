"""From one version of a draft to another as operations: what a change of the whole text means for those who edit along.

Only what differs becomes an operation, so two people who change different things do not get in each other's way.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from flowhost.graph.jsonform import same
from flowhost.graph.ops import (
    FREE_ROOTS,
    NODE_PARTS,
    AddNode,
    AddWire,
    DeleteNode,
    DeleteWire,
    Draft,
    Move,
    Op,
    Set,
    Spot,
    Unset,
    apply,
)


def steps(old: Draft, new: Mapping[str, Any]) -> list[Op]:
    """Operations that make `new` of `old`, both flows of one id in the form of `flowhost.graph.jsonform`.

    The order of nodes that are in both, and places of nodes that are in neither, are left as they are.

    Raises:
        OpError: `new` is no sound draft, such as one with wires in a circle.
    """
    done: list[Op] = []
    for part in (_removed, _nodes, _wires, _roots, _layout):
        found = list(part(old, new))
        old, _ = apply(old, found)
        done += found
    return done


def _removed(old: Draft, new: Mapping[str, Any]) -> Iterator[Op]:
    """Wires and nodes that go; a node of another type is another node."""
    wires = set(new["wires"])
    yield from (DeleteWire(wire) for wire in old["wires"] if wire not in wires)
    for node_id, node in old["nodes"].items():
        if new["nodes"].get(node_id, {}).get("type") != node["type"]:
            yield DeleteNode(node_id)


def _nodes(old: Draft, new: Mapping[str, Any]) -> Iterator[Op]:
    places = _part(new, "nodes")
    for index, (node_id, node) in enumerate(new["nodes"].items()):
        if node_id not in old["nodes"]:
            yield AddNode(node_id, dict(node), _spot(places.get(node_id)), index)
            continue
        before = old["nodes"][node_id]
        for key in NODE_PARTS:
            yield from _values(["nodes", node_id, key], before, node, key)


def _wires(old: Draft, new: Mapping[str, Any]) -> Iterator[Op]:
    known = set(old["wires"])
    yield from (AddWire(wire, index) for index, wire in enumerate(new["wires"]) if wire not in known)


def _roots(old: Draft, new: Mapping[str, Any]) -> Iterator[Op]:
    for key in FREE_ROOTS:
        if key != "layout":
            yield from _values([key], old, new, key)


def _layout(old: Draft, new: Mapping[str, Any]) -> Iterator[Op]:
    was, now = _part(old, "nodes"), _part(new, "nodes")
    moved = {name: _spot(now.get(name)) for name in new["nodes"] if not same(was.get(name), now.get(name))}
    if moved:
        yield Move(moved)
    before, after = old.get("layout") or {}, new.get("layout") or {}
    for key in dict.fromkeys([*before, *after]):
        if key != "nodes":
            yield from _values(["layout", key], before, after, key)


def _values(path: list[str], old: Mapping[str, Any], new: Mapping[str, Any], key: str) -> Iterator[Op]:
    """What makes the value of a key in `old` that of `new`."""
    if key not in new:
        if key in old:
            yield Unset(path)
        return
    before, after = old.get(key), new[key]
    if isinstance(before, dict) and isinstance(after, dict):
        for inner in dict.fromkeys([*before, *after]):
            yield from _values([*path, inner], before, after, inner)
    elif key not in old or not same(before, after):
        yield Set(path, after)


def _part(draft: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = (draft.get("layout") or {}).get(name)
    return found if isinstance(found, dict) else {}


def _spot(value: Any) -> Spot | None:
    return None if value is None else (value[0], value[1])
