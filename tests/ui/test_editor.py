"""The flow editor in a real browser on a real host: drawn, set, deployed, watched, broken and mended."""

from __future__ import annotations

import re

import pytest
from browsing.editing import PATIENCE_MS, Canvas, Served, Watched, begin
from playwright.sync_api import Browser, Page, expect

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]


@pytest.fixture
def address(served: Served) -> str:
    return served.start()


def build_five(canvas: Canvas) -> None:
    """Five nodes by mouse: a generator, a filter, a map, a sink, and a log for what fails."""
    canvas.drop("sim.generate", 150, 120)
    canvas.fill("tags", "2")
    canvas.fill("rate_hz", "20")
    canvas.drop("filter", 390, 120)
    canvas.fill("where", "payload.seq >= 0")
    canvas.drop("map", 640, 120)
    box = canvas.field("set")
    box.get_by_label("Name").last.fill("double")
    box.get_by_label("Value").last.fill("payload.value * 2")
    box.get_by_label("Value").last.press("Enter")
    canvas.drop("discard", 560, 300)
    canvas.drop("log", 300, 400)
    assert set(canvas.doc()["nodes"]) == {"sim_generate", "filter", "map", "discard", "log"}
    canvas.drag(canvas.port("sim_generate", "out"), canvas.port("filter", "in", "in"))
    canvas.drag(canvas.port("filter", "out"), canvas.node("map"))
    canvas.drag(canvas.port("map", "out"), canvas.node("discard"))
    canvas.node("map").hover()
    canvas.drag(canvas.port("map", "error"), canvas.port("log", "in", "in"))
    assert canvas.doc()["wires"] == ["sim_generate -> filter", "filter -> map", "map -> discard", "map.error -> log"]


def test_a_flow_is_built_by_mouse_deployed_broken_and_mended(watched: Watched) -> None:
    canvas = begin(watched)
    page = canvas.page
    build_five(canvas)
    expect(page.get_by_test_id("problems")).to_have_text(re.compile("Flow is valid"), timeout=PATIENCE_MS)
    canvas.deploy()
    one_look_of_what_is_said(page)
    page.get_by_test_id("flow-switch").click()
    expect(page.get_by_test_id("flow-state")).to_have_text(re.compile("Running"), timeout=PATIENCE_MS)
    canvas.node("map").click()
    expect(page.get_by_test_id("values").locator(".fe-value-text").first).to_contain_text("double", timeout=PATIENCE_MS)
    # broken: an expression that does not parse is said at its field, and cannot be deployed
    canvas.node("filter").click()
    canvas.fill("where", "payload.seq >=")
    expect(canvas.field("where").locator(".fe-problem")).to_be_visible(timeout=PATIENCE_MS)
    expect(canvas.node("filter")).to_have_attribute("data-problem", "error")
    canvas.saved()
    page.get_by_test_id("deploy").click()
    expect(page.get_by_test_id("deploy-problem")).to_be_visible(timeout=PATIENCE_MS)
    expect(page.get_by_test_id("deploy-do")).to_be_disabled()
    expect(page.get_by_test_id("deploy-changes")).to_contain_text(re.compile(r"Filter · Where.*→.*payload\.seq >="))
    page.get_by_role("button", name="Cancel").locator("visible=true").click()
    canvas.fill("where", "payload.nothing > 1")
    canvas.deploy()
    expect(canvas.node("filter").locator(".fh-note-bad, .fh-note-warn").first).to_be_visible(timeout=PATIENCE_MS)
    # what the run before sent is not shown as sent by this one
    canvas.node("map").click()
    expect(page.get_by_test_id("values").locator(".fe-value-text")).to_have_count(0, timeout=PATIENCE_MS)
    canvas.node("filter").click()
    canvas.fill("where", "payload.seq > 1")
    canvas.deploy()
    expect(canvas.wire("map -> discard")).to_have_class(re.compile("fh-wire-flows"), timeout=PATIENCE_MS)


def one_look_of_what_is_said(page: Page) -> None:
    """What the page says by itself and what the host made it say look the same and stand below each other."""
    page.evaluate("window.__flowhost.tell('Copied')")
    said = page.locator(".q-notification")
    expect(said).to_have_text([re.compile("is deployed"), "Copied"])
    looks = said.evaluate_all(
        "all => all.map(one => JSON.stringify(['backgroundColor', 'fontSize', 'padding', 'borderRadius']"
        ".map(name => getComputedStyle(one)[name])))"
    )
    assert len(set(looks)) == 1, looks


def test_everything_can_be_undone_and_done_again(watched: Watched) -> None:
    canvas = begin(watched)
    page = canvas.page
    build_five(canvas)
    whole = canvas.doc()
    undo, redo = page.get_by_test_id("undo"), page.get_by_test_id("redo")
    for _ in range(60):
        if undo.is_disabled():
            break
        undo.click()
    assert canvas.doc()["nodes"] == {}
    assert canvas.doc()["wires"] == []
    for _ in range(60):
        if redo.is_disabled():
            break
        redo.click()
    assert canvas.doc() == whole
    canvas.saved()
    page.reload()
    expect(canvas.node("map")).to_be_visible(timeout=PATIENCE_MS)
    assert canvas.doc() == whole


