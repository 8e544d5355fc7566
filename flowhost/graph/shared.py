"""Connections of the host in a flow: those its nodes name and the flow does not define itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from flowhost.graph.document import ConnectionEntry, FlowDocument


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
