"""How the nodes of a flow hang together."""

from __future__ import annotations

from collections import deque

from flowhost.graph.document import FlowDocument, Wire


def successors(document: FlowDocument, node_id: str) -> dict[str, tuple[str, ...]]:
    """The nodes that follow, by output port, in wire order."""
    found: dict[str, list[str]] = {}
    for wire in _sound(document):
        if wire.source == node_id:
            found.setdefault(wire.port, []).append(wire.target)
    return {port: tuple(targets) for port, targets in found.items()}


def predecessors(document: FlowDocument, node_id: str) -> tuple[tuple[str, str], ...]:
    """The outputs that lead here, as (node, port), in wire order."""
    return tuple((wire.source, wire.port) for wire in _sound(document) if wire.target == node_id)


def sources(document: FlowDocument) -> tuple[str, ...]:
    """Nodes no wire leads to, in file order."""
    reached = {wire.target for wire in _sound(document)}
    return tuple(node_id for node_id in document.nodes if node_id not in reached)


def sinks(document: FlowDocument) -> tuple[str, ...]:
    """Nodes no wire leaves from, in file order."""
    left = {wire.source for wire in _sound(document)}
    return tuple(node_id for node_id in document.nodes if node_id not in left)


def topological_order(document: FlowDocument) -> tuple[str, ...]:
    """Every node after all that lead to it; file order where either would do.

    Raises:
        ValueError: the flow has a cycle.
    """
    waiting = dict.fromkeys(document.nodes, 0)
    following = _following(document)
    for targets in following.values():
        for target in targets:
            waiting[target] += 1
    ready = deque(node_id for node_id, count in waiting.items() if count == 0)
    order: list[str] = []
    while ready:
        node_id = ready.popleft()
        order.append(node_id)
        for target in following[node_id]:
            waiting[target] -= 1
            if waiting[target] == 0:
                ready.append(target)
    if len(order) < len(document.nodes):
        msg = f"the flow {document.id!r} has a cycle: {' -> '.join(find_cycle(document) or ())}"
        raise ValueError(msg)
    return tuple(order)


def find_cycle(document: FlowDocument) -> list[str] | None:
    """The nodes of one cycle, the first one again at the end; None where there is none."""
    following = _following(document)
    done: set[str] = set()
    for start in document.nodes:
        path: dict[str, int] = {}
        stack = [(start, iter(following[start]))] if start not in done else []
        path.update({start: 0} if stack else {})
        while stack:
            node_id, rest = stack[-1]
            target = next(rest, None)
            if target is None:
                stack.pop()
                done.add(node_id)
                del path[node_id]
            elif target in path:
                return [*list(path)[path[target] :], target]
            elif target not in done:
                path[target] = len(path)
                stack.append((target, iter(following[target])))
    return None


def _following(document: FlowDocument) -> dict[str, list[str]]:
    """Targets by node; several wires between the same nodes count once."""
    found: dict[str, dict[str, None]] = {node_id: {} for node_id in document.nodes}
    for wire in _sound(document):
        found[wire.source][wire.target] = None
    return {node_id: list(targets) for node_id, targets in found.items()}


def _sound(document: FlowDocument) -> list[Wire]:
    """Wires with both ends."""
    return [wire for wire in document.wires if wire.source in document.nodes and wire.target in document.nodes]
