"""What can be set: the link, the tag table, the pace."""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import model_validator

from flowhost.sdk import Config, setting
from flowhost_modbus.values import WIDTHS, ByteOrder, TagType

Table = Literal["coil", "discrete", "input", "holding"]
BIT_TABLES = ("coil", "discrete")
REGISTER_TABLES = ["input", "holding"]
NUMBERS = {"table": REGISTER_TABLES, "type": [name for name in WIDTHS if name not in ("bit", "string")]}
"""What can be scaled."""

Framing = Literal["tcp", "rtu", "rtu_over_tcp"]
OVER_TCP = ("tcp", "rtu_over_tcp")
SERIAL = ("rtu", "rtu_over_tcp")
BITS_PER_CHARACTER = 11
"""Start, eight data, parity and stop, or two stops (Modbus over Serial Line V1.02, 2.5.1)."""
FASTEST_PAUSE_S = 0.00175
"""Above 19,200 Bd the pause stays the same (V1.02, 2.5.1.1)."""

ADDRESS_SPACE = 65_536
"""Addresses 0 to 65535 in each table (Modbus Application Protocol V1.1b3, 4.4)."""


class ModbusClientConfig(Config):
    """A device, gateway or bus that speaks Modbus."""

    framing: Framing = setting("tcp")
    """How requests are framed. `tcp`: Modbus TCP. `rtu`: on a serial line (RS-485, RS-232). `rtu_over_tcp`: as on a
    serial line, through a converter that passes bytes on and knows nothing of Modbus."""

    host: str = setting("", only_if={"framing": OVER_TCP}, example="192.168.1.20")
    """Name or address of the device, gateway or converter; not with `rtu`."""

    port: int = setting(502, ge=1, le=65_535, only_if={"framing": OVER_TCP})
    """TCP port; not with `rtu`."""

    serial_port: str = setting("", only_if={"framing": "rtu"}, example="/dev/ttyUSB0")
    """Of `rtu`: the serial port, such as `/dev/ttyUSB0`, or `COM3` on Windows. One connection has it to itself."""

    baudrate: int = setting(19_200, ge=300, le=4_000_000, unit="Bd", only_if={"framing": "rtu"})
    """Of `rtu`: bits per second, as all devices on the bus are set."""

    parity: Literal["even", "odd", "none"] = setting("even", only_if={"framing": "rtu"})
    """Of `rtu`: the standard says even, many devices are set to none (Modbus over Serial Line V1.02, 2.5.1)."""

    stop_bits: Literal[1, 2] = setting(1, only_if={"framing": "rtu"})
    """Of `rtu`: the standard says two without parity; many devices have one."""

    timeout_s: float = setting(3.0, gt=0, le=60, unit="s", advanced=True)
    """How long to wait for a link and for each answer."""

    drain_s: float | None = setting(None, ge=0, le=60, unit="s", advanced=True, only_if={"framing": SERIAL})
    """Of `rtu` and `rtu_over_tcp`: how long nothing is asked after an answer stayed away; left out, `timeout_s`.
    Such answers do not say what they answer: one that comes later than this would be taken for the next."""

    pause_ms: float | None = setting(None, ge=0, le=1_000, unit="ms", advanced=True, only_if={"framing": SERIAL})
    """Of `rtu` and `rtu_over_tcp`: silence between an answer and the next request; left out, the 3.5 characters of the
    standard (Modbus over Serial Line V1.02, 2.5.1.1) with `rtu`, none with `rtu_over_tcp`. Slow devices need more."""

    @model_validator(mode="after")
    def _names_its_place(self) -> Self:
        if self.framing == "rtu":
            if not self.serial_port:
                raise ValueError("framing `rtu` needs `serial_port`, such as /dev/ttyUSB0 or COM3")
        elif not self.host:
            raise ValueError(f"framing `{self.framing}` needs `host`, the name or address of the device")
        elif self.serial_port:
            raise ValueError(f"`serial_port` is for framing `rtu`, not for `{self.framing}`")
        return self

    @property
    def place(self) -> str:
        """Where the device, gateway or bus is."""
        return self.serial_port if self.framing == "rtu" else f"{self.host}:{self.port}"

    @property
    def quiet_s(self) -> float:
        """How long nothing is asked after an answer stayed away, seconds; answers of Modbus TCP name their request."""
        if self.framing == "tcp":
            return 0.0
        return self.timeout_s if self.drain_s is None else self.drain_s

    @property
    def pause_s(self) -> float:
        """Silence between an answer and the next request, seconds."""
        if self.framing == "tcp":
            return 0.0
        if self.pause_ms is not None:
            return self.pause_ms / 1000
        return max(3.5 * BITS_PER_CHARACTER / self.baudrate, FASTEST_PAUSE_S) if self.framing == "rtu" else 0.0


class Tag(Config):
    """One value of the device, with its place and meaning."""

    name: str = setting(min_length=1, example="power_kw")
    """Field of the payload."""

    table: Table = setting("holding")
    """Coils and discrete inputs hold bits; input and holding registers hold 16 bits each."""

    address: int = setting(ge=0, lt=ADDRESS_SPACE, example=100)
    """Protocol address, counted from zero. What a manual calls 40101 or 4x0101 is table `holding`, address 100."""

    type: TagType = setting("uint16", only_if={"table": REGISTER_TABLES})
    """How the bits are read; in tables `coil` and `discrete` it is always `bit`."""

    bit: int = setting(0, ge=0, le=15, advanced=True, only_if={"type": "bit", "table": REGISTER_TABLES})
    """Of type `bit` in a register: which one, 0 is the lowest."""

    length: int = setting(0, ge=0, le=250, advanced=True, unit="characters", only_if={"type": "string"})
    """Of type `string`: characters, two per register."""

    order: ByteOrder = setting("ABCD", only_if={"table": REGISTER_TABLES})
    """Order in which the bytes arrive; A is the most significant. `CDAB`: words swapped, `BADC`: bytes swapped."""

    scale: float = setting(1.0, only_if=NUMBERS)
    """Factor from the raw value to the unit."""

    offset: float = setting(0.0, only_if=NUMBERS)
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
