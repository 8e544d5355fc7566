"""Times as text: ISO 8601, UTC, always six decimals and a Z, so that texts sort as times do."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def iso_time(time_ns: int) -> str:
    """The `time` of expressions: `2026-05-04T10:00:00.250000Z`; parts of a microsecond are cut off.

    Raises:
        ValueError: the time lies outside the years 1 to 9999.
    """
    second, rest = divmod(time_ns, 1_000_000_000)
    return f"{_whole_second(second)}.{rest // 1000:06d}Z"


def iso(moment: Any) -> str:
    """A number as time text; seconds, milli-, micro- or nanoseconds since 1970, told apart by their size.

    Raises:
        TypeError: not a number.
        ValueError: outside the years 1 to 9999.
    """
    if isinstance(moment, bool) or not isinstance(moment, int | float | Decimal):
        raise TypeError("iso() takes a number: seconds, ms, us or ns since 1970")
    size: Any = abs(moment)
    if not size < 10**30:
        raise ValueError("iso(): the number is too large for a time")
    scale = 10**9 if size < 10**11 else 10**6 if size < 10**14 else 1000 if size < 10**17 else 1
    return iso_time(int(moment * scale))


def unix(text: str) -> float:
    """Seconds since 1970 of a time text that names its zone.

    Raises:
        TypeError: not text.
        ValueError: no ISO 8601 time, or one without a zone.
    """
    if not isinstance(text, str):
        raise TypeError("unix() takes a time as text, such as time or '2026-05-04T10:00:00Z'")
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text[:40]!r} is no ISO 8601 time such as '2026-05-04T10:00:00Z'") from None
    if moment.tzinfo is None:
        raise ValueError(f"{text[:40]!r} does not say its zone; add Z or an offset such as +02:00")
    return (moment - _EPOCH).total_seconds()


@lru_cache(maxsize=1024)
def _whole_second(second: int) -> str:
    """Messages of one second share the costly part."""
    try:
        moment = _EPOCH + timedelta(seconds=second)
    except OverflowError:
        raise ValueError("the time lies outside the years 1 to 9999") from None
    return moment.strftime("%Y-%m-%dT%H:%M:%S") if moment.year > 999 else moment.isoformat()[:19]
