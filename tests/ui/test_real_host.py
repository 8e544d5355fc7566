"""The pages over a real host with a real worker: bring a flow in, start it, see values move, stop it, read its run."""

from __future__ import annotations

import re

import pytest
from browsing.editing import Served, Watched
from playwright.sync_api import expect

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]


FLOW = """
flowhost: 1
id: made-up
name: Made-up values
area: lab
description: Values from nowhere, counted and discarded.
nodes:
  values: {type: sim.generate, config: {tags: 3, rate_hz: 20}}
  double: {type: map, config: {set: {tag: payload.tag, value: payload.value * 2}}}
  sink: {type: discard}
wires:
  - values -> double
  - double -> sink
"""


@pytest.fixture
def address(served: Served) -> str:
    """Where a host of its own answers, on a fresh data folder."""
    return served.start()


def test_a_flow_from_import_to_its_run(watched: Watched) -> None:
    page = watched.open("/")
    expect(page.get_by_text("No flows yet")).to_be_visible()
    page.get_by_role("button", name="Import flow").click()
    page.get_by_test_id("import-text").fill(FLOW)
    page.get_by_test_id("import-do").click()
    expect(page).to_have_url(re.compile(r"/flows/made-up$"))
    expect(page.get_by_text("Made-up values is imported. It stays stopped until you start it.")).to_be_visible()
    page = watched.open("/")
    row = page.locator("[data-flow=made-up]")
    expect(row.get_by_test_id("flow-state")).to_have_text("Stopped")

    row.get_by_test_id("flow-start").click()
    expect(row.get_by_test_id("flow-state")).to_have_text("Running")
    expect(row.get_by_test_id("value").first).to_be_visible()
    total = row.get_by_test_id("flow-in").inner_text()
    expect(row.get_by_test_id("flow-in")).not_to_have_text(total)

    page.get_by_role("link", name="Made-up values").click()
    expect(page.get_by_test_id("node")).to_have_count(3)
    expect(page.get_by_test_id("wire")).to_have_count(2)
    page.locator("[data-node=double]").click()
    counter = page.locator("[data-counter=out] dd").first  # of this run; the second is of all runs
    expect(counter).not_to_have_text("0")
    now = counter.inner_text()
    expect(counter).not_to_have_text(now)
    expect(page.get_by_test_id("inspector")).to_contain_text("payload.value * 2")

    page.get_by_test_id("flow-stop").click()
    expect(page.get_by_test_id("flow-state")).to_have_text("Stopped")
    page.get_by_role("link", name="Runs of Made-up values").click()
    expect(page.locator("tbody tr").first).to_contain_text("Stopped")
    page.get_by_role("link", name=re.compile("#")).first.click()
    expect(page.get_by_test_id("run")).to_contain_text("sim.generate")


def test_plugins_of_this_environment(watched: Watched) -> None:
    page = watched.open("/plugins")
    expect(page.get_by_test_id("plugin").first).to_be_visible()
    expect(page.get_by_text("sim.generate")).to_be_visible()
    for icon in page.locator(".fh-node-icon").all():  # each is one glyph of the bundled font
        assert icon.evaluate("icon => icon.scrollWidth <= icon.clientWidth"), icon.text_content()


def test_what_an_import_meets_is_said_before(watched: Watched) -> None:
    page = watched.open("/")
    page.get_by_role("button", name="Import flow").click()
    page.get_by_test_id("import-text").fill(FLOW)
    page.get_by_test_id("import-do").click()
    expect(page.locator("[data-flow=made-up]")).to_be_visible()
    page = watched.open("/")
    # the same flow with other content, and a new one of a plugin that is not there: nothing happens unasked
    page.get_by_test_id("import").click()
    other = FLOW.replace("name: Made-up values", "name: Another name")
    new = FLOW.replace("id: made-up", "id: second").replace("type: discard", "type: acme.send")
    page.locator("input[type=file]").set_input_files(
        [
            {"name": "one.yaml", "mimeType": "text/yaml", "buffer": other.encode()},
            {"name": "two.yaml", "mimeType": "text/yaml", "buffer": new.encode()},
        ]
    )
    expect(page.get_by_test_id("import-files").locator("li")).to_have_text(["one.yaml", "two.yaml"])
    page.get_by_test_id("import-do").click()
    items = page.get_by_test_id("import-item")
    expect(items.nth(0)).to_contain_text("is here already, with other content")
    expect(items.nth(0).get_by_test_id("import-changes")).to_contain_text("Made-up values→Another name")
    expect(items.nth(1)).to_contain_text("acme.send")
    expect(page.locator("[data-flow=second]")).to_have_count(0)
    page.get_by_test_id("import-copy").click()
    expect(page.locator("[data-flow=second]")).to_be_attached()
    expect(page.locator("[data-flow=made-up-2]")).to_be_attached()
    expect(page.get_by_test_id("alert").locator("visible=true")).to_contain_text("cannot start yet")
