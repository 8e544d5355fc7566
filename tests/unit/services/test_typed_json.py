"""Payloads as JSON text and back: nothing changes, and what is wrong is said with its place."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowhost.services.typed_json import PayloadError, read, write

plain = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary()
    | st.decimals() | st.datetimes(timezones=st.just(UTC))
)  # fmt: skip
names = st.text() | st.sampled_from(["$decimal", "$$bytes", "$", "$x"])
payloads = st.recursive(plain, lambda inner: st.lists(inner) | st.dictionaries(names, inner), max_leaves=20)


def same(one: object, other: object) -> bool:
    if type(one) is not type(other):
        return False
    if isinstance(one, dict) and isinstance(other, dict):
        return list(one) == list(other) and all(same(one[name], other[name]) for name in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, float) and math.isnan(one):
        return math.isnan(other)  # type: ignore[arg-type]
    if isinstance(one, datetime) and isinstance(other, datetime):
        return one.isoformat() == other.isoformat()
    return repr(one) == repr(other)


@given(payloads)
def test_what_was_written_is_read_as_it_was(payload) -> None:
    assert same(read(write(payload)), payload)


def test_the_notation_is_what_the_page_says() -> None:
    payload = {"price": Decimal("12.50"), "raw": b"\x00\x01\xff", "n": 1, "x": 1.0, "odd": {"$a": None}}
    assert read(write(payload)) == payload
    assert '"price": {\n    "$decimal": "12.50"\n  }' in write(payload)
    assert '"$bytes": "AAH/"' in write(payload)
    assert '"$$a": null' in write(payload)
    moment = datetime(2026, 3, 1, 12, tzinfo=UTC)
    assert write(moment) == '{\n  "$datetime": "2026-03-01T12:00:00+00:00"\n}'


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ('{"a": 1,\n "b": }', "line 2, column 7", "not JSON"),
        ("", "line 1, column 1", "not JSON"),
        ('{"a": [1, {"$decimal": "x"}]}', "payload.a[1]", "'x' is no value for \\$decimal"),
        ('{"a": {"$decimal": 5}}', "payload.a", "needs text"),
        ('{"a": {"$money": "5"}}', "payload.a", "marks no type"),
        ('{"$bytes": "a"}', "payload", "is no value for"),
        ('{"a": {"b": 1, "b": 2}}', "payload.a", "'b' is there twice"),
        ('{"a": NaN}', "payload", "JSON has no NaN"),
        ('{"a": 1e999}', "payload", "too large"),
        ("[" * 100_000, "payload", "levels deep"),
        ("[" * 300 + "]" * 300, "payload" + "[0]" * 201, "levels deep"),
    ],
    ids=range(11),
)
def test_what_is_no_payload_is_said_with_its_place(text, place, words) -> None:
    with pytest.raises(PayloadError, match=words) as caught:
        read(text)
    assert caught.value.place == place
