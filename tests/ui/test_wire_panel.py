"""The panel of a wire: what it joins, what goes through it, and what can be done with it."""

from __future__ import annotations

import re

import pytest
from browsing.editing import PATIENCE_MS, Served, Watched, begin
from playwright.sync_api import expect

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

FLOW = """() => {
    const add = (id, type, at, config) => ({ op: "add_node", id, node: { type, name: `The ${id}`, config }, at });
    const nodes = [
        add("gen", "sim.generate", [48, 200], { tags: 2, rate_hz: 20 }), add("keep", "filter", [350, 200], { where: "true" }),
        add("out", "file.write", [650, 200], { path: "out.jsonl" }), add("bad", "log", [350, 420]),
    ];
    const wires = ["gen -> keep", "keep -> out", "keep.error -> bad"].map((wire) => ({ op: "add_wire", wire }));
    window.__flowhost.commit([...nodes, ...wires]);
    window.__flowhost.view.camera.set(0, 0, 1);
}"""  # noqa: E501


@pytest.fixture
def address(served: Served) -> str:
    return served.start()


def test_a_wire_shows_what_goes_through_it_and_takes_a_node_in(watched: Watched) -> None:
    canvas = begin(watched)
    page = canvas.page
    page.evaluate(FLOW)
    canvas.node("keep").click()
    expect(canvas.field("where")).to_be_visible()
    box = canvas.frame.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + 300, box["y"] + 226)
    panel, promise = page.locator(".fe-panel"), page.get_by_test_id("guarantee")
    expect(page.get_by_test_id("wire-panel")).to_be_visible()
    expect(panel.locator("[data-field]")).to_have_count(0)
    expect(panel.locator(".fe-wire-facts")).to_contain_text("The gen")
    expect(promise).to_have_count(1, timeout=PATIENCE_MS)
    expect(promise).to_contain_text("The gen → The out")
    expect(page.get_by_test_id("wire-rate")).to_have_text("Not running")
    canvas.deploy()
    page.get_by_test_id("flow-switch").click()
    expect(page.get_by_test_id("wire-rate")).to_have_text(re.compile(r"[1-9]\d*(\.\d)?/s"), timeout=PATIENCE_MS)
    expect(page.get_by_test_id("values").locator(".fe-value").first).to_be_visible(timeout=PATIENCE_MS)
    page.evaluate("window.__flowhost.selectWire('keep.error -> bad')")
    expect(panel.locator(".fe-wire-facts")).to_contain_text("by output “error”")
    expect(page.get_by_test_id("values").locator(".fe-value")).to_have_count(0)
    page.evaluate("window.__flowhost.selectWire('gen -> keep')")
    page.get_by_test_id("wire-insert").click()
    page.keyboard.type("deadband")
    page.keyboard.press("Enter")
    assert {"gen -> deadband", "deadband -> keep"} <= set(canvas.doc()["wires"])
    page.evaluate("window.__flowhost.selectWire('keep -> out')")
    panel.get_by_role("button", name="The out").click()
    expect(canvas.field("path")).to_be_visible()
    page.evaluate("window.__flowhost.selectWire('keep -> out')")
    page.get_by_test_id("wire-delete").click()
    assert "keep -> out" not in canvas.doc()["wires"]
    expect(page.get_by_test_id("wire-panel")).to_have_count(0)
    expect(canvas.frame).to_be_focused()
    canvas.saved()
