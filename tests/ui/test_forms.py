"""Forms of the editor in a real browser: what is required, wrong or computed, and what deploying says of it."""

from __future__ import annotations

import re
from typing import Any

import pytest
from browsing.editing import PATIENCE_MS, Canvas, begin, eventually, middle
from playwright.sync_api import Locator, expect

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]


@pytest.fixture
def address(shared_host: str) -> str:
    return shared_host


def area(canvas: Canvas, name: str) -> Locator:
    return canvas.field(name).locator("textarea").first


def test_nothing_in_a_form_sticks_out_of_it(watched: Any) -> None:
    canvas = begin(watched, "Narrow")
    canvas.drop("mqtt.publish", 300, 200)
    canvas.page.locator(".fe-panel summary", has_text="More settings").click()
    expect(canvas.field("delivery.order").locator("select")).to_be_visible()
    wide = canvas.page.evaluate("""() => {
        const panel = document.querySelector(".fe-panel");
        const edge = panel.getBoundingClientRect().left + panel.clientLeft + panel.clientWidth - 18;
        const out = (one) => one.getBoundingClientRect().right > edge + 0.5;
        return [...panel.querySelectorAll("input, select, textarea")].filter(out).map((one) => one.id);
    }""")
    assert wide == []


def test_a_description_has_lines_and_room_for_them(watched: Any) -> None:
    canvas = begin(watched, "Told")
    box = area(canvas, "description")

    def tall() -> float:
        return float(canvas.page.evaluate("document.querySelector('#fe-description').offsetHeight"))

    short = tall()
    assert short >= 50, "three lines stand there from the start"
    box.press_sequentially("Filler to historian.\nAsk the shift lead.\n\nNot before\nthe line\nis clean.")
    assert tall() > short + 30
    box.blur()
    canvas.saved()
    assert canvas.doc()["description"].splitlines() == [
        "Filler to historian.", "Ask the shift lead.", "", "Not before", "the line", "is clean."
    ]  # fmt: skip


def test_a_new_node_asks_calmly_and_is_told_off_only_at_deploy(watched: Any) -> None:
    canvas = begin(watched, "Calm")
    page = canvas.page
    canvas.drop("mqtt.subscribe", 300, 200)
    expect(page.get_by_test_id("problems")).to_have_text(re.compile("3 to fill in"), timeout=PATIENCE_MS)
    expect(canvas.field("topics")).to_contain_text("required")
    expect(canvas.field("connection")).to_contain_text("required")
    expect(page.locator(".fe-panel .fe-problem:visible")).to_have_count(0)
    expect(canvas.node("mqtt_subscribe")).to_have_attribute("data-problem", "")
    canvas.saved()
    page.get_by_test_id("deploy").click()
    expect(page.get_by_test_id("deploy-problem").filter(has_text="MQTT subscribe: Fill in “Topics”.")).to_be_visible()
    expect(page.get_by_test_id("deploy-do")).to_be_disabled()
    page.get_by_role("button", name="Cancel").locator("visible=true").click()
    expect(canvas.field("connection").locator(".fe-problem")).to_have_text(re.compile("Choose a connection"))
    expect(canvas.node("mqtt_subscribe")).to_have_attribute("data-problem", "error")


def test_labels_are_words_and_defaults_are_shown(watched: Any) -> None:
    canvas = begin(watched, "Words")
    canvas.drop("mqtt.publish", 300, 200)
    canvas.page.locator(".fe-panel summary", has_text="More settings").click()
    expect(canvas.field("qos").locator("label")).to_have_text("QoS")
    expect(canvas.field("qos").locator("option").first).to_have_text("Default (1)")
    expect(canvas.field("timeout_s").locator("label")).to_have_text("Timeout")
    expect(canvas.field("timeout_s").locator("label")).to_have_attribute("title", "timeout_s")
    outbox = canvas.field("delivery.outbox")
    expect(outbox).to_contain_text("On (default)")
    outbox.get_by_text("Outbox").click()
    expect(outbox).to_contain_text("Off")
    assert canvas.doc()["nodes"]["mqtt_publish"]["delivery"] == {"outbox": False}
    expect(canvas.field("delivery.order").locator(".fe-help code").first).to_have_text("key")


