"""A problem in the deploy dialog or the list of problems leads to its field, with the caret in it."""

from __future__ import annotations

import pytest
from browsing.editing import PATIENCE_MS, Canvas, Watched, begin
from playwright.sync_api import expect

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(180)]


@pytest.fixture
def address(shared_host: str) -> str:
    return shared_host


def broken(watched: Watched, name: str) -> Canvas:
    """A filter with an expression that is none, a file target whose advanced field is wrong, nothing open."""
    canvas = begin(watched, name)
    canvas.drop("filter", 150, 120)
    canvas.fill("where", "payload.seq >=")
    canvas.drop("log", 500, 300)
    canvas.frame.focus()
    canvas.page.keyboard.press("Escape")
    canvas.saved()
    return canvas


@pytest.mark.parametrize("by", ["click", "key"])
def test_from_the_deploy_dialog(watched: Watched, by: str) -> None:
    canvas = broken(watched, f"Dialog {by}")
    page = canvas.page
    page.get_by_test_id("deploy").click()
    problem = page.get_by_test_id("deploy-problem").filter(has_text="filter").first
    if by == "click":
        problem.click()
    else:
        problem.focus()
        page.keyboard.press("Enter")
    box = canvas.field("where").locator("textarea, input").first
    expect(box).to_be_focused(timeout=PATIENCE_MS)
    expect(page.get_by_test_id("deploy-do")).to_be_hidden()
    expect(box).to_be_in_viewport()
    page.keyboard.type(" 3")
    page.keyboard.press("Enter")
    canvas.saved()
    assert canvas.doc()["nodes"]["filter"]["config"] == {"where": "payload.seq >= 3"}


def test_from_the_list_of_problems(watched: Watched) -> None:
    canvas = broken(watched, "List")
    page = canvas.page
    page.get_by_test_id("problem").filter(has_text="payload.seq").or_(
        page.get_by_test_id("problem").filter(has_text="filter")
    ).first.click()
    expect(canvas.field("where").locator("textarea, input").first).to_be_focused(timeout=PATIENCE_MS)
    page.keyboard.press("Escape")
    canvas.frame.focus()
    page.keyboard.press("Escape")
    # what no field is about leads to the canvas, where keys act on the node
    page.get_by_test_id("problem").filter(has_text="Nothing is connected to its input").last.click()
    expect(canvas.frame).to_be_focused()
