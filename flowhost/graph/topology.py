"""The shape of a flow: who comes before whom."""

from __future__ import annotations

from graphlib import CycleError, TopologicalSorter

from flowhost.graph.document import FlowDocument


def topological_order(flow: FlowDocument) -> list[str]:
    """Node ids, every node after those that feed it. Raises `graphlib.CycleError` if there is no such order."""
    sorter: TopologicalSorter[str] = TopologicalSorter({node_id: () for node_id in flow.nodes})
    for wire in flow.wires:
        sorter.add(wire.target, wire.source)
    return list(sorter.static_order())


def find_cycle(flow: FlowDocument) -> list[str] | None:
    """Nodes of a cycle in wire order, first and last the same; None if there is none."""
    try:
        topological_order(flow)
    except CycleError as error:
        return list(reversed(error.args[1]))
    return None
