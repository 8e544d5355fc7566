"""Connections of the host in a flow: those its nodes name and the flow does not define itself."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

from flowhost.graph.document import ConnectionEntry, FlowDocument
from flowhost.graph.jsonform import same


def shared_names(flow: FlowDocument) -> frozenset[str]:
    """Names of connections the flow takes from its host; its own go before the host's."""
    named = {entry.connection for entry in flow.nodes.values() if entry.connection}
    return frozenset(named - flow.connections.keys())


def with_shared(flow: FlowDocument, connections: Mapping[str, ConnectionEntry]) -> FlowDocument:
    """The flow with the host's connections it names, complete for a worker or for a host that has them not.

    Args:
        flow: as written.
        connections: those of the host, by name; a name that is missing there stays missing.
    """
    found = {name: connections[name] for name in sorted(shared_names(flow)) if name in connections}
    return replace(flow, connections={**flow.connections, **found}) if found else flow


def against_host(
    flow: FlowDocument, connections: Mapping[str, ConnectionEntry], own: Collection[str] = ()
) -> tuple[FlowDocument, tuple[str, ...]]:
    """A flow that comes to a host: connections it brings and the host has just so are the host's from now on.

    Args:
        flow: as it came.
        connections: those of the host, by name.
        own: names that stay the flow's own whatever the host has.

    Returns:
        The flow, and the names of its connections that the host has with another type or config.
    """
    met = {name: entry for name, entry in flow.connections.items() if name in connections and name not in own}
    alike = {name for name, entry in met.items() if _alike(entry, connections[name])}
    return without(flow, alike), tuple(sorted(met.keys() - alike))


def without(flow: FlowDocument, names: Collection[str]) -> FlowDocument:
    """The flow without these connections of its own; its nodes go on naming them."""
    if not names:
        return flow
    return replace(flow, connections={name: entry for name, entry in flow.connections.items() if name not in names})


def _alike(one: ConnectionEntry, other: ConnectionEntry) -> bool:
    return one.type == other.type and same(one.config, other.config)
