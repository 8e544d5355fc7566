"""Values as text: in templates, and in the words of errors."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec

_JSON = msgspec.json.Encoder(decimal_format="number")
_PREVIEW = 40

NUMBER_TYPES = (int, float, Decimal)
"""For isinstance on the hot path: a union of types would be built anew at every call."""
_JSON_LIMIT = 10_000_000


def as_text(value: Any) -> str:
    """As a template shows it: text as it is, numbers in their shortest form, everything else as JSON.

    Raises:
        ValueError: bytes that are not UTF-8, or a whole number of thousands of digits.
        TypeError: not JSON-like.
    """
    kind = type(value)
    if kind is str:
        return value  # type: ignore[no-any-return]
    if kind is float:
        return repr(value)
    if kind is int or kind is Decimal:
        return str(value)
    if kind is bytes:
        return _from_bytes(value)
    return as_json(value)


def as_json(value: Any) -> str:
    """As JSON text; bounded, because JSON in JSON doubles its backslashes each time.

    Raises:
        ValueError: longer than 10 million characters.
        TypeError: not JSON-like.
    """
    data = _JSON.encode(value)
    if len(data) > _JSON_LIMIT:
        raise ValueError(f"the JSON text would be longer than {_JSON_LIMIT:,} characters")
    return data.decode()


def describe(value: Any) -> str:
    """A value in the words of an error message: `text '12.5'`, `the number 7`, `null`."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f"text {_short(repr(value))}"
    if isinstance(value, Decimal):
        return f"the decimal {_short(str(value))}"
    if isinstance(value, int | float):
        return f"the number {_number(value)}"
    if isinstance(value, dict):
        return f"an object with {names_of(value)}" if value else "an empty object"
    if isinstance(value, list | tuple):
        return f"a list of {len(value)}"
    if isinstance(value, bytes):
        return f"{len(value)} bytes"
    return f"a {type(value).__name__}"


def names_of(fields: Any) -> str:
    """The first field names of an object, for the reader who mistyped one."""
    shown = [str(name) if isinstance(name, str) else repr(name) for name in list(fields)[:12]]
    return _short(", ".join(shown), 200) + (", ..." if len(fields) > len(shown) else "")


def _from_bytes(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise ValueError(f"these {len(value)} bytes are not UTF-8 text") from None


def _number(value: float) -> str:
    if isinstance(value, int) and value.bit_length() > 128:
        return f"of {value.bit_length()} bits"
    return repr(value)


def _short(text: str, limit: int = _PREVIEW) -> str:
    return text if len(text) <= limit else text[: limit - 3] + "..."
