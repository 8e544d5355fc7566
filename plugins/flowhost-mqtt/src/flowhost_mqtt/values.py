"""Payloads: bytes to values and back."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Literal, TypeAlias

import msgspec

from flowhost.sdk import MessageError

Format: TypeAlias = Literal["auto", "json", "text", "bytes"]
Decode: TypeAlias = Callable[[bytes], Any]

_JSON = msgspec.json.Decoder()
_MAY_BEGIN_JSON = frozenset(b' \t\r\n{["-0123456789tfn')
_ENCODE = msgspec.json.Encoder(decimal_format="number").encode
_LATEST_S = 100_000_000_000
"""Numbers above are milliseconds: as seconds they would lie beyond the year 5000."""


def decoder(kind: Format) -> Decode:
    """How to read payloads of this format. The function raises `ValueError` with what is wrong, in words."""
    readers: dict[str, Decode] = {"auto": _auto, "json": _json, "text": _text, "bytes": bytes}
    return readers[kind]


def _auto(data: bytes) -> Any:
    """Valid JSON is decoded, else UTF-8 text, else bytes. Never fails."""
    if data and data[0] in _MAY_BEGIN_JSON:
        try:
            return _JSON.decode(data)
        except (msgspec.DecodeError, ValueError, RecursionError):
            pass  # not JSON: the next best reading follows
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data


def _json(data: bytes) -> Any:
    try:
        return _JSON.decode(data)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        msg = f"the payload is not JSON ({error})" if data else "the payload is empty, not JSON"
        raise ValueError(msg) from error


def _text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        msg = f"the payload is not UTF-8 text (byte {error.start})"
        raise ValueError(msg) from error


def encode(payload: Any) -> bytes:
    """Bytes as they are, text as UTF-8, everything else as JSON (Decimal as a number with all its digits).

    Raises:
        MessageError: a value JSON has no form for.
    """
    if isinstance(payload, bytes):
        return payload
    if isinstance(payload, str):
        return payload.encode()
    try:
        return _ENCODE(payload)
    except (TypeError, ValueError, RecursionError) as error:
        raise MessageError(f"the payload cannot be written as JSON ({error})") from error


def time_ns_of(value: Any) -> int:
    """Source time from ISO text with a zone, or a number: seconds since 1970, milliseconds where it is too large.

    Raises:
        MessageError: it is neither.
    """
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise MessageError(f"'time' gave {value!r}; it must be ISO text with a zone, or a number of (milli)seconds")
    if isinstance(value, str):
        return _from_iso(value)
    factor = 1_000_000 if abs(value) >= _LATEST_S else 1_000_000_000
    try:
        return value * factor if isinstance(value, int) else round(value * factor)
    except (ValueError, OverflowError) as error:
        raise MessageError(f"'time' gave {value!r}, which is no time") from error


def _from_iso(text: str) -> int:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise MessageError(f"'time' gave '{text}', which is not an ISO time such as 2026-01-31T06:00:00Z") from error
    if moment.tzinfo is None:
        raise MessageError(f"'time' gave '{text}', which has no zone; have the sender add Z or an offset")
    whole = int(moment.replace(microsecond=0).timestamp())
    return whole * 1_000_000_000 + moment.microsecond * 1_000
