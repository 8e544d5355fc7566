"""What the editor shows of messages: at the node that failed, in its expressions, and on the canvas after a sample."""

from __future__ import annotations

import re

import pytest
from browsing.editing import PATIENCE_MS, Canvas, field
from playwright.sync_api import Page, expect

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]
FLOW = """
flowhost: 1
id: shown
name: Shown
nodes:
  gen: {type: sim.generate, config: {tags: 1, rate_hz: 20}}
  bad: {type: filter, config: {where: "payload.nothing.there.that.anybody.ever.wrote > 10"}}
  end: {type: discard}
  twice: {type: map, config: {set: {double: "payload.value * 2"}}}
  big: {type: filter, config: {where: "payload.double > 10"}}
  log: {type: discard}
wires: [gen -> bad, bad -> end, gen -> twice, twice -> big, big -> end, twice -> log, gen -> log]
layout:
  nodes: {gen: [40, 40], bad: [320, 40], end: [600, 40], twice: [320, 144], big: [600, 144], log: [880, 144]}
"""


@pytest.fixture
def address(shared_host: str) -> str:
    return shared_host


@pytest.fixture
def editor(watched) -> Canvas:
    """The flow in the editor; imported the first time."""
    page: Page = watched.open("/")
    if not page.locator("[data-testid=flow-row][data-flow=shown]").count():
        page.get_by_role("button", name="Import flow").locator("visible=true").first.click()
        page.locator("textarea").locator("visible=true").first.fill(FLOW)
        page.get_by_role("button", name="Import", exact=True).locator("visible=true").click()
        expect(page.get_by_test_id("flow-head")).to_be_visible(timeout=PATIENCE_MS)
    canvas = Canvas(watched.open("/flows/shown/edit"))
    expect(canvas.node("bad")).to_be_visible(timeout=PATIENCE_MS)
    return canvas


def test_a_failure_stands_free_and_leads_to_its_letters(editor: Canvas) -> None:
    page = editor.page
    page.get_by_test_id("flow-switch").click()
    fault = editor.node("bad").get_by_test_id("node-fault")
    expect(fault).to_be_visible(timeout=PATIENCE_MS)
    # what lies uppermost in the middle of the text is the text itself
    assert fault.evaluate(
        "fault => { const box = fault.getBoundingClientRect();"
        " return document.elementFromPoint(box.x + box.width / 2, box.bottom - 2) === fault }"
    )
    box, below = fault.bounding_box(), editor.node("twice").bounding_box()
    assert box is not None
    assert below is not None
    assert box["y"] + box["height"] <= below["y"], "it covers nothing of its neighbour either"
    expect(page.get_by_test_id("in-trouble")).to_have_text(re.compile("1 node in trouble"))
    # who comes later sees the same at the first look
    page.reload()
    expect(page.get_by_test_id("in-trouble")).to_have_text(re.compile("1 node in trouble"), timeout=PATIENCE_MS)
    page.get_by_test_id("flow-switch").click()
    expect(page.get_by_test_id("flow-state")).to_have_text(re.compile("Stopped"), timeout=PATIENCE_MS)
    letters = editor.node("bad").get_by_test_id("letters")
    expect(letters).to_have_text(re.compile(r"\d dead"))
    letters.click()
    page.wait_for_url("**/work?flow=shown&node=bad")


def test_messages_stand_beside_each_other_in_and_out(editor: Canvas) -> None:
    page = editor.page
    page.get_by_test_id("flow-switch").click()
    editor.node("twice").click()
    values, heads = page.get_by_test_id("values"), page.get_by_test_id("value-table").locator("th")
    expect(values.locator(".fe-value-text").first).to_contain_text("double", timeout=PATIENCE_MS)
    page.get_by_test_id("values-table").click()
    expect(heads).to_have_text(["Time", "Topic", "Quality", "double"])
    page.get_by_test_id("values-in").click()
    expect(heads).to_have_text(["Time", "Topic", "Quality", "tag", "value", "seq"])
    expect(page.get_by_test_id("value-table").locator("tbody tr").first).to_contain_text("sim/tag0")
    # a source is given nothing; its messages are shown as the last ones were
    editor.node("gen").click()
    expect(page.get_by_test_id("values-in")).to_have_count(0)
    expect(heads.last).to_have_text("seq", timeout=PATIENCE_MS)
    # a sink gives nothing on; behind several wires each message says which it came by
    editor.node("log").click()
    expect(page.get_by_test_id("values-out")).to_have_count(0)
    expect(heads.nth(1)).to_have_text("From", timeout=PATIENCE_MS)
    for source in ("gen", "twice"):
        expect(values.get_by_role("cell", name=source, exact=True).first).to_be_visible(timeout=PATIENCE_MS)
    page.get_by_test_id("values-json").click()
    values.locator("summary").first.click()
    expect(values.locator(".fe-json").first).to_contain_text("{")
    page.get_by_test_id("flow-switch").click()
    expect(page.get_by_test_id("flow-state")).to_have_text(re.compile("Stopped"), timeout=PATIENCE_MS)


def test_a_bare_number_is_told_and_its_message_offered(editor: Canvas) -> None:
    page = editor.page
    page.get_by_test_id("dock-sample").click()
    page.get_by_test_id("sample-text").fill("21.5")
    page.get_by_test_id("sample-run").click()
    expect(page.locator("[data-testid=sample-node][data-node=gen]")).to_contain_text("21.5", timeout=PATIENCE_MS)
    editor.node("bad").click()
    where = field(page, "where").locator("textarea")
    where.fill("")
    helps = field(page, "where").get_by_test_id("expression-help")
    expect(helps).to_contain_text("The payload is a number: use payload")
    expect(helps).not_to_contain_text("once a message has come")
    helps.get_by_role("button", name="quality").click()
    expect(where).to_have_value("quality")
    where.press("Escape")


def test_a_sample_marks_the_canvas_while_its_result_is_open(editor: Canvas) -> None:
    page = editor.page
    page.get_by_test_id("dock-sample").click()
    page.get_by_test_id("sample-text").fill('[{"payload": {"value": 4}}, {"payload": {"value": 9}}]')
    page.get_by_test_id("sample-run").click()
    marks = {
        "gen": "2 out", "bad": "2 in · 0 out · 2 dead", "end": "1 in", "twice": "2 in · 2 out", "big": "2 in · 1 out",
        "log": "4 in",
    }  # fmt: skip
    for node_id, text in marks.items():
        expect(editor.node(node_id).get_by_test_id("node-sampled")).to_have_text(text, timeout=PATIENCE_MS)
    page.get_by_test_id("dock-close").click()
    expect(page.get_by_test_id("node-sampled").locator("visible=true")).to_have_count(0)
    page.get_by_test_id("dock-sample").click()
    expect(editor.node("log").get_by_test_id("node-sampled")).to_be_visible()
