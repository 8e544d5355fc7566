"""Send now, in a real browser on a real host: pressed, counted, and arrived in a table."""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path

import pytest
from browsing.editing import PATIENCE_MS, Canvas, Served, Watched, begin, eventually
from playwright.sync_api import Page, expect

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

MESSAGES = [{"payload": {"order": 7}, "topic": "plant/line1"}, {"payload": {"order": 8}, "topic": "plant/line1"}]


@pytest.fixture
def address(served: Served) -> str:
    return served.start()


@pytest.fixture
def table(tmp_path: Path) -> Path:
    return tmp_path / "target.db"


def build(canvas: Canvas, table: Path) -> None:
    """inject -> map -> sql.write, by mouse; its lists by the draft, as the form has no business in this test."""
    canvas.drop("inject", 60, 120)
    canvas.field("at_start").locator("input, select").first.wait_for()
    canvas.drop("map", 440, 120)
    canvas.drop("sql.write", 560, 320)
    canvas.drag(canvas.port("inject", "out"), canvas.node("map"))
    canvas.drag(canvas.port("map", "out"), canvas.node("sql_write"))
    link = {"type": "sql.database", "config": {"url": f"sqlite:///{table}"}}
    canvas.page.evaluate(
        """([messages, link]) => window.__flowhost.commit([
            {op: "set", path: ["connections"], value: {db: link}},
            {op: "set", path: ["nodes", "inject", "config"], value: {at_start: false, messages}},
            {op: "set", path: ["nodes", "map", "config"], value: {set: {number: "payload.order"}}},
            {op: "set", path: ["nodes", "sql_write", "connection"], value: "db"},
            {op: "set", path: ["nodes", "sql_write", "config"], value: {table: "orders", create_table: true}},
        ])""",
        [MESSAGES, link],
    )
    canvas.saved()


def run(canvas: Canvas) -> None:
    canvas.deploy()
    canvas.page.get_by_test_id("flow-switch").click()
    expect(canvas.page.get_by_test_id("flow-state")).to_have_text(re.compile("Running"), timeout=PATIENCE_MS)


def rows(table: Path) -> list[int]:
    if not table.exists():
        return []
    with sqlite3.connect(table) as link:
        try:
            return [number for (number,) in link.execute("SELECT number FROM orders ORDER BY rowid")]
        except sqlite3.OperationalError:
            return []


def wait_for_rows(page: Page, table: Path, number: int) -> None:
    eventually(page, lambda: len(rows(table)) >= number, f"{number} rows")


def test_pressed_three_times_it_is_counted_and_in_the_table(watched: Watched, table: Path) -> None:
    canvas = begin(watched)
    page = canvas.page
    build(canvas, table)
    card = canvas.node("inject")
    button = card.get_by_test_id("inject-now")
    expect(button).to_be_hidden()
    card.click()
    panel = page.locator(".fe-panel")
    expect(panel.get_by_test_id("inject-now")).to_be_disabled()
    expect(panel.get_by_test_id("inject-note")).to_contain_text(re.compile("Deploy|Start the flow"))
    run(canvas)
    expect(button).to_have_text(re.compile("Send now"), timeout=PATIENCE_MS)
    for count in (2, 4, 6):
        button.click()
        expect(button).to_contain_text("2 messages sent", timeout=PATIENCE_MS)
        expect(card.locator(".fh-node-total")).to_have_text(str(count), timeout=PATIENCE_MS)
    wait_for_rows(page, table, 6)
    assert rows(table) == [7, 8] * 3
    expect(canvas.node("sql_write").locator(".fh-node-total")).to_have_text("6", timeout=PATIENCE_MS)
    # by key, and one message alone from the form
    page.keyboard.press("Escape")
    card.click()
    page.keyboard.press("s")
    wait_for_rows(page, table, 8)
    one = panel.get_by_test_id("inject-one").nth(1)
    expect(one).to_contain_text("plant/line1", timeout=PATIENCE_MS)
    one.click()
    expect(button).to_contain_text("1 message sent", timeout=PATIENCE_MS)
    wait_for_rows(page, table, 9)
    assert rows(table)[-1] == 8
    # the draft says something else: what is deployed is sent, and that is said
    page.evaluate("""window.__flowhost.setNode("inject", ["config", "messages"], [{payload: {order: 99}}])""")
    canvas.saved()
    expect(panel.get_by_test_id("inject-note")).to_contain_text("what is deployed is sent", timeout=PATIENCE_MS)
    panel.get_by_test_id("inject-now").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("said").last).to_contain_text("As deployed", timeout=PATIENCE_MS)
    wait_for_rows(page, table, 11)
    assert rows(table)[-2:] == [7, 8]


def test_from_the_page_of_the_flow(watched: Watched, table: Path) -> None:
    canvas = begin(watched)
    page = canvas.page
    build(canvas, table)
    run(canvas)
    page.goto(page.url.removesuffix("/edit"))
    page.locator("[data-testid=node][data-node=inject]").click()
    button = page.get_by_test_id("inject-now")
    expect(button).to_be_enabled(timeout=PATIENCE_MS)
    button.click()
    expect(page.get_by_test_id("inject-said")).to_have_text("2 messages sent.", timeout=PATIENCE_MS)
    page.get_by_test_id("inject-one").first.click()
    expect(page.get_by_test_id("inject-said")).to_have_text("1 message sent.", timeout=PATIENCE_MS)
    wait_for_rows(page, table, 3)
    assert rows(table) == [7, 8, 7]
    expect(page.get_by_text("sent by hand by the user of this machine").first).to_be_attached(timeout=PATIENCE_MS)
    page.get_by_test_id("flow-stop").click()
    expect(button).to_be_disabled(timeout=PATIENCE_MS)