def test_a_condition_says_when_it_gives_no_truth_and_goes_on_saying_so(watched: Any) -> None:
    canvas = begin(watched, "Truth")
    page = canvas.page
    canvas.drop("sim.generate", 150, 150)
    canvas.drop("filter", 450, 150)
    where = area(canvas, "where")
    where.click()
    where.press_sequentially("payload.value + 1")
    preview = page.get_by_test_id("expression-result").locator("visible=true")
    expect(preview).to_contain_text("neither true nor false", timeout=PATIENCE_MS)
    where.press("Enter")
    expect(canvas.field("where").locator(".fe-problem-warning")).to_contain_text("neither true", timeout=PATIENCE_MS)
    page.get_by_test_id("problems").click()
    expect(page.get_by_test_id("problem-list")).to_contain_text("Filter: Where: This gives neither")
    canvas.node("filter").click()
    where.fill("payload.value > 1")
    where.press("Enter")
    expect(canvas.field("where").locator(".fe-problem")).to_have_count(0, timeout=PATIENCE_MS)


def test_a_misspelt_field_stays_a_warning_that_deploy_repeats(watched: Any) -> None:
    canvas = begin(watched, "Misspelt")
    page = canvas.page
    canvas.drop("sim.generate", 150, 150)
    canvas.drop("filter", 450, 150)
    canvas.fill("where", "payload.value > 1")
    canvas.drop("discard", 700, 150)
    canvas.drag(canvas.port("sim_generate", "out"), canvas.port("filter", "in", "in"))
    canvas.drag(canvas.port("filter", "out"), canvas.node("discard"))
    expect(page.get_by_test_id("problems")).to_have_text(re.compile("Flow is valid"), timeout=PATIENCE_MS)
    page.get_by_test_id("dock-sample").click()
    page.get_by_test_id("sample-text").fill('{"value": 5}')
    page.get_by_test_id("sample-run").click()
    expect(page.locator("[data-testid=sample-node][data-node=discard]")).to_be_visible(timeout=PATIENCE_MS)
    canvas.node("filter").click()
    where = area(canvas, "where")
    where.click()
    expect(page.get_by_test_id("expression-help").get_by_text("payload.value")).to_be_visible()
    where.fill("payload.valeu > 1")
    preview = page.get_by_test_id("expression-result").locator("visible=true")
    expect(preview).to_have_attribute("data-wrong", "message", timeout=PATIENCE_MS)
    where.press("Enter")
    expect(canvas.field("where").locator(".fe-problem-warning")).to_contain_text("payload.valeu", timeout=PATIENCE_MS)
    expect(page.get_by_test_id("problems")).to_have_text(re.compile("1 to look at"))
    canvas.saved()
    page.get_by_test_id("deploy").click()
    expect(page.get_by_test_id("deploy-problem")).to_contain_text("payload.valeu")


def test_deploying_by_keyboard_starts_a_flow_that_stood(watched: Any) -> None:
    canvas = begin(watched, "Keyboard")
    page = canvas.page
    canvas.drop("sim.generate", 150, 150)
    canvas.drop("discard", 450, 150)
    canvas.drag(canvas.port("sim_generate", "out"), canvas.node("discard"))
    expect(page.get_by_test_id("problems")).to_have_text(re.compile("Flow is valid"), timeout=PATIENCE_MS)
    canvas.saved()
    page.get_by_test_id("deploy").click()
    note = page.get_by_test_id("deploy-note")
    expect(note).to_be_focused(timeout=PATIENCE_MS)
    page.keyboard.type("first")
    expect(page.locator(".q-dialog__backdrop")).to_be_visible()
    page.mouse.click(20, 880)
    expect(note).to_have_value("first")
    note.press("Control+Enter")
    expect(page.get_by_test_id("flow-state")).to_have_text(re.compile("Running"), timeout=PATIENCE_MS)
    expect(page.get_by_test_id("deploy")).not_to_have_class(re.compile("fh-primary"))
    expect(page.locator(".q-dialog__backdrop")).to_have_count(0)
    canvas.move("discard", 0, 120)
    canvas.saved()
    page.get_by_test_id("deploy").click()
    expect(page.get_by_text("Only the layout changed")).to_be_visible(timeout=PATIENCE_MS)


