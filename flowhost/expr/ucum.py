"""UCUM, the code system for units (ucum.org): `kW.h`, `m3/h`, `[degF]`, `mm[Hg]`, read into units pint knows."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from flowhost.expr.unece import UNECE

MAX_LENGTH = 60


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit as powers of pint's units and a plain factor; lone temperatures keep their zero point."""

    powers: tuple[tuple[str, int], ...]
    scale: Fraction = Fraction(1)


def read(code: str) -> Unit:
    """Read a UCUM unit or a UNECE code.

    Raises:
        ValueError: not a unit, or none that is known here; says what may be meant.
    """
    text = UNECE.get(code.strip(), code.strip())
    if not text or len(text) > MAX_LENGTH:
        raise ValueError("a unit is a short text such as 'Cel', 'kW.h' or 'm3/h'; 1 stands for none")
    reader = _Reader(code, text)
    powers, scale = reader.read()
    return Unit(_with_differences(powers), scale)


_TOKEN = re.compile(
    r"(?P<note>\{[^{}]*\})|(?P<sign>[./()])|10[*^](?P<ten>[+-]?\d{1,2})|(?P<number>[1-9]\d{0,8})(?![\d*^])"
    r"|(?P<atom>(?:\[[^\[\]]*\]|[^\d\s./(){}\[\]+-])+)(?P<power>[+-]?\d)?"
)
_Powers = dict[str, int]


class _Reader:
    """One term of UCUM's grammar after the other; `.` and `/` bind alike, from left to right."""

    def __init__(self, code: str, text: str) -> None:
        self._code = code
        self._text = text
        self._place = 0

    def read(self) -> tuple[_Powers, Fraction]:
        powers, scale = self._term()
        if self._place < len(self._text):
            raise self._unknown()
        return powers, scale

    def _term(self) -> tuple[_Powers, Fraction]:
        powers: _Powers = {}
        scale, direction = Fraction(1), 1
        if self._peek() == "/":
            self._place, direction = self._place + 1, -1
        while True:
            part, factor = self._component()
            for name, power in part.items():
                powers[name] = powers.get(name, 0) + direction * power
            scale *= factor**direction
            if self._peek() not in {".", "/"}:
                return powers, scale
            direction = 1 if self._peek() == "." else -1
            self._place += 1

    def _component(self) -> tuple[_Powers, Fraction]:
        if self._peek() == "(":
            self._place += 1
            inner = self._term()
            if self._peek() != ")":
                raise self._unknown()
            self._place += 1
            return inner
        found = _TOKEN.match(self._text, self._place)
        if not found or found["sign"]:
            raise self._unknown()
        self._place = found.end()
        if found["note"]:
            return ({"minute": -1} if found["note"] == "{rpm}" else {}), Fraction(1)
        if found["ten"]:
            return {}, Fraction(10) ** int(found["ten"])
        if found["number"]:
            return {}, Fraction(int(found["number"]))
        return self._atom(found["atom"], int(found["power"] or 1))

    def _atom(self, symbol: str, power: int) -> tuple[_Powers, Fraction]:
        if self._peek() == "{":
            note = _TOKEN.match(self._text, self._place)
            self._place = note.end() if note else self._place
        powers, scale = _look_up(symbol) or ({}, None)
        if scale is None:
            raise self._unknown()
        return {name: each * power for name, each in powers.items()}, scale**power

    def _peek(self) -> str:
        return self._text[self._place : self._place + 1]

    def _unknown(self) -> ValueError:
        return ValueError(f"the unit {self._code[:MAX_LENGTH]!r} is unknown{hint(self._code)}")


_PREFIXES: Mapping[str, str] = {
    "Y": "yotta", "Z": "zetta", "E": "exa", "P": "peta", "T": "tera", "G": "giga", "M": "mega", "k": "kilo",
    "h": "hecto", "da": "deca", "d": "deci", "c": "centi", "m": "milli", "u": "micro", "µ": "micro", "μ": "micro",
    "n": "nano", "p": "pico", "f": "femto", "a": "atto",
}  # fmt: skip

_METRIC: Mapping[str, str] = {
    "m": "meter", "g": "gram", "s": "second", "K": "kelvin", "A": "ampere", "mol": "mole", "cd": "candela",
    "rad": "radian", "sr": "steradian", "Hz": "hertz", "N": "newton", "Pa": "pascal", "J": "joule", "W": "watt",
    "C": "coulomb", "V": "volt", "F": "farad", "Ohm": "ohm", "S": "siemens", "Wb": "weber", "T": "tesla",
    "H": "henry", "lm": "lumen", "lx": "lux", "Bq": "becquerel", "Gy": "gray", "Sv": "sievert", "kat": "katal",
    "bar": "bar", "l": "liter", "L": "liter", "t": "metric_ton", "P": "poise", "St": "stokes", "cal": "calorie",
    "eV": "electron_volt", "m[Hg]": "_mercury", "m[H2O]": "_water", "Cel": "degree_Celsius", "ar": "_are",
    "var": "_var", "Gal": "_gal",
}  # fmt: skip

