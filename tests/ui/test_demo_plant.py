"""The demo's switches over the whole demo: the broker goes, messages wait on disk, it comes back and gets them."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Protocol

import pytest
from playwright.sync_api import Locator, Page, expect

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.timeout(240),
    pytest.mark.skipif(sys.platform == "win32", reason="sends POSIX signals"),
]

WAIT_MS = 60_000


class Watched(Protocol):
    """The fixture: a page whose complaints fail the test."""

    page: Page

    def open(self, path: str) -> Page: ...


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where a demo of its own answers, on a fresh data folder."""
    tmp_path = tmp_path_factory.mktemp("demo")
    environ = {**os.environ, "FLOWHOST_PORT": "0", "FLOWHOST_DATA_DIR": str(tmp_path / "data")}
    command = [sys.executable, "-m", "flowhost", "demo"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environ, cwd=tmp_path) as demo:
        try:
            assert demo.stdout is not None
            found = next((hit for line in demo.stdout if (hit := re.search(r"http://[\d.:]+", line))), None)
            assert found, "the demo ended before it answered"
            yield found[0]
        finally:
            demo.send_signal(signal.SIGTERM)
            demo.wait(30)


def number(cell: Locator) -> int:
    return int(cell.inner_text().replace(",", ""))


def delivered(account: Locator) -> int:
    found = re.search(r"([\d,]+) delivered", account.inner_text())
    return int(found[1].replace(",", "")) if found else 0


def test_broker_off_and_on(watched: Watched) -> None:
    page = watched.open("/")
    page.get_by_role("link", name="Demo plant").click()
    broker = page.locator("[data-switch=broker]")
    flow = page.locator("[data-testid=demo-flow][data-flow=line-to-mqtt]")
    waiting, ails, account = (flow.get_by_test_id(f"demo-{name}") for name in ("waiting", "ails", "sum"))
    expect(account).to_have_text(re.compile(r"[1-9]\d* delivered"), timeout=WAIT_MS)

    broker.get_by_test_id("demo-off").click()
    expect(broker.get_by_test_id("demo-state")).to_contain_text("Off since", timeout=WAIT_MS)
    expect(ails).to_contain_text("broker", timeout=WAIT_MS)
    expect(waiting).to_have_text(re.compile(r"^\d{2,}$"), timeout=WAIT_MS)
    kept = delivered(account) + number(waiting)
    expect(flow.get_by_test_id("demo-out")).to_have_text("0", timeout=WAIT_MS)

    broker.get_by_test_id("demo-on").click()
    expect(broker.get_by_test_id("demo-state")).to_contain_text("On again since", timeout=WAIT_MS)
    expect(waiting).to_have_text("0", timeout=WAIT_MS)
    expect(ails).to_be_hidden(timeout=WAIT_MS)
    expect(account).to_have_text(re.compile(r"^(\d[\d\s]*) in = \1 delivered$"), timeout=WAIT_MS)
    assert delivered(account) >= kept
    expect(flow.get_by_test_id("demo-dead")).to_have_text("0")


def test_a_sensor_talks_nonsense_and_a_person_mends_it(watched: Watched) -> None:
    page = watched.open("/demo")
    sensor = page.locator("[data-switch=sensor]")
    expect(sensor).to_contain_text("Sensors in one convention", timeout=WAIT_MS)
    sensor.get_by_test_id("demo-off").click()
    expect(sensor.get_by_test_id("demo-state")).to_contain_text("Talks nonsense since", timeout=WAIT_MS)
    expect(page.get_by_test_id("work-count")).to_be_visible(timeout=WAIT_MS)
    sensor.get_by_test_id("demo-on").click()
    expect(sensor.get_by_test_id("demo-state")).to_contain_text("Measures again since", timeout=WAIT_MS)

    sensor.get_by_test_id("demo-work").click()
    page.get_by_test_id("worklist-row").filter(has_text="Capper, old").first.click()
    panel = page.get_by_test_id("letter")
    expect(panel.get_by_test_id("payload")).to_have_value(re.compile("OVERRANGE|Err 17|----"), timeout=WAIT_MS)
    panel.get_by_test_id("payload").fill('{"v": 70.7, "u": "F"}')
    panel.get_by_test_id("save-retry").click()
    expect(panel.get_by_test_id("letter-state")).to_have_text("Delivered", timeout=WAIT_MS)
