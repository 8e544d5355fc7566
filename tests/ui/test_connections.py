"""Connections in a real browser on a real host: the page, and the field of a node in the editor."""

from __future__ import annotations

import json
import re
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from browsing.editing import PATIENCE_MS, eventually, field, fill
from playwright.sync_api import Locator, Page, expect

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]


@pytest.fixture(scope="module")
def host_options() -> dict[str, str]:
    return {"FLOWHOST_SECRET_DB": "hunter2"}


@pytest.fixture
def address(shared_host: str) -> str:
    return shared_host


def row(page: Page, name: str) -> Locator:
    return page.locator(f"[data-testid=connection-row][data-connection='{name}']")


def test_a_connection_is_made_tested_used_and_kept_from_deletion(watched, data: Path) -> None:
    sqlite3.connect(data / "plant.db").close()
    page: Page = watched.open("/connections")
    expect(page.get_by_role("heading", name="No connections yet")).to_be_visible()
    page.get_by_test_id("connection-new").click()
    page.get_by_test_id("link-type").select_option("sql.database")
    page.get_by_test_id("link-name").fill("plantdb")
    # what is wrong stands at its field
    fill(page, "url", "nonsense")
    expect(field(page, "url").locator(".fe-problem")).to_be_visible(timeout=PATIENCE_MS)
    page.get_by_test_id("link-test").click()
    expect(page.get_by_test_id("link-result")).to_contain_text("“URL” is not right yet", timeout=PATIENCE_MS)
    expect(page.get_by_test_id("link-dialog").get_by_text("not a database URL")).to_have_count(1)
    fill(page, "url", f"sqlite:///{data}/plant.db")
    field(page, "password").get_by_test_id("secret-choose").select_option("db")
    expect(field(page, "password")).to_contain_text("secret “db”")
    expect(field(page, "password")).to_contain_text("Set by the environment of the host.")
    field(page, "password").get_by_test_id("secret-detach").click()
    page.get_by_test_id("link-test").click()
    expect(page.get_by_test_id("link-result")).to_have_attribute("data-ok", "true", timeout=PATIENCE_MS)
    page.get_by_test_id("link-save").click()
    expect(row(page, "plantdb")).to_be_visible(timeout=PATIENCE_MS)
    expect(row(page, "plantdb").get_by_test_id("connection-state")).to_contain_text("Not in use")
    row(page, "plantdb").get_by_test_id("connection-try").click()
    expect(row(page, "plantdb").get_by_test_id("connection-tested")).to_contain_text("plant.db", timeout=PATIENCE_MS)
    assert "hunter2" not in page.content()
    # the editor offers it, tests it, and uses it
    page = watched.open("/")
    page.get_by_test_id("new-flow-empty").or_(page.get_by_test_id("new-flow")).locator("visible=true").first.click()
    page.get_by_test_id("new-name").fill("Into the database")
    page.get_by_test_id("new-do").click()
    page.wait_for_url("**/edit")
    expect(page.get_by_test_id("empty-hint")).to_be_visible(timeout=PATIENCE_MS)
    page.locator("[data-testid=palette-item][data-type='sql.write']").last.drag_to(
        page.get_by_test_id("canvas"), target_position={"x": 300, "y": 200}
    )
    expect(page.locator("#fe-connection")).to_have_value("plantdb", timeout=PATIENCE_MS)
    page.get_by_test_id("connection-test").click()
    expect(page.get_by_test_id("connection-result")).to_have_attribute("data-ok", "true", timeout=PATIENCE_MS)
    page.wait_for_function("window.__flowhost.draft.pending.length === 0")
    assert "connections" not in page.evaluate("window.__flowhost.draft.doc")
    # a connection of the flow's own, made at the field
    page.locator("#fe-connection").select_option("+")
    page.get_by_test_id("link-name").fill("own")
    page.get_by_test_id("link-own").check()
    fill(page, "url", f"sqlite:///{data}/own.db")
    page.get_by_test_id("link-save").click()
    expect(page.locator("#fe-connection")).to_have_value("own", timeout=PATIENCE_MS)
    assert page.evaluate("window.__flowhost.draft.doc.connections.own.type") == "sql.database"
    page.locator("#fe-connection").select_option("plantdb")
    page.wait_for_function("window.__flowhost.draft.pending.length === 0")
    # used: it stays
    page = watched.open("/connections")
    expect(row(page, "plantdb").get_by_test_id("connection-users")).to_contain_text("into-the-database")
    row(page, "plantdb").get_by_test_id("connection-delete").click()
    expect(page.get_by_test_id("alert").locator("visible=true")).to_contain_text(
        re.compile(r"is used by .*into-the-database")
    )


@pytest.fixture(scope="module")
def plant() -> Iterator[int]:
    """Port of a small OPC UA server."""
    script = Path(__file__).parents[2] / "plugins" / "flowhost-opcua" / "tests" / "asyncua_plant.py"
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    command = [
        sys.executable,
        str(script),
        json.dumps({"port": port, "items": 30, "analog": {"Line1/Filler": "CEL", "Line1/Capper": "CEL"}}),
    ]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            assert "ready" in server.stdout.readline()
            yield port
        finally:
            server.kill()


