"""Differences between two versions of a flow, called as the editor's forms call them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from flowhost.graph.diff import Change
from flowhost.services.access import Principal
from flowhost.services.host import Host
from flowhost.ui.texts import t
from flowhost.ui.texts.editor import WORDS

VALUE_LIMIT = 80
ARROW = " → "
BETWEEN = " · "
_WIRE = re.compile(r"([a-z0-9_]+)(?:\.(\w+))? -> ([a-z0-9_]+)")

Facts = Mapping[str, Any]


@dataclass(frozen=True)
class ChangeWords:
    """Says what a change is about.

    Attributes:
        nodes: the flow's nodes as they are now, for their names.
        types: node types by id, as `flowhost.catalog.describe` gives them.
        links: connection types by id, alike.
        connections: the flow's own connections.
    """

    nodes: Facts = field(default_factory=dict)
    types: Mapping[str, Facts] = field(default_factory=dict)
    links: Mapping[str, Facts] = field(default_factory=dict)
    connections: Facts = field(default_factory=dict)

    def place(self, change: Change) -> str:
        """What is different, such as `Usable values · Where`."""
        part, *rest = change.place
        if part == "wires":
            return self._wire(rest[0])
        if part == "nodes":
            return BETWEEN.join(self._in_node(change, rest[0], rest[1:]))
        if part == "connections":
            return BETWEEN.join(self._in_connection(rest[0], rest[1:]))
        if part == "layout":
            return self._extra(change, rest)
        if f"change.{part}" in _PARTS:
            return BETWEEN.join([t(f"change.{part}", name=rest[0] if rest else ""), *rest[1:]])
        return BETWEEN.join([WORDS["flow_panel"], WORDS.get(f"field_{part}", part), *rest])

    def value(self, change: Change, value: Any) -> str:
        """A value as the form shows it, cut."""
        fact = self._fact(change)
        if change.place[0] == "layout":
            text = self._extra_value(value)
        elif isinstance(value, bool):
            text = WORDS["on" if value else "off"]
        elif isinstance(value, str):
            text = str((fact or {}).get("labels", {}).get(value, value)) if fact else self._plain(change, value)
        else:
            text = json.dumps(value, ensure_ascii=False, default=str)
        return _cut(text)

    def node(self, node_id: str, *entries: Any) -> str:
        """What people call a node; one that is gone is called as it was."""
        for entry in (self.nodes.get(node_id), *entries):
            if isinstance(entry, dict) and entry.get("name"):
                return str(entry["name"])
        return node_id

    def _extra(self, change: Change, steps: Sequence[str]) -> str:
        """A note or frame by what it says, not by its number."""
        kind = t(f"change.{steps[0]}")
        for entry in (change.after, change.before):
            if isinstance(entry, dict):
                words = str(entry.get("name") or entry.get("text") or "").strip()
                return BETWEEN.join([kind, _cut(words)]) if words else t(f"change.{steps[0]}_unnamed")
        return kind

    def _around(self, nodes: Iterable[Any]) -> str:
        """What a frame is around."""
        names = ", ".join(self.node(str(node)) for node in nodes)
        return t("change.around", nodes=names) if names else ""

    def _extra_value(self, value: Any) -> str:
        """Of a note or frame: what its place does not say yet."""
        if isinstance(value, dict):
            return self._around(value.get("nodes") or ())
        return self._around(value) if isinstance(value, list) else str(value)

    def _wire(self, text: str) -> str:
        found = _WIRE.fullmatch(text)
        if found is None:
            return text.replace(" -> ", ARROW)
        source, port, target = found.groups()
        begin = self.node(source) + (f" ({port})" if port else "")
        return f"{begin}{ARROW}{self.node(target)}"

    def _in_node(self, change: Change, node_id: str, steps: Sequence[str]) -> list[str]:
        if not steps:
            entry = change.before or change.after
            return [self.node(node_id, entry), self._type_title(entry)]
        first, *inner = steps
        if first in ("config", "delivery"):
            return [self.node(node_id), *_titles(self._fields(node_id, first), inner)]
        return [self.node(node_id), WORDS.get(f"field_{first}", first), *inner]

    def _type_title(self, entry: Any) -> str:
        kind = str(entry.get("type", "")) if isinstance(entry, dict) else ""
        return str(self.types.get(kind, {}).get("title", kind))

    def _fields(self, node_id: str, part: str) -> Sequence[Facts]:
        entry = self.nodes.get(node_id)
        kind = self.types.get(str(entry.get("type", "")), {}) if isinstance(entry, dict) else {}
        found: Sequence[Facts] = kind.get("fields" if part == "config" else "delivery", ())
        return found

    def _in_connection(self, name: str, steps: Sequence[str]) -> list[str]:
        called = f"{WORDS['field_connection']} {name}"
        if steps[:1] != ["config"]:
            return [called, *steps]
        entry = self.connections.get(name)
        kind = self.links.get(str(entry.get("type", "")), {}) if isinstance(entry, dict) else {}
        return [called, *_titles(kind.get("fields", ()), steps[1:])]

    def _fact(self, change: Change) -> Facts | None:
        if len(change.place) != 4 or change.place[0] != "nodes" or change.place[2] not in ("config", "delivery"):
            return None
        facts = self._fields(change.place[1], change.place[2])
        return next((one for one in facts if one["name"] == change.place[3]), None)

    def _plain(self, change: Change, value: str) -> str:
        return WORDS.get(f"disabled_{value}", value) if change.place[2:] == ("disabled",) else value


_PARTS = ("change.tables", "change.sagas", "change.exchange")


def _cut(text: str) -> str:
    return text if len(text) <= VALUE_LIMIT else f"{text[: VALUE_LIMIT - 1]}…"


def _titles(fields: Sequence[Facts], steps: Sequence[str]) -> list[str]:
    titles: list[str] = []
    for step in steps:
        fact = next((one for one in fields if one["name"] == step), None)
        titles.append(str(fact.get("title") or step) if fact else step)
        fields = (fact or {}).get("fields") or ()
    return titles


def spread(changes: Iterable[Change]) -> list[Change]:
    """The same with settings that came or went all at once as one change for each field."""
    found: list[Change] = []
    for change in changes:
        whole = change.after if change.kind == "added" else change.before
        if len(change.place) == 3 and change.place[2] in ("config", "delivery") and isinstance(whole, dict):
            side = "after" if change.kind == "added" else "before"
            found += [replace(change, place=(*change.place, key), **{side: part}) for key, part in whole.items()]
        else:
            found.append(change)
    return found


async def change_words(host: Host, principal: Principal, flow_id: str) -> ChangeWords:
    """The words for changes of a flow. Raises `NotFoundError`."""
    document = (await host.drafts.look(principal, flow_id)).document
    types = await host.plugins.describe_all(principal)
    links = await host.connections.types(principal)
    return ChangeWords(
        document.get("nodes", {}),
        {str(one["type"]): one for one in types},
        {str(one["type"]): one for one in links},
        document.get("connections", {}),
    )
