"""Found from within a flow: what stands on its canvas, and other flows with what stands on theirs."""

from __future__ import annotations

import re

import pytest
from browsing.editing import PATIENCE_MS, Watched, begin
from playwright.sync_api import expect

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

DRAW = """() => {
    const add = (id, type, at, config) => ({ op: "add_node", id, node: { type, config }, at });
    const set = (path, value) => ({ op: "set", path: ["layout", ...path], value });
    const far = [4000, 3000];
    window.__flowhost.commit([
        add("gen", "sim.generate", [48, 200], { rate_hz: 20 }), add("keep", "filter", [350, 200], { where: "payload.pressure > 4" }),
        set(["notes", "n1"], { text: "Ask the shift lead", at: far, size: [208, 96] }), set(["groups", "g1"], { name: "North wing", nodes: ["gen"] }),
    ]);
}"""  # noqa: E501


@pytest.fixture(scope="module")
def address(shared_host: str) -> str:
    return shared_host


def test_notes_frames_settings_and_flows_are_found(watched: Watched) -> None:
    page = begin(watched, "Bottling hall").page
    page.evaluate(DRAW)
    keys, items = page.keyboard, page.get_by_test_id("search-item")
    keys.press("/")
    keys.type("pressure")
    expect(items).to_have_text([re.compile(r"keepWhere: payload\.pressure > 4$")])
    page.get_by_test_id("search-input").fill("shift lead")
    expect(items.first).to_contain_text("Ask the shift lead")
    keys.press("Enter")
    note = page.get_by_test_id("note")
    expect(note).to_be_in_viewport()
    assert page.evaluate("[...window.__flowhost.extras]") == ["note:n1"]
    keys.press("/")
    keys.type("north wing")
    items.first.click()
    assert page.evaluate("[...window.__flowhost.extras]") == ["group:g1"]
    page.wait_for_function("window.__flowhost.draft.pending.length === 0")
    page = begin(watched, "Packing").page
    expect(page.get_by_text("Nothing here yet")).to_be_visible()
    keys.press("/")
    keys.type("bottling")
    expect(items).to_have_text([re.compile("Bottling hallFlow$")], timeout=PATIENCE_MS)
    page.get_by_test_id("search-input").fill("pressure")
    expect(items).to_have_text([re.compile(r"keepBottling hall · Where: payload\.pressure > 4$")], timeout=PATIENCE_MS)
    page.get_by_test_id("search-input").fill("shift")
    expect(items).to_have_text([re.compile("Ask the shift leadBottling hall · Note$")], timeout=PATIENCE_MS)
    items.click()
    page.wait_for_url("**/edit?node=note*")
    expect(note).to_be_in_viewport(timeout=PATIENCE_MS)
    assert page.evaluate("[...window.__flowhost.extras]") == ["note:n1"]
    page = watched.open("/")
    page.get_by_test_id("search").fill("pressure")
    expect(page.get_by_test_id("node-hit")).to_contain_text("Where: payload.pressure > 4", timeout=PATIENCE_MS)
