"""Plain data as YAML text: whole flows, and the small pieces an edit puts in.

What is written reads the same by YAML 1.2 and by older readers: words such as `no` and `12:30` stand in quotes.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

from flowhost.graph.document import FlowDocument
from flowhost.graph.jsonform import to_json
from flowhost.graph.tree import plain_scalar


def dump_flow(document: FlowDocument) -> str:
    """A fresh flow file: keys in the documented order, layout last."""
    return block(to_json(document))


def block(value: Mapping[str, Any] | list[Any]) -> str:
    """An object or list that is not empty as lines, each ended by a line break."""
    return "".join(f"{line}\n" for line in _lines(value))


def inline(value: Any) -> str:
    """One line, as it may stand within braces or behind a key."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{inline(key)}: {inline(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(inline, value)) + "]"
    return _scalar(value, in_flow=True)


def quoted(text: str) -> str:
    """Text in double quotes; JSON's escapes are YAML's, what YAML does not print is escaped too."""
    return _UNPRINTABLE.sub(lambda match: f"\\u{ord(match[0]):04x}", json.dumps(text, ensure_ascii=False))


def _lines(value: Mapping[str, Any] | list[Any]) -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _entry(f"{_scalar(key)}:", item)
    else:
        for item in value:
            yield from _item(item)


def _entry(key: str, value: Any) -> Iterator[str]:
    """`key: value`, or the key and what it holds two columns further in."""
    if _in_one_line(value):
        yield f"{key} {inline(value) if isinstance(value, Mapping | list | tuple) else _scalar(value)}"
    elif isinstance(value, str):
        yield f"{key} |" if value.endswith("\n") else f"{key} |-"
        yield from (f"  {line}" if line else "" for line in value.removesuffix("\n").split("\n"))
    else:
        yield key
        yield from (f"  {line}" if line else "" for line in _lines(value))


def _item(value: Any) -> Iterator[str]:
    if _in_one_line(value) or isinstance(value, str):
        yield f"- {inline(value) if isinstance(value, Mapping | list | tuple) else _scalar(value)}"
        return
    first, *others = _lines(value)
    yield f"- {first}"
    yield from (f"  {line}" if line else "" for line in others)


def _in_one_line(value: Any) -> bool:
    """Simple values, what is empty, and coordinates such as `[80, 120]`."""
    if isinstance(value, str):
        return _LITERAL.fullmatch(value) is None
    if isinstance(value, list | tuple):
        return all(isinstance(item, int | float) for item in value)
    return not isinstance(value, Mapping) or not value


def _scalar(value: Any, *, in_flow: bool = False) -> str:
    if isinstance(value, str):
        return value if _needs_no_quotes(value, in_flow=in_flow) else quoted(value)
    if isinstance(value, float) and not math.isfinite(value):
        return ".nan" if math.isnan(value) else ".inf" if value > 0 else "-.inf"
    return json.dumps(value)


def _needs_no_quotes(text: str, *, in_flow: bool) -> bool:
    pattern = _PLAIN_IN_FLOW if in_flow else _PLAIN
    return (
        pattern.fullmatch(text) is not None
        and not _LOOKS_DIFFERENT.fullmatch(text)
        and ": " not in text
        and " #" not in text
        and not text.endswith(":")
        and text.isprintable()
        and isinstance(plain_scalar(text), str)
    )


_PLAIN = re.compile(r"[^\W_](?:.*\S)?|[_/(.$](?:.*\S)?")
_PLAIN_IN_FLOW = re.compile(r"[\w/(.$](?:[^,\[\]{}]*[^\s,\[\]{}])?")
_LOOKS_DIFFERENT = re.compile(r"\.\.\..*|[0-9.][0-9_.,:eExobTZ+-]*|\d{4}-\d.*|(?i:y|n|yes|no|on|off)")
"""Texts that some reader takes for an end mark, a number, a time or a truth value."""

_UNPRINTABLE = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff\ud800-\udfff]")

_LINE = r"[^\W\d_][^\x00-\x1f\x7f-\xa0\u2028\u2029\ufeff\ufffe\uffff\ud800-\udfff]*(?<! )"
_LITERAL = re.compile(rf"{_LINE}(?:\n+ *{_LINE})+\n?|{_LINE}\n")
"""Lines that read the same as a literal block: none ends in a blank, the first begins with a letter."""
