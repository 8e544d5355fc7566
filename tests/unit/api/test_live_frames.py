"""What the canvas is sent."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest

from flowhost.api.live.frames import local, picture_of
from flowhost.graph.document import FlowDocument
from flowhost.services.views import FlowDetail, FlowOverview, NodeView


def test_times_carry_the_offset_of_the_plant(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "Europe/Vienna")
        time.tzset()
        written = local(datetime(2026, 1, 5, 11, 0, tzinfo=UTC))
    time.tzset()
    assert written == "2026-01-05T12:00:00+01:00"


@pytest.mark.parametrize("dead_lately", [0, 7])
def test_the_canvas_is_told_where_messages_die(dead_lately: int) -> None:
    flow = FlowOverview(
        id="line", name="Line", area="", state="running", state_text="", desired="running", dead_lately=dead_lately
    )
    node = NodeView(id="named", type="map", title="Named", kind="transform", state="running", dead_lately=dead_lately)
    picture = picture_of(FlowDetail(overview=flow, document=FlowDocument(id="line"), nodes=(node,)))
    assert picture["f:"]["letters"] is picture["n:named"]["letters"] is False
    assert picture["f:"]["dying"] == picture["n:named"]["dying"] == bool(dead_lately)
    assert not picture["f:"]["ails"], "messages that die hold nothing up"
