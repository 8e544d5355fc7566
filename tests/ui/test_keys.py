"""Where the keys are: on the canvas at first and whenever what had them goes; Tab makes few stops."""

from __future__ import annotations

from itertools import count
from typing import Any

import pytest
from browsing.editing import PATIENCE_MS, Canvas, Watched, begin, middle
from playwright.sync_api import Page, expect

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

LINE = """() => {
    const add = (id, type, at) => ({ op: "add_node", id, node: { type }, at });
    const nodes = [add("a", "inject", [48, 200]), add("b", "map", [350, 200]), add("c", "log", [650, 200])];
    window.__flowhost.commit([...nodes, { op: "add_wire", wire: "a -> b" }, { op: "add_wire", wire: "b -> c" }]);
    window.__flowhost.view.camera.set(0, 0, 1);
}"""
NUMBERS = count(1)
FOCUSED = """() => {
    const { activeElement: now } = document;
    return now.dataset.testid ?? now.dataset.category ?? now.id ?? now.tagName;
}"""


@pytest.fixture(scope="module")
def address(shared_host: str) -> str:
    return shared_host


def fresh(watched: Watched) -> Canvas:
    """An empty flow beside those of the other tests."""
    return begin(watched, f"Flow {next(NUMBERS)}")


def drawn(watched: Watched) -> Canvas:
    """A line of three nodes."""
    canvas = fresh(watched)
    canvas.page.evaluate(LINE)
    expect(canvas.node("c")).to_be_visible()
    return canvas


def nodes(canvas: Canvas) -> list[str]:
    return list(canvas.doc()["nodes"])


def focused(page: Page) -> Any:
    return page.evaluate(FOCUSED)


@pytest.mark.parametrize("key", ["Delete", "Control+Delete"])
def test_undo_works_after_the_clicked_node_went(watched: Watched, key: str) -> None:
    canvas = drawn(watched)
    keys = canvas.page.keyboard
    canvas.node("b").click()
    keys.press(key)
    assert nodes(canvas) == ["a", "c"]
    expect(canvas.frame).to_be_focused()
    keys.press("Control+z")
    assert nodes(canvas) == ["a", "b", "c"]
    canvas.saved()


def test_redo_works_after_the_last_undo_of_the_button(watched: Watched) -> None:
    canvas = drawn(watched)
    page = canvas.page
    page.get_by_test_id("undo").click()
    expect(page.get_by_test_id("undo")).to_be_disabled()
    assert nodes(canvas) == []
    expect(canvas.frame).to_be_focused()
    page.keyboard.press("Control+Shift+z")
    assert nodes(canvas) == ["a", "b", "c"]
    canvas.saved()


def test_a_field_takes_back_its_own_text_first_and_then_the_last_step(watched: Watched) -> None:
    canvas = drawn(watched)
    keys = canvas.page.keyboard
    canvas.node("b").click()
    name = canvas.field("name").locator("input")
    name.fill("Once")
    keys.press("Enter")
    expect(name).to_be_focused()
    assert canvas.doc()["nodes"]["b"]["name"] == "Once"
    keys.press("End")
    keys.type(" more")
    keys.press("Control+z")
    assert canvas.doc()["nodes"]["b"]["name"] == "Once", "what is typed is the field's own affair"
    keys.press("Escape")
    expect(canvas.frame).to_be_focused()
    name.click()
    keys.press("Control+z")
    assert "name" not in canvas.doc()["nodes"]["b"]
    expect(name).to_have_value("")
    expect(name).to_be_focused()
    keys.press("Control+y")
    expect(name).to_have_value("Once")
    assert canvas.doc()["nodes"]["b"]["name"] == "Once"
    canvas.saved()


def test_a_choice_is_taken_back_where_it_was_made(watched: Watched) -> None:
    canvas = fresh(watched)
    page = canvas.page
    canvas.drop("log", 300, 200)
    level = canvas.field("level").locator("select")
    before = canvas.doc()
    level.select_option(index=1)
    assert canvas.doc() != before
    level.focus()
    page.keyboard.press("Control+z")
    assert canvas.doc() == before
    level.focus()
    page.keyboard.press("Escape")
    expect(canvas.frame).to_be_focused()
    canvas.saved()


def test_escape_in_a_field_leads_back_to_the_canvas_with_its_node_selected(watched: Watched) -> None:
    canvas = drawn(watched)
    page = canvas.page
    canvas.node("b").click()
    page.evaluate("window.__flowhost.select([])")
    canvas.field("name").locator("input").click()
    page.keyboard.press("Escape")
    expect(canvas.frame).to_be_focused()
    assert page.evaluate("[...window.__flowhost.selected]") == ["b"]
    page.keyboard.press("ArrowRight")
    assert page.evaluate("[...window.__flowhost.selected]") == ["c"]


