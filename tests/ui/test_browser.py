"""The pages in a real browser: live values, start and stop, the picture of a flow, light and dark, lost connection."""

from __future__ import annotations

import re
from typing import Protocol

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]


class Watched(Protocol):
    """The fixture: a page whose complaints fail the test."""

    page: Page
    address: str
    complaints: list[str]

    def open(self, path: str) -> Page: ...


def test_overview_lists_flows_and_values_change_by_themselves(watched: Watched) -> None:
    page = watched.open("/")
    expect(page.get_by_test_id("flow-row")).to_have_count(5)
    row = page.locator("[data-flow=energy]")
    value = row.get_by_test_id("value").first
    before, total = value.inner_text(), row.get_by_test_id("flow-in").inner_text()
    row.evaluate("row => (row.dataset.same = 'yes')")
    expect(value).not_to_have_text(before)
    expect(row.get_by_test_id("flow-in")).not_to_have_text(total)
    expect(row).to_have_attribute("data-same", "yes")  # changed in place, not drawn anew
    assert page.evaluate("window.hacked") is None


def test_stop_and_start(watched: Watched) -> None:
    page = watched.open("/")
    row = page.locator("[data-flow=energy]")
    row.get_by_test_id("flow-stop").click()
    expect(row.get_by_test_id("flow-state")).to_have_text("Stopped")
    expect(row.get_by_test_id("flow-stop")).to_be_hidden()
    row.get_by_test_id("flow-start").click()
    expect(row.get_by_test_id("flow-state")).to_have_text("Running")


def test_a_refusal_is_shown_in_words(watched: Watched) -> None:
    page = watched.open("/")
    row = page.locator("[data-flow=refuses]")
    row.get_by_test_id("flow-start").click()
    expect(row.get_by_test_id("alert")).to_contain_text("did you mean 'map'?")
    row.get_by_text("Dismiss").click()
    expect(row.get_by_test_id("alert")).to_be_hidden()


def test_alarms_are_on_top_and_can_be_acknowledged(watched: Watched) -> None:
    page = watched.open("/")
    alarms = page.get_by_test_id("alarm")
    expect(alarms).to_have_count(3)
    expect(alarms.nth(0)).to_have_attribute("data-severity", "critical")
    expect(page.get_by_test_id("alarm-count")).to_have_text(re.compile("3"))
    above, below = page.get_by_test_id("alarms").bounding_box(), page.get_by_test_id("search").bounding_box()
    assert above is not None
    assert below is not None
    assert above["y"] + above["height"] <= below["y"]
    alarms.nth(1).get_by_test_id("acknowledge").click()
    expect(alarms.nth(1)).to_contain_text("Acknowledged by")
    expect(page.get_by_test_id("alarms-count")).to_have_text("3, 2 not acknowledged")
    assert page.evaluate("window.hacked") is None
    watched.open("/runs")
    listed = page.get_by_test_id("alarm-listed")
    expect(listed.first).to_be_hidden()
    page.get_by_test_id("alarm-count").click()
    expect(listed).to_have_count(3)
    expect(listed.first).to_be_in_viewport()
    assert page.url.endswith("/runs"), "the list opens where one is"
    page.keyboard.press("Escape")
    expect(listed.first).to_be_hidden()
    page.get_by_test_id("alarm-count").click()
    page.get_by_text("Show them on the overview").click()
    expect(page.get_by_test_id("alarms")).to_be_in_viewport()


def test_search_and_filter(watched: Watched) -> None:
    page = watched.open("/")
    page.get_by_test_id("search").press_sequentially("line1")
    expect(page.get_by_test_id("flow-row").locator("visible=true")).to_have_count(2)
    page.get_by_test_id("search").fill("")
    page.get_by_test_id("filter-trouble").click()
    expect(page.get_by_test_id("flow-row").locator("visible=true")).to_have_count(2)
    expect(page.locator("[data-flow=opcua-to-sql]")).to_be_visible()
    expect(page.locator("[data-flow=line-telemetry]:visible").first).to_be_visible()


def test_import_by_paste_and_by_file(watched: Watched) -> None:
    page = watched.open("/")
    page.get_by_test_id("import").click()
    page.get_by_test_id("import-text").fill("id: x")
    page.get_by_test_id("import-do").click()
    expect(page.get_by_test_id("alert").locator("visible=true")).to_contain_text("the flow has no nodes")
    file = {"name": "flow.yaml", "mimeType": "text/yaml", "buffer": b"id: imported\nnodes: {}\n"}
    page.locator("input[type=file]").set_input_files(file)
    expect(page.get_by_test_id("import-text")).to_have_value("id: imported\nnodes: {}\n")
    page.get_by_test_id("import-do").click()
    expect(page.locator("[data-flow=imported]")).to_be_visible()


def test_picture_of_a_flow_with_live_figures(watched: Watched) -> None:
    page = watched.open("/flows/line-telemetry")
    expect(page.get_by_test_id("node")).to_have_count(8)
    expect(page.get_by_test_id("wire")).to_have_count(9)
    expect(page.locator("[data-node=sort] [data-testid=port][data-direction=out]")).to_have_count(3)
    rate = page.locator("[data-node=temps] .fh-node-rate")
    expect(rate).not_to_have_text(rate.inner_text())
    boxes = [node.bounding_box() for node in page.get_by_test_id("node").all()]
    frame = page.get_by_test_id("canvas").bounding_box()
    assert frame is not None
    for box in boxes:
        assert box is not None
        assert box["x"] >= frame["x"]
        assert box["x"] + box["width"] <= frame["x"] + frame["width"]


