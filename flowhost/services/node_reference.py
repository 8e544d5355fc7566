"""What is installed, for reading: what `flowhost nodes` and `flowhost plugin list` print."""

from __future__ import annotations

import json
from difflib import get_close_matches
from typing import Any

from flowhost.catalog import Catalog, load_catalog
from flowhost.catalog.describe import (
    describe,
    describe_connection,
    describe_connection_markdown,
    describe_markdown,
    example_of,
    kind_of,
)
from flowhost.errors import ConfigError


def list_types() -> dict[str, Any]:
    """Node and connection types by id, and the plugins that could not be loaded."""
    catalog = load_catalog()
    owners = {
        type_id: plugin.name for plugin in catalog.plugins for type_id in (*plugin.node_types, *plugin.connection_types)
    }
    return {
        "nodes": [
            {
                "type": type_id,
                "kind": kind_of(kind),
                "title": kind.spec.title,
                "summary": kind.spec.summary,
                "category": kind.spec.category,
                "plugin": owners.get(type_id, ""),
            }
            for type_id, kind in sorted(catalog.nodes.items())
        ],
        "connections": [
            {
                "type": type_id,
                "title": kind.spec.title,
                "summary": kind.spec.summary,
                "plugin": owners.get(type_id, ""),
            }
            for type_id, kind in sorted(catalog.connections.items())
        ],
        "broken": _broken(catalog),
    }


def describe_type(type_id: str, *, as_json: bool = False) -> str:
    """One node or connection type with its fields, units, ports and examples.

    Raises:
        ConfigError: there is no such type; names those that come close.
    """
    catalog = load_catalog()
    if (node_type := catalog.nodes.get(type_id)) is not None:
        if as_json:
            return _json({**describe(node_type), "example": example_of(node_type, catalog.functions)})
        return describe_markdown(node_type, catalog.functions)
    if (connection_type := catalog.connections.get(type_id)) is not None:
        users = sorted(user for user, kind in catalog.nodes.items() if kind.spec.connection == type_id)
        if as_json:
            return _json(describe_connection(connection_type, users))
        return describe_connection_markdown(connection_type, users)
    close = get_close_matches(type_id, [*catalog.nodes, *catalog.connections], n=3)
    hint = f"did you mean {' or '.join(close)}?" if close else "`flowhost nodes` lists what is installed"
    raise ConfigError(f"there is no node or connection type {type_id!r}; {hint}")


def list_plugins() -> dict[str, Any]:
    """Plugins with what they bring, and those that could not be loaded."""
    catalog = load_catalog()
    return {
        "plugins": [
            {
                "name": plugin.name,
                "distribution": plugin.distribution,
                "version": plugin.version,
                "node_types": list(plugin.node_types),
                "connection_types": list(plugin.connection_types),
            }
            for plugin in catalog.plugins
        ],
        "broken": _broken(catalog),
    }


def _json(facts: dict[str, Any]) -> str:
    return json.dumps(facts, indent=2, default=str)


def _broken(catalog: Catalog) -> list[dict[str, str]]:
    return [
        {"name": plugin.name, "distribution": plugin.distribution, "version": plugin.version, "reason": plugin.reason}
        for plugin in catalog.broken
    ]
