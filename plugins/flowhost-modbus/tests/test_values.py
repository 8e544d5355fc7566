"""Types and byte orders against vectors from manuals and against struct."""

from __future__ import annotations

import struct

import pytest
from flowhost_modbus.config import Tag
from flowhost_modbus.values import decoder
from hypothesis import given
from hypothesis import strategies as st

from flowhost.sdk import MessageError

PI = 0x40490FDB  # 3.14159274 as IEEE 754 single
FORMATS = {
    "int16": "h", "uint16": "H", "int32": "i", "uint32": "I",
    "int64": "q", "uint64": "Q", "float32": "f", "float64": "d",
}  # fmt: skip


def read(registers: list[int], **tag: object) -> object:
    return decoder(Tag(name="x", address=0, **tag))(registers)


@pytest.mark.parametrize(
    ("order", "registers"),
    [
        ("ABCD", [0x4049, 0x0FDB]),
        ("CDAB", [0x0FDB, 0x4049]),
        ("BADC", [0x4940, 0xDB0F]),
        ("DCBA", [0xDB0F, 0x4940]),
    ],
)
def test_pi_in_every_order(order: str, registers: list[int]) -> None:
    assert read(registers, type="float32", order=order) == struct.unpack(">f", PI.to_bytes(4, "big"))[0]
    assert read(registers, type="uint32", order=order) == PI


@pytest.mark.parametrize(
    ("kind", "registers", "value"),
    [
        ("int16", [0xFFFE], -2),
        ("uint16", [0xFFFE], 65534),
        ("int32", [0xFFFF, 0xFFFE], -2),
        ("uint32", [0x0001, 0x0000], 65536),
        ("int64", [0xFFFF, 0xFFFF, 0xFFFF, 0xFFFE], -2),
        ("uint64", [0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF], 2**64 - 1),
        ("float64", [0x3FF8, 0, 0, 0], 1.5),
    ],
)
def test_known_vectors(kind: str, registers: list[int], value: float) -> None:
    assert read(registers, type=kind) == value


def test_64_bits_swapped() -> None:
    value = 0x0102030405060708
    assert read([0x0708, 0x0506, 0x0304, 0x0102], type="uint64", order="CDAB") == value
    assert read([0x0201, 0x0403, 0x0605, 0x0807], type="uint64", order="BADC") == value
    assert read([0x0807, 0x0605, 0x0403, 0x0201], type="uint64", order="DCBA") == value


@given(st.data())
def test_every_type_and_order_comes_back(data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(sorted(FORMATS)))
    order = data.draw(st.sampled_from(["ABCD", "DCBA", "BADC", "CDAB"]))
    size = struct.calcsize(">" + FORMATS[kind])
    raw = data.draw(st.binary(min_size=size, max_size=size))
    wire = bytearray(raw)
    if order in ("BADC", "DCBA"):
        wire[0::2], wire[1::2] = wire[1::2], wire[0::2]
    words = [int.from_bytes(wire[i : i + 2], "big") for i in range(0, size, 2)]
    if order in ("CDAB", "DCBA"):
        words.reverse()
    expected = struct.unpack(">" + FORMATS[kind], raw)[0]
    if expected - expected != 0:  # not a number, or infinite
        with pytest.raises(MessageError, match="no value"):
            read(words, type=kind, order=order)
    else:
        assert read(words, type=kind, order=order) == expected


def test_strings() -> None:
    assert read([0x4142, 0x4344, 0x2020], type="string", length=6) == "ABCD"
    assert read([0x4142, 0x0044], type="string", length=4) == "AB"
    assert read([0x4241, 0x4443], type="string", length=4, order="BADC") == "ABCD"
    assert read([0x4142, 0x43FF], type="string", length=3) == "ABC"
    assert read([0xC3BC, 0xE480], type="string", length=2) == "ü"
    assert read([0xE400], type="string", length=2) == "ä"


def test_bits() -> None:
    assert read([1], table="coil") is True
    assert read([0b0100], type="bit", bit=2) is True
    assert read([0b0100], type="bit", bit=1) is False


def test_scaling_gives_what_the_display_shows() -> None:
    assert read([3], scale=0.1) == 0.3
    assert read([123], scale=0.01, unit="kW") == 1.23
    assert read([10], scale=2.5, offset=-1) == 24.0
    assert read([10], scale=-0.5) == -5.0
    assert isinstance(read([3]), int)
