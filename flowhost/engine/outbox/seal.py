"""Ties what a row holds to the place where it lies: a row that turns up elsewhere, or with another number, is found.

The checksum in front of the bytes (`codec`) says that they are whole; it says nothing about number, time or key, which
lie beside them. A single wrong bit there would deliver a message out of its order, or give a state to another key.
"""

from __future__ import annotations

from struct import Struct
from zlib import crc32

from flowhost.engine.outbox.codec import CRC_BYTES

ROW = "id, CAST(at_ms AS INTEGER), CAST(b AS BLOB), CAST(seal AS INTEGER)"
"""Columns of a row of an edge, so that they can be read whatever they have become."""

_place = Struct("<qqq")


def row_seal(edge: int, number: int, at_ms: int, row: bytes) -> int:
    """Of a message in an edge."""
    return crc32(row[:CRC_BYTES] + _place.pack(edge, number, at_ms))


def named_seal(row: bytes, *names: str) -> int:
    """Of what is kept for a node or one of its keys."""
    return crc32("\0".join(names).encode("utf-8", "replace"), crc32(row[:CRC_BYTES]))


def is_sealed(seal: object, row: object, *names: str) -> bool:
    """Whether what is kept for a node or key is what was written for it."""
    return isinstance(row, bytes) and is_whole(row) and seal == named_seal(row, *names)


def is_whole(row: object) -> bool:
    """Whether bytes match the checksum in front of them."""
    if not isinstance(row, bytes) or len(row) <= CRC_BYTES:
        return False
    return int.from_bytes(row[:CRC_BYTES], "little") == crc32(memoryview(row)[CRC_BYTES:])


def is_intact(edge: int, number: int, at_ms: object, row: object, seal: object) -> bool:
    """Whether a row of an edge is what was written there."""
    return isinstance(at_ms, int) and is_whole(row) and seal == row_seal(edge, number, at_ms, row)  # type: ignore[arg-type]
