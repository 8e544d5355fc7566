"""The tags of the line: name, type, unit, range, meaning and how to read them; the OPC UA server offers them all."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum

from flowhost_sim.line import BOTTLES_PER_CASE, RATED_SPEED, SPEED_LIMITS, Line
from flowhost_sim.machine import Machine
from flowhost_sim.states import State


class Kind(Enum):
    """Data types of the tags, named as in OPC UA."""

    BOOLEAN = "Boolean"
    INT32 = "Int32"
    UINT32 = "UInt32"
    DOUBLE = "Double"
    STRING = "String"


class Condition(Enum):
    """How far a value can be trusted."""

    GOOD = "good"
    LAST_USABLE = "uncertain: last usable value"
    SENSOR_FAILURE = "bad: sensor failure"


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit as it is shown, with its UNECE code (Rec. 20), from which OPC UA makes its unit id (Part 8)."""

    symbol: str
    code: str
    name: str


PER_MIN = Unit("1/min", "C94", "bottles per minute")
PIECES = Unit("pcs", "C62", "pieces")
CEL = Unit("°C", "CEL", "degree Celsius")
PERCENT = Unit("%", "P1", "percent")
BAR = Unit("bar", "BAR", "bar")
MM_S = Unit("mm/s", "C16", "millimetre per second")
NM = Unit("N·m", "NU", "newton metre")
SECONDS = Unit("s", "SEC", "second")
KW = Unit("kW", "KWT", "kilowatt")
KWH = Unit("kWh", "KWH", "kilowatt hour")


@dataclass(frozen=True, slots=True)
class Tag:
    """One tag.

    Args:
        path: name with dots; all but its last part are folders.
        kind: data type.
        meaning: what it says, in a line.
        read: takes the value from the line.
        unit: None for states, texts and codes.
        span: lowest and highest value in normal operation (EURange).
        condition: how far the value can be trusted now.
        writable: a client may write it; `Line.set_speed` takes the value.
    """

    path: str
    kind: Kind
    meaning: str
    read: Callable[[Line], bool | int | float | str]
    unit: Unit | None = None
    span: tuple[float, float] | None = None
    condition: Callable[[Line], Condition] | None = None
    writable: bool = False


SPEED_SETPOINT = "Line1.SpeedSetpoint"


def tags() -> tuple[Tag, ...]:
    return (*_line_tags(), *_order_tags(), *_machine_tags(), *_surrounding_tags(), *_energy_tags())


def _line_tags() -> Iterator[Tag]:
    count, real, text = Kind.UINT32, Kind.DOUBLE, Kind.STRING
    high = SPEED_LIMITS[1]
    yield Tag("Line1.State", Kind.INT32, "PackML state number", lambda line: int(line.state))
    yield Tag("Line1.StateText", text, "PackML state by name", lambda line: line.state.name)
    yield Tag("Line1.Running", Kind.BOOLEAN, "the line is in EXECUTE", lambda line: line.state is State.EXECUTE)
    yield Tag("Line1.Speed", real, "speed of the lead machine", lambda line: line.speed, PER_MIN, (0, high))
    yield Tag(
        SPEED_SETPOINT,
        real,
        f"speed asked for; write {SPEED_LIMITS[0]:.0f} to {high:.0f}",
        lambda line: line.speed_setpoint,
        PER_MIN,
        SPEED_LIMITS,
        writable=True,
    )
    yield Tag("Line1.GoodCount", count, "bottles packed since start", lambda line: line.good, PIECES)
    yield Tag("Line1.RejectCount", count, "bottles thrown out since start", lambda line: line.reject, PIECES)
    yield Tag("Line1.ProducedCount", count, "good and rejected bottles", lambda line: line.produced, PIECES)
    yield Tag("Line1.BottlesOnBelts", count, "between filler and packer", lambda line: line.on_belts, PIECES, (0, 270))
    yield Tag("Line1.Stop.Reason", Kind.INT32, "reason code, 0 while none", lambda line: int(line.reason))
    yield Tag("Line1.Stop.ReasonText", text, "reason in words", lambda line: line.reason_text)
    yield Tag("Line1.Stop.Machine", text, "machine at fault", lambda line: line.stop.machine if line.stop else "")
    yield Tag("Line1.Stop.Count", count, "stops since start", lambda line: line.stop_count, PIECES)
    yield Tag("Line1.RunTime", real, "time in EXECUTE since start", lambda line: round(line.run_s, 1), SECONDS)
    yield Tag("Line1.StopTime", real, "time stopped for a reason", lambda line: round(line.stop_s, 1), SECONDS)


