"""Leaving the editor with a text that is still being typed: what can be read is kept, for the rest the browser asks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from browsing.editing import PATIENCE_MS, Canvas, begin
from playwright.sync_api import Dialog, Page, expect

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]


@pytest.fixture
def address(shared_host: str) -> str:
    return shared_host


def by_address(page: Page, editor: str) -> Page:
    page.goto(editor.split("/flows/", maxsplit=1)[0] + "/runs")
    return page


def by_reload(page: Page, _: str) -> Page:
    page.reload()
    return page


def by_closing(page: Page, _: str) -> Page:
    other = page.context.new_page()
    page.close(run_before_unload=True)
    return other


@pytest.mark.parametrize("leave", [by_address, by_reload, by_closing], ids=lambda way: way.__name__)
def test_what_is_typed_is_kept_when_the_page_goes(watched: Any, leave: Callable[[Page, str], Page]) -> None:
    canvas = begin(watched, f"Left {leave.__name__}")
    canvas.drop("throttle", 300, 150)
    canvas.saved()
    editor = canvas.page.url
    canvas.field("every_s").locator("input").fill("777")
    page = leave(canvas.page, editor)
    # only what has reached the host counts: whatever the tab remembers of itself is taken away
    by_address(page, editor)
    page.evaluate("sessionStorage.clear()")
    page.goto(editor)
    again = Canvas(page)
    expect(again.node("throttle")).to_be_visible(timeout=PATIENCE_MS)
    assert again.doc()["nodes"]["throttle"]["config"]["every_s"] == 777


def test_the_browser_asks_where_a_text_cannot_be_read(watched: Any) -> None:
    canvas = begin(watched, "Half a row")
    page = canvas.page
    canvas.drop("map", 300, 150)
    asked: list[str] = []

    def stay(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.dismiss()

    page.on("dialog", stay)
    canvas.field("set").locator("input").first.fill("double")
    page.evaluate("setTimeout(() => location.reload())")
    expect(page.get_by_test_id("unread").locator("visible=true")).to_be_visible(timeout=PATIENCE_MS)
    assert asked == ["beforeunload"]
    # who stays goes on: the line to the host stands
    canvas.field("set").get_by_label("Value").last.fill("payload.value * 2")
    canvas.field("set").get_by_label("Value").last.press("Enter")
    canvas.saved()
    assert canvas.doc()["nodes"]["map"]["config"]["set"] == {"double": "payload.value * 2"}
    page.reload()
    expect(canvas.node("map")).to_be_visible(timeout=PATIENCE_MS)
    assert asked == ["beforeunload"]
