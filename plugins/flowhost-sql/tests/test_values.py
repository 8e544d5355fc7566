"""What is stored for each kind of value."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from flowhost_sql.values import stored

from flowhost.sdk import MessageError


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (None, None),
        (True, 1),
        (-(2**63), -(2**63)),
        (1.5, 1.5),
        ("Füllstand", "Füllstand"),
        (b"\0\xff", b"\0\xff"),
        (Decimal("12.50"), "12.50"),
        (datetime(2026, 5, 1, 6, 0, tzinfo=UTC), "2026-05-01T06:00:00+00:00"),
        (date(2026, 5, 1), "2026-05-01"),
        ({"ü": [1, Decimal("0.10"), None]}, '{"ü":[1,"0.10",null]}'),
        ([], "[]"),
    ],
)
def test_kept_as(value: Any, kept: Any) -> None:
    assert stored("x", value) == kept
    assert type(stored("x", value)) is type(kept)


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (2**63, "64 bits"),
        (math.nan, "not a finite number"),
        (math.inf, "not a finite number"),
        ([math.nan], "'speed'"),
        ({"raw": b"1"}, "no form in JSON"),
        ({1, 2}, "type set cannot be stored"),
    ],
)
def test_refused(value: Any, says: str) -> None:
    with pytest.raises(MessageError, match=says):
        stored("speed", value)
