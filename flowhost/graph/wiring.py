"""Rules about wires: both ends exist, ports exist, what must be wired is, nothing goes round in circles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from flowhost.graph.document import FlowDocument, Wire
from flowhost.graph.place import Place
from flowhost.graph.problem import closest, did_you_mean, listing
from flowhost.graph.report import Report
from flowhost.graph.topology import find_cycle
from flowhost.sdk import Node, Sink, Source

ERROR_PORT = "error"
"""Every node has it; unwired, failed messages become dead letters."""

ELSE_PORT = "else"
"""Where a node that sorts sends what fits nowhere; leaving it unwired says that this may end there."""


@dataclass(frozen=True, kw_only=True)
class Wireable:
    """A node as the wires see it.

    Attributes:
        node_type: its class; None where it is not installed.
        ports: outputs besides `error`; None where they cannot be known.
    """

    node_type: type[Node[Any]] | None
    ports: tuple[str, ...] | None


def check_wiring(report: Report, document: FlowDocument, nodes: Mapping[str, Wireable]) -> None:
    """Report what is wrong with the wires; what only follows from a misspelt one is not said."""
    places = report.wire_places(document)
    meant = [_as_meant(wire, nodes) for wire in document.wires]
    seen: dict[str, Place] = {}
    for place, wire in zip(places, document.wires, strict=True):
        if str(wire) in seen:
            report.error(place, "duplicate-wire", f"'{wire}' stands twice; remove one")
        seen.setdefault(str(wire), place)
        _check_ends(report, place, wire, nodes)
    for node_id, node in nodes.items():
        _check_outputs(report, meant, node_id, node)
        _check_input(report, meant, node_id, node)
    into_nodes = [
        (place, wire)
        for place, wire in zip(places, document.wires, strict=True)
        if wire.target in nodes and not _is(nodes[wire.target], Source)
    ]
    _check_cycle(report, document, into_nodes)


def _as_meant(wire: Wire, nodes: Mapping[str, Wireable]) -> Wire:
    """The wire with misspelt names put right, as far as they are close to a known one."""
    source = wire.source if wire.source in nodes else closest(wire.source, nodes)
    target = wire.target if wire.target in nodes else closest(wire.target, nodes)
    ports = (*(nodes[source].ports or ()), ERROR_PORT) if source else ()
    port = wire.port if wire.port in ports else closest(wire.port, ports)
    return replace(wire, source=source or wire.source, target=target or wire.target, port=port or wire.port)


def _check_ends(report: Report, place: Place, wire: Wire, nodes: Mapping[str, Wireable]) -> None:
    for end in dict.fromkeys((wire.source, wire.target)):
        if end not in nodes:
            message = f"'{wire}': there is no node {end!r}{did_you_mean(end, nodes)}; nodes: {listing(nodes)}"
            report.error(place, "dangling-wire", message)
    if wire.source in nodes:
        _check_port(report, place, wire, nodes[wire.source])
    target = nodes.get(wire.target)
    if target is not None and _is(target, Source):
        message = f"'{wire}': {wire.target!r} is a source and has no input; wire from it, not to it"
        report.error(place, "wire-into-source", message)


def _check_port(report: Report, place: Place, wire: Wire, source: Wireable) -> None:
    if source.ports is None or wire.port == ERROR_PORT or wire.port in source.ports:
        return
    if not source.ports and _is(source, Sink):
        message = f"'{wire}': {wire.source!r} is a sink, nothing leaves it but failed messages by 'error'"
        report.error(place, "wire-from-sink", message)
        return
    ports = (*source.ports, ERROR_PORT)
    hint = did_you_mean(wire.port, ports)
    message = f"'{wire}': {wire.source!r} has no port {wire.port!r}{hint}; ports: {', '.join(ports)}"
    report.error(place, "unknown-port", message)


def _check_outputs(report: Report, wires: Sequence[Wire], node_id: str, node: Wireable) -> None:
    if node.node_type is None or node.ports is None:
        return
    place: Place = ("nodes", node_id)
    wired = {wire.port for wire in wires if wire.source == node_id}
    if _is(node, Source) and node.ports and not wired & set(node.ports):
        message = f"nothing takes what this source brings; add a wire '{node_id} -> ...'"
        report.error(place, "source-unwired", message, at_key=True)
        return
    declared = {port.name: port.required for port in node.node_type.spec.ports}
    for port in node.ports:
        start = node_id if port == "out" else f"{node_id}.{port}"
        if port in wired:
            continue
        if declared.get(port):
            message = f"port {port!r} leads nowhere; add a wire '{start} -> ...'"
            report.error(place, "unwired-port", message, at_key=True)
        elif port not in declared and port != ELSE_PORT:
            message = f"port {port!r} leads nowhere, what leaves by it ends there; add a wire '{start} -> ...'"
            report.warning(place, "unwired-port", message, at_key=True)


def _check_input(report: Report, wires: Sequence[Wire], node_id: str, node: Wireable) -> None:
    if node.node_type is None or _is(node, Source):
        return
    if not any(wire.target == node_id for wire in wires):
        message = f"no wire leads here, so it never gets a message; add a wire '... -> {node_id}'"
        report.error(("nodes", node_id), "no-input", message, at_key=True)


def _check_cycle(report: Report, document: FlowDocument, wires: list[tuple[Place, Wire]]) -> None:
    cycle = find_cycle(replace(document, wires=tuple(wire for _, wire in wires)))
    if cycle is None:
        return
    closing = (cycle[-2], cycle[-1])
    place = next(place for place, wire in wires if (wire.source, wire.target) == closing)
    message = f"a cycle: {' -> '.join(cycle)}; a flow goes one way, remove one of these wires"
    report.error(place, "cycle", message)


def _is(node: Wireable, kind: type[Node[Any]]) -> bool:
    return node.node_type is not None and issubclass(node.node_type, kind)
