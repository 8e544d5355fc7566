"""From payloads to rows: which fields become columns, and how values are stored."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

from flowhost.sdk import EvaluationError, Expression, Message, MessageError
from flowhost_sql.config import ColumnType

LARGEST = 2**63
EXACT_WHOLE = 1e15
"""Whole floats below this are written out without an exponent."""


def row_of(message: Message, columns: Mapping[str, Expression] | None) -> Mapping[str, Any]:
    """The message as values by column.

    Raises `MessageError` if an expression fails, or the payload is no object where its fields are the columns.
    """
    if columns is not None:
        return {name: _evaluate(name, expression, message) for name, expression in columns.items()}
    payload = message.payload
    if not isinstance(payload, dict):
        msg = (
            f"the payload is {_kind(payload)}, not an object with a field per column; "
            "name the columns, e.g. `columns: {topic: topic, value: payload}`"
        )
        raise MessageError(msg)
    if not payload:
        msg = "the payload is an object without fields: there is no column to write"
        raise MessageError(msg)
    return payload


def stored(name: str, value: Any, forms: Mapping[type, Callable[[Any], Any]] | None = None) -> Any:
    """A value in a form a database keeps; by default SQLite's: text, number, bytes or nothing.

    Objects and lists become JSON text, times ISO 8601 text, decimals exact text, truth values 0 and 1.
    Raises `MessageError` for what has no exact place: a float that is not finite, an integer beyond 64 bits.
    """
    store = (forms or STORED).get(type(value))
    if store is None:
        msg = f"field {name!r}: a value of type {type(value).__name__} cannot be stored"
        raise MessageError(msg)
    try:
        return store(value)
    except (ValueError, TypeError) as error:
        msg = f"field {name!r}: {error}"
        raise MessageError(msg) from error


def type_of(value: Any) -> ColumnType | None:
    """Column type that fits a value; None where nothing is known."""
    return COLUMN_TYPES.get(type(value))


def _evaluate(name: str, expression: Expression, message: Message) -> Any:
    try:
        return expression.evaluate(message)
    except EvaluationError as error:
        msg = f"column {name!r}: {error}"
        raise MessageError(msg) from error


def _same(value: Any) -> Any:
    return value


def _integer(value: int) -> int:
    if -LARGEST <= value < LARGEST:
        return value
    msg = "the integer does not fit into 64 bits; send it as text or decimal"
    raise ValueError(msg)


def _real(value: float) -> float:
    if math.isfinite(value):
        return value
    msg = f"{value} is not a finite number; send null if there is no value"
    raise ValueError(msg)


def _real_text(value: float) -> str:
    """The shortest text that is exactly this number; whole ones without a point, so that integer columns take them."""
    value = _real(value)
    return f"{value:.0f}" if value.is_integer() and abs(value) < EXACT_WHOLE else repr(value)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_in_json)


def _in_json(value: Any) -> str:
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, date | time):
        return value.isoformat()
    msg = f"a value of type {type(value).__name__} has no form in JSON"
    raise TypeError(msg)


def _iso(value: datetime | date | time) -> str:
    return value.isoformat()


STORED: dict[type, Callable[[Any], Any]] = {
    type(None): _same,
    bool: int,
    int: _integer,
    float: _real,
    str: _same,
    bytes: _same,
    Decimal: str,
    datetime: _iso,
    date: _iso,
    time: _iso,
    dict: _json,
    list: _json,
    tuple: _json,
}

AS_TEXT: dict[type, Callable[[Any], Any]] = STORED | {
    bool: lambda value: "true" if value else "false",
    int: str,
    float: _real_text,
}
"""As text that the column's own type reads: a database that converts numbers by itself would round them."""

COLUMN_TYPES: dict[type, ColumnType] = {
    bool: "boolean",
    int: "integer",
    float: "real",
    str: "text",
    bytes: "blob",
    Decimal: "decimal",
    datetime: "timestamp",
    date: "timestamp",
    time: "text",
    dict: "json",
    list: "json",
    tuple: "json",
}


def _kind(value: Any) -> str:
    words = {type(None): "null", bool: "a truth value", int: "a number", float: "a number", str: "text", list: "a list"}
    return words.get(type(value), f"of type {type(value).__name__}")
