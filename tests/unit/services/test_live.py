"""Rates from counters."""

import pytest

from flowhost.services import live
from flowhost.services.live import RateMeter

SECOND = 1_000_000_000


def test_rate_is_taken_over_a_second_by_the_workers_own_clock() -> None:
    meter = RateMeter()
    assert not meter.take(10 * SECOND, {"a": 1000})
    assert not meter.take(10 * SECOND + SECOND // 2, {"a": 1050})
    assert meter.rate("a") == 0
    assert meter.take(12 * SECOND, {"a": 1200, "b": 10})
    assert meter.rate("a") == pytest.approx(100)
    assert meter.rate("b") == pytest.approx(5)
    assert meter.rate("c") == 0


def test_what_came_before_the_first_look_counts() -> None:
    meter = RateMeter()
    meter.begin(10 * SECOND)
    assert not meter.take(10 * SECOND + SECOND // 2, {"a": 5})
    assert meter.take(12 * SECOND, {"a": 30})
    assert meter.rate("a") == pytest.approx(15)


def test_a_counter_that_falls_is_no_negative_rate() -> None:
    meter = RateMeter()
    meter.take(0, {"a": 1000})
    meter.take(SECOND, {"a": 10})
    assert meter.rate("a") == 0


def test_what_comes_in_bursts_has_a_steady_rate_and_an_honest_curve() -> None:
    meter = RateMeter()
    rates, curve = [], []
    for second in range(12):
        meter.take(second * SECOND, {"a": 8 * (second // 2 + 1)})  # eight every other second
        rates.append(meter.rate("a"))
        curve.append(meter.newest("a"))
    assert all(3 <= rate <= 5 for rate in rates[5:])
    assert set(curve[1:]) == {0, 8}


def test_a_source_that_stops_comes_to_zero_within_seconds() -> None:
    meter = RateMeter()
    for second in range(14):
        meter.take(second * SECOND, {"a": 10 * min(second, 7)})
    assert meter.rate("a") == 0


def test_old_rates_are_not_shown(monkeypatch) -> None:
    meter = RateMeter()
    meter.take(0, {"a": 0})
    meter.take(SECOND, {"a": 10})
    assert meter.rate("a") == 10
    monkeypatch.setattr(live, "FRESH_S", 0.0)
    assert meter.rate("a") == 0
