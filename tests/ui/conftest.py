"""A real Chromium in front of the pages, which run in a process of their own on a port the system picks."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from browsing.editing import Served
from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = (
    "--no-sandbox", "--headless=new", "--disable-gpu", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--no-first-run",
)  # fmt: skip


@dataclass
class Watched:
    """A page, and what it did that it should not."""

    page: Page
    address: str
    complaints: list[str] = field(default_factory=list)

    def open(self, path: str) -> Page:
        self.page.goto(self.address + path)
        return self.page


# closed with the module: while it is open, its event loop counts as running and no asynchronous test can start
@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    if not CHROMIUM.exists():
        (pytest.fail if os.environ.get("CI") else pytest.skip)("Chromium is not installed: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=list(ARGUMENTS))
        yield browser
        browser.close()


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    """A real host of its own, not yet begun."""
    host = Served(tmp_path)
    yield host
    host.stop()


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder of the host that a module shares."""
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="module")
def host_options() -> dict[str, str]:
    """What `Served` is told of the host that a module shares; for modules to say otherwise."""
    return {}


@pytest.fixture(scope="module")
def shared_host(tmp_path_factory: pytest.TempPathFactory, data: Path, host_options: dict[str, str]) -> Iterator[str]:
    """Where a real host for all tests of a module answers; those that want it make it their `address`."""
    host = Served(tmp_path_factory.mktemp("host"), data=data, **host_options)
    try:
        yield host.start()
    finally:
        host.stop()


@pytest.fixture
def address() -> Iterator[str]:
    """Where the pages over the fake host answer."""
    script = Path(__file__).parent / "fake_host.py"
    with subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            port = server.stdout.readline().strip()
            assert port.isdigit(), "the server ended before it answered"
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()
            server.wait(10)


@pytest.fixture
def watched(chromium: Browser, address: str) -> Iterator[Watched]:
    """A fresh browser profile; a console error, a failed or an outside request fails the test."""
    context = chromium.new_context(viewport={"width": 1440, "height": 900}, locale="en-GB")
    page = context.new_page()
    page.set_default_timeout(15_000)
    look = Watched(page, address)
    own = urlsplit(address).netloc

    def on_console(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            look.complaints.append(f"console {message.type}: {message.text}")

    page.on("console", on_console)
    page.on("pageerror", lambda error: look.complaints.append(f"page error: {error}"))
    page.on(
        "request",
        lambda request: (
            None
            if urlsplit(request.url).netloc == own or request.url.startswith(("data:", "blob:"))
            else look.complaints.append(f"outside request: {request.url}")
        ),
    )
    yield look
    context.close()
    assert not look.complaints
