"""The two packets that carry the load, PUBLISH and PUBACK, to and from bytes; everything else is paho's.

paho spends 14 us (3.1.1) to 70 us (5) on reading a PUBLISH, 17 us on a PUBACK, most of it on property tables
that are nearly always empty. The layouts here are MQTT 3.1.1 chapter 3.3 and 3.4, MQTT 5 chapter 2.2.2 and 3.3.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping
from typing import TypeAlias

PUBLISH = 0x30
PUBACK = 0x40
RETAIN = 0x01
QOS = 0x06
DUP = 0x08

MAX_REMAINING_LENGTH = 268_435_455
MAX_TEXT_BYTES = 65_535

Arrival: TypeAlias = "tuple[str, bytes, int, int, dict[str, str] | None]"
"""One received PUBLISH: topic, payload, packet id (0 at QoS 0), first byte (flags), headers from MQTT 5 properties."""

BrokenPacketError = (IndexError, ValueError, struct.error)
"""What decoding raises on bytes that are not MQTT (UnicodeDecodeError is a ValueError)."""

_ACK = struct.Struct("!BBH").pack
_TEXT_PROPERTIES = {0x03: "mqtt.content_type", 0x08: "mqtt.response_topic"}
_FIXED_PROPERTIES = {0x01: 1, 0x02: 4, 0x23: 2}


def decode_publish(data: bytes, start: int, stop: int, head: int, v5: bool, topics: dict[bytes, str]) -> Arrival:
    """Read the part of a PUBLISH behind its fixed header.

    Args:
        data: received bytes.
        start: first byte behind the fixed header.
        stop: first byte behind the packet.
        head: first byte of the fixed header.
        v5: the connection speaks MQTT 5: properties stand before the payload.
        topics: cache of decoded topics; a plant has few, and they come again and again.

    Raises:
        ValueError, IndexError: the bytes are not a PUBLISH (one of `BrokenPacketError`).
    """
    at = start + 2 + (data[start] << 8) + data[start + 1]
    raw_topic = data[start + 2 : at]
    topic = topics.get(raw_topic)
    if topic is None:
        topic = _remember(raw_topic, topics)
    mid = 0
    if head & QOS:
        mid = (data[at] << 8) + data[at + 1]
        at += 2
    headers = None
    if v5:
        length, at = read_varint(data, at)
        if length:
            headers = decode_properties(data, at, at + length)
            at += length
    if at > stop:
        raise ValueError("PUBLISH is shorter than its header says")
    return topic, data[at:stop], mid, head, headers


def encode_publish(
    topic: bytes, payload: bytes, *, qos: int = 0, retain: bool = False, mid: int = 0, properties: bytes = b""
) -> bytes:
    """A whole PUBLISH.

    Args:
        topic: length-prefixed, from `encode_text`.
        payload: as it is.
        qos: 0 or 1.
        retain: the broker keeps it as the topic's last value.
        mid: packet id, 1 to 65535, at QoS 1.
        properties: from `encode_properties`, for MQTT 5; empty for 3.1.1.

    Raises:
        ValueError: larger than MQTT allows (256 MB).
    """
    head = PUBLISH | (qos << 1) | retain
    middle = mid.to_bytes(2, "big") + properties if qos else properties
    length = len(topic) + len(middle) + len(payload)
    return b"".join((bytes((head,)), encode_varint(length), topic, middle, payload))


def encode_pubacks(mids: Iterable[int]) -> bytes:
    """PUBACKs for these packet ids, one after the other; without a reason code, which both versions read as success."""
    return b"".join([_ACK(PUBACK, 2, mid) for mid in mids])


def decode_puback(data: bytes, start: int, stop: int) -> tuple[int, int]:
    """Packet id and reason code (0 where there is none) of a PUBACK."""
    return (data[start] << 8) + data[start + 1], data[start + 2] if stop > start + 2 else 0


def encode_text(text: str) -> bytes:
    """A string with its length before it (MQTT 5, 1.5.4).

    Raises:
        ValueError: longer than 65535 bytes.
    """
    raw = text.encode()
    if len(raw) > MAX_TEXT_BYTES:
        msg = f"{len(raw):,} bytes long; MQTT allows {MAX_TEXT_BYTES:,}"
        raise ValueError(msg)
    return len(raw).to_bytes(2, "big") + raw


def encode_varint(value: int) -> bytes:
    """A variable byte integer (MQTT 5, 1.5.5)."""
    if value < 128:
        return bytes((value,))
    if value > MAX_REMAINING_LENGTH:
        msg = f"{value:,} bytes are more than an MQTT packet can hold ({MAX_REMAINING_LENGTH:,})"
        raise ValueError(msg)
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def read_varint(data: bytes, at: int) -> tuple[int, int]:
    """Value of the variable byte integer at this place, and the place behind it."""
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
        shift += 7
        if shift > 21:
            raise ValueError("a length takes more than four bytes")


def encode_properties(content_type: str = "", user: Mapping[str, str] | None = None) -> bytes:
    """Properties of a PUBLISH with their length before them (MQTT 5, 3.3.2.3)."""
    body = b"\x03" + encode_text(content_type) if content_type else b""
    for name, value in (user or {}).items():
        body += b"\x26" + encode_text(name) + encode_text(value)
    return encode_varint(len(body)) + body


def decode_properties(data: bytes, at: int, stop: int) -> dict[str, str]:
    """Properties of a PUBLISH as headers: `mqtt.content_type`, `mqtt.response_topic`, `mqtt.correlation`, user's own.

    Correlation data that is not UTF-8 is given as hexadecimal digits. A user property sent twice keeps its last value.
    """
    headers: dict[str, str] = {}
    own: dict[str, str] = {}
    while at < stop:
        kind = data[at]
        at += 1
        if kind == 0x26:
            name, at = _read_text(data, at)
            headers[name], at = _read_text(data, at)
        elif kind in _TEXT_PROPERTIES:
            own[_TEXT_PROPERTIES[kind]], at = _read_text(data, at)
        elif kind == 0x09:
            own["mqtt.correlation"], at = _read_binary(data, at)
        elif kind == 0x0B:
            _, at = read_varint(data, at)
        elif kind in _FIXED_PROPERTIES:
            at += _FIXED_PROPERTIES[kind]
        else:
            msg = f"property {kind:#04x} does not belong to a PUBLISH"
            raise ValueError(msg)
    if at != stop:
        raise ValueError("properties are longer than their length says")
    headers.update(own)
    return headers


def _read_text(data: bytes, at: int) -> tuple[str, int]:
    stop = at + 2 + (data[at] << 8) + data[at + 1]
    return data[at + 2 : stop].decode(), stop


def _read_binary(data: bytes, at: int) -> tuple[str, int]:
    stop = at + 2 + (data[at] << 8) + data[at + 1]
    raw = data[at + 2 : stop]
    try:
        return raw.decode(), stop
    except UnicodeDecodeError:
        return raw.hex(), stop


def _remember(raw: bytes, topics: dict[bytes, str]) -> str:
    """Decode a topic seen for the first time; the cache is emptied before it could eat memory."""
    if len(topics) >= 20_000:
        topics.clear()
    topic = topics[raw] = raw.decode()
    return topic
