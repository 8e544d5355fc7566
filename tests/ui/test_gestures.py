"""What hands do on the canvas that come from other editors: menus, keys without a focus, fingers, far views."""

from __future__ import annotations

from typing import Any

import pytest
from browsing.editing import Canvas, Served, Watched, begin, middle
from playwright.sync_api import Browser, Locator, Page, expect

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

LINE = """(places) => {
    const add = (id, type, at) => ({ op: "add_node", id, node: { type }, ...(places ? { at } : {}) });
    const nodes = [add("a", "inject", [48, 200]), add("b", "map", [350, 200]), add("c", "log", [650, 200])];
    window.__flowhost.commit([...nodes, { op: "add_wire", wire: "a -> b" }, { op: "add_wire", wire: "b -> c" }]);
    window.__flowhost.view.camera.set(0, 0, 1);
}"""
SEEN = "Object.fromEntries([...window.__flowhost.scene.nodes.values()].map(({ id, x, y }) => [id, [x, y]]))"


@pytest.fixture
def address(served: Served) -> str:
    return served.start()


def drawn(watched: Watched, *, places: bool = True) -> Canvas:
    """A line of three nodes."""
    canvas = begin(watched)
    canvas.page.evaluate(LINE, places)
    expect(canvas.node("c")).to_be_visible()
    return canvas


def menu(page: Page) -> Locator:
    return page.get_by_test_id("menu")


def offered(page: Page) -> list[str]:
    expect(menu(page)).to_be_visible()
    return [str(item.get_attribute("data-command")) for item in menu(page).get_by_role("menuitem").all()]


def selected(page: Page) -> Any:
    return page.evaluate("[...window.__flowhost.selected]")


def test_a_right_click_offers_what_can_be_done_there(watched: Watched) -> None:
    canvas = drawn(watched)
    page, mouse, keys = canvas.page, canvas.page.mouse, canvas.page.keyboard
    mouse.click(*middle(canvas.node("b")), button="right")
    assert {"open", "rename", "wire", "copy", "duplicate", "delete"} <= set(offered(page))
    assert "send_now" not in offered(page), "nothing is sent by hand from a map"
    assert selected(page) == ["b"]
    keys.press("ArrowUp")
    keys.press("Enter")
    expect(menu(page)).to_have_count(0)
    assert list(canvas.doc()["nodes"]) == ["a", "c"], "the last one deletes"
    keys.press("Control+z")
    box = canvas.frame.bounding_box()
    assert box is not None
    left, top = box["x"], box["y"]
    mouse.click(left + 300, top + 226, button="right")
    assert offered(page) == ["insert", "wire", "delete"]
    menu(page).locator("[data-command=insert]").click()
    keys.type("filter")
    keys.press("Enter")
    assert set(canvas.doc()["wires"]) == {"a -> filter", "filter -> b", "b -> c"}
    keys.press("Control+z")
    mouse.click(left + 500, top + 600, button="right")
    assert offered(page)[:3] == ["quick_add", "note", "paste"]
    keys.press("Escape")
    expect(menu(page)).to_have_count(0)
    expect(canvas.frame).to_be_focused()
    page.evaluate("window.__flowhost.select(['a'])")
    keys.press("Shift+F10")
    assert "send_now" in offered(page)
    mouse.click(left + 500, top + 600)
    expect(menu(page)).to_have_count(0)
    mouse.move(left + 500, top + 600)
    mouse.down(button="right")
    mouse.move(left + 560, top + 640, steps=3)
    mouse.up(button="right")
    assert page.evaluate("[window.__flowhost.view.camera.x, window.__flowhost.view.camera.y]") == [60, 40]
    expect(menu(page)).to_have_count(0)
    canvas.saved()


