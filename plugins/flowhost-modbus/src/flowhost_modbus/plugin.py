"""What this plugin brings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flowhost.sdk import Connection, Node, hookimpl
from flowhost_modbus.connection import ModbusConnection
from flowhost_modbus.source_poll import ModbusPoll


@hookimpl
def flowhost_node_types() -> Sequence[type[Node[Any]]]:
    """Node types of this plugin."""
    return (ModbusPoll,)


@hookimpl
def flowhost_connection_types() -> Sequence[type[Connection[Any]]]:
    """Connection types of this plugin."""
    return (ModbusConnection,)
