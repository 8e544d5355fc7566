"""Two browsers at one node of a real host: each sees what the other does to it, and nothing typed is lost."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from browsing.editing import PATIENCE_MS, Canvas, Watched, begin
from playwright.sync_api import Browser, Locator, expect

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(180)]


@pytest.fixture
def address(shared_host: str) -> str:
    return shared_host


@pytest.fixture
def other(chromium: Browser) -> Iterator[Canvas]:
    """A second browser."""
    context = chromium.new_context(viewport={"width": 1440, "height": 900}, locale="en-GB")
    yield Canvas(context.new_page())
    context.close()


def both_at_the_filter(watched: Watched, other: Canvas, name: str) -> Canvas:
    canvas = begin(watched, name)
    canvas.drop("filter", 300, 240)
    canvas.fill("where", "payload.seq > 1")
    canvas.saved()
    other.page.goto(canvas.page.url)
    other.node("filter").click()
    return canvas


def where(canvas: Canvas) -> Locator:
    return canvas.field("where").locator("textarea, input").first


def test_a_value_changed_under_the_hands_is_told_on_both_sides(watched: Watched, other: Canvas) -> None:
    canvas = both_at_the_filter(watched, other, "One field")
    where(canvas).fill("payload.seq > 10")
    other.fill("where", "payload.seq > 2")
    note = canvas.page.get_by_test_id("meanwhile")
    expect(note).to_contain_text("Somebody in another window changed this to payload.seq > 2", timeout=PATIENCE_MS)
    expect(where(canvas)).to_have_value("payload.seq > 10")
    where(canvas).press("Enter")
    expect(other.page.get_by_test_id("said")).to_contain_text(
        "set “Where” of Filter to payload.seq > 10. You had set it to payload.seq > 2.", timeout=PATIENCE_MS
    )
    expect(note).to_have_count(0)
    # Escape takes what the other one has set
    where(canvas).fill("payload.seq > 11")
    other.fill("where", "payload.seq > 3")
    expect(note).to_contain_text("payload.seq > 3", timeout=PATIENCE_MS)
    where(canvas).press("Escape")
    expect(where(canvas)).to_have_value("payload.seq > 3", timeout=PATIENCE_MS)
    assert canvas.doc()["nodes"]["filter"]["config"] == {"where": "payload.seq > 3"}


def test_what_was_typed_into_a_deleted_node_can_be_copied(watched: Watched, other: Canvas) -> None:
    canvas = both_at_the_filter(watched, other, "Deleted")
    page = canvas.page
    where(canvas).fill("payload.seq > 4711")
    other.frame.focus()
    other.page.keyboard.press("Delete")
    rescue = page.get_by_test_id("rescue")
    expect(rescue).to_contain_text(
        "Somebody in another window deleted “Filter” while you were typing", timeout=PATIENCE_MS
    )
    expect(rescue.locator("textarea")).to_have_value("payload.seq > 4711")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    rescue.get_by_test_id("rescue-copy").click()
    assert page.evaluate("navigator.clipboard.readText()") == "payload.seq > 4711"
    expect(page.get_by_test_id("said").filter(has_text="no node")).to_have_count(0)
    page.get_by_test_id("rescue-close").click()
    expect(rescue).to_have_count(0)


def test_who_is_at_the_same_node_is_seen_at_once(watched: Watched, other: Canvas) -> None:
    canvas = both_at_the_filter(watched, other, "Presence")
    page = canvas.page
    where(canvas).fill("payload.seq > 5")  # while somebody types nothing else in the panel is drawn anew
    other.page.keyboard.press("Escape")
    other.page.get_by_test_id("canvas").focus()
    other.page.keyboard.press("Escape")
    expect(page.get_by_test_id("others")).to_be_hidden(timeout=PATIENCE_MS)
    other.node("filter").click()
    expect(page.get_by_test_id("others")).to_contain_text(
        "Somebody in another window is editing this node too.", timeout=PATIENCE_MS
    )
    expect(canvas.node("filter")).to_have_attribute("data-other", "local")
    card, bar = canvas.node("filter").bounding_box(), page.get_by_test_id("select-bar").bounding_box()
    assert card is not None
    assert bar is not None
    tag = (card["x"], card["y"] - 22, card["width"], 22)
    beside = bar["x"] + bar["width"] <= tag[0] or tag[0] + tag[2] <= bar["x"]
    assert beside or bar["y"] + bar["height"] <= tag[1] or tag[1] + tag[3] <= bar["y"], (tag, bar)