def test_units_are_taken_as_people_write_them(watched: Any) -> None:
    canvas = begin(watched, "Units")
    canvas.drop("convert", 300, 200)
    expect(canvas.field("from").locator("datalist option[value=Cel]")).to_have_count(1, timeout=PATIENCE_MS)
    canvas.fill("from", "°C")
    expect(canvas.field("from").locator("input")).to_have_value("Cel")
    canvas.fill("to", "m³/h")
    expect(canvas.field("to").locator(".fe-problem")).to_contain_text("cannot be converted", timeout=PATIENCE_MS)
    canvas.fill("to", "°F")
    expect(canvas.field("to").locator(".fe-problem")).to_have_count(0, timeout=PATIENCE_MS)
    assert canvas.doc()["nodes"]["convert"]["config"] == {"from": "Cel", "to": "[degF]"}


def test_completion_comes_with_the_first_letter_and_on_demand(watched: Any) -> None:
    canvas = begin(watched, "Letters")
    page = canvas.page
    canvas.drop("filter", 300, 200)
    where = area(canvas, "where")
    where.click()
    offered = page.get_by_test_id("completions").locator("visible=true")

    def is_offered() -> bool:
        where.press("Control+Space")
        return offered.get_by_role("option").first.is_visible()

    # the words come from the host a moment after the page
    eventually(page, is_offered, "something is offered")
    where.press("Escape")
    where.press_sequentially("p")
    expect(offered.get_by_text("payload", exact=True)).to_be_visible()
    where.press("Escape")
    page.get_by_test_id("expression-reference").locator("visible=true").click()
    sheet = page.get_by_test_id("expression-sheet")
    sheet.get_by_role("searchbox").fill("coalesce")
    sheet.get_by_role("button").filter(has_text="coalesce").click()
    expect(where).to_have_value("pcoalesce(")


def test_tab_goes_from_row_to_new_row(watched: Any) -> None:
    canvas = begin(watched, "Rows")
    canvas.drop("map", 300, 200)
    # what a text names is called as the form calls it
    expect(canvas.page.locator("#fe-config-keep-help")).to_contain_text("“Fields to set” adds to them")
    keyboard = canvas.page.keyboard
    canvas.field("set").get_by_label("Name").last.click()
    for text in ("a", "1", "b", "2"):
        keyboard.type(text)
        keyboard.press("Tab")
    canvas.page.wait_for_function("Object.keys(window.__flowhost.draft.doc.nodes.map.config?.set ?? {}).length === 2")
    assert canvas.doc()["nodes"]["map"]["config"]["set"] == {"a": "1", "b": "2"}


def test_the_panel_is_widened_and_what_is_dropped_stays_in_sight(watched: Any) -> None:
    canvas = begin(watched, "Room")
    page = canvas.page
    before = page.locator(".fe-panel").bounding_box()
    frame = canvas.frame.bounding_box()
    assert before is not None
    assert frame is not None
    canvas.drop("filter", int(frame["width"]) - 20, 200)
    box = canvas.node("filter").bounding_box()
    assert box is not None
    assert box["x"] + box["width"] <= before["x"]
    x, y = middle(page.get_by_test_id("panel-edge"))
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x - 120, y, steps=3)
    page.mouse.up()
    page.reload()
    expect(canvas.node("filter")).to_be_visible(timeout=PATIENCE_MS)
    after = page.locator(".fe-panel").bounding_box()
    assert after is not None
    assert after["width"] == pytest.approx(before["width"] + 120, abs=8)


