"""Trying out in a real browser on a real host: expressions, samples, tests that are kept, messages as they come."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from browsing.editing import PATIENCE_MS
from playwright.sync_api import Locator, Page, expect

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]
FLOW = """
flowhost: 1
id: line
name: Line
nodes:
  gen: {type: sim.generate, config: {tags: 1, rate_hz: 20}}
  warm: {type: map, config: {set: {double: "payload.value * 2"}}}
  big: {type: filter, config: {where: "payload.double > 10"}}
  end: {type: discard}
  note: {type: log}
wires: [gen -> warm, warm -> big, big -> end, big -> note]
"""


@pytest.fixture
def address(shared_host: str) -> str:
    return shared_host


@pytest.fixture
def editor(watched) -> Page:
    """The flow in the editor; imported the first time."""
    page: Page = watched.open("/")
    if not page.locator("[data-testid=flow-row][data-flow=line]").count():
        page.get_by_role("button", name="Import flow").locator("visible=true").first.click()
        page.locator("textarea").locator("visible=true").first.fill(FLOW)
        page.get_by_role("button", name="Import", exact=True).locator("visible=true").click()
        expect(page.get_by_test_id("flow-head")).to_be_visible(timeout=PATIENCE_MS)
    page = watched.open("/flows/line/edit")
    expect(node(page, "warm")).to_be_visible(timeout=PATIENCE_MS)
    return page


def node(page: Page, node_id: str) -> Locator:
    return page.locator(f"[data-testid=node][data-node={node_id}]")


def step(page: Page, node_id: str) -> Locator:
    return page.locator(f"[data-testid=sample-node][data-node={node_id}]")


def test_a_sample_goes_through_the_draft_and_is_kept_as_a_test(editor: Page, data: Path) -> None:
    page = editor
    page.get_by_test_id("dock-sample").click()
    page.get_by_test_id("sample-text").fill(
        '[{"topic": "a", "payload": {"value": 4}}, {"topic": "b", "payload": {"value": 9}}]'
    )
    page.get_by_test_id("sample-run").click()
    expect(step(page, "end")).to_contain_text('{"double":18}', timeout=PATIENCE_MS)
    expect(step(page, "warm")).to_contain_text('{"double":8}')
    expect(step(page, "big")).to_contain_text("1 filtered")
    page.get_by_test_id("case-name").fill("only large ones")
    page.get_by_test_id("case-keep").click()
    expect(page.get_by_test_id("sample-note")).to_contain_text("test.yaml", timeout=PATIENCE_MS)
    assert "only large ones" in (data / "flows" / "line" / "test.yaml").read_text()
    page.get_by_test_id("case-run").click()
    expect(page.get_by_test_id("case")).to_have_attribute("data-passed", "true", timeout=PATIENCE_MS)
    # what is written wrongly is said in words
    page.get_by_test_id("sample-text").fill("[{")
    page.get_by_test_id("sample-run").click()
    expect(page.get_by_test_id("sample-note")).to_have_attribute("data-wrong", "true")


def test_an_expression_is_completed_and_tried_as_it_is_typed(editor: Page) -> None:
    page = editor
    page.get_by_test_id("dock-sample").click()
    page.get_by_test_id("sample-text").fill('{"value": 21.5, "deep": {"state": "RUN"}}')
    page.get_by_test_id("sample-run").click()
    expect(step(page, "warm")).to_contain_text('{"double":43}', timeout=PATIENCE_MS)
    node(page, "warm").click()
    box = page.locator("[data-testid=field][data-field=set]")
    value = box.get_by_label("double: Value")
    value.fill("")
    value.press_sequentially("payload.de")
    page.get_by_test_id("completions").locator("visible=true").get_by_text("payload.deep.state").click()
    expect(value).to_have_value("payload.deep.state")
    result = page.get_by_test_id("expression-result").locator("visible=true")
    expect(result).to_contain_text("RUN", timeout=PATIENCE_MS)
    value.press_sequentially(" +")
    expect(result).to_have_attribute("data-wrong", "text", timeout=PATIENCE_MS)
    value.fill("payload.nothing")
    expect(result).to_have_attribute("data-wrong", "message", timeout=PATIENCE_MS)
    expect(result.locator("mark")).to_have_text("payload.nothing")
    value.press("Escape")
    value.press("Escape")


def test_messages_are_watched_filtered_and_looked_into(editor: Page) -> None:
    page = editor
    page.get_by_test_id("flow-switch").click()
    expect(page.get_by_test_id("flow-state")).to_have_text(re.compile("Running"), timeout=PATIENCE_MS)
    page.get_by_test_id("dock-debug").click()
    lines = page.get_by_test_id("debug-line")
    expect(lines.filter(has_text="double").first).to_be_visible(timeout=PATIENCE_MS)
    # what targets were given stands here too, also for who adds a log node to look at messages
    expect(lines.filter(has=page.get_by_test_id("debug-node").filter(has_text="note")).first).to_be_visible()
    ends = lines.filter(has=page.get_by_test_id("debug-node").filter(has_text="end"))
    expect(ends.filter(has_text="given").first).to_be_visible()
    # the zone stands where the pointer rests: it is the plant's, not the browser's
    expect(lines.first.locator(".fg-time")).to_have_attribute("title", re.compile(r" UTC([+-]\d\d:\d\d)?$"))
    page.get_by_test_id("debug-filter").fill("double")
    page.get_by_test_id("debug-pause").click()
    expect(lines.filter(has_text="gen")).to_have_count(0)
    expect(page.get_by_test_id("debug-note")).to_contain_text("Paused")
    lines.first.locator("summary .fe-twist").click()
    expect(lines.first.locator("[data-path='payload.double']")).to_be_visible()
    lines.first.get_by_test_id("debug-node").click()
    expect(page.get_by_test_id("inspector").or_(page.locator(".fe-panel"))).to_contain_text("map")
    page.get_by_test_id("flow-switch").click()
    expect(page.get_by_test_id("flow-state")).to_have_text(re.compile("Stopped"), timeout=PATIENCE_MS)
