"""From plain data to a flow: the shape is checked, node types and values are lint's business."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, cast

from flowhost.graph.document import ConnectionEntry, Disabled, FlowDocument, NodeEntry, Wire
from flowhost.graph.place import Place, format_place
from flowhost.graph.problem import Problem, did_you_mean, listing

FORMAT = 1
"""Version of the flow file's form."""

TOP_KEYS = (
    "flowhost", "id", "name", "area", "description", "connections", "nodes", "wires",
    "tables", "sagas", "exchange", "layout",
)  # fmt: skip
NODE_KEYS = ("type", "name", "connection", "config", "delivery", "disabled")
CONNECTION_KEYS = ("type", "config")

_FLOW_ID = re.compile(r"[a-z0-9][a-z0-9_-]*")
NODE_ID = re.compile(r"[a-z][a-z0-9_]*")
_CONNECTION_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
WIRE = re.compile(r"\s*([^\s.>]+)(?:\.([A-Za-z0-9_-]+))?\s*->\s*([^\s.>]+)\s*")


def read_shape(data: Any) -> tuple[FlowDocument, list[Problem]]:
    """The flow this data describes, and what is wrong with the shape; wrong parts are left out."""
    reader = _Reader()
    return reader.document(data), reader.problems


class _Reader:
    def __init__(self) -> None:
        self.problems: list[Problem] = []

    def document(self, data: Any) -> FlowDocument:
        top = self._mapping(data, ())
        self._known(top, TOP_KEYS, ())
        self._format(top)
        return FlowDocument(
            id=self._flow_id(top),
            name=self._text(top, "name", ()),
            area=self._text(top, "area", ()),
            description=self._text(top, "description", ()),
            connections=self._connections(top),
            nodes=self._nodes(top),
            wires=self._wires(top),
            layout=self._layout(top),
            sagas=self._part(top, "sagas", ()),
            exchange=self._part(top, "exchange", ()),
            tables=self._part(top, "tables", ()),
        )

    def _format(self, top: Mapping[str, Any]) -> None:
        if "flowhost" not in top:
            self._say("the first line of a flow file is 'flowhost: 1'; add it", ("flowhost",), "missing-field")
        elif top["flowhost"] != FORMAT or isinstance(top["flowhost"], bool):
            self._say(
                f"this FlowHost reads form {FORMAT} of flow files, not {_written(top['flowhost'])}",
                ("flowhost",),
                "wrong-value",
            )

    def _flow_id(self, top: Mapping[str, Any]) -> str:
        if "id" not in top:
            self._say("the flow needs an id, for example 'id: line-telemetry'", ("id",), "missing-field")
            return ""
        found = self._text(top, "id", ())
        if found and not _FLOW_ID.fullmatch(found):
            self._say(f"flow id {found!r}: lower-case letters, digits, '-' and '_' only", ("id",), "bad-id")
        return found

    def _connections(self, top: Mapping[str, Any]) -> dict[str, ConnectionEntry]:
        found = {}
        for name, value in self._part(top, "connections", ()).items():
            place: Place = ("connections", name)
            entry = self._mapping(value, place)
            if not _CONNECTION_NAME.fullmatch(name):
                self._say(f"connection name {name!r}: letters, digits, '-' and '_' only", place, "bad-id")
            self._known(entry, CONNECTION_KEYS, place)
            kind = self._type(entry, place)
            found[name] = ConnectionEntry(name=name, type=kind, config=self._part(entry, "config", place))
        return found

    def _nodes(self, top: Mapping[str, Any]) -> dict[str, NodeEntry]:
        if "nodes" not in top:
            self._say("the flow has no nodes; add 'nodes:'", ("nodes",), "missing-field")
        return {name: self._node(name, value) for name, value in self._part(top, "nodes", ()).items()}

    def _node(self, name: str, value: Any) -> NodeEntry:
        place: Place = ("nodes", name)
        entry = self._mapping(value, place)
        self._node_id(name, place)
        self._known(entry, NODE_KEYS, place)
        return NodeEntry(
            id=name,
            type=self._type(entry, place),
            name=self._text(entry, "name", place),
            connection=self._text(entry, "connection", place) or None,
            config=self._part(entry, "config", place),
            delivery=self._part(entry, "delivery", place),
            disabled=self._disabled(entry, place),
        )

    def _type(self, entry: Mapping[str, Any], place: Place) -> str:
        """The type id; an entry that is no object has been reported already."""
        if "type" not in entry and entry is not _NOTHING:
            self._say("'type' is missing, for example 'type: mqtt.subscribe'", (*place, "type"), "missing-field")
        return self._text(entry, "type", place)

    def _disabled(self, entry: Mapping[str, Any], place: Place) -> Disabled | None:
        value = entry.get("disabled")
        if value in ("block", "pass"):
            return cast("Disabled", value)
        if value is not None:
            message = (
                f"must be 'block' (messages end here) or 'pass' (they go through unchanged), not {_written(value)}; "
                "remove it to enable the node"
            )
            self._say(message, (*place, "disabled"), "wrong-value")
        return None

    def _wires(self, top: Mapping[str, Any]) -> tuple[Wire, ...]:
        value = top.get("wires")
        if value is not None and not isinstance(value, list | tuple):
            self._say("must be a list of 'a -> b'", ("wires",), "wrong-value")
            return ()
        wires = (self._wire(item, ("wires", index)) for index, item in enumerate(value or ()))
        return tuple(wire for wire in wires if wire is not None)

    def _wire(self, value: Any, place: Place) -> Wire | None:
        match = WIRE.fullmatch(value) if isinstance(value, str) else None
        if match is None:
            self._say(f"{_written(value)} is not a wire; write 'a -> b' or 'a.port -> b', one each", place, "bad-wire")
            return None
        source, port, target = match.groups()
        return Wire(source=source, port=port or "out", target=target)

    def _layout(self, top: Mapping[str, Any]) -> dict[str, Any]:
        """Places of nodes, notes and frames have a shape, else the canvas could not draw them; the rest is free."""
        layout = self._part(top, "layout", ())
        for name, spot in self._part(layout, "nodes", ("layout",)).items():
            self._pair(spot, ("layout", "nodes", name))
        for name, note in self._part(layout, "notes", ("layout",)).items():
            self._note(note, ("layout", "notes", name))
        for name, group in self._part(layout, "groups", ("layout",)).items():
            self._group(group, ("layout", "groups", name))
        return layout

    def _note(self, value: Any, place: Place) -> None:
        note = self._mapping(value, place)
        self._text(note, "text", place)
        for key in ("at", "size"):
            if key in note:
                self._pair(note[key], (*place, key))

    def _group(self, value: Any, place: Place) -> None:
        group = self._mapping(value, place)
        self._text(group, "name", place)
        nodes = group.get("nodes", [])
        if not isinstance(nodes, list) or not all(isinstance(name, str) for name in nodes):
            self._say("must be a list of node ids", (*place, "nodes"), "wrong-value")

    def _pair(self, value: Any, place: Place) -> None:
        pair = value if isinstance(value, list | tuple) else ()
        if len(pair) != 2 or any(isinstance(n, bool) or not isinstance(n, int | float) for n in pair):
            self._say(f"must be two numbers, such as [80, 120], not {_written(value)}", place, "wrong-value")

    def _part(self, owner: Mapping[str, Any], key: str, place: Place) -> dict[str, Any]:
        value = owner.get(key)
        return {} if value is None else dict(self._mapping(value, (*place, key)))

    def _mapping(self, value: Any, place: Place) -> Mapping[str, Any]:
        if not isinstance(value, Mapping):
            self._say(f"must be an object (key: value), not {_written(value)}", place, "wrong-value")
            return _NOTHING
        return value

    def _text(self, owner: Mapping[str, Any], key: str, place: Place) -> str:
        value = owner.get(key)
        if isinstance(value, str):
            return value
        if value is not None:
            hint = f"; write '{value}' in quotes" if isinstance(value, int | float) else ""
            self._say(f"must be text, not {_written(value)}{hint}", (*place, key), "wrong-value")
        elif key in owner:
            self._say("is empty; write text or remove the key", (*place, key), "wrong-value")
        return ""

    def _known(self, owner: Mapping[str, Any], known: tuple[str, ...], place: Place) -> None:
        for key in owner:
            if key not in known:
                message = f"unknown key {key!r}{did_you_mean(str(key), known)}; known keys: {listing(known)}"
                self._say(message, (*place, str(key)), "unknown-key")

    def _node_id(self, name: str, place: Place) -> None:
        if not NODE_ID.fullmatch(name):
            message = f"node id {name!r} must begin with a letter a-z, then letters a-z, digits and '_'"
            self._say(message, place, "bad-id")

    def _say(self, message: str, place: Place, code: str) -> None:
        self.problems.append(Problem(severity="error", place=format_place(place), message=message, code=code))


_NOTHING: Mapping[str, Any] = {}


def _written(value: Any) -> str:
    """A wrong value as the user knows it, cut where long."""
    if value is None:
        return "empty"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Mapping):
        return "an object"
    if isinstance(value, list | tuple):
        return "a list"
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
