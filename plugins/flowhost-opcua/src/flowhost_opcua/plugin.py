"""What this distribution brings to FlowHost."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flowhost.sdk import Connection, Node, hookimpl
from flowhost_opcua.connection import OpcUaConnection
from flowhost_opcua.source_subscribe import OpcUaSubscribe


@hookimpl
def flowhost_node_types() -> Sequence[type[Node[Any]]]:
    """Nodes that talk OPC UA."""
    return [OpcUaSubscribe]


@hookimpl
def flowhost_connection_types() -> Sequence[type[Connection[Any]]]:
    """The shared session with a server."""
    return [OpcUaConnection]
