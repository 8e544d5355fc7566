"""Versions put on the canvas and edits given up in the editor of a real host: one step of undo, for everybody."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from browsing.editing import PATIENCE_MS, Canvas, Watched
from playwright.sync_api import Browser, Page, expect

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


ONE = """\
flowhost: 1
id: {id}
name: {id}
nodes:
  generate: {{type: sim.generate, config: {{tags: 1}}}}
  keep: {{type: discard}}
"""
TWO = ONE + "  log: {{type: log}}\nwires: [generate -> keep, generate -> log]"
ONE += "wires: [generate -> keep]"


def two_versions(watched: Watched, flow: str) -> Canvas:
    """A flow whose second revision has a node `log` that the first has not; the draft has a node `discard`, too."""
    page = watched.open("/")
    page.set_default_timeout(PATIENCE_MS)
    bring_in(page, ONE.format(id=flow))
    bring_in(page, TWO.format(id=flow), again=True)
    canvas = Canvas(watched.open(f"/flows/{flow}/edit"))
    expect(canvas.node("log")).to_be_visible(timeout=PATIENCE_MS)
    canvas.drop("discard", 560, 480)
    canvas.saved()
    return canvas


def bring_in(page: Page, text: str, *, again: bool = False) -> None:
    page.get_by_role("link", name="Overview", exact=True).click()
    page.get_by_role("button", name="Import flow").first.click()
    page.get_by_test_id("import-text").fill(text)
    page.get_by_test_id("import-do").click()
    if again:
        page.get_by_test_id("import-replace").click()
    expect(page.get_by_test_id("import-text")).to_be_hidden()


def nodes(canvas: Canvas) -> set[str]:
    return set(canvas.doc()["nodes"])


def has(canvas: Canvas, *ids: str) -> None:
    """The canvas shows these nodes and no others."""
    shown = canvas.page.get_by_test_id("node")
    expect(shown).to_have_count(len(ids), timeout=PATIENCE_MS)
    assert nodes(canvas) == set(ids)


def version(page: Page, number: int) -> None:
    """Open the versions, and one of them."""
    page.get_by_test_id("history-open").click()
    page.locator(f"[data-testid=version][data-revision='{number}'] > summary").click()


def test_a_version_on_the_canvas_is_undone_by_whoever_is_there(watched: Watched, other: Canvas) -> None:
    canvas = two_versions(watched, "put-back")
    page = canvas.page
    other.page.goto(page.url)
    has(other, "generate", "keep", "log", "discard")
    other.drop("map", 560, 480)
    other.saved()
    has(canvas, "generate", "keep", "log", "discard", "map")
    version(page, 1)
    page.get_by_test_id("restore").locator("visible=true").click()
    has(canvas, "generate", "keep")
    has(other, "generate", "keep")
    expect(page.get_by_test_id("said")).to_contain_text(
        "You put revision 1 on the canvas. Undo brings your edits back."
    )
    expect(other.page.get_by_test_id("said")).to_contain_text(
        "Somebody in another window put revision 1 on the canvas."
    )
    expect(page.get_by_test_id("versions-close")).to_be_hidden()
    canvas.frame.focus()
    page.keyboard.press("Control+z")
    has(canvas, "generate", "keep", "log", "discard", "map")
    has(other, "generate", "keep", "log", "discard", "map")
    page.get_by_test_id("redo").click()
    has(other, "generate", "keep")
    canvas.saved()
    page.get_by_test_id("undo").click()
    has(other, "generate", "keep", "log", "discard", "map")
    # it was undone already: what the other one takes back now is its own last step
    other.page.get_by_test_id("undo").click()
    has(canvas, "generate", "keep", "log", "discard")


def test_who_comes_later_can_undo_it_too(watched: Watched, other: Canvas) -> None:
    canvas = two_versions(watched, "later")
    version(canvas.page, 1)
    canvas.page.get_by_test_id("restore").locator("visible=true").click()
    has(canvas, "generate", "keep")
    other.page.goto(canvas.page.url)
    has(other, "generate", "keep")
    other.page.get_by_test_id("undo").click()
    has(canvas, "generate", "keep", "log", "discard")
    expect(canvas.page.get_by_test_id("redo")).to_be_disabled()


def test_edits_are_given_up_and_brought_back(watched: Watched) -> None:
    canvas = two_versions(watched, "given-up")
    page = canvas.page
    page.get_by_test_id("history-open").click()
    page.get_by_test_id("draft-discard").click()
    has(canvas, "generate", "keep", "log")
    expect(page.get_by_test_id("said")).to_contain_text(
        "You gave up all edits since revision 2. Undo brings them back."
    )
    expect(page.get_by_test_id("draft-discard")).to_be_hidden()
    page.get_by_test_id("history-open").click()
    expect(page.get_by_test_id("draft-discard")).to_be_disabled()
    page.get_by_test_id("versions-close").click()
    expect(page.get_by_test_id("draft-discard")).to_be_hidden()
    page.get_by_test_id("undo").click()
    has(canvas, "generate", "keep", "log", "discard")


def test_versions_are_compared_with_what_is_deployed(watched: Watched) -> None:
    page = two_versions(watched, "compared").page
    version(page, 1)
    first = page.locator("[data-testid=version][data-revision='1']")
    expect(first).to_contain_text("The first one.")
    page.get_by_test_id("compare-deployed").click()
    first.locator("summary").click()
    expect(first.locator(".fe-change-removed")).to_have_count(2)  # the node and its wire


def test_back_to_a_version_takes_the_canvas_along(watched: Watched) -> None:
    canvas = two_versions(watched, "along")
    page = canvas.page
    version(page, 1)
    page.get_by_test_id("roll-back").locator("visible=true").click()
    expect(page.get_by_test_id("roll-back-canvas")).to_be_checked()
    page.get_by_test_id("roll-back-do").click()
    has(canvas, "generate", "keep")
    expect(page.get_by_test_id("draft-state")).to_have_text("Same as revision 1", timeout=PATIENCE_MS)
    page.get_by_test_id("undo").click()
    has(canvas, "generate", "keep", "log", "discard")
    # from the flow's page, first without the canvas
    page.goto(page.url.removesuffix("/edit"))
    back(page, 2, canvas=False)
    page.goto(page.url + "/edit")
    has(canvas, "generate", "keep", "log", "discard")
    expect(page.get_by_test_id("draft-state")).to_have_text("Edits since revision 2 are not deployed")
    page.goto(page.url.removesuffix("/edit"))
    back(page, 1, canvas=True)
    page.goto(page.url + "/edit")
    has(canvas, "generate", "keep")
    expect(page.get_by_test_id("draft-state")).to_have_text("Same as revision 1")
    page.get_by_test_id("undo").click()
    has(canvas, "generate", "keep", "log", "discard")


def back(page: Page, number: int, *, canvas: bool) -> None:
    page.get_by_test_id("flow-versions").click()
    entry = page.locator(f"[data-testid=version][data-revision='{number}']")
    entry.locator("summary").click()
    entry.get_by_test_id("roll-back").click()
    page.get_by_test_id("roll-back-canvas").set_checked(canvas)
    page.get_by_test_id("roll-back-do").click()
    expect(page.get_by_test_id("flow-head")).to_contain_text(f"Revision {number}", timeout=PATIENCE_MS)
