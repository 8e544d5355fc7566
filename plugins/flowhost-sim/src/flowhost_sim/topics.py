"""What the MQTT sensors send: topic, form of the payload, period. The README prints the same table."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from flowhost_sim.line import MACHINES, Line
from flowhost_sim.machine import Machine
from flowhost_sim.odd_sensor import TOPIC, OddSensor

Compose = Callable[[Line, int, str], str]
"""Makes a payload from the line, the sensor's sequence number and the present time (ISO 8601, UTC)."""


@dataclass(frozen=True, slots=True)
class Sensor:
    """One sensor.

    Args:
        topic: where it publishes.
        form: what its payload looks like, for people.
        meaning: what it measures, with the unit (UCUM) the payload does not always name.
        period_s: seconds between two messages; 0: at every change.
        compose: makes the payload.
        retain: the broker keeps the last message for those who come later.
    """

    topic: str
    form: str
    meaning: str
    period_s: float
    compose: Compose
    retain: bool = False


def sensors(odd: OddSensor | None = None) -> tuple[Sensor, ...]:
    """All of them, with the one that can be broken."""
    return (*_plain_sensors(), *_sensors_of_line1(), *_status_topics(), *_old_sensors(odd or OddSensor()))


def _plain_sensors() -> Iterator[Sensor]:
    """`plant/<place>/temp`: the smallest payload a sensor can send and still be counted."""
    form = '{"value": 21.4, "seq": 112030417}'
    for index, kind in enumerate(MACHINES):
        name = kind.name.lower()
        compose = _short(_bearing(index))
        yield Sensor(f"plant/{name}/temp", form, f"main bearing of the {name}, Cel", 1.0, compose)
    yield Sensor("plant/tank/temp", form, "product in the tank, Cel", 1.0, _short(lambda line: line.tank.temperature))
    yield Sensor("plant/hall/temp", form, "air of the hall, Cel", 2.0, _short(lambda line: line.hall.temperature))


def _sensors_of_line1() -> Iterator[Sensor]:
    """`plant/line1/<place>/<quantity>`: value, sequence number and the sensor's own time."""
    form = '{"value": 21.4, "seq": 112030417, "ts": "2026-01-31T06:00:00.000Z"}'
    for index, kind in enumerate(MACHINES):
        name = kind.name.lower()
        yield Sensor(f"plant/line1/{name}/temp", form, "main bearing, Cel", 1.0, _full(_bearing(index)))
        yield Sensor(f"plant/line1/{name}/vibration", form, "RMS velocity, mm/s", 0.4, _full(_vibration(index)))
    quantities: tuple[tuple[str, str, float, Callable[[Line], float]], ...] = (
        ("tank/temp", "product, Cel", 1.0, lambda line: line.tank.temperature),
        ("tank/level", "product tank, %", 1.0, lambda line: line.tank.level),
        ("tank/pressure", "CO2 over the product, bar", 1.0, lambda line: line.tank.pressure),
        ("hall/temp", "air, Cel", 2.0, lambda line: line.hall.temperature),
        ("hall/humidity", "relative humidity, %", 2.0, lambda line: line.hall.humidity),
    )
    for place, meaning, period_s, read in quantities:
        yield Sensor(f"plant/line1/{place}", form, meaning, period_s, _full(read))


def _status_topics() -> Iterator[Sensor]:
    order = '{"number": 4711, "quantity": 960, "good": 312, "material": "10-2001", "product": "..."}'
    yield Sensor("plant/line1/state", "EXECUTE", "PackML state, bare text", 0, _state, retain=True)
    yield Sensor("plant/line1/stop", '{"reason": 1, "text": "Bottle jam", "machine": "Filler"}', "stop", 0, _stop, True)
    yield Sensor("plant/line1/order", order, "production order, retained", 2.0, _order, retain=True)


def _old_sensors(odd: OddSensor) -> Iterator[Sensor]:
    """What grew in the plant before there was a convention: other names, other units, other forms."""
    yield Sensor("plant/line1/fil/TEMP01", '{"v": 21.4, "u": "C"}', "filler bearing, Cel", 1.0, _old_celsius)
    yield Sensor(TOPIC, '{"v": 70.5, "u": "F"}', "capper bearing, [degF]", 1.0, odd.compose)
    yield Sensor("Plant/LINE1/LAB/Vib_1", '{"Value": "1,25", "Unit": "mm/s"}', "labeller, decimal comma", 1.0, _comma)
    yield Sensor("plant/line1/pac/CNT", "312;306;6", "produced;good;reject of the order, bare text", 2.0, _counts)
    yield Sensor("plant/line1/hall/HUM", "45.2", "relative humidity, %, bare number", 5.0, _bare_humidity)


def _short(read: Callable[[Line], float]) -> Compose:
    return lambda line, seq, _: json.dumps({"value": round(read(line), 2), "seq": seq})


def _full(read: Callable[[Line], float]) -> Compose:
    return lambda line, seq, now: json.dumps({"value": round(read(line), 3), "seq": seq, "ts": now})


def _machine(line: Line, index: int) -> Machine:
    return line.machines[index]


def _bearing(index: int) -> Callable[[Line], float]:
    return lambda line: _machine(line, index).temperature


def _vibration(index: int) -> Callable[[Line], float]:
    return lambda line: _machine(line, index).vibration


def _state(line: Line, _seq: int, _now: str) -> str:
    return line.state.name


def _stop(line: Line, _seq: int, _now: str) -> str:
    machine = line.stop.machine if line.stop else ""
    return json.dumps({"reason": int(line.reason), "text": line.reason_text, "machine": machine})


def _order(line: Line, _seq: int, _now: str) -> str:
    order = line.order
    return json.dumps(
        {
            "number": order.number,
            "quantity": order.quantity,
            "good": order.good,
            "material": order.material,
            "product": order.product,
        }
    )


def _old_celsius(line: Line, _seq: int, _now: str) -> str:
    return json.dumps({"v": round(_machine(line, 0).temperature, 1), "u": "C"})


def _comma(line: Line, _seq: int, _now: str) -> str:
    value = f"{_machine(line, 2).vibration:.2f}".replace(".", ",")
    return json.dumps({"Value": value, "Unit": "mm/s"})


def _counts(line: Line, _seq: int, _now: str) -> str:
    order = line.order
    return f"{order.good + order.reject};{order.good};{order.reject}"


def _bare_humidity(line: Line, _seq: int, _now: str) -> str:
    return f"{line.hall.humidity:.1f}"
