"""A gap is said by the clock of the plant, and sent on in UTC."""

import time
from datetime import datetime, timedelta

import pytest
from flowhost_opcua.gaps import Gap, gap_message


@pytest.fixture
def vienna(monkeypatch: pytest.MonkeyPatch):
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "Europe/Vienna")
        time.tzset()
        yield
    time.tzset()


def test_the_text_has_local_times_and_the_message_utc(vienna: None) -> None:
    noon = datetime(2026, 1, 5, 12, 0).astimezone()
    start, end = (int(at.timestamp() * 1e9) for at in (noon, noon + timedelta(seconds=20)))
    gap = Gap("opc.tcp://plc", start, end, "silent")
    assert "between 2026-01-05 12:00:00 and 2026-01-05 12:00:20 (20.0 s): silent" in gap.text
    assert gap_message(gap, "f", "n").payload["from"] == "2026-01-05T11:00:00.000Z"
