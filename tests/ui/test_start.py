"""Start in the editor over a real host: what is on the canvas may not be what is deployed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from browsing.editing import PATIENCE_MS, Served, Watched, begin
from playwright.sync_api import expect

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]


@pytest.fixture
def address(tmp_path: Path, served: Served) -> str:
    return served.start()


def test_start_never_runs_another_flow_than_the_one_meant_without_a_word(watched: Watched) -> None:
    canvas = begin(watched)
    page = canvas.page
    state, start = page.get_by_test_id("flow-state"), page.get_by_test_id("flow-switch")
    expect(page.get_by_test_id("problems")).to_have_text(re.compile("Flow is empty"), timeout=PATIENCE_MS)
    canvas.drop("sim.generate", 150, 120)
    canvas.drop("discard", 500, 120)
    canvas.drag(canvas.port("sim_generate", "out"), canvas.node("discard"))
    expect(page.get_by_test_id("problems")).to_have_text(re.compile("Flow is valid"), timeout=PATIENCE_MS)
    # the deployed revision has no nodes
    start.click()
    expect(page.get_by_test_id("deploy-why")).to_contain_text("revision 1, which is deployed, has no nodes")
    page.get_by_test_id("deploy-start").click()
    expect(state).to_have_text(re.compile("Running"), timeout=PATIENCE_MS)
    start.click()
    expect(state).to_have_text(re.compile("Stopped"), timeout=PATIENCE_MS)
    # it is the same: nothing to ask
    start.click()
    expect(state).to_have_text(re.compile("Running"), timeout=PATIENCE_MS)
    start.click()
    expect(state).to_have_text(re.compile("Stopped"), timeout=PATIENCE_MS)
    # the draft differs
    canvas.drop("log", 500, 300)
    canvas.drag(canvas.port("sim_generate", "out"), canvas.node("log"))
    start.click()
    expect(page.get_by_test_id("start-text")).to_contain_text("differs from revision 2")
    page.get_by_test_id("start-deployed").click()
    expect(state).to_have_text(re.compile("Running"), timeout=PATIENCE_MS)
    expect(page.get_by_test_id("draft-state")).to_have_text("Edits since revision 2 are not deployed")
    start.click()
    expect(state).to_have_text(re.compile("Stopped"), timeout=PATIENCE_MS)
    start.click()
    page.get_by_test_id("start-draft").click()
    expect(page.get_by_test_id("draft-state")).to_have_text("Same as revision 3", timeout=PATIENCE_MS)
    expect(state).to_have_text(re.compile("Running"), timeout=PATIENCE_MS)
