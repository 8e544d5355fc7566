"""Found from anywhere, and looked at without the right to change it."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from browsing.editing import PATIENCE_MS, Canvas, Watched
from playwright.sync_api import expect

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

FLOW = """\
flowhost: 1
id: {id}
name: {id} line
nodes:
  gen: {{type: sim.generate, config: {{rate_hz: 5}}}}
  check: {{type: filter, name: "{name}", config: {{where: "{where}"}}}}
  out: {{type: discard}}
wires: [gen -> check, check -> out]
"""
SERVE_VIEWER = """
import sys
from pathlib import Path
from flowhost.services import access
if len(sys.argv) > 2:
    object.__setattr__(access.LOCAL_USER, "roles", frozenset({sys.argv[2]}))
from flowhost.app import serve
from flowhost.services.settings import load_settings
if __name__ == "__main__":
    serve(load_settings(data_dir=Path(sys.argv[1]), port=0, workers=1))
"""


@pytest.fixture
def role(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def address(tmp_path: Path, role: str) -> Iterator[str]:
    """A host with two flows, served to somebody of a role."""
    data, script = tmp_path / "data", tmp_path / "serve.py"
    for flow_id, name, where in (("north", "Large ones", "payload.nothing > 1"), ("south", "Boiler", "true")):
        (tmp_path / f"{flow_id}.yaml").write_text(FLOW.format(id=flow_id, name=name, where=where), encoding="utf-8")
    files = [str(path) for path in tmp_path.glob("*.yaml")]
    begin = [sys.executable, "-m", "flowhost", "import", *files, "--data", str(data)]
    subprocess.run(begin, check=True, capture_output=True, timeout=120)
    script.write_text(SERVE_VIEWER, encoding="utf-8")
    with subprocess.Popen([sys.executable, str(script), str(data), role], stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            found = re.search(r"http://[\d.:]+", server.stdout.readline())
            assert found, "the server ended before it answered"
            yield found[0]
        finally:
            server.terminate()
            server.wait(30)


@pytest.mark.parametrize("role", ["admin"], indirect=True)
def test_nodes_of_all_flows_are_found_and_failures_stand_at_their_node(watched: Watched) -> None:
    page = watched.open("/")
    page.get_by_test_id("search").fill("boiler")
    page.get_by_test_id("node-hit").click()
    page.wait_for_url("**/flows/south/edit?node=check")
    canvas = Canvas(page)
    expect(canvas.node("check")).to_have_class(re.compile("fe-selected"), timeout=PATIENCE_MS)
    canvas.frame.focus()
    page.keyboard.press("/")
    page.keyboard.type("payload.nothing")
    expect(page.get_by_test_id("search-item")).to_have_attribute("data-flow", "north", timeout=PATIENCE_MS)
    page.keyboard.press("Enter")
    page.wait_for_url("**/flows/north/edit?node=check")
    expect(canvas.node("check")).to_have_class(re.compile("fe-selected"), timeout=PATIENCE_MS)
    page.get_by_test_id("flow-switch").click()
    fault = canvas.node("check").get_by_test_id("node-fault")
    expect(fault).to_contain_text("payload.nothing is missing", timeout=PATIENCE_MS)
    expect(page.get_by_test_id("last-fault")).to_contain_text("payload.nothing is missing", timeout=PATIENCE_MS)


@pytest.mark.parametrize("role", ["viewer"], indirect=True)
def test_who_may_only_look_sees_everything_and_changes_nothing(watched: Watched) -> None:
    page = watched.open("/flows/north/edit")
    canvas = Canvas(page)
    expect(page.get_by_test_id("read-only")).to_be_visible(timeout=PATIENCE_MS)
    expect(canvas.node("check")).to_be_visible(timeout=PATIENCE_MS)
    expect(page.get_by_test_id("loading")).to_be_hidden()
    for hidden in ("deploy", "flow-switch", "palette-search"):
        expect(page.get_by_test_id(hidden)).to_be_hidden()
    before = canvas.doc()
    canvas.node("check").click()
    expect(canvas.field("where").locator("input, textarea").first).to_be_disabled()
    canvas.drag(canvas.node("out"), canvas.node("gen"))
    for key in ("Delete", "w", "n", "g", "Tab", "Shift+A", "Control+d"):
        canvas.frame.focus()
        page.keyboard.press(key)
    page.keyboard.press("y")
    expect(page.get_by_test_id("yaml-text")).to_have_value(re.compile("payload.nothing"), timeout=PATIENCE_MS)
    assert page.get_by_test_id("yaml-text").get_attribute("readonly") is not None
    assert canvas.doc() == before
