"""How a message lies on disk: CRC32, then msgpack of its fields. Nothing else is ever written or read."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from operator import is_ as is_same
from typing import Any
from zlib import crc32

import msgspec
from msgspec.msgpack import Ext

from flowhost.errors import FlowHostError
from flowhost.sdk import Message, Meta

CRC_BYTES = 4
MESSAGE_FIELDS = (9, 10)
"""Payload and meta; the tenth, the mark of a retried dead letter, is written only where there is one."""
MARKED_ROW = "substr({column}, 5, 1) = x'9a'"
"""Condition in SQL for a row with ten fields, as MessagePack begins a list of ten."""
EXT_DECIMAL = 1
EXT_DATETIME = 2
EXT_INTEGER = 3


class DamagedRowError(FlowHostError):
    """What was read is not what was written: the row is set aside, never delivered."""


def encode(value: Any) -> bytes:
    """The value with its checksum. Raises TypeError for a value that is not message data."""
    return _with_checksum(_encoded(_prepared(value)))


def encode_message(message: Message) -> bytes:
    """A message with its checksum. Raises TypeError for one that is not message data."""
    meta = message.meta
    fields = (_prepared(message.payload), meta.topic, meta.time_ns, meta.quality, meta.status, meta.unit, meta.key,
              meta.id, meta.headers)  # fmt: skip
    if meta.letter:
        return _with_checksum(_encoded((*fields, meta.letter)))
    return _with_checksum(_encoded(fields))


def decode(row: bytes) -> Any:
    """The value of a row. Raises `DamagedRowError`."""
    body = memoryview(row)[CRC_BYTES:]
    if len(row) <= CRC_BYTES or int.from_bytes(row[:CRC_BYTES], "little") != crc32(body):
        raise DamagedRowError(f"a row of {len(row)} bytes does not match its checksum")
    try:
        return _decoder.decode(body)
    except msgspec.DecodeError as error:
        raise DamagedRowError(f"a row of {len(row)} bytes cannot be read: {error}") from None


def decode_message(row: bytes) -> Message:
    """The message of a row. Raises `DamagedRowError`."""
    fields = decode(row)
    if not isinstance(fields, list) or len(fields) not in MESSAGE_FIELDS:
        raise DamagedRowError(f"a row of {len(row)} bytes holds no message")
    payload, *meta = fields
    return Message(payload, Meta(*meta))


def _encoded(value: Any) -> bytes:
    try:
        return _encoder.encode(value)
    except UnicodeEncodeError:
        raise TypeError(
            "a text with half characters cannot be kept in the outbox; decode it with errors='replace'"
        ) from None


def _with_checksum(body: bytes) -> bytes:
    return crc32(body).to_bytes(CRC_BYTES, "little") + body


_PLAIN = frozenset({str, int, float, bool, type(None), bytes})


def _prepared(value: Any) -> Any:
    """The value with decimals, times and large numbers marked; the very same object if there are none."""
    kind = value.__class__
    if kind in _PLAIN:
        return value if kind is not int or -(2**63) <= value < 2**64 else Ext(EXT_INTEGER, str(value).encode())
    if kind is dict:
        for key, item in value.items():
            if item.__class__ not in _PLAIN or item.__class__ is int:
                prepared = _prepared(item)
                if prepared is not item:
                    return {**value, **{k: _prepared(v) for k, v in value.items()}}
            if key.__class__ is not str:
                raise TypeError(f"a key of type {key.__class__.__name__} cannot be kept in the outbox; make it text")
        return value
    if isinstance(value, list | tuple):
        prepared = [_prepared(item) for item in value]
        return value if all(map(is_same, prepared, value)) else prepared
    return _marked(value)


def _marked(value: Any) -> Any:
    if isinstance(value, Decimal):
        return Ext(EXT_DECIMAL, str(value).encode())
    if isinstance(value, datetime):
        return Ext(EXT_DATETIME, value.isoformat().encode())
    if isinstance(value, dict):
        return _prepared(dict(value))
    raise TypeError(f"a value of type {type(value).__name__} cannot be kept in the outbox; make it JSON-like first")


def _from_ext(code: int, data: memoryview) -> Any:
    text = bytes(data).decode()
    if code == EXT_DECIMAL:
        return Decimal(text)
    if code == EXT_DATETIME:
        return datetime.fromisoformat(text)
    if code == EXT_INTEGER:
        return int(text)
    raise DamagedRowError(f"a row holds a value of unknown kind {code}")


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(ext_hook=_from_ext)
