"""Fields whose text cannot be read, or is half of what is needed, in a real browser: nothing goes on without them."""

from __future__ import annotations

import re
from typing import Any

import pytest
from browsing.editing import PATIENCE_MS, Canvas, begin, field
from playwright.sync_api import Page, expect

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]


@pytest.fixture
def address(shared_host: str) -> str:
    return shared_host


def deploy_says(page: Page) -> Any:
    return page.get_by_test_id("deploy-problem")


def write_tags(canvas: Canvas, text: str) -> None:
    canvas.field("tags").locator("input").fill(text)
    canvas.field("tags").locator("input").press("Enter")


def test_a_text_that_cannot_be_read_holds_up_deploying(watched: Any) -> None:
    canvas = begin(watched, "Unread")
    page = canvas.page
    canvas.drop("sim.generate", 150, 150)
    canvas.drop("discard", 450, 150)
    canvas.drag(canvas.port("sim_generate", "out"), canvas.node("discard"))
    expect(page.get_by_test_id("problems")).to_have_text(re.compile("Flow is valid"), timeout=PATIENCE_MS)
    canvas.node("sim_generate").click()
    write_tags(canvas, "[temp")
    expect(page.get_by_test_id("problems")).to_have_text(re.compile("1 to fix"))
    expect(canvas.node("sim_generate")).to_have_attribute("data-problem", "error")
    canvas.node("discard").click()
    canvas.saved()
    page.get_by_test_id("deploy").click()
    expect(deploy_says(page)).to_contain_text("Tags: Write a number, or names")
    expect(page.get_by_test_id("deploy-do")).to_be_disabled()
    page.get_by_role("button", name="Cancel").locator("visible=true").click()
    # the text waits in its form, and what was there is a click away
    canvas.node("sim_generate").click()
    expect(canvas.field("tags").locator("input")).to_have_value("[temp")
    page.get_by_test_id("unread-back").locator("visible=true").click()
    expect(canvas.field("tags").locator("input")).to_have_value("")
    expect(page.get_by_test_id("problems")).to_have_text(re.compile("Flow is valid"), timeout=PATIENCE_MS)
    write_tags(canvas, "temp, pressure")
    canvas.saved()
    assert canvas.doc()["nodes"]["sim_generate"]["config"]["tags"] == ["temp", "pressure"]
    canvas.deploy()


def test_half_a_row_asks_for_its_name(watched: Any) -> None:
    canvas = begin(watched, "Half a row")
    page = canvas.page
    canvas.drop("sql.write", 300, 200)
    row = canvas.field("columns").locator(".fe-pair").last
    row.locator("input, textarea").last.fill("payload.value")
    page.get_by_test_id("canvas").click(position={"x": 40, "y": 400})
    canvas.node("sql_write").click()
    expect(canvas.field("columns").get_by_test_id("unread")).to_contain_text("Give this value a name")
    expect(row.locator("input, textarea").last).to_have_value("payload.value")
    canvas.saved()
    page.get_by_test_id("deploy").click()
    expect(deploy_says(page).filter(has_text="Columns: Give this value a name.")).to_be_visible()
    page.get_by_role("button", name="Cancel").locator("visible=true").click()
    row.locator("input, textarea").first.fill("value")
    row.locator("input, textarea").last.press("Enter")
    expect(canvas.field("columns").get_by_test_id("unread").locator("visible=true")).to_have_count(0)
    assert canvas.doc()["nodes"]["sql_write"]["config"]["columns"] == {"value": "payload.value"}


def test_a_table_is_made_by_a_choice(watched: Any) -> None:
    canvas = begin(watched, "Choice")
    canvas.drop("sql.write", 300, 200)
    made = canvas.field("create_table")
    made.locator("select").first.select_option(label="On: types taken from the first messages")
    assert canvas.doc()["nodes"]["sql_write"]["config"]["create_table"] is True
    made.locator("select").first.select_option(label="On: own types per column")
    made.locator(".fe-pair input").last.fill("tag")
    made.locator(".fe-pair select").last.select_option("text")
    expect(made.locator(".fe-pair")).to_have_count(2)
    assert canvas.doc()["nodes"]["sql_write"]["config"]["create_table"] == {"tag": "text"}
    made.locator(".fe-pair select").first.select_option("real")
    expect(made.locator(".fe-pair select").first).to_have_value("real")
    assert canvas.doc()["nodes"]["sql_write"]["config"]["create_table"] == {"tag": "real"}
    made.locator("select").first.select_option(label="Off")
    expect(made.locator(".fe-pair")).to_have_count(0)
    assert "create_table" not in canvas.doc()["nodes"]["sql_write"]["config"]


def test_a_template_makes_no_flow_with_another_value_than_the_form_shows(watched: Any) -> None:
    page = watched.open("/templates")
    page.locator("[data-testid=template][data-template=try-out]").get_by_test_id("template-use").click()
    dialog = page.get_by_test_id("template-dialog")
    tags = field(dialog, "values.config.tags").locator("input")
    tags.fill("[temp")
    dialog.get_by_test_id("template-make").click()
    expect(dialog.get_by_test_id("template-fault")).to_contain_text("Tags” cannot be read yet")
    expect(tags).to_have_value("[temp")
    tags.fill("temp, pressure")
    tags.press("Enter")
    expect(dialog.get_by_test_id("template-fault")).to_have_count(0)
    dialog.get_by_test_id("template-make").click()
    page.wait_for_url("**/flows/**", timeout=PATIENCE_MS)