def test_a_node_is_picked_by_mouse_and_by_keyboard(watched: Watched) -> None:
    page = watched.open("/flows/line-telemetry")
    page.locator("[data-node=temps]").click()
    panel = page.get_by_test_id("inspector")
    expect(panel).to_contain_text("Receives messages of topics from a broker.")
    expect(panel).to_contain_text("plant/+/temp")
    assert "hunter2" not in page.content()
    page.locator("[data-node=fahren]").focus()
    page.keyboard.press("Enter")
    expect(panel.get_by_test_id("last-error")).to_contain_text("is text, not a number")
    page.get_by_test_id("canvas").click(position={"x": 15, "y": 15})
    expect(panel).to_have_count(0)


def test_zoom_and_drag(watched: Watched) -> None:
    page = watched.open("/flows/line-telemetry")
    plane = page.locator(".fh-graph-plane")
    expect(plane).to_have_attribute("style", re.compile("scale"))
    before = plane.get_attribute("style")
    page.get_by_role("button", name="Zoom in").click()
    assert plane.get_attribute("style") != before
    box = page.get_by_test_id("canvas").bounding_box()
    assert box is not None
    zoomed = plane.get_attribute("style")
    page.mouse.move(box["x"] + 40, box["y"] + 40)
    page.mouse.down()
    page.mouse.move(box["x"] + 140, box["y"] + 90, steps=4)
    page.mouse.up()
    assert plane.get_attribute("style") != zoomed
    page.get_by_role("button", name="Fit the whole flow").click()
    assert plane.get_attribute("style") == before


def test_dark_follows_the_system_and_the_switch_is_remembered(watched: Watched, chromium: Browser) -> None:
    page = watched.open("/")

    def ground() -> str:
        return str(page.evaluate("getComputedStyle(document.body).backgroundColor"))

    light = ground()
    page.emulate_media(color_scheme="dark")
    dark = ground()
    assert dark != light
    page.get_by_test_id("theme").click()  # from the system's setting to light
    assert ground() == light
    watched.open("/runs")
    assert ground() == light


def test_runs_and_plugins(watched: Watched) -> None:
    page = watched.open("/runs")
    page.get_by_role("link", name="#10").click()
    expect(page.get_by_test_id("run")).to_contain_text("refused the certificate")
    watched.open("/plugins")
    page.get_by_text("Traceback, for the vendor").click()
    expect(page.get_by_text("ModuleNotFoundError")).to_be_visible()


def test_a_lost_connection_is_said(watched: Watched) -> None:
    page = watched.open("/")
    expect(page.get_by_test_id("flow-row")).to_have_count(5)
    banner = page.locator("#fh-lost")
    expect(banner).to_be_hidden()
    page.context.set_offline(True)
    page.evaluate("window.socket.io.engine.close()")
    expect(banner).to_contain_text("whether flows run now cannot be seen from here. Trying again… (broken off")
    state = page.get_by_test_id("flow-state").first
    expect(state.get_by_text("Running")).to_be_hidden()
    assert words_behind(state) == '"Unknown"'
    assert colour(state.locator(".fh-dot")) == "rgba(0, 0, 0, 0)"
    assert words_behind(page.get_by_test_id("host-health")) == '"No answer from the host"'
    page.context.set_offline(False)
    expect(banner).to_be_hidden(timeout=30_000)  # the browser has reconnected by itself
    expect(state.get_by_text("Running")).to_be_visible()
    watched.complaints.clear()  # the browser tells of every attempt in vain


def words_behind(element: Locator) -> str:
    return str(element.evaluate("e => getComputedStyle(e, '::after').content"))


def colour(element: Locator) -> str:
    return str(element.evaluate("e => getComputedStyle(e).backgroundColor"))


BURST = """async ([field, texts, button]) => {
  const input = document.querySelector(field);
  const set = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(input), "value").set;
  for (const text of texts) {
    set.call(input, text);
    input.dispatchEvent(new Event("input", { bubbles: true }));
  }
  await new Promise((next) => setTimeout(next)); // a click is a task of its own
  document.querySelector(button).click();
}"""
"""Types and clicks faster than any pause."""


def test_a_click_takes_the_whole_text_typed_before_it(watched: Watched) -> None:
    page = watched.open("/work?letter=line-telemetry:130")
    page.get_by_test_id("letter-discard").click()
    expect(page.get_by_test_id("reason")).to_be_visible()
    texts = ["s", "se", "sensor was broken, test"]
    page.evaluate(BURST, ["[data-testid=reason]", texts, "[data-testid=discard-do]"])
    expect(page.get_by_test_id("letter")).to_contain_text("Reason given: sensor was broken, test")

    page.goto(watched.address + "/work?letter=line-telemetry:128")
    typed = ['{"value": 1', '{"value": 12}']
    page.get_by_test_id("payload").fill('{"value": 0}')
    expect(page.get_by_test_id("save")).to_be_visible()
    page.evaluate(BURST, ["[data-testid=payload]", typed, "[data-testid=save]"])
    expect(page.get_by_test_id("letter")).to_contain_text("Payload, edit 1")
    expect(page.get_by_test_id("payload")).to_have_value('{"value": 12}')

    page.goto(watched.address + "/")
    page.get_by_test_id("new-flow").click()
    expect(page.get_by_test_id("new-name")).to_be_visible()
    page.evaluate(BURST, ["[data-testid=new-name]", ["L", "Line 7"], "[data-testid=new-do]"])
    expect(page.locator(".fh-dialog:visible").get_by_test_id("alert")).to_contain_text("there is a flow 'Line 7'")
