"""The page of a flow over a real host: back to an older version, and deleted, each knowing what it costs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from browsing.editing import PATIENCE_MS, Served, Watched
from playwright.sync_api import Page, expect

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.expects_error_log, pytest.mark.timeout(180)]

# port 9 (discard) answers nowhere: the targets are away
ONE = """\
flowhost: 1
id: line
name: Line
connections:
  broker: {type: mqtt.broker, config: {host: 127.0.0.1, port: 9}}
nodes:
  gen: {type: sim.generate, config: {tags: 1, count: 20, rate_hz: 0}}
  keep: {type: mqtt.publish, connection: broker, config: {topic: kept}}
"""
TWO = ONE + "  go: {type: mqtt.publish, connection: broker, config: {topic: gone}}\nwires: [gen -> keep, gen -> go]"
ONE += "wires: [gen -> keep]"


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """Where a host of its own answers, that waits a second for what is on its way when a flow stops."""
    host = Served(tmp_path, FLOWHOST_DRAIN_S="1")
    yield host.start()
    host.stop()


def bring_in(page: Page, text: str, *, again: bool = False) -> None:
    page.get_by_role("link", name="Overview", exact=True).click()
    page.get_by_role("button", name="Import flow").click()
    page.get_by_test_id("import-text").fill(text)
    page.get_by_test_id("import-do").click()
    if again:
        page.get_by_test_id("import-replace").click()
    expect(page.get_by_test_id("import-text")).to_be_hidden()


def test_back_to_an_older_version_and_away(watched: Watched, tmp_path: Path) -> None:
    page = watched.open("/")
    page.set_default_timeout(PATIENCE_MS)
    bring_in(page, ONE)
    bring_in(page, TWO, again=True)
    page = watched.open("/flows/line")
    head = page.get_by_test_id("flow-head")
    head.get_by_test_id("flow-start").click()
    expect(head).to_contain_text("40", timeout=PATIENCE_MS)  # twenty wait before each target
    page.get_by_test_id("flow-delete").click()
    expect(page.get_by_test_id("delete-lead")).to_contain_text("has to be stopped first")
    expect(page.get_by_test_id("delete-do")).to_be_hidden()
    page.get_by_test_id("delete-stop").click()
    expect(page.get_by_test_id("delete-lead")).to_contain_text("The flow is stopped", timeout=PATIENCE_MS)
    expect(page.get_by_test_id("delete-stop")).to_be_hidden()
    expect(page.get_by_test_id("delete-do")).to_be_visible()
    page.get_by_role("button", name="Cancel").click()
    expect(head.get_by_test_id("flow-state")).to_have_text("Stopped", timeout=PATIENCE_MS)
    go_back(page)
    expect(head).to_contain_text("Revision 1")
    delete(page, tmp_path / "data" / "outbox" / "deleted")


def go_back(page: Page) -> None:
    """What becomes orphaned is listed before; leaving it there changes nothing."""
    page.get_by_test_id("flow-versions").click()
    versions = page.get_by_test_id("version")
    expect(versions).to_have_count(2)
    first = versions.filter(has_text="Revision 1")
    first.locator("summary").click()
    first.get_by_test_id("roll-back").click()
    expect(page.get_by_test_id("deploy-orphans")).to_contain_text("20 messages wait before go")
    page.get_by_test_id("versions-back").click()
    expect(versions.filter(has_text="deployed")).to_contain_text("Revision 2")
    first.locator("summary").click()
    first.get_by_test_id("roll-back").click()
    page.get_by_role("button", name="Go back all the same").click()
    expect(page.get_by_test_id("roll-back-do")).to_be_hidden()


def delete(page: Page, kept: Path) -> None:
    """What goes with it is listed before, and kept."""
    page.get_by_test_id("flow-delete").click()
    expect(page.get_by_test_id("delete-costs")).to_contain_text("20 messages wait before keep")
    expect(page.get_by_test_id("delete-costs")).to_contain_text("20 messages wait before go")
    page.get_by_role("button", name="Delete all the same").click()
    expect(page.get_by_test_id("delete-lead")).to_contain_text(str(kept))
    assert [*kept.glob("line-*.db")]
    page.get_by_test_id("delete-leave").click()
    expect(page.get_by_text("No flows yet")).to_be_visible()
