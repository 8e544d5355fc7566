"""Payloads to bodies, answers to payloads, and what may stand in an address or a header."""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime
from decimal import Decimal
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote

import msgspec

from flowhost.sdk import MessageError

LONGEST_KEY = 200
"""Characters of an idempotency key; services commonly take 255."""
LONGEST_WAIT_S = 3600.0
"""A target that asks for more is tried again after this."""

_JSON = msgspec.json.Encoder(decimal_format="number").encode
_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_DOTS = re.compile(r"(?:\.|%2e){1,2}", re.IGNORECASE)


def body_of(value: Any) -> tuple[bytes, str]:
    """Bytes and content type: bytes and text as they are, everything else as JSON.

    Raises:
        MessageError: a value JSON has no form for.
    """
    if isinstance(value, bytes):
        return value, "application/octet-stream"
    if isinstance(value, str):
        return value.encode(), "text/plain; charset=utf-8"
    try:
        return _JSON(value), "application/json"
    except (TypeError, ValueError, RecursionError) as error:
        raise MessageError(f"the body cannot be written as JSON ({error})") from error


def value_of(body: bytes, content_type: str) -> Any:
    """A body as payload: JSON decoded where the type says so and it is, else text, else bytes; null if empty."""
    if not body:
        return None
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "application/json" or kind.endswith("+json"):
        try:
            return msgspec.json.decode(body)
        except (msgspec.DecodeError, ValueError, RecursionError):
            pass  # the target calls it JSON, but it is not: the next best reading follows
    try:
        return body.decode()
    except UnicodeDecodeError:
        return body


def path_of(text: str, *, has_query: bool) -> str:
    """A rendered path as it is sent: odd characters percent-encoded.

    Args:
        text: as rendered.
        has_query: the template itself writes a `?`; otherwise one can only come from a value and is encoded.

    Raises:
        MessageError: `..` would leave the address, or a character no address may hold.
    """
    if not text.isprintable() or "\\" in text:
        raise MessageError(
            f"the path {text!r:.80} holds a backslash or control character; use url_part(...) for values"
        )
    safe = "/%:@!$&'()*+,;=-._~" + ("?" if has_query else "")
    encoded = quote(_PERCENT.sub("%25", text), safe=safe)
    path = encoded.partition("?")[0]
    if any(_DOTS.fullmatch(part) for part in path.split("/")):
        raise MessageError(f"the path {text!r:.80} would leave the address; use url_part(...) for values")
    return encoded


def url_part(value: Any) -> str:
    """One part of an address: everything but letters, digits, `-`, `_` and `~` is percent-encoded."""
    return quote(str(value), safe="").replace(".", "%2E") if str(value) in (".", "..") else quote(str(value), safe="")


def as_text(name: str, value: Any) -> str:
    """A value of a query. Raises `MessageError` for what has no text of its own."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float | Decimal):
        return str(value)
    raise MessageError(f"{name} in `query` must be text, a number or a truth value, not {value!r:.60}")


def header_of(name: str, value: str) -> bytes:
    """The value as it is sent. Raises `MessageError` for line breaks and the like."""
    if not value.isprintable():
        raise MessageError(f"header {name} would hold a line break or control character: {value!r:.80}")
    return value.encode()


def idempotency_key(flow: str, node: str, identity: str) -> str:
    """Flow, node and message id in characters every header takes; a long one ends in its hash."""
    key = quote(f"{flow}/{node}/{identity}", safe="/:;=,@+()!*'~$&")
    if len(key) <= LONGEST_KEY:
        return key
    digest = hashlib.sha256(key.encode()).hexdigest()
    return f"{key[: LONGEST_KEY - len(digest) - 1]}-{digest}"


def retry_after_s(value: str, now_ns: int) -> float | None:
    """How long the target asks to wait (RFC 9110, 10.2.3): seconds or a date; None where it says nothing of use."""
    text = value.strip()
    if text.isascii() and text.isdigit():
        wait = float(text[:12])
    else:
        try:
            moment = parsedate_to_datetime(text)
        except (ValueError, IndexError, TypeError):
            return None
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        wait = (moment - datetime.fromtimestamp(now_ns / 1_000_000_000, UTC)).total_seconds()
    return min(wait, LONGEST_WAIT_S) if wait > 0 else None


def first_line(body: bytes) -> str:
    """The beginning of an answer for the screen: one line of printable text."""
    text = body[:2000].decode(errors="replace").strip()
    line = text.splitlines()[0].strip() if text else ""
    return "".join(c if c.isprintable() else " " for c in line)[:200]
