"""The work list over a real host: a poisoned flow, its letters looked at, mended, sent in again, closed, exported."""

from __future__ import annotations

import json
import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from browsing.editing import Served, Watched
from playwright.sync_api import Locator, Page, expect

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(180)]

expect.set_options(timeout=20_000)

NASTY = "<img src=x onerror='window.hacked=1'>"
FLOW = """
flowhost: 1
id: orders
name: Order confirmations
connections:
  erp: {type: sql.database, config: {url: "sqlite:///orders.db"}}
nodes:
  orders:
    type: inject
    config:
      every_s: 3600
      messages:
        - {topic: line1/order, payload: {number: "4711", qty: 5}}
        - {topic: line1/order, payload: {number: "4712", qty: -2}}
        - {topic: line2/order, payload: {number: "4713", qty: "many"}}
        - {topic: line2/order, payload: {number: "%s"}}
  check: {type: map, name: Check, config: {set: {number: payload.number, qty: payload.qty + 0}}}
  rows: {type: sql.write, name: ERP, connection: erp, config: {table: orders}}
wires: [orders -> check, check -> rows]
"""


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Data folder with a database that refuses negative quantities."""
    folder = tmp_path / "data"
    folder.mkdir()
    with closing(sqlite3.connect(folder / "orders.db")) as database:
        database.execute("CREATE TABLE orders (number text PRIMARY KEY, qty integer NOT NULL CHECK (qty > 0))")
    return folder


@pytest.fixture
def address(served: Served, data: Path) -> str:
    """Where a host of its own answers."""
    return served.start()


def orders(data: Path) -> dict[str, int]:
    with closing(sqlite3.connect(data / "orders.db", timeout=10)) as database:
        return dict(database.execute("SELECT number, qty FROM orders").fetchall())


def test_an_operator_clears_what_could_not_be_delivered(watched: Watched, data: Path, tmp_path: Path) -> None:
    page = watched.open("/work")
    expect(page.get_by_test_id("work-empty")).to_contain_text("Nothing to do")
    expect(page.get_by_test_id("work-count")).to_be_hidden()
    page = watched.open("/")
    page.get_by_role("button", name="Import flow").click()
    page.get_by_test_id("import-text").fill(FLOW % NASTY)
    page.get_by_test_id("import-do").click()
    expect(page.get_by_test_id("flow-head")).to_be_visible()
    page = watched.open("/")
    flow = page.locator("[data-flow=orders]")
    flow.get_by_test_id("flow-start").click()
    expect(flow.locator("a[data-testid=flow-dead]")).to_have_text("3")
    expect(page.get_by_test_id("work-count")).to_have_text("3")
    flow.locator("a[data-testid=flow-dead]").click()

    # the link leads to the flow's letters
    expect(page).to_have_url(re.compile(r"/work\?flow=orders$"))
    rows = page.get_by_test_id("worklist-row")
    expect(rows).to_have_count(3)
    refused = rows.filter(has_text="Refused by the target")
    expect(refused).to_contain_text("4712")
    leads_to_its_node(page, refused)
    by_keyboard(page, rows)
    assert page.evaluate("window.hacked") is None
    mend(page, refused)
    expect(rows).to_have_count(2)
    assert orders(data) == {"4711": 5, "4712": 2}

    # the other two: one is exported, then both are closed with a reason
    rows.filter(has_text="many").get_by_test_id("pick").check()
    with page.expect_download() as download:
        page.get_by_test_id("bulk-export").click()
    kept = tmp_path / "kept.json"
    download.value.save_as(kept)
    page.get_by_test_id("unpick").click()
    discard_all(page)
    expect(page.get_by_test_id("work-empty")).to_be_visible()
    page.get_by_test_id("state-discarded").click()
    expect(rows).to_have_count(2)
    rows.first.click()
    expect(page.get_by_test_id("letter")).to_contain_text("Reason given: the orders were cancelled")
    expect(page.get_by_test_id("letter-retry")).to_be_hidden()
    page.get_by_test_id("letter-close").click()
    take_in_again(page, kept, tmp_path)
    assert orders(data) == {"4711": 5, "4712": 2}


def leads_to_its_node(page: Page, row: Locator) -> None:
    """A letter names its flow and node as the canvas does, and leads there."""
    link = row.get_by_test_id("worklist-node")
    name = link.inner_text()
    link.click()
    expect(page).to_have_url(re.compile(r"/flows/orders\?node="))
    expect(page.locator('[data-node][aria-pressed="true"]')).to_contain_text(name)
    expect(page.get_by_test_id("inspector")).to_contain_text(name)
    page.go_back()


def by_keyboard(page: Page, rows: Locator) -> None:
    """From row to row with the arrows, into a letter with Enter, out of it with Escape."""
    opener = rows.get_by_test_id("worklist-open")
    opener.first.focus()
    page.keyboard.press("ArrowDown")
    expect(opener.nth(1)).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("letter")).to_be_focused()
    expect(rows.nth(1)).to_have_attribute("aria-selected", "true")
    page.keyboard.press("Escape")
    expect(page.get_by_test_id("letter")).to_be_hidden()
    expect(opener.nth(1)).to_be_focused()


def mend(page: Page, row: Locator) -> None:
    """Open the letter, mistype, mend, retry, see it delivered."""
    row.click()
    panel = page.get_by_test_id("letter")
    expect(panel.get_by_test_id("letter-reason")).to_contain_text("CHECK constraint failed")
    expect(panel.get_by_test_id("letter-retry-text")).to_contain_text("it goes to the input of ERP again, with its id")
    expect(panel.get_by_test_id("letter-cause")).to_have_count(1)
    payload = panel.get_by_test_id("payload")
    payload.fill('{\n  "number": "4712",\n  "qty": 2,\n}')
    expect(panel.get_by_test_id("payload-fault")).to_contain_text("line 4, column 1")
    expect(panel.get_by_test_id("save")).to_be_disabled()
    payload.fill('{"number": "4712", "qty": {"$decimal": 2}}')
    expect(panel.get_by_test_id("payload-fault")).to_contain_text(
        '$decimal needs text, for example {"$decimal": "12.50"}'
    )
    payload.fill('{\n  "number": "4712",\n  "qty": 2\n}')
    expect(panel.get_by_test_id("payload-fault")).to_be_hidden()
    expect(panel.get_by_test_id("letter-retry")).to_be_disabled()  # what is typed has to be kept first
    panel.get_by_test_id("save").click()
    expect(panel).to_contain_text("Payload, edit 1")
    panel.get_by_test_id("original").locator("summary").click()
    expect(panel.get_by_test_id("original")).to_contain_text('"qty": -2')
    panel.get_by_test_id("letter-retry").click()
    expect(panel.get_by_test_id("letter-state")).to_have_text("Delivered")
    expect(page.get_by_test_id("changes-text")).to_have_text("Sent in again: 1. Delivered: 1.")
    panel.get_by_test_id("letter-close").click()


def discard_all(page: Page) -> None:
    page.get_by_test_id("bulk-discard").click()
    page.get_by_test_id("discard-do").click()
    expect(page.get_by_test_id("alert").locator("visible=true")).to_contain_text("Say why")
    page.get_by_test_id("reason").fill("the orders were cancelled")
    page.get_by_test_id("discard-do").click()
    expect(page.get_by_test_id("changes-text")).to_have_text("Discarded: 2.")
    expect(page.get_by_test_id("work-count")).to_be_hidden()


def take_in_again(page: Page, kept: Path, folder: Path) -> None:
    """The same letter is known; one of another host is taken in, and can be discarded from its row."""
    export = json.loads(kept.read_text())
    (letter,) = export["letters"]
    assert letter["original"]["payload"] == {"number": "4713", "qty": "many"}
    take_in(page, kept, "Taken in: 0. Here already: 1.")
    letter["uid"] = "another-host-17"
    other = folder / "other.json"
    other.write_text(json.dumps(export))
    take_in(page, other, "Taken in: 1. Here already: 0.")
    other.write_text('{"flowhost_dead_letters": 1,')
    page.get_by_test_id("work-import").click()
    page.get_by_test_id("take-file").set_input_files(other)
    expect(page.get_by_test_id("alert").locator("visible=true")).to_contain_text("not JSON")
    page.get_by_test_id("take-close").click()
    page.get_by_test_id("state-dead").click()
    row = page.get_by_test_id("worklist-row")
    expect(row).to_have_count(1)
    row.get_by_test_id("worklist-retry").click()  # it fails again, and is open again with one failure more
    expect(row).to_contain_text("many")
    row.click()
    expect(page.get_by_test_id("letter-cause")).to_have_count(2)
    page.get_by_test_id("letter-close").click()
    row.get_by_test_id("worklist-discard").click()
    page.get_by_test_id("reason").fill("a test")
    page.get_by_test_id("discard-do").click()
    expect(page.get_by_test_id("work-empty")).to_be_visible()


def take_in(page: Page, file: Path, said: str) -> None:
    page.get_by_test_id("work-import").click()
    page.get_by_test_id("take-file").set_input_files(file)
    expect(page.get_by_test_id("take-said")).to_have_text(said)
    page.get_by_test_id("take-close").click()