def test_keys_work_without_a_focus_and_ctrl_s_deploys_from_a_field(watched: Watched) -> None:
    canvas = drawn(watched)
    page, keys = canvas.page, canvas.page.keyboard
    page.evaluate("window.__flowhost.select(['b'])")
    page.evaluate("document.activeElement.blur()")
    keys.press("Delete")
    assert list(canvas.doc()["nodes"]) == ["a", "c"]
    page.evaluate("document.activeElement.blur()")
    keys.press("Control+z")
    assert list(canvas.doc()["nodes"]) == ["a", "b", "c"]
    page.evaluate(
        "addEventListener('keydown', event => setTimeout(() => (window.kept = event.defaultPrevented)), true)"
    )
    page.mouse.click(*middle(canvas.node("b")))
    name = canvas.field("name").locator("input")
    name.fill("Named")
    keys.press("Control+s")
    expect(page.get_by_test_id("deploy-do")).to_be_visible()
    assert page.evaluate("window.kept") is True, "the browser does not ask where to save the page"
    assert canvas.doc()["nodes"]["b"]["name"] == "Named"
    keys.press("Delete")
    assert "b" in canvas.doc()["nodes"], "keys do nothing behind a dialog"
    canvas.saved()


def test_undo_of_the_first_move_brings_back_what_was_seen(watched: Watched) -> None:
    canvas = drawn(watched, places=False)
    page = canvas.page
    assert "layout" not in canvas.doc()
    before = page.evaluate(SEEN)
    canvas.move("b", 40, 120)
    moved = page.evaluate(SEEN)
    assert moved == {**before, "b": moved["b"]} != before
    assert canvas.doc()["layout"]["nodes"] == moved
    page.get_by_test_id("undo").click()
    assert (page.evaluate(SEEN), "layout" in canvas.doc()) == (before, False)
    page.get_by_test_id("redo").click()
    assert page.evaluate(SEEN) == moved
    canvas.frame.focus()
    page.keyboard.press("Shift+A")
    page.get_by_test_id("undo").click()
    assert page.evaluate(SEEN) == moved
    canvas.saved()


def test_nodes_are_picked_and_moved_from_far_away(watched: Watched) -> None:
    canvas = drawn(watched)
    page, mouse = canvas.page, canvas.page.mouse
    page.evaluate("window.__flowhost.view.camera.set(100, 100, 0.25)")
    expect(canvas.node("b")).to_be_hidden()
    box = canvas.frame.bounding_box()
    assert box is not None
    x, y = box["x"] + 100 + (350 + 100) / 4, box["y"] + 100 + (200 + 40) / 4
    mouse.dblclick(x, y)
    assert selected(page) == ["b"]
    expect(page.get_by_test_id("quick-add")).to_have_count(0)
    page.evaluate("window.__flowhost.view.camera.set(100, 100, 0.25)")
    mouse.move(x, y)
    mouse.down()
    mouse.move(x + 40, y + 20, steps=4)
    mouse.up()
    assert canvas.doc()["layout"]["nodes"]["b"] == [512, 280]
    canvas.saved()


def test_a_finger_adds_picks_and_asks_for_the_menu(chromium: Browser, address: str) -> None:
    context = chromium.new_context(viewport={"width": 1440, "height": 900}, has_touch=True, locale="en-GB")
    page = context.new_page()
    canvas = drawn(Finger(page, address))
    page.evaluate("window.__flowhost.select(['c'])")
    box = canvas.frame.bounding_box()
    assert box is not None
    page.touchscreen.tap(box["x"] + 300, box["y"] + 226)
    assert page.evaluate("window.__flowhost.wire") == "a -> b"
    page.touchscreen.tap(box["x"] + 500, box["y"] + 600)
    assert page.evaluate("window.__flowhost.wire") is None
    x, y = middle(canvas.node("b"))
    touches = context.new_cdp_session(page)
    touches.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [{"x": x, "y": y}]})
    expect(menu(page)).to_be_visible()
    touches.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    menu(page).locator("[data-command=duplicate]").tap()
    assert "b_2" in canvas.doc()["nodes"]
    page.locator("[data-testid=palette-item][data-type='filter']").last.tap()
    assert "filter" in canvas.doc()["nodes"]
    canvas.saved()
    context.close()


class Finger:
    """A page that is touched."""

    def __init__(self, page: Page, address: str) -> None:
        self.page, self.address = page, address
        self.complaints: list[str] = []

    def open(self, path: str) -> Page:
        self.page.goto(self.address + path)
        return self.page
