"""Figures as people read them."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from flowhost.ui import format as fmt
from flowhost.ui.texts import t

S = fmt.THIN
VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "numbers.json").read_text(encoding="utf-8"))
"""The canvas writes the same words: tests/js/numbers.test.mjs."""


@pytest.mark.parametrize(("given", "shown"), VECTORS["count"])
def test_count(given: int, shown: str) -> None:
    assert fmt.count(given) == shown


@pytest.mark.parametrize(("given", "shown"), VECTORS["short"])
def test_short_count(given: int, shown: str) -> None:
    assert fmt.short_count(given) == shown


@pytest.mark.parametrize(("given", "shown"), [*VECTORS["rate"], (float("nan"), "0"), (float("inf"), "0")])
def test_rate(given: float, shown: str) -> None:
    assert fmt.rate(given) == shown


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        (-3, "now"), (0.4, "now"), (3.2, f"3{S}s"), (99, f"99{S}s"), (240, f"4{S}min"), (7200, f"2{S}h"),
        (5 * 86400, f"5{S}d"),
    ],
)  # fmt: skip
def test_age(given: float, shown: str) -> None:
    assert fmt.age(given) == shown


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        (0.42, f"0.4{S}s"), (8.44, f"8.4{S}s"), (59, f"59{S}s"), (200, f"3{S}min 20{S}s"), (7500, f"2{S}h 5{S}min"),
        (7200, f"2{S}h"), (4 * 86400 + 3600, f"4{S}d 1{S}h"), (60, f"1{S}min"),
    ],
)  # fmt: skip
def test_duration(given: float, shown: str) -> None:
    assert fmt.duration(given) == shown


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("Cel", "°C"),
        ("[degF]", "°F"),
        ("kW.h", "kWh"),
        ("{bottles}/min", "bottles/min"),
        ("", ""),
        ("bar", "bar"),
        ("N.m", "N·m"),
    ],
)
def test_unit(given: str, shown: str) -> None:
    assert fmt.unit(given) == shown


@pytest.mark.parametrize(
    ("payload", "text", "shown"),
    [
        (21.123456789, "21.123456789", "21.123"), (120000, "120000", "120000"), (True, "true", "true"),
        ([1, 2], "[1, 2]", "[1, 2]"), (float("nan"), "NaN", "NaN"), (Decimal("12.50"), "12.50", "12.50"),
        (12345678.9, "12345678.9", "12,345,678.9"),
    ],
)  # fmt: skip
def test_value(payload: object, text: str, shown: str) -> None:
    assert fmt.value(payload, text) == shown


def test_times_are_local_to_the_plant_and_name_their_zone_on_hover() -> None:
    zone = ZoneInfo("Europe/Vienna")
    moment = datetime(2026, 11, 22, 23, 30, 5, 123456, tzinfo=UTC)
    assert fmt.clock(moment, zone, now=moment) == "00:30:05"
    assert fmt.clock(moment, zone, now=moment + timedelta(days=2)) == "23 Nov 00:30:05"
    assert fmt.clock(moment, zone, now=moment + timedelta(days=400)) == "23 Nov 2026 00:30"
    assert fmt.exact(moment, zone) == "2026-11-23 00:30:05.123 UTC+01:00"
    assert fmt.exact(moment, UTC) == "2026-11-22 23:30:05.123 UTC"


def test_an_object_is_shown_by_its_fields() -> None:
    payload = {"power_kw": 36.99905, "phase": "L1", "on": True, "at": None, "deep": {"x": 1}}
    assert fmt.value(payload, "{...}") == "power_kw 36.999 · phase L1 · on true · at –"
    assert fmt.value({"deep": {}}, "{...}") == "{...}"
    assert fmt.reading({"value": 38.4, "unit": "Cel"}) == (38.4, "Cel")
    assert fmt.reading({"v": 2, "u": 7}) == (2, "")
    assert fmt.reading({"value": True}) == (None, "")
    assert fmt.reading(12) == (None, "")


def test_a_count_in_a_sentence_reads_as_any_other() -> None:
    assert t("alarms.waits", text="Out waits", count=1213) == "Out waits; 1,213 messages wait"
    assert t("alarms.waits", text="Out waits", count=1) == "Out waits; 1 message waits"


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("/tmp/run/plant.db is locked", "plant.db is locked"),
        ("write: C:\\data\\my\\plant.db is locked", "write: plant.db is locked"),
        (
            "connected to opc.tcp://127.0.0.1:4840/flowhost/sim.x",
            "connected to opc.tcp://127.0.0.1:4840/flowhost/sim.x",
        ),
        ("topic plant/line1/capper.temp", "topic plant/line1/capper.temp"),
    ],
)
def test_a_file_is_told_without_its_folders_where_room_is_scarce(given: str, shown: str) -> None:
    assert fmt.without_folders(given) == shown
