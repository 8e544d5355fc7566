"""The flow as JSON: the same shape as the flow file, keys in the file's order."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from typing import Any

from flowhost.errors import FlowFileError
from flowhost.graph.document import ConnectionEntry, FlowDocument, NodeEntry
from flowhost.graph.shape import FORMAT, read_shape


def to_json(document: FlowDocument) -> dict[str, Any]:
    """The flow as plain data of its own, safe to change; what is empty is left out."""
    optional = {
        "name": document.name,
        "area": document.area,
        "description": document.description,
        "connections": {name: _connection(entry) for name, entry in document.connections.items()},
    }
    behind = {
        "tables": document.tables,
        "sagas": document.sagas,
        "exchange": document.exchange,
        "layout": {name: part for name, part in document.layout.items() if part != {}},
    }
    data = {
        "flowhost": FORMAT,
        "id": document.id,
        **_filled(optional),
        "nodes": {node_id: _node(entry) for node_id, entry in document.nodes.items()},
        "wires": [str(wire) for wire in document.wires],
        **_filled(behind),
    }
    return copy.deepcopy(data)


def from_json(data: Mapping[str, Any]) -> FlowDocument:
    """The flow this data describes.

    Raises:
        FlowFileError: the data has not the shape of a flow; names the place.
    """
    document, problems = read_shape(data)
    if problems:
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        raise FlowFileError(problems[0].message + more, problems[0].place)
    return document


def same(one: Any, other: Any) -> bool:
    """Whether two JSON-like values are the same in a file: 1, 1.0 and true are not."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


def _node(entry: NodeEntry) -> dict[str, Any]:
    optional = {
        "name": entry.name,
        "connection": entry.connection,
        "config": entry.config,
        "delivery": entry.delivery,
        "disabled": entry.disabled,
    }
    return {"type": entry.type, **_filled(optional)}


def _connection(entry: ConnectionEntry) -> dict[str, Any]:
    return {"type": entry.type, **_filled({"config": entry.config})}


def _filled(parts: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in parts.items() if value}