def _order_tags() -> Iterator[Tag]:
    count, text = Kind.UINT32, Kind.STRING
    yield Tag("Line1.Order.Number", count, "production order on the line", lambda line: line.order.number)
    yield Tag("Line1.Order.Quantity", count, "bottles ordered", lambda line: line.order.quantity, PIECES, (0, 1200))
    yield Tag("Line1.Order.Good", count, "packed for this order", lambda line: line.order.good, PIECES, (0, 1200))
    yield Tag("Line1.Order.Reject", count, "thrown out in this order", lambda line: line.order.reject, PIECES, (0, 100))
    yield Tag("Line1.Order.Material", text, "material number", lambda line: line.order.material)
    yield Tag("Line1.Order.Product", text, "product by name", lambda line: line.order.product)
    yield Tag("Line1.Order.Completed", count, "orders completed since start", lambda line: line.orders_done, PIECES)


def _machine_tags() -> Iterator[Tag]:
    for index, name in enumerate(("Filler", "Capper", "Labeller", "Packer")):
        yield from _tags_of_machine(f"Line1.{name}", _machine(index))
    filler, capper, packer = _machine(0), _machine(1), _machine(3)
    yield Tag(
        "Line1.Filler.Temperature",
        Kind.DOUBLE,
        "product at the filling valve",
        lambda line: line.tank.temperature + 0.3 + 0.4 * (1 - filler(line).speed / RATED_SPEED),
        CEL,
        (0, 20),
    )
    yield Tag(
        "Line1.Capper.Torque",
        Kind.DOUBLE,
        "closing torque; uncertain while no bottle is capped",
        lambda line: line.cap_torque,
        NM,
        (0, 4),
        condition=lambda line: Condition.GOOD if capper(line).state is State.EXECUTE else Condition.LAST_USABLE,
    )
    yield Tag(
        "Line1.Packer.Cases",
        Kind.UINT32,
        f"cases of {BOTTLES_PER_CASE} packed since start",
        lambda line: packer(line).count // BOTTLES_PER_CASE,
        PIECES,
    )


def _tags_of_machine(path: str, machine: Callable[[Line], Machine]) -> Iterator[Tag]:
    high = SPEED_LIMITS[1] * 1.1
    yield Tag(f"{path}.State", Kind.INT32, "PackML state number", lambda line: int(machine(line).state))
    yield Tag(f"{path}.Speed", Kind.DOUBLE, "speed", lambda line: machine(line).speed, PER_MIN, (0, high))
    yield Tag(f"{path}.GoodCount", Kind.UINT32, "passed on as good", lambda line: machine(line).count, PIECES)
    yield Tag(f"{path}.RejectCount", Kind.UINT32, "thrown out here", lambda line: machine(line).rejects, PIECES)
    yield Tag(f"{path}.Vibration", Kind.DOUBLE, "RMS velocity", lambda line: machine(line).vibration, MM_S, (0, 7.1))
    yield Tag(
        f"{path}.BearingTemperature", Kind.DOUBLE, "main bearing", lambda line: machine(line).temperature, CEL, (0, 90)
    )


def _surrounding_tags() -> Iterator[Tag]:
    real, flag = Kind.DOUBLE, Kind.BOOLEAN
    yield Tag("Line1.Tank.Temperature", real, "product", lambda line: line.tank.temperature, CEL, (0, 20))
    yield Tag("Line1.Tank.Level", real, "of the product tank", lambda line: line.tank.level, PERCENT, (0, 100))
    yield Tag("Line1.Tank.Pressure", real, "CO2 over the product", lambda line: line.tank.pressure, BAR, (0, 6))
    yield Tag("Line1.Tank.Cooling", flag, "cooling runs", lambda line: line.tank.cooling)
    yield Tag("Line1.Tank.Refilling", flag, "refill valve is open", lambda line: line.tank.refilling)
    yield Tag("Line1.Hall.Temperature", real, "air of the hall", lambda line: line.hall.temperature, CEL, (-10, 50))
    yield Tag(
        "Line1.Hall.Humidity",
        real,
        "relative humidity; its sensor fails for seconds now and then",
        lambda line: line.hall.humidity,
        PERCENT,
        (0, 100),
        condition=lambda line: Condition.SENSOR_FAILURE if line.hall.sensor_failed else Condition.GOOD,
    )


def _energy_tags() -> Iterator[Tag]:
    yield Tag("Line1.Energy.Power", Kind.DOUBLE, "active power", lambda line: line.supply.power, KW, (0, 100))
    yield Tag("Line1.Energy.Total", Kind.DOUBLE, "energy counter", lambda line: line.supply.energy_kwh, KWH)


def _machine(index: int) -> Callable[[Line], Machine]:
    return lambda line: line.machines[index]
