"""What is installed, as plain values; provides what lint and engine need (`NodeLibrary`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from flowhost.sdk import Connection, Node


@dataclass(frozen=True, kw_only=True)
class PluginInfo:
    """A plugin that was loaded.

    Attributes:
        name: of its entry point.
        distribution: as installed with pip.
        version: of the distribution.
        node_types: type ids, in its own order.
        connection_types: type ids.
        functions: names, for expressions.
    """

    name: str
    distribution: str
    version: str
    node_types: tuple[str, ...] = ()
    connection_types: tuple[str, ...] = ()
    functions: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class BrokenPlugin:
    """A plugin that was left out.

    Attributes:
        name: of its entry point.
        distribution: as installed with pip.
        version: of the distribution.
        reason: what is wrong, in one sentence.
        traceback: for its author; empty where the reason says it all.
    """

    name: str
    distribution: str
    version: str
    reason: str
    traceback: str = ""


@dataclass(frozen=True, kw_only=True)
class Catalog:
    """Everything installed. Two catalogs know nothing of each other.

    Attributes:
        plugins: those that were loaded, the built-in one first.
        broken: those that were left out, with the reason.
        nodes: node types by type id.
        connections: connection types by type id.
        functions: functions for expressions by name.
    """

    plugins: tuple[PluginInfo, ...] = ()
    broken: tuple[BrokenPlugin, ...] = ()
    nodes: Mapping[str, type[Node[Any]]] = field(default_factory=lambda: MappingProxyType({}))
    connections: Mapping[str, type[Connection[Any]]] = field(default_factory=lambda: MappingProxyType({}))
    functions: Mapping[str, Callable[..., Any]] = field(default_factory=lambda: MappingProxyType({}))
