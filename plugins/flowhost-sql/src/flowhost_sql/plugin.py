"""What this plugin brings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flowhost.sdk import Connection, Node, hookimpl
from flowhost_sql.connection import DatabaseConnection
from flowhost_sql.sink_write import SqlWrite
from flowhost_sql.source_poll import SqlPoll


@hookimpl
def flowhost_node_types() -> Sequence[type[Node[Any]]]:
    """Node types of this plugin."""
    return (SqlWrite, SqlPoll)


@hookimpl
def flowhost_connection_types() -> Sequence[type[Connection[Any]]]:
    """Connection types of this plugin."""
    return (DatabaseConnection,)
