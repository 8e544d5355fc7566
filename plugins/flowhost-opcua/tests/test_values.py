"""OPC UA values as messages: tables, and properties that hold for any value."""

from __future__ import annotations

import json
import math
import uuid
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from flowhost_opcua import driver as ua
from flowhost_opcua.values import Tag, iso_text, json_value, message_of, nanoseconds, overflowed, quality_of
from hypothesis import given
from hypothesis import strategies as st

TAG = Tag("flow.node:ns=2;s=A", "A", "Cel")
NOON = datetime(2026, 11, 22, 12, 0, 0, 250_000, tzinfo=UTC)
NEW_YEAR_WITHOUT_ZONE = datetime(2026, 1, 1)  # noqa: DTZ001 - some servers' drivers give naive times
NOON_NS = 1_795_348_800_250_000_000


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        (True, True),
        (7, 7),
        (2**64 - 1, 2**64 - 1),
        (21.5, 21.5),
        ("RUN", "RUN"),
        (b"\x00\xff", b"\x00\xff"),
        (NOON, "2026-11-22T12:00:00.25Z"),
        (NEW_YEAR_WITHOUT_ZONE, "2026-01-01T00:00:00Z"),
        (ua.ServerState.Running, 0),
        (ua.LocalizedText("Läuft", "de"), "Läuft"),
        (ua.LocalizedText(None), None),
        (ua.QualifiedName("Speed", 2), "2:Speed"),
        (ua.node_id("A", 2, "s"), "ns=2;s=A"),
        (ua.StatusCode(0x80340000), 0x80340000),
        (uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        ([1, 2], [1, 2]),
        ([], []),
        ([[1, 2], [3, 4]], [[1, 2], [3, 4]]),
        ([NOON], ["2026-11-22T12:00:00.25Z"]),
        ([b"a"], [b"a"]),
        ([ua.Variant(1), ua.Variant("x")], [1, "x"]),
        (ua.XmlElement("<a/>"), "<a/>"),
        (ua.ExtensionObject(ua.node_id(3001, 2), b"\x01"), {"type": "ns=2;i=3001", "body": b"\x01"}),
        (ua.DataValue(ua.Variant(5)), {"value": 5, "status": 0, "time": None}),
        (
            ua.DataValue(ua.Variant(5), StatusCode=ua.StatusCode(0x80000000), SourceTimestamp=NOON),
            {"value": None, "status": 0x80000000, "time": "2026-11-22T12:00:00.25Z"},
        ),
    ],
)
def test_values(value, expected):
    result = json_value(value)
    assert result == expected
    assert type(result) is type(expected)


def test_a_structure_is_an_object():
    unit = ua.EUInformation("http://unece", 4408652, ua.LocalizedText("°C"), ua.LocalizedText("degree Celsius"))
    assert json_value(unit) == {
        "NamespaceUri": "http://unece",
        "UnitId": 4408652,
        "DisplayName": "°C",
        "Description": "degree Celsius",
    }


@pytest.mark.parametrize(
    ("code", "quality"),
    [
        (0x00000000, "good"),
        (0x00960000, "good"),
        (0x00000480, "good"),
        (0x40000000, "uncertain"),
        (0x40920000, "uncertain"),
        (0x80000000, "bad"),
        (0x80340000, "bad"),
        (0xC0000000, "bad"),
    ],
)
def test_quality_is_the_severity(code, quality):
    assert quality_of(code) == quality


def test_overflow_needs_its_bit_and_the_info_type():
    assert overflowed(0x480)
    assert overflowed(0x40000480)
    assert not overflowed(0x80)
    assert not overflowed(0x400)
    assert not overflowed(0x80340000)


@pytest.mark.parametrize(
    ("source", "server", "time_ns", "headers"),
    [
        (NOON, None, NOON_NS, {}),
        (NOON, NOON + timedelta(hours=1), NOON_NS, {}),
        (None, NOON, NOON_NS, {"time_from": "server"}),
        (datetime(1601, 1, 1, tzinfo=UTC), NOON, NOON_NS, {"time_from": "server"}),
        (None, None, 42, {"time_from": "receive"}),
    ],
)
def test_time_is_the_sources_else_it_says_whose(source, server, time_ns, headers):
    data = ua.DataValue(ua.Variant(1.0), SourceTimestamp=source, ServerTimestamp=server)
    meta = message_of(TAG, data, 42).meta
    assert (meta.time_ns, meta.headers) == (time_ns, headers)


def test_a_missing_status_means_good():
    meta = message_of(TAG, ua.DataValue(ua.Variant(1.0), StatusCode=None), 42).meta
    assert (meta.quality, meta.status) == ("good", 0)


SCALARS = st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text() | st.binary()
CODES = st.integers(0, 2**32 - 1)


def _data(value, code, when=NOON):
    kind = ua.VariantType.Null if value is None else None
    return ua.DataValue(ua.Variant(value, kind), StatusCode=ua.StatusCode(code), SourceTimestamp=when)


@given(SCALARS, CODES)
def test_bad_never_has_a_payload_and_good_never_loses_it(value, code):
    message = message_of(TAG, _data(value, code), 42)
    assert message.meta.status == code
    if code >= 0x80000000:
        assert message.payload is None
        assert message.meta.quality == "bad"
    else:
        assert message.payload == value or (isinstance(value, float) and math.isnan(message.payload))
    msgspec.msgpack.decode(msgspec.msgpack.encode(message.payload))


@given(st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=4), max_leaves=20))
def test_arrays_stay_packable(value):
    result = json_value(value)
    msgspec.msgpack.encode(result)


@given(SCALARS, SCALARS, CODES, CODES)
def test_the_id_is_the_same_for_the_same_and_another_for_another(first, second, code, other):
    one = message_of(TAG, _data(first, code), 1).meta.id
    assert one == message_of(TAG, _data(first, code), 2).meta.id
    if code < 0x80000000 and other == code and repr(first) != repr(second):
        assert one != message_of(TAG, _data(second, other), 1).meta.id
    assert one != message_of(Tag("flow.node:ns=2;s=B", "A"), _data(first, code), 1).meta.id
    assert one != message_of(TAG, _data(first, code, NOON + timedelta(microseconds=1)), 1).meta.id


@given(st.datetimes(NEW_YEAR_WITHOUT_ZONE.replace(1971), NEW_YEAR_WITHOUT_ZONE.replace(2260)))
def test_times_are_exact_to_the_microsecond(when):
    aware = when.replace(tzinfo=UTC)
    whole, part = divmod(nanoseconds(aware), 1_000_000_000)
    assert datetime.fromtimestamp(whole, UTC) + timedelta(microseconds=part // 1000) == aware
    assert nanoseconds(when) == nanoseconds(aware)
    assert datetime.fromisoformat(iso_text(aware)) == aware


def test_messages_go_through_json_for_targets_that_want_text():
    message = message_of(TAG, _data([1.5, True, "x"], 0), 42)
    assert json.loads(msgspec.json.encode(message.payload)) == [1.5, True, "x"]
