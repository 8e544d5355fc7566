"""The demo's page, in process: only a demo has it; a switch shows how its part is, not what was clicked."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
from nicegui import ui
from nicegui.testing import User

from flowhost.services.views import FlowSums
from flowhost.ui.flow_sums import sums_line


@pytest.fixture
def host(fake: ModuleType) -> Any:
    made = fake.FakeHost()
    made.plant = made.demo
    return made


def switch(user: User, name: str) -> ui.element:
    return next(card for card in user.find(marker="demo-switch").elements if card.props["data-switch"] == name)


def part(card: ui.element, testid: str) -> Any:
    return next(e for e in card.descendants() if e.props.get("data-testid") == testid)


def words(element: ui.element) -> str:
    return " ".join(getattr(e, "text", "") for e in element.descendants(include_self=True)).strip()


def click(user: User, element: ui.element) -> None:
    with user:
        for listener in element._event_listeners.values():
            if listener.type == "click":
                element._handle_event({"listener_id": listener.id, "args": {}})


async def until(condition: Callable[[], object], deadline_s: float = 10.0) -> None:
    end = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < end, "did not come true in time"
        await asyncio.sleep(0.02)


async def test_the_page_is_reached_from_every_other_and_names_who_feels_a_switch(user: User) -> None:
    await user.open("/")
    assert [link for link in user.find(ui.element).elements if link.props.get("href") == "/demo"]
    await user.open("/demo")
    assert len(user.find(marker="demo-switch").elements) == 5
    broker = switch(user, "broker")
    assert "On" in words(part(broker, "demo-state"))
    assert any(e.props.get("href") == "/flows/line-telemetry" for e in broker.descendants())
    await user.should_see("No flow of this host uses it.")


async def test_a_switch_goes_off_and_on_and_says_so(user: User) -> None:
    await user.open("/demo")
    card = switch(user, "plc")
    click(user, part(card, "demo-off"))
    await until(lambda: part(card, "demo-off").props.get("disabled"))
    await until(lambda: "Off since" in words(part(card, "demo-state")))
    assert not part(card, "demo-off").visible
    click(user, part(card, "demo-on"))
    await until(lambda: "On" in words(part(card, "demo-state")) and part(card, "demo-off").visible)


async def test_a_part_that_does_not_come_back_is_said_to_be_off(user: User, host: Any) -> None:
    await user.open("/demo")
    card = switch(user, "broker")
    host.demo.states["broker"] = (False, "")
    host.demo.comes_back = False
    await until(lambda: part(card, "demo-on").visible)
    click(user, part(card, "demo-on"))
    await until(lambda: "port 1883 is taken" in part(card, "demo-fault").text)
    assert "Off since" in words(part(card, "demo-state"))
    assert part(card, "demo-on").visible


async def test_an_unanswered_switch_is_told_in_words(user: User, host: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from flowhost.errors import HostError

    async def gone(*_: object, **__: object) -> None:
        raise HostError("the plant simulator has ended: restart the demo")

    monkeypatch.setattr(host.demo, "switch", gone)
    await user.open("/demo")
    card = switch(user, "meter")
    click(user, part(card, "demo-off"))
    await user.should_see("the plant simulator has ended: restart the demo")
    assert part(card, "demo-off").visible
    assert not part(card, "demo-off").props.get("disabled")


async def test_a_flow_that_tries_again_has_the_state_it_has_elsewhere(user: User, host: Any) -> None:
    host.flows.troubles["energy"] = "meter: down"
    await user.open("/demo")
    row = next(row for row in user.find(marker="demo-flow").elements if row.props["data-flow"] == "energy")
    assert part(row, "flow-state").props["data-state"] == "retrying"
    assert part(row, "demo-ails").text == "meter: down"


def test_the_sum_names_what_there_is() -> None:
    assert sums_line(FlowSums()) == "0 in = 0 delivered"
    busy = FlowSums(in_total=133, before=1, made=1, out_total=1, used=100, filtered=4, pending=18, held=10, dead=2)
    assert sums_line(busy) == (
        "133 in + 1 left by the last run + 1 made inside = 1 delivered + 100 used to make others + 4 filtered out + "
        "18 waiting + 10 held by nodes + 2 ended dead"
    )


async def test_what_off_means_is_said_as_a_condition(user: User) -> None:
    await user.open("/demo")
    for name in ("broker", "plc", "meter", "database", "sensor"):
        assert re.search(r"When (off|broken): ", words(switch(user, name))), name
