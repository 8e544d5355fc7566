"""Durations as people write them."""

from __future__ import annotations

import re

import typer

_UNITS = {"": 1.0, "ms": 0.001, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|min|m|h)?")


def seconds(text: str) -> float:
    """Seconds of `10s`, `500ms`, `2m`, `1h` or a bare number of seconds."""
    match = _DURATION.fullmatch(text.strip())
    if match is None:
        raise typer.BadParameter(f"{text!r} is not a duration; write for example 10s, 500ms, 2m or 1h")
    return float(match[1]) * _UNITS[match[2] or ""]
