"""YAML as it stands in the text: every value with its position, so that problems point and edits stay small.

YAML 1.2, core schema: `no` is text, `12:30` is text, a date is text. Limits keep a hostile file from eating the host.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from flowhost.errors import FlowFileError
from flowhost.graph.place import Place

MAX_BYTES = 5_000_000
MAX_VALUES = 200_000
"""Values of a file with its aliases written out."""
MAX_DEPTH = 60


@dataclass(slots=True)
class Piece:
    """A value in the text.

    Attributes:
        kind: an alias (`*name`) stands for the piece in `target`.
        start: index of its first character.
        end: index behind its last character.
        line: 1-based.
        column: 1-based.
        flow: written in one go: `{...}`, `[...]` or a scalar within them.
        style: of a scalar: empty for plain, else a quote, `|` or `>`.
        value: of a scalar.
        entries: of a mapping.
        items: of a sequence.
        anchored: it has an anchor (`&name`).
        size: number of values in it, aliases written out.
    """

    kind: Literal["scalar", "mapping", "sequence", "alias"]
    start: int
    end: int
    line: int
    column: int
    flow: bool = False
    style: str = ""
    value: Any = None
    entries: dict[str, Entry] = field(default_factory=dict)
    items: list[Piece] = field(default_factory=list)
    target: Piece | None = None
    anchored: bool = False
    size: int = 1


@dataclass(slots=True)
class Entry:
    """A key of a mapping, and its value."""

    key: Piece
    value: Piece


@dataclass(frozen=True)
class Duplicate:
    """A key that stands twice in one mapping; the first one counts."""

    first: Piece
    second: Piece
    place: Place


@dataclass(slots=True)
class Tree:
    """A parsed file: its top value and what is odd about it."""

    top: Piece
    duplicates: list[Duplicate]
    odd_keys: list[tuple[Place, Piece]]

    def piece(self, place: Place) -> Piece | None:
        """The value at this place, or None."""
        found: Piece | None = self.top
        for part in place:
            found = _child(resolved(found), part) if found is not None else None
        return found

    def entry(self, place: Place) -> Entry | None:
        """The key and value at this place, or None where it is no key of a mapping."""
        parent = self.piece(place[:-1]) if place else None
        return None if parent is None else resolved(parent).entries.get(str(place[-1]))


def parse_tree(text: str, source: str = "") -> Tree:
    """Read YAML.

    Raises:
        FlowFileError: not YAML, or beyond the limits; names line and column.
    """
    if len(text.encode("utf-8", "surrogatepass")) > MAX_BYTES:
        raise FlowFileError(f"larger than {MAX_BYTES // 1_000_000} MB; that is not a flow", source)
    try:
        return _Builder(text, source).build()
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"{source}:{mark.line + 1}:{mark.column + 1}" if mark else source
        what = " ".join(str(error.problem or error.context).split())
        raise FlowFileError(f"not YAML: {what}", where) from None
    except YAMLError as error:
        raise FlowFileError(f"not YAML: {' '.join(str(error).split())}", source) from None


def resolved(piece: Piece) -> Piece:
    """The piece itself, or what the alias stands for."""
    return piece.target if piece.target is not None else piece


def plain(piece: Piece) -> Any:
    """The value as nested dicts and lists, aliases written out."""
    piece = resolved(piece)
    if piece.kind == "mapping":
        return {key: plain(entry.value) for key, entry in piece.entries.items()}
    if piece.kind == "sequence":
        return [plain(item) for item in piece.items]
    return piece.value


def _child(piece: Piece, part: str | int) -> Piece | None:
    if isinstance(part, int):
        return piece.items[part] if part < len(piece.items) else None
    entry = piece.entries.get(part)
    return entry.value if entry else None


class _Builder:
    """Builds the tree from the events of ruamel's parser."""

    def __init__(self, text: str, source: str) -> None:
        self._text = text
        self._source = source
        self._events: Iterator[Event] = YAML(typ="safe", pure=True).parse(text)
        self._anchors: dict[str, Piece] = {}
        self._duplicates: list[Duplicate] = []
        self._odd_keys: list[tuple[Place, Piece]] = []

    def build(self) -> Tree:
        top: Piece | None = None
        for event in self._events:
            if not isinstance(event, DocumentStartEvent):
                continue
            if top is not None:
                raise self._refuse(event, "a second document begins here ('---'); a flow file holds one")
            top = self._piece(next(self._events), (), in_flow=False)
        if top is None:
            raise FlowFileError("the file is empty; a flow begins with 'flowhost: 1'", self._source)
        return Tree(top, self._duplicates, self._odd_keys)

    def _piece(self, event: Event, place: Place, *, in_flow: bool) -> Piece:
        if len(place) > MAX_DEPTH:
            raise self._refuse(event, f"nested deeper than {MAX_DEPTH} levels")
        piece = self._alias(event) if isinstance(event, AliasEvent) else self._value(event, place, in_flow=in_flow)
        piece.size = self._measure(piece)
        if piece.size > MAX_VALUES:
            raise self._refuse(event, f"more than {MAX_VALUES} values with aliases written out")
        return piece

    def _alias(self, event: AliasEvent) -> Piece:
        target = self._anchors.get(event.anchor)
        if target is None:
            raise self._refuse(event, f"alias *{event.anchor} refers to no finished anchor before it")
        piece = _new_piece("alias", event)
        piece.target = target
        return piece

    def _value(self, event: Event, place: Place, *, in_flow: bool) -> Piece:
        self._check_tag(event)
        if isinstance(event, ScalarEvent):
            piece = self._scalar(event)
            piece.flow = in_flow
        elif isinstance(event, SequenceStartEvent):
            piece = self._sequence(event, place, in_flow=in_flow or bool(event.flow_style))
        else:
            assert isinstance(event, MappingStartEvent)
            piece = self._mapping(event, place, in_flow=in_flow or bool(event.flow_style))
        anchor = getattr(event, "anchor", None)
        if anchor:
            self._anchors[anchor] = piece
            piece.anchored = True
        return piece

    def _sequence(self, event: SequenceStartEvent, place: Place, *, in_flow: bool) -> Piece:
        piece = _new_piece("sequence", event)
        piece.flow = in_flow
        for inner in self._events:
            if isinstance(inner, SequenceEndEvent):
                piece.end = _end(inner, [item.end for item in piece.items], flow=bool(event.flow_style))
                break
            piece.items.append(self._piece(inner, (*place, len(piece.items)), in_flow=in_flow))
        return piece

    def _mapping(self, event: MappingStartEvent, place: Place, *, in_flow: bool) -> Piece:
        piece = _new_piece("mapping", event)
        piece.flow = in_flow
        ends: list[int] = []
        for inner in self._events:
            if isinstance(inner, MappingEndEvent):
                piece.end = _end(inner, ends, flow=bool(event.flow_style))
                break
            ends.append(self._entry(piece, inner, place, in_flow=in_flow))
        return piece

    def _entry(self, mapping: Piece, event: Event, place: Place, *, in_flow: bool) -> int:
        """Add one entry; returns the index behind it."""
        key = self._piece(event, place, in_flow=in_flow)
        name = str(resolved(key).value)
        inner_place = (*place, name)
        value = self._piece(next(self._events), inner_place, in_flow=in_flow)
        if value.start == value.end:
            self._put_behind(key, value)
        if resolved(key).kind != "scalar" or not isinstance(resolved(key).value, str) or name == "<<":
            self._odd_keys.append((inner_place, key))
        elif name in mapping.entries:
            self._duplicates.append(Duplicate(mapping.entries[name].key, key, inner_place))
        else:
            mapping.entries[name] = Entry(key, value)
        return max(key.end, value.end)

    def _scalar(self, event: ScalarEvent) -> Piece:
        piece = _new_piece("scalar", event)
        piece.style = event.style or ""
        piece.value = event.value if piece.style else plain_scalar(event.value)
        if _SURROGATE.search(event.value):
            try:  # JSON writes characters beyond the first 65,536 as two escapes
                piece.value = event.value.encode("utf-16", "surrogatepass").decode("utf-16")
            except UnicodeDecodeError:
                raise self._refuse(event, "half a character (\\ud800 to \\udfff); write the character itself") from None
        return piece

    def _put_behind(self, key: Piece, empty: Piece) -> None:
        """A value that is left out stands behind its key's colon, not where the parser noticed."""
        colon = self._text.find(":", key.end)
        at = colon + 1 if colon >= 0 and not self._text[key.end : colon].strip() else key.end
        empty.start = empty.end = at
        empty.line, empty.column = key.line, key.column + at - key.start

    def _measure(self, piece: Piece) -> int:
        """Number of values in it, aliases written out. Children are measured before their parents."""
        if piece.target is not None:
            return piece.target.size
        children = [entry.value for entry in piece.entries.values()] + piece.items
        return 1 + sum(child.size for child in children)

    def _check_tag(self, event: Event) -> None:
        tag = getattr(event, "tag", None)
        if tag is not None and str(tag) != "!":
            shown = str(tag).replace("tag:yaml.org,2002:", "!!")
            raise self._refuse(event, f"tag {shown} is not used in flow files; remove it")

    def _refuse(self, event: Event, message: str) -> FlowFileError:
        mark = event.start_mark
        return FlowFileError(message, f"{self._source}:{mark.line + 1}:{mark.column + 1}")


