"""Edits of a flow as small typed operations, each with its inverse: the one way a draft is changed.

Canvas, forms, commands and REST all send these. `tests/vectors/ops.json` says by example what each does; the same file
tests the browser's own copy of this module, so both sides always agree.

A draft is a flow as JSON (`flowhost.graph.jsonform`). It may be unfinished: operations keep its shape sound, whether it
could run is lint's business. Drafts are never changed in place, so a refused batch leaves no trace.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, TypeAlias

import msgspec

from flowhost.errors import FlowHostError
from flowhost.graph.shape import NODE_ID, WIRE

Draft: TypeAlias = dict[str, Any]
Spot: TypeAlias = tuple[float, float]
Index: TypeAlias = Annotated[int, msgspec.Meta(ge=0)]
Path: TypeAlias = Sequence[str | Index]

FREE_ROOTS = ("name", "area", "description", "connections", "tables", "sagas", "exchange", "layout")
"""Parts of a flow that `set` and `unset` may change as a whole or in parts; of the layout only parts, and no places."""
NODE_PARTS = ("name", "connection", "config", "delivery", "disabled")
"""Parts of a node they may change; its type is what it is: delete it and add another."""
MAX_DEPTH = 64
FORBIDDEN = frozenset({"__proto__", "constructor", "prototype"})
"""Keys with a meaning of their own in a browser."""


class OpError(FlowHostError):
    """An operation that does not fit the draft, told in words for the person who edits.

    Attributes:
        message: what does not fit.
        gone: what it is about is no longer there: somebody else deleted it.
    """

    def __init__(self, message: str, *, gone: bool = False) -> None:
        super().__init__(message)
        self.message = message
        self.gone = gone


class AddNode(
    msgspec.Struct, tag_field="op", tag="add_node", frozen=True, omit_defaults=True, forbid_unknown_fields=True
):
    """A new node; `index` is its place in the file, at the end if None."""

    id: str
    node: dict[str, Any]
    at: Spot | None = None
    index: Index | None = None


class DeleteNode(msgspec.Struct, tag_field="op", tag="del_node", frozen=True, forbid_unknown_fields=True):
    """A node goes, with its wires and its place on the canvas; a frame that holds nothing else goes too."""

    id: str


class RenameNode(msgspec.Struct, tag_field="op", tag="rename_node", frozen=True, forbid_unknown_fields=True):
    """A node gets another id; its wires and its frame follow. What waits before it on disk belongs to the old id."""

    id: str
    to: str


class Move(msgspec.Struct, tag_field="op", tag="move", frozen=True, forbid_unknown_fields=True):
    """Nodes get other places on the canvas, in pixels; None forgets the place."""

    at: dict[str, Spot | None]


class Set(msgspec.Struct, tag_field="op", tag="set", frozen=True, forbid_unknown_fields=True):
    """A value at a path of keys, such as `["nodes", "temps", "config", "qos"]`.

    A number is an item of a list that is there: `["nodes", "in", "config", "columns", 0, "name"]`. Items come and go by
    setting the list.
    """

    path: Path
    value: Any


class Unset(msgspec.Struct, tag_field="op", tag="unset", frozen=True, forbid_unknown_fields=True):
    """Whatever is at the path goes; not an item of a list."""

    path: Path


class AddWire(
    msgspec.Struct, tag_field="op", tag="add_wire", frozen=True, omit_defaults=True, forbid_unknown_fields=True
):
    """A wire, as written in the file: `a -> b` or `a.port -> b`."""

    wire: str
    index: Index | None = None


class DeleteWire(msgspec.Struct, tag_field="op", tag="del_wire", frozen=True, forbid_unknown_fields=True):
    """That wire goes."""

    wire: str


Op: TypeAlias = AddNode | DeleteNode | RenameNode | Move | Set | Unset | AddWire | DeleteWire


def read_ops(data: Any) -> list[Op]:
    """Operations from JSON. Raises `OpError` for anything else."""
    try:
        return msgspec.convert(data, list[Op])
    except msgspec.ValidationError as error:
        raise OpError(f"not a list of operations: {error}") from None


def write_ops(ops: Sequence[Op]) -> list[dict[str, Any]]:
    """Operations as JSON."""
    return [msgspec.to_builtins(op) for op in ops]


def apply(draft: Draft, ops: Sequence[Op]) -> tuple[Draft, list[Op]]:
    """The draft with all operations done, in order.

    Returns:
        The new draft, and the operations that lead back.

    Raises:
        OpError: one of them does not fit; the draft given is as it was.
    """
    inverse: list[Op] = []
    for op in ops:
        draft, back = _APPLY[type(op)](draft, op)
        inverse[:0] = back
    return draft, inverse


def wire_text(source: str, port: str, target: str) -> str:
    """A wire as the file has it."""
    return f"{source if port == 'out' else f'{source}.{port}'} -> {target}"


def wire_ends(wire: str) -> tuple[str, str, str]:
    """Source, port and target. Raises `OpError`."""
    found = WIRE.fullmatch(wire)
    if found is None:
        raise OpError(f"{wire!r} is no wire; one is written 'a -> b' or 'a.port -> b'")
    return found[1], found[2] or "out", found[3]


def _add_node(draft: Draft, op: AddNode) -> tuple[Draft, list[Op]]:
    if op.id in draft["nodes"]:
        raise OpError(f"there is a node {op.id!r} already")
    _check_node_id(op.id)
    type_id = op.node.get("type")
    unknown = [key for key in op.node if key != "type" and key not in NODE_PARTS]
    if not isinstance(type_id, str) or not type_id or unknown:
        raise OpError(f"node {op.id!r} needs a type, and {', '.join(NODE_PARTS)} at most")
    _check_value(op.node)
    changed = {**draft, "nodes": _inserted(draft["nodes"], op.id, op.node, op.index)}
    return _placed(changed, {op.id: op.at} if op.at is not None else {}), [DeleteNode(op.id)]


def _delete_node(draft: Draft, op: DeleteNode) -> tuple[Draft, list[Op]]:
    node = _node(draft, op.id)
    spot = _places(draft).get(op.id)
    index = list(draft["nodes"]).index(op.id)
    back: list[Op] = [AddNode(op.id, node, None if spot is None else (spot[0], spot[1]), index)]
    kept = []
    for number, wire in enumerate(draft["wires"]):
        source, _, target = wire_ends(wire)
        if op.id in (source, target):
            back.append(AddWire(wire, number))
        else:
            kept.append(wire)
    nodes = {name: entry for name, entry in draft["nodes"].items() if name != op.id}
    changed = _placed({**draft, "nodes": nodes, "wires": kept}, {op.id: None})
    for group_id, members in _groups_with(draft, op.id):
        path = ["layout", "groups", group_id]
        left = [name for name in members if name != op.id]
        out: Op = Set([*path, "nodes"], left) if left else Unset(path)
        changed, again = _APPLY[type(out)](changed, out)
        back += again
    return changed, back


def _rename_node(draft: Draft, op: RenameNode) -> tuple[Draft, list[Op]]:
    _node(draft, op.id)
    if op.to in draft["nodes"]:
        raise OpError(f"there is a node {op.to!r} already")
    _check_node_id(op.to)

    def renamed(name: str) -> str:
        return op.to if name == op.id else name

    nodes = {renamed(name): entry for name, entry in draft["nodes"].items()}
    wires = [wire_text(renamed(a), port, renamed(b)) for a, port, b in map(wire_ends, draft["wires"])]
    changed = {**draft, "nodes": nodes, "wires": wires}
    for group_id, members in _groups_with(draft, op.id):
        changed = _with(changed, ["layout", "groups", group_id, "nodes"], [renamed(name) for name in members])
    spot = _places(draft).get(op.id)
    return _placed(changed, {op.id: None, op.to: spot}), [RenameNode(op.to, op.id)]


def _move(draft: Draft, op: Move) -> tuple[Draft, list[Op]]:
    for node_id in op.at:
        _node(draft, node_id)
    places = _places(draft)
    before = {name: (spot[0], spot[1]) if (spot := places.get(name)) is not None else None for name in op.at}
    return _placed(draft, op.at), [Move(before)]


def _set(draft: Draft, op: Set) -> tuple[Draft, list[Op]]:
    _check_path(draft, op.path)
    _check_value(op.value, len(op.path))
    found, depth = _reach(draft, op.path)
    if depth == len(op.path) or not isinstance(found, dict):
        # also where a plain value stands in the way: it comes back as it was
        back: Op = Set(op.path[:depth], found)
    else:
        # `layout` itself stays: it cannot be taken away as a whole
        back = Unset(op.path[: max(depth + 1, 2 if op.path[0] == "layout" else 1)])
    return _with(draft, op.path, op.value), [back]


def _unset(draft: Draft, op: Unset) -> tuple[Draft, list[Op]]:
    _check_path(draft, op.path)
    found, depth = _reach(draft, op.path)
    if depth < len(op.path):
        return draft, []
    if isinstance(op.path[-1], int):
        raise OpError("an item of a list goes by setting the list")
    return _without(draft, op.path), [Set(op.path, found)]


def _add_wire(draft: Draft, op: AddWire) -> tuple[Draft, list[Op]]:
    source, port, target = wire_ends(op.wire)
    _node(draft, source)
    _node(draft, target)
    wire = wire_text(source, port, target)
    if wire in draft["wires"]:
        raise OpError(f"there is a wire {wire!r} already")
    if source == target or _leads_to(draft, target, source):
        raise OpError(f"{wire!r} would make a circle: messages would run for ever")
    wires = list(draft["wires"])
    wires.insert(len(wires) if op.index is None else op.index, wire)
    return {**draft, "wires": wires}, [DeleteWire(wire)]


def _delete_wire(draft: Draft, op: DeleteWire) -> tuple[Draft, list[Op]]:
    wire = wire_text(*wire_ends(op.wire))
    if wire not in draft["wires"]:
        raise OpError(f"there is no wire {wire!r}", gone=True)
    index = draft["wires"].index(wire)
    wires = [*draft["wires"][:index], *draft["wires"][index + 1 :]]
    return {**draft, "wires": wires}, [AddWire(wire, index)]


_APPLY: Mapping[type, Callable[[Draft, Any], tuple[Draft, list[Op]]]] = {
    AddNode: _add_node, DeleteNode: _delete_node, RenameNode: _rename_node, Move: _move, Set: _set, Unset: _unset,
    AddWire: _add_wire, DeleteWire: _delete_wire,
}  # fmt: skip


def _node(draft: Draft, node_id: str) -> dict[str, Any]:
    node = draft["nodes"].get(node_id)
    if node is None:
        raise OpError(f"there is no node {node_id!r} any more", gone=True)
    return dict(node)


def _check_node_id(node_id: str) -> None:
    if not NODE_ID.fullmatch(node_id) or node_id in FORBIDDEN:
        raise OpError(f"node id {node_id!r}: begin with a lower-case letter, then lower-case letters, digits and '_'")


def _check_path(draft: Draft, path: Path) -> None:
    if FORBIDDEN.intersection(path):
        raise OpError(f"{_shown(path)} is no place in a flow")
    if len(path) >= 3 and path[0] == "nodes":
        _node(draft, str(path[1]))
        if path[2] in NODE_PARTS:
            return
    elif path and path[0] in FREE_ROOTS and (path[0] != "layout" or (len(path) > 1 and path[1] != "nodes")):
        return
    raise OpError(f"{_shown(path) or 'the flow itself'} cannot be set")


def _shown(path: Path) -> str:
    return ".".join(map(str, path))


def _check_value(value: Any, depth: int = 0) -> None:
    """JSON of bearable depth, without keys that mean something to a browser."""
    if depth > MAX_DEPTH:
        raise OpError(f"nested more than {MAX_DEPTH} levels deep")
    if isinstance(value, dict):
        if FORBIDDEN.intersection(value):
            raise OpError("a key of this name cannot be kept: " + ", ".join(FORBIDDEN.intersection(value)))
        for inner in value.values():
            _check_value(inner, depth + 1)
    elif isinstance(value, list):
        for inner in value:
            _check_value(inner, depth + 1)


def _reach(draft: Draft, path: Path) -> tuple[Any, int]:
    """What is at a path, or as far on the way as there is something; and how many of its keys were found.

    Raises:
        OpError: an item of a list is not there.
    """
    found: Any = draft
    for depth, key in enumerate(path):
        if isinstance(key, int):
            _check_item(found, key, path[:depth])
        elif not isinstance(found, dict) or key not in found:
            for further, inner in enumerate(path[depth:], depth):
                if isinstance(inner, int):
                    _check_item(None, inner, path[:further])
            return found, depth
        found = found[key]
    return found, len(path)


def _check_item(items: Any, index: int, where: Path) -> None:
    if not isinstance(items, list) or index >= len(items):
        raise OpError(f"there is no item {index + 1} in {_shown(where)} any more", gone=True)


def _with(part: Any, path: Path, value: Any) -> Any:
    if not path:
        return value
    if isinstance(path[0], int):
        return _with_item(part, path[0], _with(part[path[0]], path[1:], value))
    inside = part if isinstance(part, dict) else {}
    return {**inside, path[0]: _with(inside.get(path[0]), path[1:], value)}


def _with_item(items: list[Any], index: int, value: Any) -> list[Any]:
    return [*items[:index], value, *items[index + 1 :]]


def _without(part: Any, path: Path) -> Any:
    if isinstance(path[0], int):
        return _with_item(part, path[0], _without(part[path[0]], path[1:]))
    if len(path) == 1:
        return {key: value for key, value in part.items() if key != path[0]}
    return {**part, path[0]: _without(part[path[0]], path[1:])}


def _inserted(entries: dict[str, Any], key: str, value: Any, index: int | None) -> dict[str, Any]:
    items = list(entries.items())
    items.insert(len(items) if index is None else index, (key, value))
    return dict(items)


def _places(draft: Draft) -> dict[str, Any]:
    found, depth = _reach(draft, ("layout", "nodes"))
    return found if depth == 2 and isinstance(found, dict) else {}


def _groups_with(draft: Draft, node_id: str) -> list[tuple[str, list[Any]]]:
    """Frames on the canvas that hold this node, with all they hold. A layout written by hand may hold anything."""
    groups, depth = _reach(draft, ("layout", "groups"))
    if depth < 2 or not isinstance(groups, dict):
        return []
    members = {name: group.get("nodes") for name, group in groups.items() if isinstance(group, dict)}
    return [(name, held) for name, held in members.items() if isinstance(held, list) and node_id in held]


def _placed(draft: Draft, at: Mapping[str, Any]) -> Draft:
    """The draft with nodes at other places; a layout that says nothing is left out."""
    if not at:
        return draft
    places = dict(_places(draft))
    for name, spot in at.items():
        if spot is None:
            places.pop(name, None)
        else:
            places[name] = list(spot)
    layout = {key: value for key, value in draft.get("layout", {}).items() if key != "nodes"}
    if places:
        layout["nodes"] = places
    changed = {key: value for key, value in draft.items() if key != "layout"}
    return {**changed, "layout": layout} if layout else changed


def _leads_to(draft: Draft, start: str, goal: str) -> bool:
    """Whether messages from `start` reach `goal`."""
    after: dict[str, list[str]] = {}
    for wire in draft["wires"]:
        source, _, target = wire_ends(wire)
        after.setdefault(source, []).append(target)
    seen, todo = {start}, [start]
    while todo:
        for name in after.get(todo.pop(), ()):
            if name == goal:
                return True
            if name not in seen:
                seen.add(name)
                todo.append(name)
    return False
