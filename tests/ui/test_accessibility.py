"""axe-core finds nothing serious on any page, in light and in dark (WCAG 2.1, levels A and AA)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from browsing.editing import PATIENCE_MS, Canvas, Served, Watched
from browsing.large_flow import large_flow, put_flow
from playwright.sync_api import Page, expect
from servers import npm_packages

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(240)]

SERIOUS = ("serious", "critical")
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]
PAGES = ("/", "/flows/large", "/runs", "/runs/1", "/work", "/connections", "/templates", "/plugins", "/nothing-here")


@pytest.fixture(scope="module")
def axe() -> str:
    """The checker, to be run in a page."""
    modules = npm_packages.node_modules(Path(__file__).parent / "axe" / "package.json")
    return (modules / "axe-core" / "axe.min.js").read_text(encoding="utf-8")


@pytest.fixture
def flow() -> str:
    """The flow the host runs; its id is `large`."""
    return large_flow(12)


@pytest.fixture
def address(served: Served, tmp_path: Path, flow: str) -> str:
    put_flow(tmp_path, flow, running=True)
    return served.start()


@pytest.fixture
def check(watched: Watched, axe: str) -> Callable[[str], list[str]]:
    """What keeps people from using the page as it is now, in both themes."""

    def found(name: str) -> list[str]:
        said = []
        for theme in ("light", "dark"):
            watched.page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
            watched.page.evaluate(axe)
            report = watched.page.evaluate("tags => axe.run(document, {runOnly: tags})", TAGS)
            said += [f"{name} ({theme}): {line}" for line in _lines(report)]
        return said

    return found


def _lines(report: Any) -> list[str]:
    return [
        f"{wrong['id']}: {node['target']}: {node['failureSummary'].splitlines()[-1].strip()}"
        for wrong in report["violations"]
        if wrong["impact"] in SERIOUS
        for node in wrong["nodes"][:4]
    ]


def ready(page: Page) -> None:
    page.locator("main").wait_for(timeout=PATIENCE_MS)
    page.wait_for_load_state("networkidle")


def test_pages(watched: Watched, check: Callable[[str], list[str]]) -> None:
    said = []
    for path in PAGES:
        watched.open(path)
        ready(watched.page)
        said += check(path)
    watched.complaints[:] = [line for line in watched.complaints if "404" not in line]  # asked for
    assert not said, "\n".join(said)


def test_editor(watched: Watched, check: Callable[[str], list[str]]) -> None:
    canvas = Canvas(watched.open("/flows/large/edit"))
    page = canvas.page
    page.get_by_test_id("canvas").wait_for(timeout=PATIENCE_MS)
    page.wait_for_function("window.__flowhost?.draft?.doc?.nodes?.n2", timeout=PATIENCE_MS)
    page.evaluate("window.__flowhost.view.camera.set(40, 40, 1)")
    expect(canvas.node("n2")).to_be_visible()
    said = check("editor")
    canvas.node("n2").click()
    expect(canvas.field("set")).to_be_visible()
    said += check("editor with a form")
    page.get_by_test_id("dock-sample").click()
    expect(page.get_by_test_id("sample-text")).to_be_visible()
    said += check("test")
    page.get_by_test_id("dock-debug").click()
    expect(page.get_by_test_id("debug-list")).to_be_visible()
    said += check("messages")
    page.get_by_test_id("dock-close").click()
    canvas.frame.focus()
    page.keyboard.press("?")
    expect(page.get_by_test_id("key-sheet")).to_be_visible()
    said += check("keys")
    page.keyboard.press("Escape")
    expect(page.get_by_test_id("key-sheet")).to_have_count(0)
    canvas.frame.focus()
    page.keyboard.press("Tab")
    expect(page.get_by_test_id("quick-input")).to_be_focused()
    said += check("quick add")
    page.keyboard.press("Escape")
    page.get_by_test_id("deploy").click()
    expect(page.get_by_test_id("deploy-do")).to_be_visible()
    said += check("deploy")
    assert not said, "\n".join(said)


WAITING = """
flowhost: 1
id: large
name: By hand
nodes:
  press: {type: inject, config: {at_start: false, messages: [{payload: 1}, {payload: 2}]}}
  end: {type: discard}
wires: [press -> end]
"""


@pytest.mark.parametrize("flow", [WAITING], ids=["by hand"])
def test_a_node_with_a_button_of_its_own(watched: Watched, check: Callable[[str], list[str]]) -> None:
    page = watched.open("/flows/large")
    ready(page)
    page.get_by_test_id("node").first.click()
    send = page.get_by_test_id("inject-now").locator("visible=true").first
    expect(send).to_be_enabled(timeout=PATIENCE_MS)
    said = check("flow")
    watched.open("/flows/large/edit")
    expect(send).to_be_enabled(timeout=PATIENCE_MS)
    said += check("editor")
    Canvas(page).node("press").click()
    expect(page.get_by_test_id("inject-one").first).to_be_visible(timeout=PATIENCE_MS)
    said += check("editor with the form of the source")
    assert not said, "\n".join(said)
