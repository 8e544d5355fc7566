"""Templates: whole flows that only have to be told what they connect and which values they take."""

from __future__ import annotations

import asyncio
import copy
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from flowhost.catalog import Catalog
from flowhost.catalog.describe import describe_fields
from flowhost.errors import ConfigError, FlowHostError, NotFoundError
from flowhost.graph.jsonform import from_json
from flowhost.services.access import Principal, demand
from flowhost.services.flows import FlowService

FOLDER = Path(__file__).parent / "templates"


@dataclass(frozen=True, kw_only=True)
class TemplateView:
    """A template and what it has to be told.

    Attributes:
        connections: `{slot, title, type}` of each connection it needs.
        fields: `{node, connection, path, value, fact}`: a field of a node as its type declares it, where it stands in
            the flow, and what it is if nobody changes it.
        missing: types that are not installed; with one of them it cannot be used.
    """

    id: str
    title: str
    summary: str
    icon: str
    connections: tuple[Mapping[str, Any], ...]
    fields: tuple[Mapping[str, Any], ...]
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class MadeFlow:
    """A flow made from a template.

    Attributes:
        started: it runs.
        problem: why it does not, although it was asked for.
    """

    id: str
    started: bool
    problem: str = ""


class TemplateService:
    """Lists templates and makes flows of them. Every method raises `ForbiddenError` for a caller without the role."""

    def __init__(self, flows: FlowService, catalog: Catalog) -> None:
        self._flows = flows
        self._catalog = catalog

    async def list(self, principal: Principal) -> tuple[TemplateView, ...]:
        """Every template, the one that needs nothing last."""
        demand(principal, "flow.read")
        found = await asyncio.to_thread(_load)
        views = (self._view(name, one) for name, one in found.items())
        return tuple(sorted(views, key=lambda view: (not view.connections, view.title)))

    async def make(
        self,
        principal: Principal,
        template: str,
        name: str,
        area: str,
        connections: Mapping[str, Any],
        values: Mapping[str, Any],
        *,
        start: bool,
    ) -> MadeFlow:
        """A flow of this template.

        Args:
            principal: the caller.
            template: id.
            name: of the flow; its id follows from it.
            area: where it belongs.
            connections: name of a connection of the host by slot.
            values: value by `path` of the template's fields; those left out stay as they are.
            start: run it at once.

        Raises:
            NotFoundError: no such template.
            ConfigError: something is missing or wrong; the place is a slot (`connections.plc`) or a path. Nothing was
                made.
            ConflictError: there is a flow of this name.
        """
        demand(principal, "flow.edit")
        found = (await asyncio.to_thread(_load)).get(template)
        if found is None:
            raise NotFoundError(f"there is no template {template!r}")
        flow_id = id_of(name)
        if not flow_id:
            raise ConfigError("type a name with at least one letter or digit", "name")
        head = {"flowhost": 1, "id": flow_id, "name": name, **({"area": area} if area else {})}
        document = {**head, "description": str(found["summary"]), **_filled(found, connections, values)}
        await self._flows.add(principal, from_json(document))
        if not start:
            return MadeFlow(id=flow_id, started=False)
        try:
            await self._flows.start(principal, flow_id)
        except FlowHostError as error:
            return MadeFlow(id=flow_id, started=False, problem=str(error))
        return MadeFlow(id=flow_id, started=True)

    def _view(self, name: str, one: Mapping[str, Any]) -> TemplateView:
        slots = one.get("connections") or {}
        types = {node["type"] for node in one["flow"]["nodes"].values()}
        missing = sorted(types - self._catalog.nodes.keys())
        missing += sorted({slot["type"] for slot in slots.values()} - self._catalog.connections.keys())
        return TemplateView(
            id=name, title=one["title"], summary=one["summary"], icon=one["icon"],
            connections=tuple({"slot": slot, **facts} for slot, facts in slots.items()),
            fields=() if missing else tuple(self._fields(one)), missing=tuple(missing),
        )  # fmt: skip

    def _fields(self, one: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
        given = one.get("values") or {}
        for asked in one["ask"]:
            node_id, _, field = asked.partition(".")
            node = one["flow"]["nodes"][node_id]
            facts = {fact["name"]: fact for fact in describe_fields(self._catalog.nodes[node["type"]].Config)}
            yield {
                "node": node.get("name", node_id), "connection": node.get("connection", ""),
                "path": f"nodes.{node_id}.config.{field}", "value": given.get(asked), "fact": facts[field],
            }  # fmt: skip


def id_of(name: str) -> str:
    """A flow id made of a name: `Linie 1: Zähler` becomes `linie-1-zahler`."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-")[:60]


def _load() -> dict[str, dict[str, Any]]:
    yaml = YAML(typ="safe", pure=True)
    return {path.stem: yaml.load(path.read_text(encoding="utf-8")) for path in sorted(FOLDER.glob("*.yaml"))}


def _filled(one: Mapping[str, Any], connections: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """The flow of a template with what it was told."""
    flow = copy.deepcopy(dict(one["flow"]))
    for slot, facts in (one.get("connections") or {}).items():
        chosen = connections.get(slot)
        if not isinstance(chosen, str) or not chosen:
            raise ConfigError(f"choose or make a connection: {facts['title']}", f"connections.{slot}")
        for node in flow["nodes"].values():
            if node.get("connection") == slot:
                node["connection"] = chosen
    for asked in one["ask"]:
        node_id, _, field = asked.partition(".")
        path = f"nodes.{node_id}.config.{field}"
        if values.get(path) is not None:
            flow["nodes"][node_id].setdefault("config", {})[field] = values[path]
    return flow