def test_a_flow_is_built_by_keyboard_alone(watched: Watched) -> None:
    canvas = begin(watched)
    page = canvas.page
    keys = page.keyboard
    canvas.frame.focus()
    for words in ("sim generate", "filter", "map", "deadband", "discard"):
        keys.press("Tab")
        expect(page.get_by_test_id("quick-input")).to_be_focused()
        keys.type(words)
        keys.press("Enter")
        expect(page.get_by_test_id("quick-add")).to_have_count(0)
    assert canvas.doc()["wires"] == [
        "sim_generate -> filter", "filter -> map", "map -> deadband", "deadband -> discard",
    ]  # fmt: skip
    # back to the filter along the wires, into its form, a condition, and to the canvas again
    for _ in range(3):
        keys.press("ArrowLeft")
    keys.press("Enter")
    box = canvas.field("where").locator("input, textarea").first
    box.focus()
    keys.type("payload.seq > 3")
    keys.press("Enter")
    assert canvas.doc()["nodes"]["filter"]["config"] == {"where": "payload.seq > 3"}
    canvas.frame.focus()
    before = page.evaluate("window.__flowhost.scene.nodes.get('filter').x")
    keys.press("Alt+ArrowRight")
    assert page.evaluate("window.__flowhost.scene.nodes.get('filter').x") == before + 8
    keys.press("Delete")
    assert "filter" not in canvas.doc()["nodes"]
    keys.press("Control+z")
    assert "filter" in canvas.doc()["nodes"]
    keys.press("?")
    expect(page.get_by_test_id("key-sheet")).to_be_visible()
    keys.press("Escape")
    canvas.saved()


def test_two_browsers_edit_one_flow_and_a_restart_of_the_host_loses_nothing(
    watched: Watched, chromium: Browser, served: Served
) -> None:
    canvas = begin(watched)
    canvas.drop("sim.generate", 60, 120)
    canvas.saved()
    context = chromium.new_context(viewport={"width": 1280, "height": 800})
    other = Canvas(context.new_page())
    other.page.goto(canvas.page.url)
    expect(other.node("sim_generate")).to_be_visible(timeout=PATIENCE_MS)
    other.drop("log", 300, 560)
    expect(canvas.node("log")).to_be_visible(timeout=PATIENCE_MS)
    expect(canvas.page.get_by_test_id("people").locator(".fe-person")).to_have_count(1, timeout=PATIENCE_MS)
    other.node("log").click()
    expect(canvas.node("log")).to_have_attribute("data-other", "local", timeout=PATIENCE_MS)
    # the line breaks: both go on, and find together again
    place = canvas.frame.bounding_box()
    served.stop()
    expect(canvas.page.get_by_test_id("line")).to_have_attribute("data-state", "lost", timeout=PATIENCE_MS)
    expect(canvas.page.locator("body.fh-lost")).to_be_visible(timeout=PATIENCE_MS)
    assert canvas.frame.bounding_box() == place
    canvas.drop("discard", 640, 300)
    canvas.drag(canvas.port("sim_generate", "out"), canvas.node("discard"))
    assert canvas.doc()["wires"] == ["sim_generate -> discard"]
    other.fill("name", "Named while away")
    served.start()
    canvas.saved()
    other.saved()
    for tab in (canvas, other):
        expect(tab.wire("sim_generate -> discard")).to_have_count(1, timeout=PATIENCE_MS)
        tab.page.wait_for_function("window.__flowhost?.draft?.doc?.nodes?.log?.name === 'Named while away'")
    assert canvas.doc() == other.doc()
    context.close()
    # what a browser says about a line that broke is what this test did
    watched.complaints[:] = [one for one in watched.complaints if "WebSocket" not in one and "ERR_" not in one]


def test_nodes_are_copied_to_another_flow(watched: Watched) -> None:
    canvas = begin(watched, "Copied from")
    build_five(canvas)
    page = canvas.page
    canvas.frame.focus()
    page.keyboard.press("Control+a")
    text = page.evaluate("window.__flowhost.copy()")
    canvas.saved()
    target = begin(watched, "Copied to")
    target.frame.focus()
    page.evaluate(
        """text => {
            const data = new DataTransfer();
            data.setData("text/plain", text);
            const paste = { clipboardData: data, bubbles: true, cancelable: true };
            document.dispatchEvent(new ClipboardEvent("paste", paste));
        }""",
        text,
    )
    expect(target.node("map")).to_be_visible(timeout=PATIENCE_MS)
    assert target.doc()["wires"] == ["sim_generate -> filter", "filter -> map", "map -> discard", "map.error -> log"]
    target.saved()
