"""Turns a flow's graph into routes and segments: which nodes run together, and where queues stand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from flowhost.graph.document import FlowDocument
from flowhost.sdk import InlineTransform, Node, Source


@dataclass(frozen=True)
class Plan:
    """The shape of a compiled flow.

    Attributes:
        routes: targets of every wired output.
        chains: inline nodes that become one generated function, in order, first node first.
        singles: ids of all other nodes that are not sources.
    """

    routes: Mapping[tuple[str, str], tuple[str, ...]]
    chains: Sequence[tuple[str, ...]] = field(default=())
    singles: Sequence[str] = field(default=())


def make_plan(flow: FlowDocument, nodes: Mapping[str, Node[Any]], ports: Mapping[str, Sequence[str]]) -> Plan:
    """Decide which nodes run together.

    Args:
        flow: the graph.
        nodes: node objects by id.
        ports: output ports by node id.
    """
    routes = routes_of(flow)
    inputs = inputs_of(flow)
    inline = [node_id for node_id in nodes if is_inline(flow, nodes, node_id)]
    follower = {a: b for a in inline if (b := follower_of(a, routes, inputs, ports, inline)) is not None}
    heads = [node_id for node_id in inline if node_id not in follower.values()]
    singles = [n for n in nodes if n not in inline and not isinstance(nodes[n], Source)]
    return Plan(routes, [chain_from(head, follower) for head in heads], singles)


def routes_of(flow: FlowDocument) -> dict[tuple[str, str], tuple[str, ...]]:
    """Targets of every wired output; wires from a disabled source lead nowhere but stay."""
    routes: dict[tuple[str, str], tuple[str, ...]] = {}
    for wire in flow.wires:
        start = (wire.source, wire.port)
        routes[start] = (*routes.get(start, ()), wire.target)
    return routes


def inputs_of(flow: FlowDocument) -> dict[str, int]:
    """How many wires end at each node."""
    inputs: dict[str, int] = {}
    for wire in flow.wires:
        inputs[wire.target] = inputs.get(wire.target, 0) + 1
    return inputs


def is_inline(flow: FlowDocument, nodes: Mapping[str, Node[Any]], node_id: str) -> bool:
    """A node that gives code, or a disabled one, which needs none."""
    if isinstance(nodes[node_id], Source):
        return False
    return isinstance(nodes[node_id], InlineTransform) or flow.nodes[node_id].disabled is not None


def follower_of(
    node_id: str,
    routes: Mapping[tuple[str, str], tuple[str, ...]],
    inputs: Mapping[str, int],
    ports: Mapping[str, Sequence[str]],
    inline: Sequence[str],
) -> str | None:
    """The node that continues the same function: the only target of a plain output, with no other input."""
    targets = routes.get((node_id, "out"), ())
    plain = tuple(ports[node_id]) == ("out",)
    if plain and len(targets) == 1 and targets[0] in inline and inputs[targets[0]] == 1:
        return targets[0]
    return None


def chain_from(head: str, follower: Mapping[str, str]) -> tuple[str, ...]:
    """Follow the chain to its end."""
    chain = [head]
    while (following := follower.get(chain[-1])) is not None:
        chain.append(following)
    return tuple(chain)
