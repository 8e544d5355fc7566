"""The panel beside the canvas while several nodes, a note or a frame are selected, and names that are typed at once."""

from __future__ import annotations

import pytest
from browsing.editing import Canvas, Served, Watched, begin
from playwright.sync_api import Locator, Page, expect

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

LINE = """() => {
    const add = (id, type, at) => ({ op: "add_node", id, node: { type }, at });
    const nodes = [add("a", "inject", [48, 200]), add("b", "map", [350, 260]), add("c", "log", [650, 200])];
    const note = { text: "ask QA", at: [350, 500], size: [208, 96] };
    const written = { op: "set", path: ["layout", "notes", "n1"], value: note };
    const wires = ["a -> b", "b -> c"].map((wire) => ({ op: "add_wire", wire }));
    window.__flowhost.commit([...nodes, ...wires, written]);
    window.__flowhost.view.camera.set(0, 0, 1);
}"""


@pytest.fixture
def address(served: Served) -> str:
    return served.start()


def drawn(watched: Watched) -> Canvas:
    """A line of three nodes, and a note."""
    canvas = begin(watched)
    canvas.page.evaluate(LINE)
    expect(canvas.node("c")).to_be_visible()
    return canvas


def head(page: Page) -> Locator:
    return page.locator(".fe-panel h2")


def test_the_panel_is_about_all_that_is_selected(watched: Watched) -> None:
    canvas = drawn(watched)
    page, keys = canvas.page, canvas.page.keyboard
    canvas.node("b").click()
    expect(head(page)).to_have_text("b")
    keys.press("Control+a")
    expect(head(page)).to_have_text("3 nodes and 1 note selected")
    expect(canvas.field("name")).to_have_count(0)
    canvas.node("a").click()
    canvas.node("c").click(modifiers=["Shift"])
    expect(head(page)).to_have_text("2 nodes selected")
    panel = page.locator(".fe-panel")
    panel.locator("[data-action=align_bottom]").click()
    places = canvas.doc()["layout"]["nodes"]
    assert places["a"][1] == places["c"][1]
    panel.locator("[data-action=disable]").click()
    assert {one for one, node in canvas.doc()["nodes"].items() if node.get("disabled")} == {"a", "c"}
    panel.get_by_test_id("chosen-node").last.click()
    expect(head(page)).to_have_text("c")
    page.evaluate("window.__flowhost.select(['b'])")
    expect(head(page)).to_have_text("b")
    page.evaluate("window.__flowhost.select(['a', 'b'])")
    panel.locator("[data-action=delete]").click()
    assert list(canvas.doc()["nodes"]) == ["c"]
    canvas.saved()


def test_a_note_and_a_frame_have_a_panel_of_their_own(watched: Watched) -> None:
    canvas = drawn(watched)
    page, keys = canvas.page, canvas.page.keyboard
    canvas.node("b").click()
    page.get_by_test_id("note").click()
    expect(head(page)).to_have_text("Note")
    canvas.field("text").locator("textarea").fill("ask Mia")
    canvas.frame.focus()
    expect(page.get_by_test_id("note")).to_have_text("ask Mia")
    canvas.node("b").click()
    page.evaluate("window.__flowhost.select(['a', 'b'])")
    canvas.frame.focus()
    keys.press("g")
    keys.type("Import")
    keys.press("Enter")
    assert canvas.doc()["layout"]["groups"]["g1"] == {"name": "Import", "nodes": ["a", "b"]}
    expect(head(page)).to_have_text("Import")
    expect(page.get_by_test_id("chosen-node").locator("span")).to_have_text(["a", "b"])
    canvas.fill("name", "Line 1")
    expect(page.get_by_test_id("group")).to_have_text("Line 1")
    canvas.saved()


def test_a_name_is_typed_at_once_also_from_far_away_and_by_a_double_click(watched: Watched) -> None:
    canvas = drawn(watched)
    page, keys = canvas.page, canvas.page.keyboard
    # within one task of the browser: nothing typed can come before the field
    page.evaluate("""() => {
        window.__flowhost.select(['a', 'b']);
        window.__flowhost.frame.focus();
        const pressed = new KeyboardEvent("keydown", { key: "g", bubbles: true, cancelable: true });
        document.activeElement.dispatchEvent(pressed);
        window.ready = document.activeElement.matches("[data-testid=extra-write]");
    }""")
    assert page.evaluate("window.ready"), "the field is there before the next key"
    keys.press("Escape")
    keys.press("Control+z")
    page.evaluate("window.__flowhost.view.camera.set(100, 100, 0.25)")
    expect(canvas.node("b")).to_be_hidden()
    page.evaluate("window.__flowhost.select(['a', 'b'])")
    keys.press("g")
    keys.type("Import")
    keys.press("Enter")
    assert canvas.doc()["layout"]["groups"]["g1"]["name"] == "Import"
    page.evaluate("window.__flowhost.view.camera.set(0, 0, 1)")
    canvas.node("b").locator(".fh-node-title").dblclick()
    keys.type("Scale")
    keys.press("Enter")
    assert canvas.doc()["nodes"]["b"]["name"] == "Scale"
    canvas.saved()


def test_what_is_pasted_lies_on_nothing(watched: Watched) -> None:
    canvas = drawn(watched)
    page, keys = canvas.page, canvas.page.keyboard
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    canvas.frame.focus()
    keys.press("Control+a")
    keys.press("Control+c")
    expect(page.get_by_text("3 nodes and 1 note copied")).to_be_visible()
    keys.press("Control+v")
    assert len(canvas.doc()["nodes"]) == 6
    boxes = page.evaluate("window.__flowhost.scene.solid()")
    touching = [
        (one, other)
        for index, one in enumerate(boxes)
        for other in boxes[index + 1 :]
        if all(one[side] < other[side] + other[side + 2] and other[side] < one[side] + one[side + 2] for side in (0, 1))
    ]
    assert touching == []
    canvas.saved()