def test_rows_of_a_list_are_typed_one_after_the_other(watched: Watched) -> None:
    canvas = fresh(watched)
    page, keys = canvas.page, canvas.page.keyboard
    canvas.drop("map", 300, 200)
    canvas.field("set").get_by_label("Name").last.click()
    for name in ("one", "two"):
        keys.type(name)
        keys.press("Tab")
        keys.type("payload.value")
        keys.press("Enter")
        page.wait_for_function(
            "name => name in (window.__flowhost.draft.doc.nodes.map.config?.set ?? {})"
            " && document.querySelector(`[aria-label='${name}: Value']`) && document.activeElement.id.endsWith('-new')",
            arg=name,
        )
    assert canvas.doc()["nodes"]["map"]["config"]["set"] == {"one": "payload.value", "two": "payload.value"}
    canvas.saved()


def test_an_empty_flow_takes_keys_at_once(watched: Watched) -> None:
    canvas = fresh(watched)
    page, keys = canvas.page, canvas.page.keyboard
    expect(canvas.frame).to_be_focused()
    keys.press("Tab")
    expect(page.get_by_test_id("quick-input")).to_be_focused()
    keys.press("Escape")
    expect(canvas.frame).to_be_focused()


def test_few_stops_lead_to_the_canvas_and_arrows_go_within(watched: Watched) -> None:
    canvas = fresh(watched)
    page, keys = canvas.page, canvas.page.keyboard
    page.get_by_test_id("find").or_(page.get_by_test_id("search")).first.focus()
    stops = []
    for _ in range(3):
        keys.press("Tab")
        stops.append(focused(page))
    assert stops[0] == "palette-search"
    assert stops[2] == "canvas", stops
    keys.press("Shift+Tab")
    keys.press("End")
    last = page.evaluate("document.activeElement.dataset.type")
    keys.press("ArrowUp")
    assert page.evaluate("document.activeElement.dataset.type") != last
    keys.press("Shift+Tab")
    expect(page.get_by_test_id("palette-search")).to_be_focused()
    keys.press("Tab")
    assert page.evaluate("document.activeElement.dataset.type") not in (None, last), "one comes back to where one was"
    keys.press("Space")
    assert len(nodes(canvas)) == 1
    expect(canvas.frame).to_be_focused()
    page.get_by_test_id("yaml-toggle").focus()
    keys.press("Home")
    expect(page.get_by_test_id("undo")).to_be_focused()
    keys.press("ArrowLeft")
    expect(page.get_by_test_id("deploy")).to_be_focused()
    assert page.locator(".fe-bar button[tabindex='0']").count() == 1
    canvas.saved()


def test_what_was_used_last_stands_above_at_once_and_nothing_moves_under_the_pointer(watched: Watched) -> None:
    canvas = fresh(watched)
    page, keys, mouse = canvas.page, canvas.page.keyboard, canvas.page.mouse
    recent = page.locator("[data-category=recent] ~ [data-testid=palette-item]")
    mouse.move(*middle(canvas.frame))
    for words in ("deadband", "discard"):
        canvas.frame.focus()
        keys.press("Tab")
        keys.type(words)
        keys.press("Enter")
        expect(recent.first).to_have_attribute("data-type", words, timeout=PATIENCE_MS)
    second = middle(recent.nth(1))
    mouse.dblclick(*second)
    mouse.dblclick(*second)
    assert [name.split("_")[0] for name in nodes(canvas)].count("deadband") == 3, "the same one twice"
    mouse.move(*middle(canvas.frame))
    expect(recent.first).to_have_attribute("data-type", "deadband")
    canvas.drop("discard", 200, 420)
    expect(recent.first).to_have_attribute("data-type", "discard")
    canvas.saved()


def test_quick_add_lists_all_there_is_and_the_arrows_reach_the_last(watched: Watched) -> None:
    canvas = fresh(watched)
    page, keys = canvas.page, canvas.page.keyboard
    keys.press("Tab")
    items = page.get_by_test_id("quick-item")
    every = page.evaluate("Object.keys(window.__flowhost.types).length")
    expect(items).to_have_count(every)
    keys.press("ArrowUp")
    expect(items.last).to_have_attribute("aria-selected", "true")
    expect(items.last).to_be_in_viewport()
    wanted = str(items.last.get_attribute("data-type"))
    mouse = page.mouse
    mouse.move(*middle(page.locator("#fe-quick-list")))
    mouse.wheel(0, -4000)
    expect(items.first).to_be_in_viewport()
    mouse.wheel(0, 4000)
    items.last.click()
    assert [node["type"] for node in canvas.doc()["nodes"].values()] == [wanted]
    canvas.saved()


def test_the_palette_finds_what_a_plugin_brings(watched: Watched) -> None:
    canvas = fresh(watched)
    search = canvas.page.get_by_test_id("palette-search")
    items = canvas.page.get_by_test_id("palette-item")
    search.fill("flowhost-opcua")
    expect(items).to_have_count(1)
    expect(items).to_have_attribute("data-type", "opcua.subscribe")
    search.fill("flowhost-mqtt")
    expect(items).to_have_count(2)
