"""What an OPC UA value becomes in a message. Pure: no connection, no clock."""

from __future__ import annotations

import uuid
import zlib
from dataclasses import dataclass, fields, is_dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import Any

from flowhost.sdk import Message, Meta, Quality
from flowhost_opcua import driver as ua

OVERFLOW = 0x480
"""InfoType DataValue with the Overflow bit (OPC 10000-4, 7.39.1): the server's queue lost values before this one."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NO_HEADERS: dict[str, str] = {}
_PLAIN = frozenset({float, int, bool, str, bytes, type(None)})
_QUALITY: tuple[Quality, ...] = ("good", "uncertain", "bad", "bad")


@dataclass(frozen=True, slots=True)
class Tag:
    """What every message of one item has in common.

    Attributes:
        origin: flow, node and node id, the fixed part of the idempotency key.
        topic: topic and key.
        unit: UCUM code.
    """

    origin: str
    topic: str
    unit: str = ""


def message_of(tag: Tag, data: ua.DataValue, received_ns: int) -> Message:
    """One monitored value as a message.

    A bad value carries no payload: neither the last good value nor what the server put beside the bad status.
    The time is the source's; without one the server's, at last ours, and header `time_from` then says which.

    Args:
        tag: of the item it belongs to.
        data: value, status and times as the server sent them.
        received_ns: wall clock at receipt, nanoseconds UTC.
    """
    code = data.StatusCode.value if data.StatusCode is not None else 0
    severity = code >> 30
    headers = _NO_HEADERS
    time_ns = nanoseconds(data.SourceTimestamp)
    if not time_ns:
        time_ns, headers = _other_time(data, received_ns)
    payload = None
    if severity < 2 and data.Value is not None:
        payload = data.Value.Value
        if type(payload) not in _PLAIN:
            payload = json_value(payload)
    mark = zlib.crc32(f"{code} {payload!r}".encode())
    identity = f"{tag.origin}@{time_ns}#{mark:08x}"
    return Message(payload, Meta(tag.topic, time_ns, _QUALITY[severity], code, tag.unit, tag.topic, identity, headers))


def _other_time(data: ua.DataValue, received_ns: int) -> tuple[int, dict[str, str]]:
    server_ns = nanoseconds(data.ServerTimestamp)
    return (server_ns, {"time_from": "server"}) if server_ns else (received_ns, {"time_from": "receive"})


def quality_of(code: int) -> Quality:
    """Severity of a StatusCode (OPC 10000-4, 7.39): the two top bits; the reserved fourth counts as bad."""
    return _QUALITY[code >> 30]


def overflowed(code: int) -> bool:
    """Whether the server says that values before this one were lost."""
    return code & OVERFLOW == OVERFLOW


def nanoseconds(when: datetime | None) -> int:
    """Nanoseconds since 1970 UTC; 0 for a missing time and for OPC UA's null time (1601-01-01).

    The driver keeps microseconds, so the last three digits are zero.
    """
    if when is None:
        return 0
    delta = (when if when.tzinfo is not None else when.replace(tzinfo=UTC)) - _EPOCH
    if delta.days < 0:
        return 0
    return ((delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds) * 1_000


def json_value(value: Any) -> Any:  # noqa: C901 - one line per OPC UA type
    """The JSON-like form of a decoded OPC UA value; bytes stay bytes."""
    if type(value) in _PLAIN:
        return value
    if isinstance(value, list | tuple):
        return [json_value(part) for part in value]
    if isinstance(value, datetime):
        return iso_text(value)
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, ua.LocalizedText):
        return value.Text
    if isinstance(value, ua.StatusCode):
        return value.value
    if isinstance(value, ua.NodeId | ua.QualifiedName):
        return value.to_string()
    if isinstance(value, ua.Variant):
        return json_value(value.Value)
    if isinstance(value, ua.DataValue):
        return _data_value(value)
    if isinstance(value, ua.ExtensionObject):
        return {"type": value.TypeId.to_string(), "body": value.Body}
    if isinstance(value, ua.XmlElement):
        return value.Value
    if isinstance(value, uuid.UUID):
        return str(value)
    return _rest(value)


def iso_text(when: datetime) -> str:
    """ISO 8601 in UTC, e.g. 2026-11-22T06:00:00.25Z without superfluous digits."""
    aware = when if when.tzinfo is not None else when.replace(tzinfo=UTC)
    text = aware.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds")
    return text.rstrip("0").rstrip(".") + "Z"


def _data_value(value: ua.DataValue) -> dict[str, Any]:
    code = value.StatusCode.value if value.StatusCode is not None else 0
    bad = quality_of(code) == "bad"
    return {
        "value": None if bad or value.Value is None else json_value(value.Value.Value),
        "status": code,
        "time": iso_text(value.SourceTimestamp) if value.SourceTimestamp is not None else None,
    }


def _rest(value: Any) -> Any:
    """Structures by their fields; subclasses of plain types as the plain type; at last their text."""
    if is_dataclass(value):
        return {
            field.name: json_value(getattr(value, field.name)) for field in fields(value) if field.name != "Encoding"
        }
    if isinstance(value, bytes):
        return bytes(value)
    for plain in (int, float, str):
        if isinstance(value, plain):
            return plain(value)
    return str(value)
