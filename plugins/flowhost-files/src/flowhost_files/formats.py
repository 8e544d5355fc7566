"""Messages as the content of files."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

import msgspec

from flowhost.sdk import Message, MessageError
from flowhost_files.config import WriteConfig

_JSON = msgspec.json.Encoder(decimal_format="number").encode


class Formatter:
    """Turns messages into bytes, as the config says."""

    def __init__(self, config: WriteConfig) -> None:
        self._config = config
        self._header_of = b""
        self._header: list[str] = []

    def whole(self, message: Message) -> bytes:
        """Content of a file of its own. Raises `MessageError` for what has no place in the format."""
        if self._config.format == "csv":
            values = self.values(message)
            return self.row(list(values)) + self.row(list(values.values()))
        value = self._value(message)
        if self._config.format == "json":
            return as_json(value)
        if self._config.format == "jsonl":
            return as_json(value) + b"\n"
        return as_bytes(value) if self._config.format == "bytes" else as_text(value).encode()

    def json_line(self, message: Message) -> bytes:
        """One line of a JSON-lines file."""
        return as_json(self._value(message)) + b"\n"

    def values(self, message: Message) -> Mapping[str, Any]:
        """Values by column."""
        columns = self._config.columns
        if columns is not None:
            return {name: expression.evaluate(message) for name, expression in columns.items()}
        value = self._value(message)
        if not isinstance(value, dict) or not value:
            raise MessageError(f"a line of csv needs an object with fields, not {value!r:.60}; or name `columns`")
        return value

    def row(self, values: Sequence[Any]) -> bytes:
        """One line of a csv file (RFC 4180, ended by a line feed)."""
        text = io.StringIO()
        writer = csv.writer(text, delimiter=self._config.delimiter, lineterminator="\n")
        writer.writerow([cell(value) for value in values])
        return text.getvalue().encode()

    def header(self, first_record: bytes) -> list[str]:
        """Columns of an existing file."""
        if first_record != self._header_of:
            text = first_record.decode("utf-8-sig", errors="replace")
            self._header_of = first_record
            self._header = next(csv.reader(io.StringIO(text), delimiter=self._config.delimiter), [])
        return self._header

    def _value(self, message: Message) -> Any:
        content = self._config.content
        return message.payload if content is None else content.evaluate(message)


def fitted(values: Mapping[str, Any], header: Sequence[str], name: str) -> list[Any]:
    """Values in the order of a file's columns; what is missing stays empty. Raises `MessageError` for a new column."""
    unknown = [column for column in values if column not in header]
    if unknown:
        have = ", ".join(header)
        raise MessageError(f"{name} has no column {', '.join(unknown)!r:.120} ({have:.200}); write to another file")
    return [values.get(column) for column in header]


def as_json(value: Any) -> bytes:
    """As JSON; decimals with all their digits."""
    if isinstance(value, bytes):
        raise MessageError("bytes have no form in JSON; write format bytes, or text where they are text")
    try:
        return _JSON(value)
    except (TypeError, ValueError, RecursionError) as error:
        raise MessageError(f"this cannot be written as JSON ({error})") from error


def as_bytes(value: Any) -> bytes:
    """Bytes as they are."""
    if isinstance(value, bytes):
        return value
    raise MessageError(f"format bytes needs bytes, not {value!r:.60}; write format text or json")


def as_text(value: Any) -> str:
    """Text as it is, numbers in their shortest form."""
    if isinstance(value, str):
        return value
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        return str(value)
    raise MessageError(f"format text needs text, not {value!r:.60}; set `content`, or write format json")


def cell(value: Any) -> str:
    """A value of csv: null and NaN are empty, objects and lists JSON."""
    if isinstance(value, str):
        return value
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float | Decimal):
        return str(value)
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    return as_json(value).decode()
