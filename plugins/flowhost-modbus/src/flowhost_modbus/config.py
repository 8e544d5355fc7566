"""What can be set: the link, the tag table, the pace."""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import field_validator, model_validator

from flowhost.sdk import Config, setting
from flowhost_modbus.values import WIDTHS, ByteOrder, TagType

Table = Literal["coil", "discrete", "input", "holding"]
BIT_TABLES = ("coil", "discrete")

ADDRESS_SPACE = 65_536
"""Addresses 0 to 65535 in each table (Modbus Application Protocol V1.1b3, 4.4)."""


class ModbusClientConfig(Config):
    """A device or gateway that speaks Modbus TCP."""

    host: str = setting(min_length=1, example="192.168.1.20")
    """Name or address of the device or gateway."""

    port: int = setting(502, ge=1, le=65_535)
    """TCP port."""

    framing: str = setting("tcp")
    """How requests are framed: `tcp`."""

    timeout_s: float = setting(3.0, gt=0, le=60, unit="s", advanced=True)
    """How long to wait for a link and for each answer."""

    @field_validator("framing")
    @classmethod
    def _only_tcp(cls, value: str) -> str:
        if value != "tcp":
            msg = f"framing {value!r} is not there yet: this version speaks Modbus TCP, write `framing: tcp`"
            raise ValueError(msg)
        return value


class Tag(Config):
    """One value of the device, with its place and meaning."""

    name: str = setting(min_length=1, example="power_kw")
    """Field of the payload."""

    table: Table = setting("holding")
    """Coils and discrete inputs hold bits; input and holding registers hold 16 bits each."""

    address: int = setting(ge=0, lt=ADDRESS_SPACE, example=100)
    """Protocol address, counted from zero. What a manual calls 40101 or 4x0101 is table `holding`, address 100."""

    type: TagType = setting("uint16")
    """How the bits are read; in tables `coil` and `discrete` it is always `bit`."""

    bit: int = setting(0, ge=0, le=15, advanced=True)
    """Of type `bit` in a register: which one, 0 is the lowest."""

    length: int = setting(0, ge=0, le=250, advanced=True, unit="characters")
    """Of type `string`: characters, two per register."""

    order: ByteOrder = setting("ABCD")
    """Order in which the bytes arrive; A is the most significant. `CDAB`: words swapped, `BADC`: bytes swapped."""

    scale: float = setting(1.0)
    """Factor from the raw value to the unit."""

    offset: float = setting(0.0)
    """Added after scaling."""

    unit: str = setting("")
    """UCUM code, e.g. `kW`, `Cel`."""

    @property
    def width(self) -> int:
        """Addresses the tag covers: bits in a bit table, else registers."""
        if self.type == "string":
            return (self.length + 1) // 2
        return WIDTHS[self.type]

    @model_validator(mode="before")
    @classmethod
    def _bit_tables_hold_bits(cls, data: Any) -> Any:
        if isinstance(data, dict) and data.get("table") in BIT_TABLES:
            return {"type": "bit", **data}
        return data

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.table in BIT_TABLES and self.type != "bit":
            msg = f"table {self.table!r} holds bits: leave `type` out or read a register table"
            raise ValueError(msg)
        if self.type == "string" and not self.length:
            msg = "a string needs `length`, its number of characters"
            raise ValueError(msg)
        if self.type == "string" and self.order not in ("ABCD", "BADC"):
            msg = "a string has the order ABCD, or BADC where the two characters of a register are swapped"
            raise ValueError(msg)
        if self.type in ("bit", "string") and (self.scale != 1 or self.offset != 0):
            msg = f"a {self.type} cannot be scaled: leave `scale` and `offset` out"
            raise ValueError(msg)
        if self.address + self.width > ADDRESS_SPACE:
            msg = f"address {self.address} and {self.width} registers reach beyond the last address, 65535"
            raise ValueError(msg)
        return self


class PollConfig(Config):
    """Reads a tag table at a fixed rate; one message per scan."""

    unit_id: int = setting(1, ge=0, le=255)
    """Unit identifier of the device; behind a gateway its address on the bus."""

    period_ms: int = setting(1000, ge=10, le=86_400_000, unit="ms")
    """Time from scan to scan."""

    tags: tuple[Tag, ...] = setting(min_length=1)
    """What is read."""

    topic: str = setting("", example="line1/energy")
    """Topic and ordering key of the messages; left out, it is connection name + `/` + unit id."""

    max_gap: int = setting(16, ge=0, le=124, advanced=True, unit="registers")
    """Unused registers (or 16 times as many bits) that are read along to save a request."""

    max_registers: int = setting(125, ge=4, le=125, advanced=True)
    """Most registers per request; 125 is the protocol's limit (V1.1b3, 6.3), some devices allow fewer."""

    max_bits: int = setting(2000, ge=1, le=2000, advanced=True)
    """Most bits per request; 2000 is the protocol's limit (V1.1b3, 6.1)."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        names = [tag.name for tag in self.tags]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            msg = f"tag names must differ; used twice: {', '.join(twice)}"
            raise ValueError(msg)
        wide = [tag.name for tag in self.tags if tag.table not in BIT_TABLES and tag.width > self.max_registers]
        if wide:
            msg = f"longer than one request of {self.max_registers} registers: {', '.join(wide)}"
            raise ValueError(msg)
        return self
