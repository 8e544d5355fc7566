"""What this plugin brings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flowhost.sdk import Node, hookimpl
from flowhost_files.sink_write import FileWrite
from flowhost_files.source_read import FileRead


@hookimpl
def flowhost_node_types() -> Sequence[type[Node[Any]]]:
    """Node types of this plugin."""
    return (FileRead, FileWrite)
