"""Places: where in a flow something stands, written `nodes.temps.config.topics[0]`."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any, TypeAlias

Place: TypeAlias = tuple[str | int, ...]
"""Keys of objects and positions in lists, from the top of the flow down."""

_PLAIN = re.compile(r"[A-Za-z0-9_-]+")
_PART = re.compile(r'\.?([A-Za-z0-9_-]+)|\[(\d+)\]|\[("(?:[^"\\]|\\.)*")\]')


def format_place(parts: Iterable[str | int]) -> str:
    """Write a place; a key that is not a plain word stands in brackets and quotes: `set["a.b"]`."""
    return "".join(map(_format_part, parts)).removeprefix(".")


def parse_place(text: str) -> Place:
    """Read a place as `format_place` writes it.

    Raises:
        ValueError: the text is not a place.
    """
    parts: list[str | int] = []
    position = 0
    while position < len(text):
        match = _PART.match(text, position)
        if match is None:
            msg = f"{text!r} is not a place like nodes.temps.config.topics[0] (column {position + 1})"
            raise ValueError(msg)
        word, number, quoted = match.groups()
        parts.append(word if word is not None else int(number) if number is not None else json.loads(quoted))
        position = match.end()
    return tuple(parts)


def value_at(data: Any, place: Iterable[str | int]) -> Any:
    """The value at this place of nested dicts and lists. Raises `LookupError` where there is none."""
    for part in place:
        is_list = isinstance(data, list) and isinstance(part, int)
        if not is_list and not isinstance(data, dict):
            raise KeyError(part)
        data = data[part]
    return data


def _format_part(part: str | int) -> str:
    if isinstance(part, int):
        return f"[{part}]"
    if _PLAIN.fullmatch(part):
        return f".{part}"
    return f"[{json.dumps(part, ensure_ascii=False)}]"
