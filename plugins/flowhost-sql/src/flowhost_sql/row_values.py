"""From rows to payloads: values as JSON knows them, and the row's time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from decimal import Decimal
from typing import Any

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


def payload_of(columns: Mapping[str, Any]) -> dict[str, Any]:
    """A row as a payload: times as text, decimals exact, everything unknown to JSON as text."""
    return {name: plain(value) for name, value in columns.items()}


def plain(value: Any) -> Any:
    """One value as a payload holds it."""
    form = PLAIN.get(type(value))
    return form(value) if form is not None else str(value)


def time_ns_of(value: Any, zone: tzinfo) -> int:
    """Nanoseconds since 1970 of a time, of ISO 8601 text, or of a number of seconds since 1970.

    Args:
        value: from the row.
        zone: of times that name none.

    Raises:
        ValueError: it is none of these.
    """
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    elif isinstance(value, date) and not isinstance(value, datetime):
        value = datetime.combine(value, time())
    elif isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        return int(Decimal(str(value)) * 1_000_000_000)
    if not isinstance(value, datetime):
        msg = "it is empty" if value is None else f"a value of type {type(value).__name__} is no time"
        raise ValueError(msg)
    aware = value if value.tzinfo is not None else value.replace(tzinfo=zone)
    return (aware - EPOCH) // MICROSECOND * 1000


def _same(value: Any) -> Any:
    return value


def _moment(value: datetime) -> str:
    """As `time` reads in expressions; a time without zone stays without."""
    if value.tzinfo is None:
        return value.isoformat(timespec="microseconds")
    return value.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def _several(values: Any) -> list[Any]:
    return [plain(value) for value in values]


PLAIN: dict[type, Callable[[Any], Any]] = {
    type(None): _same,
    bool: _same,
    int: _same,
    float: _same,
    str: _same,
    bytes: _same,
    Decimal: _same,
    dict: _same,
    list: _several,
    tuple: _several,
    memoryview: bytes,
    datetime: _moment,
    date: date.isoformat,
    time: time.isoformat,
    timedelta: timedelta.total_seconds,
}