def _new_piece(kind: Literal["scalar", "mapping", "sequence", "alias"], event: Event) -> Piece:
    start, end = event.start_mark, event.end_mark
    return Piece(kind, start.index, end.index, start.line + 1, start.column + 1)


def _end(event: Event, ends: list[int], *, flow: bool) -> int:
    """Where a collection ends: at its bracket, else behind its last value (not behind the comments that follow)."""
    end: int = event.end_mark.index if flow or not ends else ends[-1]
    return end


_SURROGATE = re.compile("[\ud800-\udfff]")
_NULL = re.compile(r"~|null|Null|NULL|")
_TRUE = re.compile(r"true|True|TRUE")
_FALSE = re.compile(r"false|False|FALSE")
_INT = re.compile(r"[-+]?[0-9]+")
_BASED_INT = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_INFINITE = re.compile(r"([-+]?)\.(inf|Inf|INF)")
_NAN = re.compile(r"\.(nan|NaN|NAN)")


def plain_scalar(text: str) -> Any:
    """The value of an unquoted scalar: YAML 1.2.2, 10.3.2 (core schema)."""
    if _NULL.fullmatch(text):
        return None
    if _TRUE.fullmatch(text) or _FALSE.fullmatch(text):
        return text.lower() == "true"
    if _INT.fullmatch(text) and len(text) < 4000:
        return int(text)
    if _BASED_INT.fullmatch(text):
        return int(text, 0)
    if _FLOAT.fullmatch(text) or _NAN.fullmatch(text) or _INFINITE.fullmatch(text):
        return float(text.replace(".", "", 1) if text[-1].isalpha() else text)
    return text
