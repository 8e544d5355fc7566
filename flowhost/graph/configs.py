"""Configs for running: references resolved, validated with the class the type declares."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

from pydantic import BaseModel, ValidationError

from flowhost.errors import ConfigError
from flowhost.graph.delivery import DeliveryPolicy
from flowhost.graph.document import ConnectionEntry, NodeEntry
from flowhost.graph.explain import explain
from flowhost.graph.place import Place, format_place, parse_place
from flowhost.graph.references import find_references, resolve
from flowhost.sdk import Config, Connection, Node

HIDDEN = "***"


def node_config(
    entry: NodeEntry,
    node_type: type[Node[Any]],
    functions: Mapping[str, Callable[..., Any]],
    secrets: Mapping[str, str],
    environ: Mapping[str, str],
) -> Config:
    """The node's config, ready to run.

    Raises:
        ConfigError: a reference is not set or a value is wrong; names the place, e.g. `nodes.temps.config.qos`.
    """
    place = format_place(("nodes", entry.id, "config"))
    return _validated(entry.config, place, node_type.Config, functions, secrets, environ)


def node_delivery(entry: NodeEntry, environ: Mapping[str, str]) -> DeliveryPolicy:
    """How messages are delivered to the node, references resolved.

    Raises:
        ConfigError: a value is wrong; names the place, e.g. `nodes.out.delivery.order`.
    """
    place = format_place(("nodes", entry.id, "delivery"))
    return cast("DeliveryPolicy", _validated(entry.delivery, place, DeliveryPolicy, {}, {}, environ))


def connection_config(
    entry: ConnectionEntry,
    connection_type: type[Connection[Any]],
    functions: Mapping[str, Callable[..., Any]],
    secrets: Mapping[str, str],
    environ: Mapping[str, str],
) -> Config:
    """The connection's config, ready to run.

    Raises:
        ConfigError: a reference is not set or a value is wrong; names the place, e.g. `connections.plc.config.port`.
    """
    place = format_place(("connections", entry.name, "config"))
    return _validated(entry.config, place, connection_type.Config, functions, secrets, environ)


def _validated(
    written: Mapping[str, Any],
    place: str,
    config_class: type[Any],
    functions: Mapping[str, Callable[..., Any]],
    secrets: Mapping[str, str],
    environ: Mapping[str, str],
) -> Config:
    data = resolve(written, secrets, environ, place)
    try:
        config: Config = config_class.model_validate(data, context={"functions": functions})
    except ValidationError as error:
        raise _config_error(error, written, data, place, config_class, secrets) from None
    return config


def _config_error(
    error: ValidationError,
    written: Mapping[str, Any],
    data: Mapping[str, Any],
    place: str,
    config_class: type[BaseModel],
    secrets: Mapping[str, str],
) -> ConfigError:
    """The first finding as an error that shows no secret; the others are counted."""
    root = parse_place(place)
    hidden = [ref for ref in find_references(written, place) if ref.kind == "secret"]

    def hide(inner: Place) -> bool:
        return any(_within((*root, *inner), ref.place) or _within(ref.place, (*root, *inner)) for ref in hidden)

    findings = explain(error, config_class, data, hide=hide)
    first = findings[0]
    message = first.message
    for value in {secrets[ref.name] for ref in hidden} - {""}:
        message = message.replace(value, HIDDEN)
    if len(findings) > 1:
        message += f" (and {len(findings) - 1} more; `flowhost lint` lists them)"
    return ConfigError(message, format_place((*root, *first.place)))


def _within(place: Place, outer: Place) -> bool:
    return place[: len(outer)] == outer
