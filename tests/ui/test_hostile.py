"""S9: 300 strings that want to run, in every name, value, topic, note and error text: none does, on any page."""

from __future__ import annotations

from pathlib import Path

import pytest
from browsing.editing import PATIENCE_MS, Canvas, Served, Watched
from browsing.hostile import HOSTILE, RAN, hostile_flow
from browsing.large_flow import put_flow
from playwright.sync_api import Browser, Page, expect

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(240)]


@pytest.fixture
def address(served: Served, tmp_path: Path) -> str:
    put_flow(tmp_path, hostile_flow(), running=True)
    return served.start()


def ran(page: Page) -> int:
    found: int = page.evaluate(f"window.{RAN} || 0")
    return found


def settled(page: Page) -> None:
    """All is drawn that was there to be drawn, and whatever was going to run by that has run."""
    page.evaluate(
        """() => new Promise(done => {
            let frames = 30;
            const next = () => (frames-- ? requestAnimationFrame(next) : done());
            next();
        })"""
    )


def test_nothing_runs_on_the_pages(watched: Watched) -> None:
    page = watched.page
    dialogs: list[str] = []
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    assert len(set(HOSTILE)) == 300
    # what each page shows once it is whole, hostile text and all
    shows = {
        "/": page.get_by_test_id("flow-row"),
        "/flows/large": page.get_by_text(HOSTILE[1]),
        "/runs": page.get_by_text(HOSTILE[4]),
        "/runs/1": page.get_by_text(HOSTILE[2]),
        "/work": page.get_by_test_id("worklist-row"),
        "/plugins": page.get_by_text("sim.generate"),
        "/connections": page.locator("main"),
    }
    for path, shown in shows.items():
        page.goto(watched.address + path)
        expect(shown.first).to_be_attached(timeout=PATIENCE_MS)
        if path == "/work":
            shown.first.click()
            expect(page.get_by_test_id("payload")).to_be_visible()
        settled(page)
        assert (path, ran(page), dialogs) == (path, 0, [])


def test_nothing_runs_in_the_editor(watched: Watched) -> None:
    canvas = Canvas(watched.open("/flows/large/edit"))
    page = canvas.page
    ready = "number => Object.keys(window.__flowhost?.draft?.doc?.nodes ?? {}).length > number"
    page.wait_for_function(ready, arg=300, timeout=PATIENCE_MS)
    seen: set[str] = set()
    for x in range(0, 5400, 900):
        for y in range(0, 1800, 700):
            page.evaluate(f"window.__flowhost.view.camera.set({-x}, {-y}, 1)")
            page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
            seen |= set(page.locator("[data-testid=node]").evaluate_all("all => all.map(one => one.dataset.node)"))
    assert len(seen) == 303
    page.evaluate("window.__flowhost.view.camera.set(200, 100, 1)")
    for node_id in ("source", "broken", "told", "n0"):
        canvas.node(node_id).click()
        expect(page.get_by_test_id("inspector").or_(page.locator("[data-testid=field]")).first).to_be_visible()
        canvas.node(node_id).hover()
        settled(page)
    assert ran(page) == 0


def test_they_do_run_where_text_is_taken_for_markup(chromium: Browser) -> None:
    page = chromium.new_page()
    page.evaluate(
        """texts => texts.forEach(text => {
            const place = document.body.appendChild(document.createElement("div"));
            place.innerHTML = text;
        })""",
        list(HOSTILE),
    )
    page.wait_for_function(f"window.{RAN} >= 20", timeout=PATIENCE_MS)
    page.close()