def test_tags_are_picked_from_the_tree_of_the_server(watched, plant: int) -> None:
    page: Page = watched.open("/")
    page.get_by_test_id("new-flow-empty").or_(page.get_by_test_id("new-flow")).locator("visible=true").first.click()
    page.get_by_test_id("new-name").fill("Tags")
    page.get_by_test_id("new-do").click()
    page.wait_for_url("**/edit")
    expect(page.get_by_test_id("empty-hint")).to_be_visible(timeout=PATIENCE_MS)
    page.locator("[data-testid=palette-item][data-type='opcua.subscribe']").last.drag_to(
        page.get_by_test_id("canvas"), target_position={"x": 300, "y": 200}
    )
    page.locator("#fe-connection").select_option("+")
    page.get_by_test_id("link-name").fill("plc")
    fill(page, "endpoint", f"opc.tcp://127.0.0.1:{plant}")
    page.locator("#fe-config-security").locator("visible=true").select_option('"none"')
    page.get_by_test_id("link-save").click()
    expect(page.locator("#fe-connection")).to_have_value("plc", timeout=PATIENCE_MS)
    field(page, "items").get_by_test_id("pick").click()
    tree = page.get_by_test_id("pick-tree")
    tree.get_by_text("Line1", exact=True).click(timeout=PATIENCE_MS)
    tree.get_by_text("Line1.Speed", exact=True).click(timeout=PATIENCE_MS)
    page.get_by_test_id("pick-search").fill("tag2")
    tree.get_by_text("Tag29", exact=True).click(timeout=PATIENCE_MS)
    # tags of one name are told apart by where they are; what describes them is no tag
    page.get_by_test_id("pick-search").fill("temper")
    hits = tree.get_by_role("treeitem")
    expect(hits).to_have_count(2, timeout=PATIENCE_MS)
    hits.filter(has_text="Line1 / Filler /").get_by_text("Temperature", exact=True).click()
    page.get_by_test_id("pick-take").click()
    page.wait_for_function("window.__flowhost.draft.pending.length === 0")
    items = page.evaluate("window.__flowhost.draft.doc.nodes.opcua_subscribe.config.items")
    assert items == [
        {"node": "nsu=http://flowhost.test/line;s=Line1.Speed", "topic": "Line1/Line1.Speed"},
        {"node": "nsu=http://flowhost.test/line;s=Tag29", "topic": "Line1/Tag29"},
        {"node": "nsu=http://flowhost.test/line;s=/Line1/Filler/T", "topic": "Line1/Filler/Temperature", "unit": "Cel"},
    ]
    titles = field(page, "items").locator(".fe-block-title")
    expect(titles).to_have_text(["Line1/Line1.Speed", "Line1/Tag29", "Line1/Filler/Temperature"])
    # without a topic a row is called by the end of its id, which is where ids differ
    field(page, "items").locator("summary").first.click()
    page.locator("#fe-config-items-0-topic").fill("")
    page.locator("#fe-config-items-0-topic").press("Enter")
    expect(titles.first).to_have_text("nsu=http://flowhost.test/line;s=Line1.Speed")
    expect(titles.first).to_have_css("direction", "rtl")


def test_a_template_gets_a_flow_running(watched, plant: int, data: Path) -> None:
    """From the overview to rows in a database, as somebody does it who begins."""
    page: Page = watched.open("/")
    page.get_by_test_id("templates-empty").or_(page.get_by_test_id("templates")).locator("visible=true").first.click()
    page.locator("[data-testid=template][data-template=opcua-to-sql]").get_by_test_id("template-use").click()
    dialog = page.get_by_test_id("template-dialog")
    plc, database = (dialog.locator(f"[data-slot={slot}]") for slot in ("plc", "database"))
    new = dialog.get_by_test_id("template-new-connection")
    # the server: made and tested right here
    expect(dialog.locator("#ft-name")).to_be_visible(timeout=PATIENCE_MS)
    begin_new(plc, new)
    page.get_by_test_id("link-name").fill("line1-plc")
    fill(page.get_by_test_id("link-dialog"), "endpoint", f"opc.tcp://127.0.0.1:{plant}")
    page.get_by_test_id("link-dialog").locator("#fe-config-security").select_option('"none"')
    page.get_by_test_id("link-test").click()
    expect(page.get_by_test_id("link-result")).to_have_attribute("data-ok", "true", timeout=PATIENCE_MS)
    page.get_by_test_id("link-save").click()
    expect(plc).to_have_value("line1-plc", timeout=PATIENCE_MS)
    begin_new(database, new)
    page.get_by_test_id("link-name").fill("results")
    # left without Enter: the click on Save takes it over
    field(page.get_by_test_id("link-dialog"), "url").locator("input").fill(f"sqlite:///{data}/results.db")
    page.get_by_test_id("link-save").click()
    expect(database).to_have_value("results", timeout=PATIENCE_MS)
    # what is missing is said at its field
    page.get_by_test_id("template-make").click()
    items = dialog.locator("[data-field='values.config.items']")
    expect(items.locator(".fe-problem")).to_be_visible(timeout=PATIENCE_MS)
    items.get_by_test_id("pick").click()
    page.get_by_test_id("pick-search").fill("tag")
    page.get_by_test_id("pick-tree").get_by_text("Tag7", exact=True).click(timeout=PATIENCE_MS)
    page.get_by_test_id("pick-take").click()
    page.get_by_test_id("template-make").click()
    page.wait_for_url("**/flows/opc-ua-line-to-database/edit", timeout=PATIENCE_MS)
    expect(page.get_by_test_id("flow-state")).to_have_text(re.compile("Running"), timeout=PATIENCE_MS)
    eventually(page, lambda: bool(rows(data / "results.db")), "a row came")
    assert rows(data / "results.db")[0][:2] == ("Line1/Tag7", 7.0)


