"""Conversion of units as one multiplication and one addition; pint is loaded when the first conversion is compiled."""

from __future__ import annotations

from fractions import Fraction
from functools import cache, lru_cache
from typing import Any

from flowhost.expr.ucum import Unit, hint, read

_KNOWN_QUANTITIES = {
    "temperature": "kelvin", "pressure": "pascal", "power": "watt", "energy": "joule", "length": "meter",
    "area": "meter**2", "volume": "meter**3", "mass": "gram", "time": "second", "speed": "meter/second",
    "volume flow": "meter**3/second", "mass flow": "gram/second", "voltage": "volt", "current": "ampere",
    "resistance": "ohm", "frequency": "hertz", "force": "newton", "density": "gram/meter**3", "plain number": "",
}  # fmt: skip


@lru_cache(maxsize=4096)
def affine(from_unit: str, to_unit: str) -> tuple[float, float]:
    """Factor and offset: `value * factor + offset` is the value in the other unit.

    Args:
        from_unit: UCUM unit (`Cel`, `kW.h`) or UNECE Recommendation 20 code (`CEL`, `KWH`).
        to_unit: likewise.

    Raises:
        ValueError: a unit is unknown, or the two measure different things.
    """
    source, target = read(from_unit), read(to_unit)
    _refuse_other_quantity(from_unit, source, to_unit, target)
    offset = _convert(Fraction(0), source, target)
    factor = _convert(Fraction(1), source, target) - offset
    for probe in (Fraction(2), Fraction(-40)):
        if abs(_convert(probe, source, target) - (factor * probe + offset)) > abs(factor) / 10**9:
            raise ValueError(f"{from_unit!r} to {to_unit!r} is no straight line and cannot be converted")
    return float(factor), float(offset)


def check(unit: str) -> None:
    """Refuse what is no unit.

    Raises:
        ValueError: unknown; says what may be meant.
    """
    read(unit)


@cache
def load() -> Any:
    """The registry of units; takes about a second the first time. Fractions keep factors exact."""
    import pint

    return pint.UnitRegistry(non_int_type=Fraction, cache_folder=None)


def _convert(value: Fraction, source: Unit, target: Unit) -> Fraction:
    converted = load().convert(value * source.scale, _pint_unit(source), _pint_unit(target))
    return Fraction(converted) / target.scale


def _pint_unit(unit: Unit) -> Any:
    registry = load()
    product = registry.dimensionless
    for name, power in unit.powers:
        product = product * registry.parse_units(name) ** power
    return product


def _refuse_other_quantity(from_unit: str, source: Unit, to_unit: str, target: Unit) -> None:
    first, second = _pint_unit(source).dimensionality, _pint_unit(target).dimensionality
    if first == second:
        return
    meant = "".join(text for text in (hint(from_unit), hint(to_unit)) if text.startswith("; write '"))
    words = f"{from_unit!r} is {_quantity(first)}, {to_unit!r} is {_quantity(second)}"
    raise ValueError(f"{words}: they cannot be converted{meant}")


def _quantity(dimensions: Any) -> str:
    for name, unit in _KNOWN_QUANTITIES.items():
        if load().parse_units(unit).dimensionality == dimensions:
            return f"a {name}"
    return f"of dimension {dimensions}"
