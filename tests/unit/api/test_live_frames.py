"""What the canvas is sent."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest

from flowhost.api.live.frames import local


def test_times_carry_the_offset_of_the_plant(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "Europe/Vienna")
        time.tzset()
        written = local(datetime(2026, 1, 5, 11, 0, tzinfo=UTC))
    time.tzset()
    assert written == "2026-01-05T12:00:00+01:00"
