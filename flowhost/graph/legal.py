"""Whether a wire may be drawn at all: what no later change of a config could make right is refused at once."""

from __future__ import annotations

from typing import Any

from flowhost.graph.library import NodeLibrary
from flowhost.graph.ops import AddWire, Draft, Op, OpError, wire_ends
from flowhost.graph.wiring import ERROR_PORT
from flowhost.sdk import Node, Sink, Source


def check_legal(draft: Draft, op: Op, library: NodeLibrary) -> None:
    """Refuse a wire into a source or out of a sink that gives nothing.

    Args:
        draft: as it is after the operation.
        op: what was done; only new wires are looked at.
        library: the installed types; a node of a type that is not installed may be wired in any way.

    Raises:
        OpError: in words for the person who draws.
    """
    if isinstance(op, AddWire):
        _check_wire(draft, op.wire, library)


def _check_wire(draft: Draft, wire: str, library: NodeLibrary) -> None:
    source, port, target = wire_ends(wire)
    into, out_of = _type(draft, target, library), _type(draft, source, library)
    if into is not None and issubclass(into, Source):
        raise OpError(f"{target} is a source and has no input; wire from it, not to it")
    if out_of is None or port == ERROR_PORT:
        return
    if issubclass(out_of, Sink) and not out_of.spec.ports:
        raise OpError(f"{source} is a sink: nothing leaves it but failed messages, by its error port")


def _type(draft: Draft, node_id: str, library: NodeLibrary) -> type[Node[Any]] | None:
    return library.nodes.get(draft["nodes"][node_id]["type"])
