"""Finds flows and what is in them: nodes by name, type, connection and settings, notes and frames by what they say."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from flowhost.graph.jsonform import to_json
from flowhost.services.access import Principal, demand
from flowhost.services.drafts import DraftService
from flowhost.services.flows import FlowService

EXCERPT = 80
"""Characters of a value that are shown."""


Kind = Literal["node", "note", "frame", "flow"]


@dataclass(frozen=True, kw_only=True)
class Hit:
    """A node, note, frame or flow that fits.

    Attributes:
        kind: which of them.
        flow: id of its flow.
        flow_name: what people call that.
        node: what the editor opens at: the node's id, or `note:` or `group:` with that of a note or frame.
        title: its name or id; of a note what it says.
        type: node type id.
        place: of the setting that holds what was looked for, from the node; empty where its name fits.
        value: what is set there.
    """

    kind: Kind
    flow: str
    flow_name: str
    node: str
    title: str
    type: str = ""
    place: tuple[str | int, ...] = ()
    value: str = ""


@dataclass(frozen=True, kw_only=True)
class Found:
    """What fits, the best first; `total` counts those beyond the limit too."""

    hits: tuple[Hit, ...]
    total: int


class FlowSearch:
    """Looks through flows as they are being edited; those nobody edits as they are deployed."""

    def __init__(self, flows: FlowService, drafts: DraftService) -> None:
        self._flows = flows
        self._drafts = drafts

    async def find(self, principal: Principal, words: str, limit: int = 30, *, flows: bool = False) -> Found:
        """What holds every word somewhere, in any case; none for no words. Raises `ForbiddenError`.

        Args:
            principal: who looks.
            words: with spaces between them.
            limit: most hits.
            flows: the flows themselves are looked for too.
        """
        demand(principal, "flow.read")
        wanted = words.lower().split()
        if not wanted:
            return Found(hits=(), total=0)
        documents: dict[str, Mapping[str, Any]] = {live.id: to_json(live.document) for live in self._flows.all_live()}
        documents |= await self._drafts.documents(principal)
        return await asyncio.to_thread(_find, documents, wanted, limit, flows)


Ranked = tuple[int, Hit]


def _find(documents: Mapping[str, Mapping[str, Any]], wanted: list[str], limit: int, flows: bool) -> Found:
    looks = (_hits, _layout_hits, _flow_hits) if flows else (_hits, _layout_hits)
    ranked = [
        found for look in looks for flow_id, document in documents.items() for found in look(flow_id, document, wanted)
    ]
    ranked.sort(key=lambda pair: (pair[0], pair[1].flow_name, pair[1].title))
    return Found(hits=tuple(hit for _, hit in ranked[:limit]), total=len(ranked))


def _hits(flow_id: str, document: Mapping[str, Any], wanted: list[str]) -> Iterator[Ranked]:
    flow_name = document.get("name") or flow_id
    for node_id, node in document["nodes"].items():
        title = node.get("name") or node_id
        own = f"{node_id} {title} {node['type']} {node.get('connection') or ''}".lower()
        missing = [word for word in wanted if word not in own]
        places = [_place(node, word) for word in missing]
        if None in places:
            continue
        rank = 2 if missing else 0 if _in(title, wanted) else 1
        place, value = next((found for found in places if found), ((), ""))
        hit = Hit(
            kind="node", flow=flow_id, flow_name=flow_name, node=node_id, title=title, type=node["type"],
            place=place, value=value,
        )  # fmt: skip
        yield rank, hit


_SAID: tuple[tuple[Kind, str, str, str], ...] = (
    ("note", "notes", "note", "text"),
    ("frame", "groups", "group", "name"),
)
"""Where notes and frames are kept, what their keys begin with, and what they say."""


def _layout_hits(flow_id: str, document: Mapping[str, Any], wanted: list[str]) -> Iterator[Ranked]:
    flow_name, layout = document.get("name") or flow_id, document.get("layout") or {}
    for kind, part, key, says in _SAID:
        for one_id, one in (layout.get(part) or {}).items():
            if _in(text := str(one.get(says) or ""), wanted):
                yield 1, Hit(kind=kind, flow=flow_id, flow_name=flow_name, node=f"{key}:{one_id}", title=_cut(text))


def _flow_hits(flow_id: str, document: Mapping[str, Any], wanted: list[str]) -> Iterator[Ranked]:
    name, about = document.get("name") or flow_id, document.get("description") or ""
    called = f"{flow_id} {name} {document.get('area') or ''}"
    if not _in(f"{called} {about}", wanted):
        return
    value = "" if _in(called, wanted) else _cut(about)
    yield (
        0 if _in(name, wanted) else 1,
        Hit(kind="flow", flow=flow_id, flow_name=name, node="", title=name, value=value),
    )


def _in(text: str, wanted: list[str]) -> bool:
    return all(word in text.lower() for word in wanted)


def _cut(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= EXCERPT else f"{line[: EXCERPT - 1]}…"


def _place(node: Mapping[str, Any], word: str) -> tuple[tuple[str | int, ...], str] | None:
    """The first place that holds a word, with its value; None if none does."""
    for key in ("config", "delivery"):
        for place, value in _leaves((key,), node.get(key)):
            written = value if isinstance(value, str) else str(value)
            if word in written.lower() or word in str(place[-1]).lower():
                return place, _cut(written)
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
