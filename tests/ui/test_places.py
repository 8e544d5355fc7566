"""What stands where on the canvas of a small flow, in a real browser on a real host."""

from __future__ import annotations

from pathlib import Path

import pytest
from browsing.editing import PATIENCE_MS, Canvas, Served, Watched
from browsing.large_flow import put_flow
from playwright.sync_api import Locator, expect

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]
FIVE = """
flowhost: 1
id: small
name: Small
nodes:
  made: {type: sim.generate, config: {tags: 1, rate_hz: 1}}
  usable: {type: filter, config: {where: payload.seq >= 0}}
  row: {type: map, config: {set: {double: payload.value * 2}}}
  much: {type: filter, config: {where: payload.double > 1}}
  end: {type: discard}
  other: {type: filter, config: {where: payload.seq > 3}}
  beside: {type: discard}
  third: {type: filter, config: {where: payload.seq > 5}}
wires: [made -> usable, usable -> row, row -> much, much -> end, made -> other, other -> beside, made -> third]
"""
LEAST = 0.65


@pytest.fixture
def address(served: Served, tmp_path: Path) -> str:
    put_flow(tmp_path, FIVE)
    return served.start()


def test_five_in_a_row_can_be_read_and_their_buttons_cover_no_neighbour(watched: Watched) -> None:
    canvas = Canvas(watched.open("/flows/small/edit"))
    page = canvas.page
    expect(canvas.node("end")).to_be_visible(timeout=PATIENCE_MS)
    names = list(canvas.doc()["nodes"])
    frame = edges(canvas.frame)
    assert page.evaluate("window.__flowhost.view.camera.k") >= LEAST
    for name in names:
        left, top, right, bottom = edges(canvas.node(name))
        assert frame[0] <= left < right <= frame[2]
        assert frame[1] <= top < bottom <= frame[3]
    bar = page.get_by_test_id("select-bar")
    for scale in (LEAST, 1):
        page.evaluate(f"window.__flowhost.view.camera.zoom({scale} / window.__flowhost.view.camera.k)")
        for name in ("usable", "other", "third", "row"):
            page.evaluate(f"window.__flowhost.jump('{name}')")
            expect(bar).to_be_visible()
            page.wait_for_timeout(100)
            covered = [one for one in names if common(edges(bar), edges(canvas.node(one))) > 0]
            assert not covered, f"{name} at {scale}"


def edges(found: Locator) -> tuple[float, float, float, float]:
    box = found.bounding_box()
    assert box is not None
    return box["x"], box["y"], box["x"] + box["width"], box["y"] + box["height"]


def common(one: tuple[float, ...], other: tuple[float, ...]) -> float:
    """How much two rectangles share, in square pixels."""
    wide = min(one[2], other[2]) - max(one[0], other[0])
    high = min(one[3], other[3]) - max(one[1], other[1])
    return max(0.0, wide) * max(0.0, high)
