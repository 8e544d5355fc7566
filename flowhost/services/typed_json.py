"""Payloads as JSON text that keeps every type: what people edit, and what exports hold.

JSON has no decimals, bytes, times, NaN or infinity. They are written as an object with one field:

| value | written as |
|---|---|
| `Decimal("12.50")` | `{"$decimal": "12.50"}` |
| bytes | `{"$bytes": "AAH/"}`, base64 |
| a time | `{"$datetime": "2026-03-01T12:00:00+00:00"}`, ISO 8601 |
| NaN, infinity | `{"$float": "nan"}`, `"inf"`, `"-inf"` |
| an object whose only field begins with `$` | that field with one more `$` before it |

`1` is an integer and `1.0` a float. Reading what was written gives an equal value of equal types.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any, NoReturn

from flowhost.errors import ConfigError

DEEPEST = 200
"""Levels of lists and objects; deeper ones are refused."""


class PayloadError(ConfigError):
    """The text is no payload.

    Args:
        message: what is wrong and what to write instead.
        place: where in the payload, e.g. `payload.lines[0].qty`; or line and column.
        line: 1-based, None where the text itself is sound.
        column: 1-based.
    """

    def __init__(self, message: str, place: str = "payload", line: int | None = None, column: int | None = None):
        super().__init__(message, place if line is None else f"line {line}, column {column}")
        self.line = line
        self.column = column


def write(value: Any) -> str:
    """A payload as text, two spaces for a level. Raises TypeError for what is no message data."""
    return write_plain(to_json(value))


def write_plain(plain: Any) -> str:
    """The text of data that `to_json` made. Raises ValueError for what JSON cannot hold."""
    return json.dumps(plain, indent=2, ensure_ascii=False, allow_nan=False)


def read(text: str) -> Any:
    """The payload of a text. Raises `PayloadError` with line and column, or with the place in the payload."""
    return from_json(parse(text))


def parse(text: str, place: str = "payload") -> Any:
    """The plain data of a JSON text, for `from_json`. Raises `PayloadError` with line and column."""
    try:
        return json.loads(text, object_pairs_hook=_object, parse_constant=_constant, parse_float=_finite)
    except json.JSONDecodeError as error:
        raise PayloadError(f"this is not JSON: {error.msg}", line=error.lineno, column=error.colno) from None
    except RecursionError:
        raise PayloadError(f"lists and objects lie in each other more than {DEEPEST} levels deep", place) from None
    except ValueError as error:
        raise PayloadError(str(error), place) from None


def to_json(value: Any) -> Any:
    """A payload as data that JSON can hold. Raises TypeError for what is no message data."""
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else {"$float": str(value)}
    if isinstance(value, Decimal):
        return {"$decimal": str(value)}
    if isinstance(value, bytes | bytearray | memoryview):
        return {"$bytes": base64.b64encode(bytes(value)).decode()}
    if isinstance(value, datetime):
        return {"$datetime": value.isoformat()}
    if isinstance(value, Mapping):
        fields = {str(name): to_json(item) for name, item in value.items()}
        return {f"${name}": item for name, item in fields.items()} if _marked(fields) else fields
    if isinstance(value, list | tuple):
        return [to_json(item) for item in value]
    raise TypeError(f"a value of type {type(value).__name__} is no message data")


def from_json(plain: Any, place: str = "payload", depth: int = 0) -> Any:
    """The payload that `to_json` made this of. Raises `PayloadError` with the place in the payload."""
    if depth > DEEPEST:
        raise PayloadError(f"lists and objects lie in each other more than {DEEPEST} levels deep", place)
    if isinstance(plain, _Twice):
        raise PayloadError(f"field {plain.name!r} is there twice: leave one", place)
    if isinstance(plain, Mapping):
        if _marked(plain):
            ((name, item),) = plain.items()
            return _unmarked(name, item, place, depth)
        return {name: from_json(item, f"{place}.{name}", depth + 1) for name, item in plain.items()}
    if isinstance(plain, list):
        return [from_json(item, f"{place}[{index}]", depth + 1) for index, item in enumerate(plain)]
    return plain


def _marked(fields: Mapping[str, Any]) -> bool:
    return len(fields) == 1 and next(iter(fields)).startswith("$")


def _unmarked(name: str, item: Any, place: str, depth: int) -> Any:
    if name.startswith("$$"):
        return {name[1:]: from_json(item, f"{place}.{name[1:]}", depth + 1)}
    reader = _READERS.get(name)
    if reader is None:
        known = ", ".join(_READERS)
        raise PayloadError(
            f"{name!r} marks no type; known are {known}; for a field of this name write '${name}'", place
        )
    if not isinstance(item, str):
        raise PayloadError(f"{name} needs text, for example {_EXAMPLES[name]}", place)
    try:
        return reader(item)
    except (ValueError, InvalidOperation, binascii.Error):
        raise PayloadError(f"{item!r} is no value for {name}; write for example {_EXAMPLES[name]}", place) from None


def _float(text: str) -> float:
    if text not in ("nan", "inf", "-inf"):
        raise ValueError(text)
    return float(text)


_READERS: dict[str, Callable[[str], Any]] = {
    "$decimal": Decimal,
    "$bytes": lambda text: base64.b64decode(text, validate=True),
    "$datetime": datetime.fromisoformat,
    "$float": _float,
}
_EXAMPLES = {
    "$decimal": '{"$decimal": "12.50"}',
    "$bytes": '{"$bytes": "AAH/"}',
    "$datetime": '{"$datetime": "2026-03-01T12:00:00+00:00"}',
    "$float": '{"$float": "nan"}',
}


class _Twice:
    """An object that named a field twice: the error is raised where its place is known."""

    def __init__(self, name: str) -> None:
        self.name = name


def _object(pairs: list[tuple[str, Any]]) -> Any:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        names = [name for name, _ in pairs]
        return _Twice(next(name for name in names if names.count(name) > 1))
    return fields


def _finite(text: str) -> float:
    if not math.isfinite(number := float(text)):
        raise ValueError(f'the number {text} is too large; a decimal holds it: {{"$decimal": "{text}"}}')
    return number


def _constant(name: str) -> NoReturn:
    text = {"NaN": "nan", "Infinity": "inf", "-Infinity": "-inf"}[name]
    raise PayloadError(f'JSON has no {name}; write {{"$float": "{text}"}}')
