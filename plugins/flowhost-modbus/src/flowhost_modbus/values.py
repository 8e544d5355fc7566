"""From registers to values: word and byte orders, types, scale."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from flowhost.sdk import MessageError

if TYPE_CHECKING:
    from flowhost_modbus.config import Tag

TagType = Literal["bit", "int16", "uint16", "int32", "uint32", "int64", "uint64", "float32", "float64", "string"]
ByteOrder = Literal["ABCD", "DCBA", "BADC", "CDAB"]
Decoder: TypeAlias = Callable[[Sequence[int]], Any]
"""Takes the tag's own registers (or its one bit) and gives the value in its unit."""

FORMATS: dict[TagType, str] = {
    "int16": ">h",
    "uint16": ">H",
    "int32": ">i",
    "uint32": ">I",
    "int64": ">q",
    "uint64": ">Q",
    "float32": ">f",
    "float64": ">d",
}
WIDTHS: dict[TagType, int] = {"bit": 1, **{kind: struct.calcsize(form) // 2 for kind, form in FORMATS.items()}}
"""Registers a type covers."""


def decoder(tag: Tag) -> Decoder:
    """The function that reads this tag, made once when the node is built.

    Raises (when called) `MessageError` for a float that is not a number: devices say "no value" that way.
    """
    if tag.type == "bit":
        return _bit(0 if tag.table in ("coil", "discrete") else tag.bit)
    if tag.type == "string":
        return _text(tag.order, tag.length)
    return _number(FORMATS[tag.type], tag.order, scaling(tag.scale, tag.offset))


def ordered_bytes(registers: Sequence[int], order: ByteOrder) -> bytes:
    """Bytes of a value, most significant first, whatever order the device sends them in.

    The letters name the bytes of a 32-bit value as they arrive; 16- and 64-bit values follow the same two
    rules: are words reversed (CDAB, DCBA), are the bytes within each word swapped (BADC, DCBA).
    """
    words = reversed(registers) if order in ("CDAB", "DCBA") else registers
    ends: Literal["little", "big"] = "little" if order in ("BADC", "DCBA") else "big"
    return b"".join([word.to_bytes(2, ends) for word in words])


def scaling(scale: float, offset: float) -> Callable[[float], float] | None:
    """Raw value to unit; None where nothing is to do, so that integers stay exact integers.

    A scale such as 0.1 has no exact binary form: dividing by 10 gives 0.3 where multiplying gives 0.30000000000000004.
    """
    if scale == 1 and offset == 0:
        return None
    divisor = round(1 / scale) if scale else 0
    if abs(divisor) > 1 and 1 / divisor == scale:
        return lambda raw: raw / divisor + offset
    return lambda raw: raw * scale + offset


def _bit(position: int) -> Decoder:
    return lambda registers: bool(registers[0] >> position & 1)


def _text(order: ByteOrder, length: int) -> Decoder:
    def decode(registers: Sequence[int]) -> str:
        raw = ordered_bytes(registers, order)[:length].split(b"\0", 1)[0].rstrip(b" ")
        try:
            return raw.decode("utf-8")
        except UnicodeDecodeError:  # older devices send one byte per letter
            return raw.decode("latin-1")

    return decode


def _number(form: str, order: ByteOrder, scale: Callable[[float], float] | None) -> Decoder:
    unpack = struct.Struct(form).unpack
    may_be_nan = form in (">f", ">d")

    def decode(registers: Sequence[int]) -> float:
        raw = unpack(ordered_bytes(registers, order))[0]
        if may_be_nan and not math.isfinite(raw):
            msg = "the device sent a float that is not a number: it has no value at present"
            raise MessageError(msg)
        return scale(raw) if scale else raw

    return decode
