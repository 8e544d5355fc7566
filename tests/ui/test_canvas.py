"""Wires, notes and frames on the canvas of a real host, by keyboard and by mouse."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pytest
from browsing.editing import PATIENCE_MS, Canvas, Served, Watched, begin
from playwright.sync_api import Browser, expect

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]


@pytest.fixture
def address(served: Served) -> str:
    return served.start()


def add_alone(canvas: Canvas, words: Sequence[str]) -> None:
    """Nodes without wires, by keyboard."""
    keys = canvas.page.keyboard
    canvas.frame.focus()
    for word in words:
        keys.press("Escape")
        keys.press("Tab")
        expect(canvas.page.get_by_test_id("quick-input")).to_be_focused()
        keys.type(word)
        keys.press("Enter")
        expect(canvas.page.get_by_test_id("quick-add")).to_have_count(0)


def wire_to(canvas: Canvas, word: str, *more: str) -> None:
    """A wire from what is selected, by keyboard; `more` keys are pressed before the target is typed."""
    keys = canvas.page.keyboard
    keys.press("w")
    expect(canvas.page.get_by_test_id("wire-input")).to_be_focused()
    for key in more:
        keys.press(key)
    keys.type(word)
    keys.press("Enter")
    expect(canvas.page.get_by_test_id("wire-pick")).to_have_count(0)


def test_wires_notes_and_frames_by_keyboard_alone(watched: Watched) -> None:
    canvas = begin(watched)
    page, keys = canvas.page, canvas.page.keyboard
    add_alone(canvas, ("sim generate", "filter", "map", "discard", "log"))
    assert canvas.doc()["wires"] == []
    keys.press("Shift+A")
    keys.press("Escape")
    keys.press("ArrowRight")  # to the first one
    wire_to(canvas, "filter")
    keys.press("ArrowRight")  # along the new wire
    wire_to(canvas, "map")
    keys.press("ArrowRight")
    wire_to(canvas, "discard")
    wire_to(canvas, "log", "Tab")  # from the error port
    wires = ["sim_generate -> filter", "filter -> map", "map -> discard", "map.error -> log"]
    assert canvas.doc()["wires"] == wires
    # a target that is not allowed is not offered
    keys.press("w")
    keys.type("generate")
    expect(page.get_by_test_id("wire-item")).to_have_count(0)
    keys.press("Escape")
    expect(canvas.frame).to_be_focused()
    # a wire is picked, led elsewhere, and deleted
    keys.press("Shift+W")
    wire_to(canvas, "log")
    assert canvas.doc()["wires"] == [*wires[:2], "map.error -> log", "map -> log"]
    keys.press("Delete")
    assert "map -> log" not in canvas.doc()["wires"]
    keys.press("Control+z")
    keys.press("Control+z")
    assert canvas.doc()["wires"] == wires
    # a frame with a name, a note: text stays text
    keys.press("Control+a")
    keys.press("g")
    expect(page.get_by_test_id("extra-write")).to_be_focused()
    keys.type("Line <b>1</b>")
    keys.press("Enter")
    keys.press("Escape")
    keys.press("n")
    expect(page.get_by_test_id("extra-write")).to_be_focused()
    keys.type("<img src=x onerror=alert(1)>")
    keys.press("Escape")
    expect(page.get_by_test_id("group")).to_have_text("Line <b>1</b>")
    expect(page.get_by_test_id("note")).to_have_text("<img src=x onerror=alert(1)>")
    layout = canvas.doc()["layout"]
    assert layout["groups"]["g1"]["nodes"] == ["sim_generate", "filter", "map", "discard", "log"]
    canvas.saved()
    page.reload()
    expect(page.get_by_test_id("note")).to_be_visible(timeout=PATIENCE_MS)
    assert canvas.doc()["layout"] == layout
    for _ in range(2):
        page.get_by_test_id("undo").click()
    assert not canvas.doc()["layout"].get("groups")
    canvas.saved()


def test_frames_and_wire_ends_by_mouse(watched: Watched) -> None:
    canvas = begin(watched)
    page, mouse = canvas.page, canvas.page.mouse
    add_alone(canvas, ("sim generate", "filter", "map"))
    page.keyboard.press("Shift+A")
    page.evaluate("window.__flowhost.select(['sim_generate', 'filter'])")
    page.locator("[data-command=frame]").click()
    page.keyboard.type("Together")
    page.keyboard.press("Enter")
    canvas.drag(canvas.node("map"), canvas.node("filter"))
    assert canvas.doc()["layout"]["groups"]["g1"]["nodes"] == ["sim_generate", "filter", "map"]
    page.keyboard.press("Control+z")
    assert canvas.doc()["layout"]["groups"]["g1"]["nodes"] == ["sim_generate", "filter"]
    # the frame's name is its handle
    before = canvas.doc()["layout"]["nodes"]
    name = page.locator(".fe-group-name").bounding_box()
    assert name is not None
    mouse.move(name["x"] + 12, name["y"] + 8)
    mouse.down()
    mouse.move(name["x"] + 12, name["y"] + 60, steps=4)
    mouse.up()
    after = canvas.doc()["layout"]["nodes"]
    moved = {node: after[node][1] - before[node][1] for node in before}
    assert moved["sim_generate"] == moved["filter"] > 0 == moved["map"]
    # a wire is led from one target to another by its end
    page.evaluate("window.__flowhost.commit([{op: 'add_wire', wire: 'sim_generate -> filter'}])")
    page.evaluate("window.__flowhost.selectWire('sim_generate -> filter')")
    expect(page.locator(".fe-end")).to_have_count(2)
    canvas.drag(canvas.port("filter", "in", "in"), canvas.node("map"))
    assert canvas.doc()["wires"] == ["sim_generate -> map"]
    expect(canvas.wire("sim_generate -> map")).to_have_class(re.compile("fe-wire-selected"))
    canvas.saved()


def test_the_draft_as_yaml_stays_in_step_and_is_applied_in_one_step(watched: Watched, chromium: Browser) -> None:
    canvas = begin(watched)
    page = canvas.page
    add_alone(canvas, ("sim generate", "log"))
    page.keyboard.press("Escape")
    page.keyboard.press("y")
    text = page.get_by_test_id("yaml-text")
    expect(text).to_be_focused()
    expect(text).to_have_value(re.compile("type: sim.generate"), timeout=PATIENCE_MS)
    # what is drawn appears in the text
    page.evaluate("window.__flowhost.commit([{op: 'add_wire', wire: 'sim_generate -> log'}])")
    expect(text).to_have_value(re.compile("sim_generate -> log"), timeout=PATIENCE_MS)
    # what is wrong names its line, and nothing is applied
    whole = text.input_value()
    before = canvas.doc()
    text.fill(whole.replace("wires:", "wires: ["))
    expect(page.get_by_test_id("yaml-problem")).to_contain_text(re.compile(r"\d+:\d+.*not YAML"), timeout=PATIENCE_MS)
    expect(page.get_by_test_id("yaml-apply")).to_be_disabled()
    # meanwhile somebody else edits the same flow
    context = chromium.new_context(viewport={"width": 1280, "height": 800})
    other = Canvas(context.new_page())
    other.page.goto(page.url)
    expect(other.node("log")).to_be_visible(timeout=PATIENCE_MS)
    other.page.evaluate("window.__flowhost.setNode('log', ['name'], 'By the other')")
    page.wait_for_function("window.__flowhost.draft.doc.nodes.log.name === 'By the other'")
    assert canvas.doc()["wires"] == before["wires"]
    text.fill(whole.replace("name: Generate", "name: By text").replace("  - sim_gen", "  # why\n  - sim_gen"))
    expect(page.get_by_test_id("yaml-state")).to_contain_text("Comments are not kept", timeout=PATIENCE_MS)
    page.get_by_test_id("yaml-apply").click()
    other.page.wait_for_function("window.__flowhost.draft.doc.nodes.sim_generate.name === 'By text'")
    expect(text).to_have_value(re.compile("name: By the other"), timeout=PATIENCE_MS)
    assert canvas.doc()["nodes"]["log"]["name"] == "By the other"
    page.get_by_test_id("undo").click()
    assert canvas.doc()["nodes"]["sim_generate"]["name"] == "Generate"
    with page.expect_download() as saved:
        page.get_by_test_id("yaml-download").click()
    assert saved.value.suggested_filename.endswith(".yaml")
    canvas.saved()
    other.saved()
    context.close()


def test_nodes_are_dropped_into_a_wire_deleted_with_a_join_and_switched_off(watched: Watched) -> None:
    canvas = begin(watched)
    page, mouse, keys = canvas.page, canvas.page.mouse, canvas.page.keyboard
    page.evaluate(
        """() => {
            const add = (id, type, at) => ({ op: "add_node", id, node: { type }, at });
            const ends = [add("a", "sim.generate", [48, 200]), add("b", "discard", [600, 200])];
            const filter = add("f", "filter", [320, 400]);
            window.__flowhost.commit([...ends, filter, { op: "add_wire", wire: "a -> b" }]);
            window.__flowhost.view.camera.set(0, 0, 1);
        }"""
    )
    box = canvas.node("f").bounding_box()
    assert box is not None
    mouse.move(box["x"] + 60, box["y"] + 20)
    mouse.down()
    mouse.move(box["x"] + 80, box["y"] - 100, steps=4)
    mouse.move(box["x"] + 60, box["y"] - 178, steps=6)
    mouse.up()
    assert canvas.doc()["wires"] == ["a -> f", "f -> b"]
    canvas.frame.focus()
    keys.press("Control+Delete")
    assert canvas.doc()["wires"] == ["a -> b"]
    canvas.drop("map", 420, 226)
    assert canvas.doc()["wires"] == ["a -> map", "map -> b"]
    places = canvas.doc()["layout"]["nodes"]
    assert places["map"][0] >= places["a"][0] + 248, "it lies on no other node"
    assert places["b"][0] >= places["map"][0] + 248
    canvas.frame.focus()
    states = []
    for _ in range(3):
        keys.press("d")
        states.append(canvas.doc()["nodes"]["map"].get("disabled"))
    assert states == ["block", "pass", None]
    keys.press("Control+a")
    page.locator("[data-command=align_left]").click()
    assert {at[0] for at in canvas.doc()["layout"]["nodes"].values()} == {48}
    canvas.saved()


def test_a_flow_is_saved_as_a_file_and_duplicated_from_its_page(watched: Watched) -> None:
    canvas = begin(watched)
    canvas.drop("sim.generate", 60, 120)
    canvas.saved()
    page = watched.open("/flows/my-first-flow")
    with page.expect_download() as saved:
        page.get_by_test_id("flow-export").click()
    assert saved.value.suggested_filename == "my-first-flow.yaml"
    assert saved.value.path().read_text().startswith("flowhost: 1\nid: my-first-flow\n")
    page.get_by_test_id("flow-duplicate").click()
    page.wait_for_url("**/flows/my-first-flow-2/edit")
    expect(Canvas(page).node("sim_generate")).to_be_visible(timeout=PATIENCE_MS)
