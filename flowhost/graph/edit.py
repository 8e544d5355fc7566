"""Small edits of a YAML text: what changed is written anew, every other character stays.

The difference between two versions of the data becomes a list of splices of the text.
"""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

from flowhost.graph.emit import block, inline, quoted
from flowhost.graph.jsonform import same
from flowhost.graph.tree import Piece, Tree


def edited(text: str, tree: Tree, old: dict[str, Any], new: dict[str, Any]) -> str | None:
    """The text with `old` changed to `new`, or None where that cannot be done in place.

    Args:
        text: the file.
        tree: the text as parsed.
        old: what the text says, as plain data.
        new: what it shall say. The order of keys is not an edit.
    """
    editor = _Editor(text)
    try:
        editor.mapping(tree.top, old, new)
    except _NotInPlaceError:
        return None
    return editor.result()


@dataclass(frozen=True)
class _Splice:
    start: int
    end: int
    text: str


class _NotInPlaceError(Exception):
    """The text is not of a form this change can be made in; its owner is written anew."""


class _Editor:
    def __init__(self, text: str) -> None:
        self._text = text
        self._newline = "\r\n" if "\r\n" in text else "\n"
        self._splices: list[_Splice] = []

    def result(self) -> str:
        text = self._text
        ordered = sorted(enumerate(self._splices), key=lambda pair: (pair[1].start, pair[1].end, pair[0]))
        for _, splice in reversed(ordered):
            text = text[: splice.start] + splice.text.replace("\n", self._newline) + text[splice.end :]
        return text

    def mapping(self, piece: Piece, old: dict[str, Any], new: dict[str, Any]) -> None:
        """Make an object in the text say `new`."""
        if piece.kind != "mapping" or not any(key in piece.entries for key in new):
            raise _NotInPlaceError
        for key in old:
            if key not in new and key in piece.entries:
                self._remove_key(piece, key)
        anchor: str | None = None
        for key, value in new.items():
            if key not in piece.entries:
                self._insert_key(piece, anchor, key, value)
                continue
            anchor = key
            if key not in old or not same(old[key], value):
                self._change(piece, key, old.get(key), value)

    def _change(self, parent: Piece, key: str, old: Any, new: Any) -> None:
        """Make the value of a key say `new`: in parts where it can be, else as a whole."""
        piece = parent.entries[key].value
        mark = len(self._splices)
        try:
            self._in_parts(piece, old, new)
        except _NotInPlaceError:
            del self._splices[mark:]
            self._replace(parent, key, new)

    def _in_parts(self, piece: Piece, old: Any, new: Any) -> None:
        if piece.anchored:
            raise _NotInPlaceError
        if isinstance(old, dict) and isinstance(new, dict):
            self.mapping(piece, old, new)
        elif isinstance(old, list) and isinstance(new, list):
            self._sequence(piece, old, new)
        else:
            self._scalar(piece, new)

    def _scalar(self, piece: Piece, new: Any) -> None:
        """A simple value for a simple value; quotes stay as they were."""
        if piece.kind != "scalar" or piece.style in ("|", ">") or isinstance(new, dict | list):
            raise _NotInPlaceError
        if piece.start == piece.end:
            raise _NotInPlaceError
        written = inline(new)
        if isinstance(new, str) and piece.style == '"':
            written = quoted(new)
        elif isinstance(new, str) and piece.style == "'" and new.isprintable():
            written = "'" + new.replace("'", "''") + "'"
        self._splices.append(_Splice(piece.start, piece.end, written))

    def _sequence(self, piece: Piece, old: list[Any], new: list[Any]) -> None:
        """Remove, change and insert items."""
        if piece.kind != "sequence" or len(piece.items) != len(old) or not old or not new:
            raise _NotInPlaceError
        matcher = SequenceMatcher(None, list(map(repr, old)), list(map(repr, new)), autojunk=False)
        for kind, start, end, new_start, new_end in matcher.get_opcodes():
            if kind == "replace" and end - start == new_end - new_start:
                for index in range(end - start):
                    self._in_parts(piece.items[start + index], old[start + index], new[new_start + index])
            elif kind != "equal":
                self._exchange_items(piece, start, end, new[new_start:new_end])

    def _exchange_items(self, piece: Piece, start: int, end: int, new: list[Any]) -> None:
        if piece.flow:
            raise _NotInPlaceError
        first = self._line_start(piece.items[0].start)
        indent = self._text[first : piece.items[0].start]
        if indent.strip() != "-":
            raise _NotInPlaceError
        at = self._line_start(piece.items[start].start) if start < len(piece.items) else self._behind(piece.items[-1])
        for item in piece.items[start:end]:
            begin = self._line_start(item.start)
            if self._text[begin : item.start].strip() != "-":
                raise _NotInPlaceError
            self._splices.append(_Splice(begin, self._behind(item), ""))
        lines = [self._item(item, indent) for item in new]
        self._insert_lines(at, "".join(lines))

    def _item(self, value: Any, indent: str) -> str:
        if isinstance(value, dict | list) and value:
            body = textwrap.indent(block(value), " " * len(indent))
            return indent + body.lstrip(" ")
        return f"{indent}{inline(value)}\n"

    def _remove_key(self, parent: Piece, key: str) -> None:
        entry = parent.entries[key]
        if parent.flow:
            self._remove_flow_key(parent, key)
            return
        start = self._line_start(entry.key.start)
        if self._text[start : entry.key.start].strip():
            raise _NotInPlaceError
        self._splices.append(_Splice(start, self._behind(entry.value), ""))

    def _remove_flow_key(self, parent: Piece, key: str) -> None:
        """Within braces: up to the next key, or from the last value before."""
        keys = list(parent.entries)
        index = keys.index(key)
        if index + 1 < len(keys):
            start, end = parent.entries[key].key.start, parent.entries[keys[index + 1]].key.start
        else:
            start, end = self._end(parent.entries[keys[index - 1]].value), self._end(parent.entries[key].value)
        self._splices.append(_Splice(start, end, ""))

    def _insert_key(self, parent: Piece, anchor: str | None, key: str, value: Any) -> None:
        """Behind the key `anchor`, or first."""
        first = next(iter(parent.entries.values()))
        if parent.flow:
            pair = f"{inline(key)}: {inline(value)}"
            if anchor is None:
                self._splices.append(_Splice(first.key.start, first.key.start, f"{pair}, "))
            else:
                at = self._end(parent.entries[anchor].value)
                self._splices.append(_Splice(at, at, f", {pair}"))
            return
        start = self._line_start(first.key.start)
        indent = first.key.column - 1
        if self._text[start : first.key.start].strip() and anchor is None:
            anchor = next(iter(parent.entries))  # the first key stands behind a dash
        entry = None if anchor is None else parent.entries[anchor]
        at = start if entry is None else self._behind(entry.value)
        self._insert_lines(at, textwrap.indent(block({key: value}), " " * indent))

    def _replace(self, parent: Piece, key: str, value: Any) -> None:
        """Write a key's value anew; comments within it are lost."""
        entry = parent.entries[key]
        if parent.flow or entry.value.flow:
            self._splices.append(_Splice(entry.value.start, entry.value.end, inline(value)))
            return
        start = self._line_start(entry.key.start)
        indent = entry.key.column - 1
        written = textwrap.indent(block({key: value}), " " * indent)[indent:]
        if self._text[start : entry.key.start].strip() and "\n" in written.rstrip("\n"):
            raise _NotInPlaceError
        self._splices.append(_Splice(entry.key.start, self._end(entry.value), written.rstrip("\n")))

    def _insert_lines(self, at: int, lines: str) -> None:
        if lines and at == len(self._text) and not self._text.endswith("\n"):
            lines = "\n" + lines.removesuffix("\n")
        if lines:
            self._splices.append(_Splice(at, at, lines))

    def _line_start(self, index: int) -> int:
        return self._text.rfind("\n", 0, index) + 1

    def _behind(self, piece: Piece) -> int:
        """Start of the line that follows the value and its comment."""
        found = self._text.find("\n", self._end(piece))
        return len(self._text) if found < 0 else found + 1

    def _end(self, piece: Piece) -> int:
        """Where the value's own characters end: blank lines behind a block of text are not part of it."""
        end = piece.end
        if piece.style in ("|", ">") or piece.kind != "scalar":
            end = len(self._text[:end].rstrip())
        return end