def begin_new(choice: Locator, button: Locator) -> None:
    if choice.count():
        choice.select_option("+")
    else:
        button.first.click()


def rows(path: Path) -> list[tuple[object, ...]]:
    try:
        with sqlite3.connect(path) as database:
            return database.execute("select tag, value from telemetry").fetchall()
    except sqlite3.OperationalError:
        return []


@pytest.mark.parametrize("way", ["mouse", "keyboard"])
def test_what_is_typed_after_a_field_is_left_goes_into_the_next_one(watched, way: str) -> None:
    page: Page = watched.open("/connections")
    page.get_by_test_id("connection-new").click()
    page.get_by_test_id("link-type").select_option("mqtt.broker")
    host, port = field(page, "host").locator("input"), field(page, "port").locator("input")
    host.click()
    page.keyboard.type("plant-broker")
    if way == "mouse":
        port.click()
    else:
        page.keyboard.press("Tab")
    expect(port).to_be_focused()
    page.keyboard.type("37913")
    page.keyboard.press("Tab")
    expect(host).to_have_value("plant-broker")
    expect(port).to_have_value("37913")


def test_a_connection_whose_test_failed_is_saved_with_a_second_press(watched) -> None:
    page: Page = watched.open("/connections")
    page.get_by_test_id("connection-new").click()
    page.get_by_test_id("link-type").select_option("mqtt.broker")
    page.get_by_test_id("link-name").fill("switched-off")
    fill(page, "host", "127.0.0.1")
    fill(page, "port", "9")
    page.get_by_test_id("link-test").click()
    expect(page.get_by_test_id("link-result")).to_have_attribute("data-ok", "false", timeout=PATIENCE_MS)
    save, asked = page.get_by_test_id("link-save"), page.get_by_test_id("link-untested")
    save.click()
    expect(asked).to_contain_text("The test failed")
    expect(save).to_have_text(re.compile("Save all the same"))
    # with other settings nothing has failed yet
    fill(page, "port", "10")
    expect(asked).to_have_count(0)
    expect(save).to_have_text(re.compile("Save$"))
    page.get_by_test_id("link-test").click()
    expect(page.get_by_test_id("link-result")).to_have_attribute("data-ok", "false", timeout=PATIENCE_MS)
    save.click()
    expect(asked).to_be_visible()
    assert row(page, "switched-off").count() == 0
    save.click()
    expect(row(page, "switched-off")).to_be_visible(timeout=PATIENCE_MS)


def test_nothing_moves_when_a_dialog_says_what_is_wrong(watched) -> None:
    page: Page = watched.open("/connections")
    page.get_by_test_id("connection-new").click()
    page.get_by_test_id("link-type").select_option("sql.database")
    page.get_by_test_id("link-name").fill("moves")
    save, user = page.get_by_test_id("link-save"), field(page, "password")
    expect(field(page, "url")).to_be_visible(timeout=PATIENCE_MS)
    places = save.bounding_box(), user.bounding_box()
    fill(page, "url", "nonsense")
    expect(field(page, "url").locator(".fe-problem")).to_be_visible(timeout=PATIENCE_MS)
    assert field(page, "url").locator("label").is_visible()
    assert (save.bounding_box(), user.bounding_box()) == places
    page.get_by_test_id("link-test").click()
    expect(page.get_by_test_id("link-result")).to_have_attribute("data-ok", "false", timeout=PATIENCE_MS)
    expect(page.get_by_test_id("link-result")).to_contain_text("“URL” is not right yet")
    save.click()
    expect(page.get_by_test_id("link-untested")).to_be_visible()
    lower = save.bounding_box()
    assert lower is not None
    assert places[0] is not None
    # it grows to the left where its word is longer
    assert lower["y"] == places[0]["y"]
    assert lower["x"] + lower["width"] == places[0]["x"] + places[0]["width"]
    assert user.bounding_box() == places[1]
    page = watched.open("/")
    page.get_by_test_id("new-flow-empty").or_(page.get_by_test_id("new-flow")).locator("visible=true").first.click()
    make = page.get_by_test_id("new-do")
    expect(make).to_be_visible()
    page.wait_for_timeout(500)  # it has come to rest
    before = make.bounding_box()
    make.click()
    expect(page.get_by_test_id("alert").locator("visible=true")).to_be_visible()
    assert make.bounding_box() == before