def test_a_wire_dropped_on_the_outer_half_of_a_port_arrives(watched: Any) -> None:
    canvas = begin(watched, "Halves")
    canvas.drop("sim.generate", 150, 150)
    canvas.drop("discard", 500, 150)
    start, end = middle(canvas.port("sim_generate", "out")), canvas.port("discard", "in", "in").bounding_box()
    assert end is not None
    mouse = canvas.page.mouse
    mouse.move(*start)
    mouse.down()
    mouse.move(end["x"] - 40, end["y"], steps=3)
    mouse.move(end["x"] + 1, end["y"] + end["height"] / 2, steps=3)
    mouse.up()
    assert canvas.doc()["wires"] == ["sim_generate -> discard"]
    expect(canvas.page.get_by_test_id("quick-add")).to_have_count(0)


def test_copies_are_counted_and_land_in_sight(watched: Any) -> None:
    canvas = begin(watched, "Copies")
    page = canvas.page
    canvas.drop("filter", 150, 150)
    canvas.drop("map", 450, 150)
    canvas.frame.press("Control+a")
    canvas.frame.press("Control+c")
    expect(page.get_by_text("2 nodes copied")).to_be_visible()
    canvas.frame.press("?")
    expect(page.get_by_test_id("key-sheet")).to_contain_text("Copy, also into another flow")


def test_failing_nodes_are_counted_and_shown(watched: Any) -> None:
    canvas = begin(watched, "Failing")
    page = canvas.page
    canvas.drop("sim.generate", 150, 150)
    canvas.drop("filter", 450, 150)
    canvas.fill("where", "payload.nothing > 1")
    canvas.drop("discard", 700, 150)
    canvas.drag(canvas.port("sim_generate", "out"), canvas.port("filter", "in", "in"))
    canvas.drag(canvas.port("filter", "out"), canvas.node("discard"))
    canvas.saved()
    page.get_by_test_id("deploy").click()
    page.get_by_test_id("deploy-start").click()
    trouble = page.get_by_test_id("in-trouble")
    expect(trouble).to_have_text(re.compile("1 node in trouble"), timeout=PATIENCE_MS)
    trouble.click()
    expect(canvas.node("filter")).to_have_class(re.compile("fe-selected"))


def test_fields_that_mean_nothing_are_left_out_unless_they_hold_a_value(watched: Any) -> None:
    canvas = begin(watched, "Dependent")
    page = canvas.page
    canvas.drop("sql.write", 300, 150)
    mode = page.locator("#fe-config-mode")
    expect(mode).to_be_visible()
    expect(canvas.field("keys")).to_have_count(0)
    mode.select_option('"upsert"')
    canvas.fill("keys", "id")
    expect(canvas.field("keys").locator("input").first).to_have_value("id")
    expect(canvas.field("keys").locator(".fe-idle")).to_have_count(0)
    # what was typed is neither lost nor hidden when it stops to count
    mode.select_option("")
    expect(canvas.field("keys").locator(".fe-idle")).to_have_text("Has no effect as the other fields are set.")
    canvas.field("keys").get_by_role("button", name="Remove").first.click()
    expect(canvas.field("keys")).to_have_count(0)
    # the same within rows of a list
    canvas.drop("modbus.poll", 300, 300)
    canvas.field("tags").get_by_role("button", name=re.compile("Add")).first.click()
    expect(page.locator("#fe-config-tags-0-type")).to_be_visible()
    expect(page.locator("#fe-config-tags-0-length")).to_have_count(0)
    page.locator("#fe-config-tags-0-type").select_option('"string"')
    expect(page.locator("#fe-config-tags-0-length")).to_be_visible()
    expect(page.locator("#fe-config-tags-0-scale")).to_have_count(0)


