"""Finds nodes in all flows: by name, id, type, connection, and anything in their configs."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from flowhost.graph.jsonform import to_json
from flowhost.graph.place import format_place
from flowhost.services.access import Principal, demand
from flowhost.services.drafts import DraftService
from flowhost.services.flows import FlowService

EXCERPT = 80
"""Characters of a value that are shown."""


@dataclass(frozen=True, kw_only=True)
class NodeHit:
    """A node that fits.

    Attributes:
        flow: id of its flow.
        flow_name: what people call that.
        node: its id.
        title: its name, or its id.
        type: node type id.
        where: the place in its config that holds what was looked for, and the value there; empty if its name fits.
    """

    flow: str
    flow_name: str
    node: str
    title: str
    type: str
    where: str = ""


@dataclass(frozen=True, kw_only=True)
class Found:
    """Nodes that fit, the best first; `total` counts those beyond the limit too."""

    hits: tuple[NodeHit, ...]
    total: int


class FlowSearch:
    """Looks through flows as they are being edited; those nobody edits as they are deployed."""

    def __init__(self, flows: FlowService, drafts: DraftService) -> None:
        self._flows = flows
        self._drafts = drafts

    async def find(self, principal: Principal, words: str, limit: int = 30) -> Found:
        """Nodes that hold every word somewhere, in any case; none for no words. Raises `ForbiddenError`."""
        demand(principal, "flow.read")
        wanted = words.lower().split()
        if not wanted:
            return Found(hits=(), total=0)
        documents: dict[str, Mapping[str, Any]] = {live.id: to_json(live.document) for live in self._flows.all_live()}
        documents |= await self._drafts.documents(principal)
        return await asyncio.to_thread(_find, documents, wanted, limit)


def _find(documents: Mapping[str, Mapping[str, Any]], wanted: list[str], limit: int) -> Found:
    ranked = [found for flow_id, document in documents.items() for found in _hits(flow_id, document, wanted)]
    ranked.sort(key=lambda pair: (pair[0], pair[1].flow_name, pair[1].title))
    return Found(hits=tuple(hit for _, hit in ranked[:limit]), total=len(ranked))


def _hits(flow_id: str, document: Mapping[str, Any], wanted: list[str]) -> Iterator[tuple[int, NodeHit]]:
    flow_name = document.get("name") or flow_id
    for node_id, node in document["nodes"].items():
        title = node.get("name") or node_id
        own = f"{node_id} {title} {node['type']} {node.get('connection') or ''}".lower()
        missing = [word for word in wanted if word not in own]
        places = [_place(node, word) for word in missing]
        if None in places:
            continue
        rank = 2 if missing else 0 if all(word in title.lower() for word in wanted) else 1
        where = next((place for place in places if place), "")
        yield (
            rank,
            NodeHit(flow=flow_id, flow_name=flow_name, node=node_id, title=title, type=node["type"], where=where),
        )


def _place(node: Mapping[str, Any], word: str) -> str | None:
    """The first place that holds a word, with its value; None if none does."""
    for key in ("config", "delivery"):
        for place, value in _leaves((), node.get(key)):
            written = value if isinstance(value, str) else str(value)
            if word in written.lower() or word in str(place[-1] if place else "").lower():
                text = " ".join(written.split())
                return f"{format_place(place)}: {text if len(text) <= EXCERPT else f'{text[: EXCERPT - 1]}…'}"
    return None


def _leaves(place: tuple[str | int, ...], value: Any) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _leaves((*place, key), inner)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _leaves((*place, index), inner)
    elif value is not None:
        yield place, value
