"""`python -m flowhost_sim.tables`: the address tables of the README, made from tags, registers and sensors."""

import sys
from collections.abc import Iterable, Sequence

from flowhost_sim.meter_registers import DEMAND_PERIOD, DISCRETE_INPUTS, RESET_DEMAND, registers
from flowhost_sim.tags import tags
from flowhost_sim.topics import sensors


def opcua_table() -> str:
    return _table(
        ("node id", "type", "unit", "range", "meaning"),
        (
            (
                f"`ns=2;s={tag.path}`",
                tag.kind.value,
                tag.unit.symbol if tag.unit else "",
                f"{tag.span[0]:g} to {tag.span[1]:g}" if tag.span else "",
                tag.meaning,
            )
            for tag in tags()
        ),
    )


def register_table() -> str:
    return _table(
        ("address", "registers", "type", "unit", "meaning"),
        (
            (
                str(register.address),
                str(register.size),
                register.layout + (", low word first" if register.swapped else ""),
                register.unit,
                register.meaning,
            )
            for register in registers()
        ),
    )


def bit_table() -> str:
    rows = [("discrete input", str(place), "read", meaning) for place, meaning in enumerate(DISCRETE_INPUTS)]
    rows.append(("coil", str(RESET_DEMAND), "read, write", "write true: resets the highest demand"))
    rows.append(("holding register", str(DEMAND_PERIOD), "read, write", "uint16, demand period in minutes, 1 to 60"))
    return _table(("table", "address", "access", "meaning"), rows)


def topic_table() -> str:
    return _table(
        ("topic", "payload", "every", "meaning"),
        (
            (
                f"`{sensor.topic}`",
                f"`{sensor.form}`",
                f"{sensor.period_s:g} s" if sensor.period_s else "change",
                sensor.meaning,
            )
            for sensor in sensors()
        ),
    )


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


if __name__ == "__main__":
    for table in (opcua_table, register_table, bit_table, topic_table):
        sys.stdout.write(table() + "\n\n")
