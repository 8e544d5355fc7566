"""Numbers, ages, rates, units and times as a person reads them on a screen."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime, timedelta, tzinfo
from decimal import Decimal
from typing import Any

THIN = "\u202f"
"""Narrow no-break space: before a unit."""

_UNITS = {
    "Cel": "°C", "[degF]": "°F", "K": "K", "kW.h": "kWh", "W.h": "Wh", "MW.h": "MWh", "kWh": "kWh",
    "Ohm": "Ω", "deg": "°", "1": "", "10*3": "×10³", "m3/h": "m³/h", "m3": "m³", "m2": "m²", "l/min": "l/min",
    "{#}": "pcs", "um": "µm", "us": "µs", "[pH]": "pH", "/min": "1/min", "/h": "1/h", "/s": "1/s",
}  # fmt: skip
_BRACKETS = str.maketrans("", "", "{}[]")
_FOLDERS = re.compile(r"(?<![\w:/.\\])(?:[A-Za-z]:\\|/)(?:[^\s/\\:;,'\"]+[/\\])+(?=[^\s/\\:;,'\"]*\.\w{1,8}\b)")
"""Folders before the name of a file, which has an ending; addresses of servers are left alone."""
_STEPS: tuple[tuple[float, str], ...] = ((1e9, "G"), (1e6, "M"), (1e3, "k"))


def count(number: int) -> str:
    """A whole number with its thousands apart: `1,204,332`, as in sentences of the host, in logs and on the canvas."""
    return f"{number:,}"


def short_count(number: int) -> str:
    """A count where room is scarce: exact below 10,000, then `12.3k`, `4.56M`."""
    if abs(number) < 10_000:
        return count(number)
    for step, letter in _STEPS:
        if abs(number) >= step:
            return f"{_three_digits(number / step)}{letter}"
    return count(number)


def rate(per_s: float) -> str:
    """Messages per second without the unit: `0`, `0.25`, `4.2`, `312`, `12.3k`."""
    if per_s <= 0 or not math.isfinite(per_s):
        return "0"
    if per_s < 0.01:
        return "<0.01"
    if per_s < 0.995:
        return f"{per_s:.2f}"
    if per_s < 99.95:
        return f"{per_s:.1f}"
    return short_count(round(per_s))


def age(seconds: float) -> str:
    """How long ago, in one unit: `now`, `3 s`, `4 min`, `2 h`, `5 d`."""
    if seconds < 1.5:
        return "now"
    if seconds < 100:
        return f"{round(seconds)}{THIN}s"
    if seconds < 100 * 60:
        return f"{round(seconds / 60)}{THIN}min"
    if seconds < 48 * 3600:
        return f"{round(seconds / 3600)}{THIN}h"
    return f"{round(seconds / 86400)}{THIN}d"


def duration(seconds: float) -> str:
    """How long something lasted, in its two largest units: `8.4 s`, `3 min 20 s`, `2 h 5 min`, `4 d 1 h`."""
    if seconds < 10:
        return f"{max(seconds, 0):.1f}{THIN}s"
    whole = round(seconds)
    parts = ((whole // 86400, "d"), (whole // 3600 % 24, "h"), (whole // 60 % 60, "min"), (whole % 60, "s"))
    first = next((i for i, (size, _) in enumerate(parts) if size), len(parts) - 1)
    return " ".join(f"{size}{THIN}{word}" for size, word in parts[first : first + 2] if size)


def unit(ucum: str) -> str:
    """A UCUM code as it stands on a gauge: `Cel` is `°C`, `{bottles}/min` is `bottles/min`."""
    if ucum in _UNITS:
        return _UNITS[ucum]
    return ucum.replace(".", "·").translate(_BRACKETS)


def value(payload: Any, text: str) -> str:
    """A payload in a narrow column: numbers to five digits or one decimal, the fields of an object side by side.

    Args:
        payload: as it is.
        text: as the host shortened it; shown where nothing better is known.
    """
    if isinstance(payload, dict) and payload:
        fields = [(key, inner) for key, inner in payload.items() if not isinstance(inner, dict | list)]
        return " · ".join(f"{key} {value(inner, _word(inner))}" for key, inner in fields) or text
    if isinstance(payload, bool) or not isinstance(payload, int | float | Decimal):
        return text
    if isinstance(payload, int):  # may be an order number: no gaps between thousands
        return str(payload)
    if not math.isfinite(payload):
        return text
    if -10_000 < payload < 10_000:
        return f"{payload:.5g}"
    return f"{payload:,.1f}"


def reading(payload: Any) -> tuple[Any, str]:
    """The figure and its unit of an object that holds one: `{"value": 38.4, "unit": "Cel", ...}`; else `(None, "")`."""
    if not isinstance(payload, dict):
        return None, ""
    figure = payload.get("value", payload.get("v"))
    if isinstance(figure, bool) or not isinstance(figure, int | float | Decimal):
        return None, ""
    sign = payload.get("unit", payload.get("u", ""))
    return figure, sign if isinstance(sign, str) else ""


def without_folders(text: str) -> str:
    """The same with the paths of files as their names alone, where room is scarce: `plant.db is locked`."""
    return _FOLDERS.sub("", text)


def clock(moment: datetime, zone: tzinfo | None = None, now: datetime | None = None) -> str:
    """Local time of the plant: `14:03:05` today, `22 Nov 14:03:05` this year, with the year before that."""
    local = moment.astimezone(zone)
    today = (now or datetime.now(UTC)).astimezone(zone)
    if local.date() == today.date():
        return f"{local:%H:%M:%S}"
    day = f"{local.day} {local:%b}"
    if local.year == today.year or today - local < timedelta(days=90):
        return f"{day} {local:%H:%M:%S}"
    return f"{day} {local.year} {local:%H:%M}"


def exact(moment: datetime, zone: tzinfo | None = None) -> str:
    """The same local time to the millisecond with its zone, for the hover text: `... 14:03:05.120 UTC+01:00`."""
    local = moment.astimezone(zone)
    ahead = f"{local:%z}"
    offset = f"{ahead[:3]}:{ahead[3:5]}" if local.utcoffset() else ""
    return f"{local:%Y-%m-%d %H:%M:%S}.{local.microsecond // 1000:03d} UTC{offset}"


def _word(inner: Any) -> str:
    """A field's text without quotes."""
    if inner is None:
        return "–"
    return str(inner).lower() if isinstance(inner, bool) else str(inner)


def _three_digits(number: float) -> str:
    """Three significant digits, never in powers of ten."""
    size = abs(number)
    if size >= 99.95:
        return f"{number:.0f}"
    return f"{number:.1f}" if size >= 9.995 else f"{number:.2f}"
