"""A real host, and what a person does with its editor, from a browser."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from playwright.sync_api import Locator, Page, expect

SERVE = """
import sys
from pathlib import Path
from flowhost.app import serve
from flowhost.services.settings import load_settings
if __name__ == "__main__":
    serve(load_settings(data_dir=Path(sys.argv[1]), port=int(sys.argv[2]), workers=1))
"""
PATIENCE_MS = 30_000


class Watched(Protocol):
    """The fixture: a page whose complaints fail the test."""

    page: Page
    address: str
    complaints: list[str]

    def open(self, path: str) -> Page: ...


class Served:
    """A host of its own on a data folder; can be ended and begun again at the same address.

    Args:
        folder: for its script, and its data where `data` is left out.
        data: its data folder.
        first: Python that runs before it starts.
        **environ: settings and secrets it finds in its environment.
    """

    def __init__(self, folder: Path, *, data: Path | None = None, first: str = "", **environ: str) -> None:
        self._data = data or folder / "data"
        self._environ = environ
        self._script = folder / "serve.py"
        self._script.write_text(first + SERVE)
        self._process: subprocess.Popen[str] | None = None
        self.port = 0

    def start(self) -> str:
        command = [sys.executable, str(self._script), str(self._data), str(self.port)]
        environ = {**os.environ, **self._environ}
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environ)
        assert self._process.stdout is not None
        found = re.search(r"http://[\d.]+:(\d+)", self._process.stdout.readline())
        assert found, "the server ended before it answered"
        self.port = int(found[1])
        return found[0]

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(30)
            self._process = None


class Canvas:
    """What a person does on the canvas."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.frame = page.get_by_test_id("canvas")

    def node(self, node_id: str) -> Locator:
        return self.page.locator(f"[data-testid=node][data-node={node_id}]")

    def port(self, node_id: str, name: str, direction: str = "out") -> Locator:
        return self.node(node_id).locator(f"[data-port='{name}'][data-direction={direction}]")

    def wire(self, text: str) -> Locator:
        return self.page.locator(f"[data-testid=wire][data-wire='{text}']")

    def field(self, name: str) -> Locator:
        return self.page.locator(f"[data-testid=field][data-field='{name}']").first

    def fill(self, name: str, text: str) -> None:
        box = self.field(name).locator("input, textarea").first
        box.fill(text)
        box.press("Enter")

    def drag(self, source: Locator, target: Locator) -> None:
        start, end = middle(source), middle(target)
        mouse = self.page.mouse
        mouse.move(*start)
        mouse.down()
        mouse.move((start[0] + end[0]) / 2, (start[1] + end[1]) / 2 + 3, steps=4)
        mouse.move(*end, steps=4)
        mouse.up()

    def move(self, node_id: str, right: int, down: int) -> None:
        """Drag a node by pixels of the screen, to another place of the draft."""
        places = self._places()
        (x, y), mouse = middle(self.node(node_id)), self.page.mouse
        mouse.move(x, y)
        mouse.down()
        mouse.move(x + right, y + down, steps=4)
        mouse.up()
        assert self._places() != places

    def _places(self) -> Any:
        return self.doc().get("layout", {}).get("nodes")

    def drop(self, type_id: str, x: int, y: int) -> None:
        item = self.page.locator(f"[data-testid=palette-item][data-type='{type_id}']").last
        item.drag_to(self.frame, target_position={"x": x, "y": y})

    def doc(self) -> dict[str, Any]:
        """The draft as this browser has it, once it has one: a page that lost its host loads anew."""
        found = self.page.wait_for_function("window.__flowhost?.draft?.doc", timeout=PATIENCE_MS)
        return dict(found.json_value())

    def saved(self) -> None:
        """Everything done here has reached the host."""
        self.page.wait_for_function("window.__flowhost?.draft?.pending?.length === 0", timeout=PATIENCE_MS)

    def deploy(self) -> None:
        self.saved()
        self.page.get_by_test_id("deploy").click()
        self.page.get_by_test_id("deploy-do").click()
        expect(self.page.get_by_test_id("draft-state")).to_have_text(
            re.compile("Same as revision"), timeout=PATIENCE_MS
        )


def field(where: Page | Locator, name: str) -> Locator:
    """The field of a form, wherever it is shown."""
    return where.locator(f"[data-testid=field][data-field='{name}']").locator("visible=true").first


def fill(where: Page | Locator, name: str, text: str) -> None:
    """Type a value into a field and leave it."""
    box = field(where, name).locator("input, textarea").first
    box.fill(text)
    box.press("Enter")


def eventually(page: Page, holds: Callable[[], bool], what: str) -> None:
    """Look again and again whether something is so that the page does not show."""
    deadline = time.monotonic() + PATIENCE_MS / 1000
    while not holds():
        assert time.monotonic() < deadline, f"not within {PATIENCE_MS // 1000} s: {what}"
        page.wait_for_timeout(100)


def middle(found: Locator) -> tuple[float, float]:
    box = found.bounding_box()
    assert box is not None
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def begin(watched: Watched, name: str = "My first flow") -> Canvas:
    """A new flow from the overview, opened in the editor."""
    page = watched.open("/")
    page.get_by_test_id("new-flow-empty").or_(page.get_by_test_id("new-flow")).locator("visible=true").first.click()
    page.get_by_test_id("new-name").fill(name)
    page.get_by_test_id("new-do").click()
    page.wait_for_url("**/edit")
    canvas = Canvas(page)
    expect(page.get_by_test_id("empty-hint")).to_be_visible(timeout=PATIENCE_MS)
    return canvas
