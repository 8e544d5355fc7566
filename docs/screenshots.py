"""Takes the pictures of `docs/images` from a running demo and an empty host, in light and dark: `make screenshots`.

A program of its own and not a test: what it shows is looked at by people. Needs Chromium.
"""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, WebSocketRoute, expect, sync_playwright

IMAGES = Path(__file__).parent / "images"
ARGUMENTS = ["--no-sandbox", "--headless=new", "--disable-gpu"]
SIZE = {"width": 1440, "height": 900}
THEMES = ("light", "dark")
SECONDS = 1000.0
FLOW = "line-to-sql"

Look = Callable[[Page], None]


VIEWER = """
from flowhost.services import access
object.__setattr__(access.LOCAL_USER, "roles", frozenset({"viewer"}))
from flowhost.cli import main
if __name__ == "__main__":
    main()
"""
"""FlowHost as somebody sees it who may look only."""


@contextmanager
def running(*arguments: str, start: Sequence[str] = ("-m", "flowhost")) -> Iterator[str]:
    """A FlowHost process; where it answers."""
    command = [sys.executable, *start, *arguments, "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield next(found[0] for line in process.stdout if (found := re.search(r"http://[\d.]+:\d+", line)))
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(60)


def settled(page: Page) -> None:
    page.wait_for_load_state("networkidle")
    page.wait_for_timeout(1.5 * SECONDS)


def node(page: Page, number: int) -> None:
    page.get_by_test_id("node").nth(number).click()
    settled(page)


def quick_add(page: Page) -> None:
    page.get_by_test_id("canvas").focus()
    page.keyboard.press("Tab")
    page.keyboard.type("mqtt")


def deploy(page: Page) -> None:
    page.get_by_test_id("node").nth(1).click()
    page.locator("[data-testid=field][data-field=name] input").first.fill("Values worth keeping")
    page.keyboard.press("Enter")
    page.get_by_test_id("deploy").click()
    expect(page.get_by_test_id("deploy-do")).to_be_visible()


def keys(page: Page) -> None:
    page.get_by_test_id("keys").click()


def versions(page: Page) -> None:
    page.get_by_test_id("history-open").click()
    expect(page.get_by_test_id("versions")).to_be_visible()


def letter(page: Page) -> None:
    page.get_by_test_id("worklist-row").first.click()


def nothing(_: object) -> None:
    """The page as it comes."""


def click(*names: str) -> Look:
    """One thing after the other."""

    def look(page: Page) -> None:
        for name in names:
            page.get_by_test_id(name).locator("visible=true").first.click()

    return look


def new_flow(page: Page) -> None:
    page.get_by_test_id("new-flow").or_(page.get_by_test_id("new-flow-empty")).locator("visible=true").first.click()
    page.get_by_test_id("new-name").fill("Line 2")


def empty_canvas(page: Page) -> None:
    new_flow(page)
    # one for each theme
    page.get_by_test_id("new-name").fill(f"Line {2 + page.get_by_test_id('flow-row').count()}")
    page.get_by_test_id("new-do").click()
    page.wait_for_url("**/edit")
    expect(page.get_by_test_id("empty-hint")).to_be_visible()


def connection(page: Page) -> None:
    page.get_by_test_id("connection-new").click()
    page.get_by_test_id("link-type").select_option("opcua.client")


def search(page: Page) -> None:
    page.get_by_test_id("search").click()
    page.get_by_test_id("search-input").fill("line")


def error_at_node(page: Page) -> None:
    page.get_by_test_id("node").nth(1).click()
    where = page.locator("[data-testid=field][data-field=where]").locator("input, textarea")
    where.fill("payload.valeu >")
    where.press("Tab")


def silent(page: Page) -> None:
    """The host answers nothing about the flow yet."""
    page.route_web_socket(re.compile("/live$"), nothing)
    page.reload()


def offline(page: Page) -> None:
    """All lines to the host are cut while somebody edits, and do not come back."""
    lines: list[WebSocketRoute] = []
    cut = False

    def through(route: WebSocketRoute) -> None:
        if cut:  # the tries that follow
            route.close()
            return
        lines.append(route)
        route.connect_to_server()

    page.route_web_socket(re.compile(""), through)
    page.reload()
    page.get_by_test_id("node").nth(1).click()
    settled(page)
    cut = True
    page.context.set_offline(True)
    for line in lines:
        line.close()
    expect(page.locator(".fe-line[data-state=lost]")).to_be_visible()
    expect(page.locator("body.fh-lost")).to_be_visible(timeout=60 * SECONDS)
    page.locator("[data-testid=field][data-field=name] input").first.fill("Values worth keeping")
    page.keyboard.press("Enter")


DEMO: dict[str, tuple[str, Look]] = {
    "overview": ("/", nothing),
    "flow": (f"/flows/{FLOW}", lambda page: node(page, 0)),
    "editor": (f"/flows/{FLOW}/edit", lambda page: node(page, 1)),
    "editor-add": (f"/flows/{FLOW}/edit", quick_add),
    "editor-keys": (f"/flows/{FLOW}/edit", keys),
    "editor-versions": (f"/flows/{FLOW}/edit", versions),
    "editor-deploy": (f"/flows/{FLOW}/edit", deploy),
    "editor-yaml": (f"/flows/{FLOW}/edit", click("yaml-toggle")),
    "editor-test": (f"/flows/{FLOW}/edit", click("dock-sample")),
    "editor-messages": (f"/flows/{FLOW}/edit", click("dock-debug")),
    "editor-search": (f"/flows/{FLOW}/edit", search),
    "editor-loading": (f"/flows/{FLOW}/edit", silent),
    "editor-offline": (f"/flows/{FLOW}/edit", offline),
    "search": ("/", click("search")),
    "import": ("/", click("import")),
    "template": ("/", click("templates", "template-use")),
    "runs": ("/runs", nothing),
    "run": ("/runs/1", nothing),
    "connections": ("/connections", nothing),
    "connection": ("/connections", connection),
    "plugins": ("/plugins", nothing),
    "not-found": ("/flows/nothing-here", nothing),
}
TROUBLE: dict[str, tuple[str, Look]] = {
    "demo": ("/demo", nothing),
    "work-list": ("/work", letter),
    "overview-trouble": ("/", nothing),
    "flow-trouble": (f"/flows/{FLOW}", nothing),
    # last, because the draft stays so
    "editor-error": (f"/flows/{FLOW}/edit", error_at_node),
}
LOOKING: dict[str, tuple[str, Look]] = {"editor-read-only": (f"/flows/{FLOW}/edit", lambda page: node(page, 1))}
EMPTY: dict[str, tuple[str, Look]] = {
    "empty-overview": ("/", nothing),
    "empty-work-list": ("/work", nothing),
    "empty-runs": ("/runs", nothing),
    "empty-connections": ("/connections", nothing),
    "empty-new-flow": ("/", new_flow),
}
BEGUN: dict[str, tuple[str, Look]] = {"empty-editor": ("/", empty_canvas)}


def shoot(browser: Browser, address: str, pages: dict[str, tuple[str, Look]]) -> None:
    """Each page in each theme, in a browser that remembers nothing."""
    for theme in THEMES:
        for name, (path, look) in pages.items():
            context = browser.new_context(viewport=SIZE, color_scheme=theme, locale="en-GB")  # type: ignore[arg-type,typeddict-item]
            page = context.new_page()
            page.goto(address + path)
            settled(page)
            look(page)
            settled(page)
            page.screenshot(path=IMAGES / f"{name}{'' if theme == 'light' else '-dark'}.png")
            print(f"{name} ({theme})")
            context.close()


def make_trouble(browser: Browser, address: str) -> None:
    """The database off, a sensor that talks nonsense: until letters lie on the work list."""
    page = browser.new_page()
    page.goto(address + "/demo")
    for switch in ("database", "sensor"):
        card = page.locator(f"[data-testid=demo-switch][data-switch={switch}]")
        card.get_by_test_id("demo-off").or_(card.get_by_test_id("demo-on")).locator("visible=true").first.click()
    page.goto(address + "/work")
    expect(page.get_by_test_id("worklist-row").nth(2)).to_be_visible(timeout=60 * SECONDS)
    page.close()


def main() -> None:
    """Take all pictures."""
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="flowhost") as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=ARGUMENTS)
        with running("serve", "--data-dir", f"{folder}/empty") as address:
            shoot(browser, address, EMPTY)
            shoot(browser, address, BEGUN)
        with running("demo", "--data-dir", f"{folder}/demo") as address:
            page = browser.new_page()
            page.goto(address)
            page.wait_for_timeout(25 * SECONDS)  # curves need a past
            page.close()
            shoot(browser, address, DEMO)
            make_trouble(browser, address)
            shoot(browser, address, TROUBLE)
        (viewer := Path(folder) / "viewer.py").write_text(VIEWER, encoding="utf-8")
        with running("serve", "--data-dir", f"{folder}/demo", start=[str(viewer)]) as address:
            shoot(browser, address, LOOKING)
        browser.close()


if __name__ == "__main__":
    main()
