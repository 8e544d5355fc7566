"""Units as people write them, and the UCUM code each stands for."""

from __future__ import annotations

from collections.abc import Mapping

UNITS: Mapping[str, tuple[str, ...]] = {
    "Cel": ("degrees Celsius", "°C", "℃", "degC", "deg C", "C°", "celsius"),
    "[degF]": ("degrees Fahrenheit", "°F", "℉", "degF", "deg F", "F°", "fahrenheit"),
    "K": ("kelvin", "°K", "kelvin"),
    "bar": ("bar",),
    "mbar": ("millibar",),
    "Pa": ("pascal",),
    "kPa": ("kilopascal",),
    "MPa": ("megapascal",),
    "[psi]": ("pounds per square inch", "psi", "PSI"),
    "m3/h": ("cubic metres an hour", "m³/h", "m^3/h", "cbm/h"),
    "l/min": ("litres a minute", "L/min", "lpm"),
    "l/h": ("litres an hour", "L/h"),
    "l/s": ("litres a second", "L/s"),
    "kg/h": ("kilograms an hour",),
    "t/h": ("tonnes an hour",),
    "m3": ("cubic metres", "m³", "m^3", "cbm"),
    "m2": ("square metres", "m²", "m^2", "qm"),
    "l": ("litres", "L", "ltr"),
    "kg": ("kilograms",),
    "g": ("grams",),
    "t": ("tonnes",),
    "mm": ("millimetres",),
    "cm": ("centimetres",),
    "m": ("metres",),
    "[in_i]": ("inches", "in", "inch"),
    "[ft_i]": ("feet", "ft", "foot"),
    "m/s": ("metres a second",),
    "mm/s": ("millimetres a second",),
    "m/min": ("metres a minute",),
    "km/h": ("kilometres an hour", "kmh"),
    "W": ("watts",),
    "kW": ("kilowatts",),
    "kW.h": ("kilowatt hours", "kWh", "kW*h", "kW·h"),
    "MW.h": ("megawatt hours", "MWh"),
    "W.h": ("watt hours", "Wh"),
    "J": ("joules",),
    "kJ": ("kilojoules",),
    "V": ("volts",),
    "A": ("amperes",),
    "mA": ("milliamperes",),
    "Ohm": ("ohms", "Ω", "ohm"),
    "Hz": ("hertz",),
    "{rpm}": ("turns a minute", "rpm", "U/min"),
    "N": ("newtons",),
    "N.m": ("newton metres", "Nm", "N*m", "N·m"),
    "%": ("per cent", "percent", "pct"),
    "[ppm]": ("parts per million", "ppm"),
    "s": ("seconds", "sec"),
    "ms": ("milliseconds",),
    "min": ("minutes",),
    "h": ("hours", "hrs"),
    "d": ("days",),
    "deg": ("degrees of an angle", "°"),
    "um": ("micrometres", "µm", "μm"),
    "kg/m3": ("kilograms a cubic metre", "kg/m³", "kg/m^3"),
    "1": ("a plain number",),
}
"""Frequent units by their UCUM code: in words, then other spellings."""

_CODES = {spelling: code for code, (_, *spellings) in UNITS.items() for spelling in spellings}


def common_unit(text: str) -> str:
    """The UCUM code of a unit in a common spelling; anything else as it is."""
    bare = text.strip()
    return bare if bare in UNITS else _CODES.get(bare, bare)
