"""Moments as nanoseconds, without the rounding of floats."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

NS = 1_000_000_000
"""Nanoseconds of a second."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def moment_ns(moment: datetime) -> int:
    """Nanoseconds since 1970 UTC of a time with a zone."""
    return (moment - EPOCH) // timedelta(microseconds=1) * 1000
