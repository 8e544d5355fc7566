"""Fixed rate and back-off."""

from __future__ import annotations

import pytest
from flowhost_modbus.pace import BackOff, FixedRate


def test_the_rate_does_not_drift() -> None:
    rate = FixedRate(0.1, start=50.0)
    now = 50.0
    for scan in range(1, 1001):
        now += 0.03  # a scan takes a while
        due, missed = rate.next_due(now)
        assert due == pytest.approx(50.0 + scan * 0.1)
        assert missed == 0
        now = due + 0.004  # timers fire late


def test_missed_scans_are_skipped_and_counted() -> None:
    rate = FixedRate(1.0, start=0.0)
    assert rate.next_due(0.2) == (1.0, 0)
    assert rate.next_due(3.5) == (4.0, 2)
    assert rate.next_due(4.1) == (5.0, 0)
    assert rate.next_due(5.0) == (6.0, 0)


def test_an_early_timer_does_not_scan_twice() -> None:
    rate = FixedRate(1.0, start=0.0)
    assert rate.next_due(0.1) == (1.0, 0)
    assert rate.next_due(0.9999) == (2.0, 0)


def test_back_off_grows_to_ten_seconds() -> None:
    back_off = BackOff()
    assert [back_off.failed() for _ in range(7)] == [0.5, 1.0, 2.0, 4.0, 8.0, 10.0, 10.0]
    back_off.succeeded()
    assert back_off.failed() == 0.5
