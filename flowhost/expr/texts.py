"""Functions of text. What makes much of little (join, replace, pad) is bounded."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any

import msgspec

from flowhost.expr.guards import TEXT_LIMIT
from flowhost.expr.numbers import decimal
from flowhost.expr.values import as_json, as_text, describe

_MAX_WIDTH = 1000
_MAX_DIGITS = 15


def is_text(x: Any) -> bool:
    return isinstance(x, str)


def lower(text: Any) -> str:
    return _text("lower", text).lower()


def upper(text: Any) -> str:
    return _text("upper", text).upper()


def strip(text: Any) -> str:
    return _text("strip", text).strip()


def startswith(text: Any, part: Any) -> bool:
    return _text("startswith", text).startswith(_text("startswith", part))


def endswith(text: Any, part: Any) -> bool:
    return _text("endswith", text).endswith(_text("endswith", part))


def split(text: Any, separator: Any = None) -> list[str]:
    """Without a separator: at runs of blanks."""
    if separator is not None and not _text("split", separator):
        raise ValueError("split(): the separator is empty")
    return _text("split", text).split(separator)


def join(items: Any, separator: Any = "") -> str:
    if not isinstance(items, list | tuple):
        raise TypeError(f"join() takes a list, got {describe(items)}")
    parts = [as_text(item) for item in items]
    _bounded("join", sum(map(len, parts)) + len(_text("join", separator)) * len(parts))
    return str(separator).join(parts)


def replace(text: Any, old: Any, new: Any) -> str:
    for value in (text, old, new):
        _text("replace", value)
    if not old:
        raise ValueError("replace(): the text to replace is empty")
    if len(new) > len(old):
        _bounded("replace", len(text) + text.count(old) * (len(new) - len(old)))
    return str(text).replace(old, new)


def substring(text: Any, start: Any, length: Any = None) -> str:
    """A start below 0 counts from the end."""
    source = _text("substring", text)
    begin = _whole("substring", start)
    if begin < 0:
        begin = max(0, len(source) + begin)
    if length is None:
        return source[begin:]
    return source[begin : begin + max(0, _whole("substring", length))]


def pad(text: Any, width: Any, fill: Any = " ") -> str:
    wide = _whole("pad", width)
    if not 0 <= wide <= _MAX_WIDTH:
        raise ValueError(f"pad(): the width is from 0 to {_MAX_WIDTH}")
    if len(_text("pad", fill)) != 1:
        raise ValueError("pad(): fill with one character")
    return as_text(text).rjust(wide, fill)


def fixed(x: Any, digits: Any = 2) -> str:
    """Halves away from zero, as `round` does."""
    places = _whole("fixed", digits)
    if not 0 <= places <= _MAX_DIGITS:
        raise ValueError(f"fixed(): decimals are from 0 to {_MAX_DIGITS}")
    if isinstance(x, str):
        raise TypeError(f"fixed() takes a number, got {describe(x)}")
    try:
        return str(decimal(x).quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_UP))
    except InvalidOperation:
        raise ValueError(f"fixed(): {describe(x)} has too many digits") from None


def json_text(x: Any) -> str:
    return as_json(x)


def json_parse(text: Any) -> Any:
    if not isinstance(text, str | bytes):
        raise TypeError(f"json_parse() takes text, got {describe(text)}")
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError as error:
        raise ValueError(f"json_parse(): {describe(text)} is not JSON: {error}") from None


def _text(name: str, x: Any) -> str:
    if not isinstance(x, str):
        raise TypeError(f"{name}() takes text, got {describe(x)}; write text(...) around it")
    return x


def _whole(name: str, x: Any) -> int:
    if isinstance(x, bool) or not isinstance(x, int):
        raise TypeError(f"{name}() takes a whole number, got {describe(x)}")
    return x


def _bounded(name: str, length: int) -> None:
    if length > TEXT_LIMIT:
        raise ValueError(f"{name}(): the result would be longer than {TEXT_LIMIT:,} characters")
