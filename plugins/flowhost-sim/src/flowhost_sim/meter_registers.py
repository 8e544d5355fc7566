"""Register table of the energy meter; the README prints the same table."""

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from flowhost_sim.electricity import Supply
from flowhost_sim.line import Line
from flowhost_sim.states import State

MODEL = "FH-EM3"
SERIAL = "SIM-0004711"
REGISTER_COUNT = 80
"""Registers 0 to 79 can be read in one request; those without a value read as 0."""

DEMAND_PERIOD = 100
"""Holding register: averaging time of the demand in minutes, 1 to 60, may be written."""

RESET_DEMAND = 0
"""Coil: writing true resets the highest demand; it falls back to false by itself."""

DISCRETE_INPUTS = ("line is running", "power above 50 kW", "a voltage outside 230 V +-5 %", "cabinet door is open")


@dataclass(frozen=True, slots=True)
class Register:
    """A value in input and holding registers.

    Args:
        address: of its first register, counted from 0.
        layout: `float32`, `uint16`, ...; big-endian, high word first unless `swapped`.
        unit: "" for numbers and texts.
        meaning: what it says.
        read: takes it from the line.
        scale: value = register times scale.
        swapped: low word first.
    """

    address: int
    layout: str
    unit: str
    meaning: str
    read: Callable[[Line], float | int | str]
    scale: float = 1.0
    swapped: bool = False

    @property
    def size(self) -> int:
        """Number of registers."""
        return _TEXT_BYTES // 2 if self.layout == "string16" else struct.calcsize(_CODES[self.layout]) // 2

    def words(self, line: Line) -> list[int]:
        value = self.read(line)
        if isinstance(value, str):
            data = value.encode().ljust(_TEXT_BYTES, b"\0")
        elif self.layout.startswith("float"):
            data = struct.pack(_CODES[self.layout], value)
        else:
            data = struct.pack(_CODES[self.layout], int(value / self.scale) % 2 ** (16 * self.size))
        words = list(struct.unpack(f">{len(data) // 2}H", data))
        return words[::-1] if self.swapped else words


def registers() -> tuple[Register, ...]:
    return (*_totals(), *_phases(), *_counters(), *_labels())


def discrete_inputs(line: Line) -> list[bool]:
    voltages = [phase.voltage for phase in line.supply.phases]
    return [
        line.state is State.EXECUTE,
        line.supply.power > 50,
        any(abs(voltage - 230) > 11.5 for voltage in voltages),
        False,
    ]


def _totals() -> Iterator[Register]:
    yield Register(0, "float32", "kW", "active power", _supply(lambda supply: supply.power))
    yield Register(2, "float32", "kvar", "reactive power", _supply(lambda supply: supply.reactive))
    yield Register(4, "float32", "kVA", "apparent power", _supply(lambda supply: supply.apparent))
    yield Register(6, "float32", "", "power factor", _supply(lambda supply: supply.power_factor))
    yield Register(8, "float32", "Hz", "frequency", _supply(lambda supply: supply.frequency))


def _phases() -> Iterator[Register]:
    for index in range(3):
        yield Register(10 + 2 * index, "float32", "V", f"voltage L{index + 1} to N", _phase(index, "voltage"))
    for index in range(3):
        yield Register(16 + 2 * index, "float32", "A", f"current L{index + 1}", _phase(index, "current"))
    for index in range(3):
        yield Register(22 + 2 * index, "float32", "kW", f"active power L{index + 1}", _phase(index, "power"))


def _counters() -> Iterator[Register]:
    energy = _supply(lambda supply: supply.energy_kwh)
    yield Register(28, "uint32", "kWh", "energy total, in steps of 0.01", energy, scale=0.01)
    yield Register(30, "float64", "kWh", "energy total", energy)
    yield Register(34, "uint64", "Wh", "energy total", _supply(lambda supply: supply.energy_kwh * 1000))
    yield Register(
        38, "float32", "kW", "active power, low word first", _supply(lambda supply: supply.power), swapped=True
    )
    yield Register(
        40, "float32", "kW", "demand: mean power of the demand period", _supply(lambda supply: supply.demand_kw)
    )
    yield Register(42, "float32", "kW", "highest demand since reset", _supply(lambda supply: supply.demand_max_kw))
    yield Register(44, "int16", "Cel", "cabinet temperature, in steps of 0.1", _cabinet_temperature, scale=0.1)
    yield Register(45, "uint16", "", "state of the line (PackML number)", lambda line: int(line.state))
    yield Register(46, "uint32", "s", "operating time", lambda line: int(line.run_s + line.stop_s))


def _labels() -> Iterator[Register]:
    yield Register(60, "string16", "", "model", lambda _: MODEL)
    yield Register(68, "string16", "", "serial number", lambda _: SERIAL)


def _supply(read: Callable[[Supply], float]) -> Callable[[Line], float]:
    return lambda line: read(line.supply)


def _phase(index: int, part: str) -> Callable[[Line], float]:
    def read(line: Line) -> float:
        return float(getattr(line.supply.phases[index], part))

    return read


def _cabinet_temperature(line: Line) -> float:
    return line.hall.temperature + 4 + 0.12 * line.supply.demand_kw


_TEXT_BYTES = 16
_CODES = {"float32": ">f", "float64": ">d", "uint16": ">H", "int16": ">H", "uint32": ">I", "uint64": ">Q"}