_OTHER: Mapping[str, str] = {
    "min": "minute", "h": "hour", "d": "day", "wk": "week", "a": "year", "[degF]": "degree_Fahrenheit",
    "[degR]": "degree_Rankine", "deg": "degree", "'": "arcminute", "''": "arcsecond", "gon": "grade",
    "[psi]": "pound_force_per_square_inch", "[lbf_av]": "force_pound", "kgf": "force_kilogram",
    "gf": "force_gram", "atm": "standard_atmosphere", "[in_i]": "inch", "[ft_i]": "foot",
    "[yd_i]": "yard", "[mi_i]": "mile", "[nmi_i]": "nautical_mile", "[kn_i]": "knot", "[mil_i]": "thou",
    "[sin_i]": "_sin", "[sft_i]": "_sft", "[lb_av]": "pound", "[oz_av]": "ounce", "[gr]": "grain", "[ston_av]": "ton",
    "[lton_av]": "long_ton", "[gal_us]": "gallon", "[qt_us]": "quart", "[pt_us]": "pint", "[foz_us]": "fluid_ounce",
    "[gal_br]": "imperial_gallon", "[bbl_us]": "oil_barrel", "[Btu_IT]": "british_thermal_unit",
    "[HP]": "horsepower", "[g]": "standard_gravity", "har": "hectare", "[acr_br]": "_acre", "rpm": "_rpm",
    "[in_i'Hg]": "inch_Hg", "[in_i'H2O]": "inch_H2O",
}  # fmt: skip

_COMPOSED: Mapping[str, tuple[_Powers, Fraction]] = {
    "_mercury": ({"pascal": 1}, Fraction(1333220, 10)),
    "_water": ({"pascal": 1}, Fraction(980665, 100)),
    "_are": ({"meter": 2}, Fraction(100)),
    "_var": ({"volt": 1, "ampere": 1}, Fraction(1)),
    "_gal": ({"centimeter": 1, "second": -2}, Fraction(1)),
    "_sin": ({"inch": 2}, Fraction(1)),
    "_sft": ({"foot": 2}, Fraction(1)),
    "_acre": ({"yard": 2}, Fraction(4840)),
    "_rpm": ({"minute": -1}, Fraction(1)),
    "inch_Hg": ({"pascal": 1}, Fraction(1333220, 10) * Fraction(254, 10000)),
    "inch_H2O": ({"pascal": 1}, Fraction(980665, 100) * Fraction(254, 10000)),
}
_PLAIN: Mapping[str, Fraction] = {
    "%": Fraction(1, 100), "[ppth]": Fraction(1, 10**3), "[ppm]": Fraction(1, 10**6), "[ppb]": Fraction(1, 10**9),
}  # fmt: skip

_DIFFERENCES: Mapping[str, str] = {
    "degree_Celsius": "delta_degree_Celsius",
    "degree_Fahrenheit": "delta_degree_Fahrenheit",
}

_MEANT: Mapping[str, str] = {
    "C": "Cel", "degC": "Cel", "°C": "Cel", "celsius": "Cel", "F": "[degF]", "degF": "[degF]", "°F": "[degF]",
    "kelvin": "K", "psi": "[psi]", "kWh": "kW.h", "Wh": "W.h", "MWh": "MW.h", "mmHg": "mm[Hg]", "m³": "m3",
    "m³/h": "m3/h", "in": "[in_i]", "inch": "[in_i]", "ft": "[ft_i]", "lb": "[lb_av]", "gal": "[gal_us]",
    "sec": "s", "hr": "h", "hour": "h", "Nm": "N.m", "pct": "%", "percent": "%", "°": "deg", "ppm": "[ppm]",
    "km/hr": "km/h", "mph": "[mi_i]/h", "gpm": "[gal_us]/min", "VA": "V.A", "kVA": "kV.A", "lpm": "l/min",
    "inHg": "[in_i'Hg]", "hp": "[HP]", "oz": "[oz_av]", "Ω": "Ohm",
}  # fmt: skip


def hint(code: str) -> str:
    """`; write [degF]` where people commonly write otherwise than UCUM."""
    if code in _MEANT:
        return f"; write '{_MEANT[code]}'"
    lowered = {known.lower(): known for known in (*_METRIC, *_OTHER, *_PLAIN, *UNECE)}
    near = difflib.get_close_matches(code.lower(), lowered, n=1, cutoff=0.7)
    return f"; did you mean '{lowered[near[0]]}'?" if near else "; write its UCUM code, such as 'Cel' or 'm3/h'"


def _look_up(symbol: str) -> tuple[_Powers, Fraction] | None:
    """A whole symbol first (`min` is no milli-inch), then prefix and symbol."""
    if symbol in _PLAIN:
        return {}, _PLAIN[symbol]
    if name := _METRIC.get(symbol) or _OTHER.get(symbol):
        return _composed(name, "")
    for prefix in (symbol[:2], symbol[:1]):
        if prefix in _PREFIXES and (name := _METRIC.get(symbol[len(prefix) :])):
            return None if name == "degree_Celsius" else _composed(name, prefix)
    return None


def _composed(name: str, prefix: str) -> tuple[_Powers, Fraction]:
    if name not in _COMPOSED:
        return {_PREFIXES.get(prefix, "") + name: 1}, Fraction(1)
    powers, scale = _COMPOSED[name]
    return powers, scale * _TENS[prefix]


_TENS: Mapping[str, Fraction] = {
    prefix: Fraction(10) ** power
    for prefix, power in zip(
        ("Y", "Z", "E", "P", "T", "G", "M", "k", "h", "da", "", "d", "c", "m", "u", "µ", "μ", "n", "p", "f", "a"),
        (24, 21, 18, 15, 12, 9, 6, 3, 2, 1, 0, -1, -2, -3, -6, -6, -6, -9, -12, -15, -18),
        strict=True,
    )
}


def _with_differences(powers: _Powers) -> tuple[tuple[str, int], ...]:
    """A degree that is not alone is a difference: `Cel/min` has no zero point."""
    found = [(name, power) for name, power in powers.items() if power]
    if len(found) == 1 and found[0][1] == 1:
        return tuple(found)
    return tuple((_DIFFERENCES.get(name, name), power) for name, power in found)