def test_an_example_fills_the_form_and_one_undo_takes_it_back(watched: Any) -> None:
    canvas = begin(watched, "By example")
    page = canvas.page
    canvas.drop("window", 300, 150)
    canvas.fill("every_s", "7")
    page.get_by_test_id("node-help").locator("summary").click()
    expect(page.get_by_test_id("node-example")).to_contain_text("delta(payload.energy_kwh)")
    page.get_by_test_id("example-use").click()
    expect(canvas.field("every_s").locator("input")).to_have_value("10")
    config = canvas.doc()["nodes"]["window"]["config"]
    assert config["compute"] == {"kwh": "delta(payload.energy_kwh)", "kw": "mean(payload.power_kw)", "n": "count()"}
    canvas.frame.press("Control+z")
    expect(canvas.field("every_s").locator("input")).to_have_value("7")
    assert canvas.doc()["nodes"]["window"]["config"] == {"every_s": 7}


def test_what_is_typed_at_once_into_several_fields_of_an_item_stays(watched: Any) -> None:
    canvas = begin(watched, "Columns")
    page = canvas.page
    canvas.drop("file.read", 300, 200)
    canvas.field("columns").get_by_role("button", name="Add").click()
    expect(page.locator("#fe-config-columns-0-name")).to_be_visible()
    canvas.saved()
    # a new item asks as calmly as a new node does
    expect(canvas.field("columns.0.name").locator(".fe-due")).to_be_visible()
    expect(page.get_by_test_id("problems")).to_have_text(re.compile("to fill in"), timeout=PATIENCE_MS)
    expect(canvas.field("columns").locator(".fe-problem:visible")).to_have_count(0)
    page.locator("#fe-config-columns-0-name").fill("G")
    expect(canvas.field("columns.0.name").locator(".fe-due")).to_be_hidden()
    # faster than the form is drawn anew
    page.evaluate("""() => {
        for (const [field, text] of [["name", "Gewicht"], ["field", "weight"]]) {
            const input = document.querySelector(`#fe-config-columns-0-${field}`);
            input.value = text;
            input.dispatchEvent(new Event("change", {bubbles: true}));
        }
    }""")
    assert canvas.doc()["nodes"]["file_read"]["config"]["columns"] == [{"name": "Gewicht", "field": "weight"}]
    expect(page.locator("#fe-config-columns-0-name")).to_have_value("Gewicht")
    canvas.saved()


def test_two_people_edit_items_of_one_list(watched: Any) -> None:
    canvas = begin(watched, "Shared list")
    canvas.drop("file.read", 300, 200)
    for count in (1, 2, 3):
        canvas.field("columns").get_by_role("button", name="Add").click()
        canvas.fill(f"columns.{count - 1}.name", f"C{count}")
    canvas.saved()
    other = Canvas(canvas.page.context.new_page())
    other.page.goto(canvas.page.url)
    other.node("file_read").click()
    for one in (canvas, other):
        expect(one.page.locator("#fe-config-columns-2-name")).to_have_value("C3", timeout=PATIENCE_MS)
    names = "window.__flowhost.draft.doc.nodes.file_read.config.columns.map((one) => one.name).join()"
    # while one types in an item, the other takes the first away and changes another
    typing = canvas.page.locator("#fe-config-columns-2-name")
    typing.evaluate("(input) => input.closest('details').open = true")
    typing.fill("Mine")
    other.field("columns").get_by_role("button", name="Remove").first.click()
    expect(other.page.locator("#fe-config-columns-2-name")).to_have_count(0)
    other.field("columns").locator("summary", has_text="C2").click()
    other.page.locator("#fe-config-columns-0-name").fill("Theirs")
    other.page.locator("#fe-config-columns-0-name").press("Enter")
    eventually(canvas.page, lambda: canvas.page.evaluate(names) == "Theirs,C3", "the changes have come")
    typing.press("Enter")
    for one in (canvas, other):
        eventually(one.page, lambda page=one.page: page.evaluate(names) == "Theirs,Mine", "both changes stay")
