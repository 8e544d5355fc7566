"""What is installed: plugins, whole and broken, and the node types they bring."""

from __future__ import annotations

import asyncio
from typing import Any

from flowhost.catalog import Catalog
from flowhost.catalog.describe import can_be_sent_by_hand, describe, example_of
from flowhost.sdk import Node
from flowhost.services.access import Principal, demand
from flowhost.services.host_views import NodeTypeView, PluginView
from flowhost.services.pictures import kind_of


class PluginService:
    """The catalog as pages see it. Every method raises `ForbiddenError` for a caller without the role."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._described: tuple[dict[str, Any], ...] | None = None

    async def list(self, principal: Principal) -> tuple[PluginView, ...]:
        """Every plugin found, the broken ones last and with their reason."""
        demand(principal, "plugin.read")
        whole = tuple(
            PluginView(
                name=plugin.name,
                version=plugin.version,
                node_types=plugin.node_types,
                connection_types=plugin.connection_types,
            )
            for plugin in self._catalog.plugins
        )
        broken = tuple(
            PluginView(name=plugin.name, version=plugin.version, error=plugin.reason, detail=plugin.traceback)
            for plugin in self._catalog.broken
        )
        return whole + broken

    async def node_types(self, principal: Principal) -> tuple[NodeTypeView, ...]:
        """Every node type with the JSON schema of its config, by category and title."""
        demand(principal, "plugin.read")
        return await asyncio.to_thread(self._node_types)

    async def describe_all(self, principal: Principal) -> tuple[dict[str, Any], ...]:
        """Every node type with its fields, ports, help and the distribution it came in, as the editor needs it."""
        demand(principal, "plugin.read")
        if self._described is None:
            self._described = await asyncio.to_thread(self._describe_all)
        return self._described

    async def example(self, principal: Principal, type_id: str) -> dict[str, Any] | None:
        """One whole config of a node type; None where there is none, or no such type."""
        demand(principal, "plugin.read")
        node_type = self._catalog.nodes.get(type_id)
        return None if node_type is None else await asyncio.to_thread(example_of, node_type, self._catalog.functions)

    def _describe_all(self) -> tuple[dict[str, Any], ...]:
        described = [describe(node_type) for node_type in self._catalog.nodes.values()]
        brought_by = {type_id: plugin for plugin in self._catalog.plugins for type_id in plugin.node_types}
        for facts in described:
            del facts["schema"]
            facts["plugin"] = brought_by[facts["type"]].distribution
        return tuple(sorted(described, key=lambda facts: (facts["category"], facts["title"])))

    def _node_types(self) -> tuple[NodeTypeView, ...]:
        views = (self._node_type(node_type) for node_type in self._catalog.nodes.values())
        return tuple(sorted(views, key=lambda view: (view.category, view.title)))

    def _node_type(self, node_type: type[Node[Any]]) -> NodeTypeView:
        spec = node_type.spec
        return NodeTypeView(
            id=spec.id,
            title=spec.title,
            summary=spec.summary,
            category=spec.category,
            icon=spec.icon,
            kind=kind_of(spec.id, self._catalog),
            ports=tuple(port.name for port in spec.ports),
            connection=spec.connection,
            stability=spec.stability,
            schema=node_type.Config.model_json_schema(),
            by_hand=can_be_sent_by_hand(node_type),
        )
