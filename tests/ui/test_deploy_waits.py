"""A deployment while a target is away: at once where what waits is on disk; else the dialog says what it waits for."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from browsing.editing import PATIENCE_MS, Canvas, Served, Watched
from playwright.sync_api import Page, expect

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.expects_error_log, pytest.mark.timeout(180)]

DRAIN_S = 8
# port 9 (discard) answers nowhere: the target is away
FLOW = """\
flowhost: 1
id: {id}
name: {id}
connections:
  broker: {{type: mqtt.broker, config: {{host: 127.0.0.1, port: 9}}}}
nodes:
  gen: {{type: sim.generate, config: {{tags: 1, rate_hz: 5}}}}
  only: {{type: filter, config: {{where: payload.seq >= 0}}}}
  out: {{type: mqtt.publish, connection: broker, config: {{topic: kept}}, delivery: {{outbox: {outbox}}}}}
wires: [gen -> only, only -> out]
"""


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    host = Served(tmp_path, FLOWHOST_DRAIN_S=str(DRAIN_S))
    yield host.start()
    host.stop()


def running(watched: Watched, flow: str, outbox: str) -> Canvas:
    """A flow whose messages wait for a target that is away, and an edit that starts it anew; the dialog is open."""
    page = watched.open("/")
    page.set_default_timeout(PATIENCE_MS)
    page.get_by_role("button", name="Import flow").first.click()
    page.get_by_test_id("import-text").fill(FLOW.format(id=flow, outbox=outbox))
    page.get_by_test_id("import-do").click()
    expect(page.get_by_test_id("import-text")).to_be_hidden()
    canvas = Canvas(watched.open(f"/flows/{flow}/edit"))
    page.get_by_test_id("flow-switch").click()
    expect(page.get_by_test_id("flow-state")).to_have_text("Retrying", timeout=PATIENCE_MS)
    canvas.node("only").click()
    canvas.fill("where", "payload.seq >= 1")
    canvas.saved()
    page.get_by_test_id("deploy").click()
    expect(page.get_by_test_id("deploy-do")).to_be_enabled()
    return canvas


def deployed(page: Page) -> None:
    expect(page.locator(".q-notification").filter(has_text="Revision 2 is deployed")).to_be_visible(timeout=PATIENCE_MS)


def test_what_is_kept_on_disk_is_not_waited_for(watched: Watched) -> None:
    page = running(watched, "kept", "true").page
    began = time.monotonic()
    page.get_by_test_id("deploy-do").click()
    deployed(page)
    assert time.monotonic() - began < DRAIN_S


def test_what_is_waited_for_is_said_and_the_page_can_be_used(watched: Watched) -> None:
    page = running(watched, "memory", "false").page
    page.get_by_test_id("deploy-do").click()
    waits = page.get_by_test_id("waits").locator("visible=true")
    expect(waits).to_contain_text(f"delivered first, for up to {DRAIN_S} s", timeout=PATIENCE_MS)
    page.get_by_role("button", name="Close").locator("visible=true").last.click()
    expect(page.get_by_test_id("deploy-do")).to_be_hidden()
    deployed(page)
