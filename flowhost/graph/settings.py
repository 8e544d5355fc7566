"""`--set temps.qos=1`: values changed for one run, the file stays as it is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from flowhost.errors import ConfigError, FlowFileError
from flowhost.graph.document import FlowDocument
from flowhost.graph.place import Place, format_place, parse_place
from flowhost.graph.problem import did_you_mean, listing
from flowhost.graph.tree import parse_tree, plain


def apply_settings(document: FlowDocument, settings: Iterable[str]) -> FlowDocument:
    """The flow with some config values changed.

    Args:
        document: the flow.
        settings: `node.field=value` or `connections.name.field=value`; the field may be a path such as
            `tags[0].scale`; values are read as in a flow file: `1`, `true`, `[a, b]`, `{secret: x}`.

    Raises:
        ConfigError: not of that form, or no such node or connection; lists the known ones.
    """
    for setting in settings:
        document = _apply(document, setting)
    return document


def _apply(document: FlowDocument, setting: str) -> FlowDocument:
    left, equals, right = setting.partition("=")
    place = _place(left.strip()) if equals else ()
    if len(place) < 2 or (place[0] == "connections" and len(place) < 3):
        raise ConfigError(f"{setting!r} is not a setting; write node.field=value or connections.name.field=value")
    value = _value(right, setting)
    if place[0] == "connections" and place[1] in document.connections:
        name = str(place[1])
        connection = document.connections[name]
        connection = replace(connection, config=_changed(connection.config, place[2:], value, setting))
        return replace(document, connections={**document.connections, name: connection})
    if place[0] == "connections" and "connections" not in document.nodes:
        raise _unknown("connection", str(place[1]), document.connections, setting)
    node_id = str(place[0])
    if node_id not in document.nodes:
        raise _unknown("node", node_id, document.nodes, setting)
    node = document.nodes[node_id]
    node = replace(node, config=_changed(node.config, place[1:], value, setting))
    return replace(document, nodes={**document.nodes, node_id: node})


def _place(text: str) -> Place:
    try:
        return parse_place(text)
    except ValueError as error:
        raise ConfigError(str(error), text) from None


def _value(text: str, setting: str) -> Any:
    if not text.strip():
        return ""
    try:
        return plain(parse_tree(text).top)
    except FlowFileError as error:
        raise ConfigError(f"the value of {setting!r} cannot be read: {error.message}; put text in quotes") from None


def _changed(config: Any, place: Place, value: Any, setting: str) -> Any:
    """A copy of the config with one value changed; objects on the way are made."""
    if not place:
        return value
    part = place[0]
    if isinstance(part, int):
        if not isinstance(config, list) or part >= len(config):
            raise ConfigError(f"{setting!r}: there is no item [{part}] to change")
        return [_changed(item, place[1:], value, setting) if i == part else item for i, item in enumerate(config)]
    inner = config if isinstance(config, Mapping) else {}
    return {**inner, part: _changed(inner.get(part), place[1:], value, setting)}


def _unknown(what: str, name: str, known: Iterable[str], setting: str) -> ConfigError:
    known = list(known)
    message = f"{setting!r}: there is no {what} {name!r}{did_you_mean(name, known)}; known: {listing(known)}"
    return ConfigError(message, format_place(("connections", name) if what == "connection" else ("nodes", name)))
