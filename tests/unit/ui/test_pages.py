"""Pages as a user sees them, in process."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import ModuleType
from typing import Any

import httpx
import pytest
from nicegui import ui
from nicegui.testing import User

from flowhost.services.access import LOCAL_USER
from flowhost.services.views import FlowSums
from flowhost.ui.flow_sums import FlowTotals
from flowhost.ui.format import clock
from flowhost.ui.texts import t


def texts(user: User, marker: str) -> list[str]:
    found = user.find(marker=marker).elements
    return [element.text for element in sorted(found, key=lambda element: element.id)]


def rows(user: User) -> dict[str, Any]:
    found = user.find(marker="flow-row").elements
    return {row.props["data-flow"]: row for row in sorted(found, key=lambda row: row.id)}


def below(row: ui.element, marker: str) -> Any:
    return next(e for e in row.descendants() if marker in e._markers)


def click(user: User, element: ui.element) -> None:
    with user:
        for listener in element._event_listeners.values():
            if listener.type == "click":
                element._handle_event({"listener_id": listener.id, "args": {}})


async def until(condition: Callable[[], object], deadline_s: float = 5.0) -> None:
    end = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < end, "did not come true in time"
        await asyncio.sleep(0.02)


def state(user: User, flow: str) -> str:
    return str(below(rows(user)[flow], "flow-state").props["data-state"])


async def test_overview_lists_flows_by_area_and_name(user: User) -> None:
    await user.open("/")
    assert list(rows(user)) == ["line-telemetry", "production", "opcua-to-sql", "energy", "refuses"]
    await user.should_see("Line 1 telemetry")
    await user.should_see("plant1/utilities")
    assert state(user, "line-telemetry") == "running"
    assert state(user, "opcua-to-sql") == "failed"
    await user.should_see("refused the certificate")


async def test_what_a_flow_is_for_stands_in_its_row_and_on_its_page(user: User, host: Any) -> None:
    await user.open("/")
    about = below(rows(user)["line-telemetry"], "flow-about")
    assert about.text.startswith("Temperatures and pressures of the filler")
    assert about.props["title"] == about.text
    assert not below(rows(user)["energy"], "flow-about").visible
    await user.open("/flows/energy")
    assert texts(user, "flow-about") == ["The flow file has no description."]
    host.flows.documents["energy"] = replace(host.flows.documents["energy"], description="Ask Ann.\nOnly by day.")
    await until(lambda: texts(user, "flow-about") == ["Ask Ann.\nOnly by day."])


async def test_figures_change_while_the_page_is_open(user: User, host: Any) -> None:
    await user.open("/")
    total = below(rows(user)["production"], "flow-in")
    value = below(rows(user)["energy"], "value")
    before = total.text, value.text
    await until(lambda: (total.text != before[0]) and (value.text != before[1]))
    assert host.flows.watched == {"line-telemetry", "production", "energy"}


async def test_only_flows_that_run_are_counted_as_running(user: User, host: Any) -> None:
    host.flows.states["energy"] = "starting"  # its worker has died, another is on its way
    await user.open("/")
    await user.should_see("2 of 5")
    host.flows.states["energy"] = "running"
    await user.should_see("3 of 5")


async def test_a_flow_that_tries_again_is_retrying_on_every_page(user: User, host: Any) -> None:
    host.flows.troubles["energy"] = "meter: down since 10:15:30: 1,204 polls failed"
    for path, marker in (("/", "flow-row"), ("/flows/energy", "flow-head")):
        await user.open(path)
        place = next(e for e in user.find(marker=marker).elements if e.props["data-flow"] == "energy")
        mark = below(place, "flow-state")
        assert mark.props["data-state"] == "retrying", path
        assert [e.text for e in mark.descendants()] == ["", "Retrying"]
        assert "fh-dot-warn" in next(iter(mark.descendants())).classes
        await user.should_see("1,204 polls failed")


async def test_a_flow_whose_messages_die_runs_but_does_not_look_well(user: User, host: Any) -> None:
    host.flows.dead_lately["line-telemetry"] = 1204
    for path, marker in (("/", "flow-row"), ("/flows/line-telemetry", "flow-head")):
        await user.open(path)
        place = next(e for e in user.find(marker=marker).elements if e.props["data-flow"] == "line-telemetry")
        mark = below(place, "flow-state")
        assert mark.props["data-state"] == "running", path
        assert [e.text for e in mark.descendants()] == ["", "Running"]
        dot = next(iter(mark.descendants()))
        assert "fh-dot-warn" in dot.classes
        await user.should_see("1,204 messages dead in the last minute")
        trouble = next(e for e in place.descendants() if "fh-trouble" in e.classes)
        assert "fh-warn" in trouble.classes
        assert trouble.text.startswith("fahren: is text; "), "the cause first"
        host.flows.dead_lately["line-telemetry"] = 0
        await until(lambda: "messages dead" not in trouble.text)  # noqa: B023 - asked before the next turn
        assert "fh-dot-warn" in dot.classes, "its dead letters are open"
        letters = host.flows.letters.pop("line-telemetry")
        await until(lambda: "fh-dot-ok" in dot.classes)  # noqa: B023 - asked before the next turn
        host.flows.letters["line-telemetry"] = letters
        host.flows.dead_lately["line-telemetry"] = 1204


async def test_running_in_trouble_and_not_running_add_up(user: User, host: Any) -> None:
    host.flows.troubles["energy"] = "meter: down"
    host.alarms.standing = []
    await user.open("/")
    names = ("all", "running", "trouble", "stopped")
    shown = {name: [e.text for e in _one(user, f"filter-{name}").descendants()] for name in names}
    assert {name: text[-1] for name, text in shown.items()} == {
        "all": "5", "running": "2", "trouble": "2", "stopped": "1"
    }  # fmt: skip
    await user.should_see("3 of 5")
    await user.should_see(", 1 retrying")


async def test_a_flow_whose_messages_die_and_one_with_an_alarm_are_in_trouble(
    user: User, host: Any, fake: ModuleType
) -> None:
    host.flows.dead_lately["line-telemetry"] = 4
    await user.open("/")

    def number() -> str:
        return [e.text for e in _one(user, "filter-trouble").descendants()][-1]

    assert number() == "2", "beside the one that has failed"
    host.alarms.standing = [
        replace(fake.alarm(1, "waiting_long", "warning", "out", datetime.now(UTC), "They wait", ""), flow_id="energy")
    ]
    await until(lambda: number() == "3")
    host.flows.dead_lately.clear()
    await until(lambda: number() == "2")


def _one(user: User, marker: str) -> Any:
    return next(iter(user.find(marker=marker).elements))


async def test_an_old_error_keeps_its_words_but_not_its_colour(user: User, host: Any) -> None:
    host.flows.erred_at = datetime.now(UTC) - timedelta(seconds=20)
    await user.open("/")
    trouble = next(e for e in rows(user)["line-telemetry"].descendants() if "fh-trouble" in e.classes)
    assert "fh-past" not in trouble.classes
    assert trouble.text.endswith(": fahren: is text")
    host.flows.erred_at = datetime.now(UTC) - timedelta(minutes=4)
    await until(lambda: "fh-past" in trouble.classes)
    assert trouble.text == f"{clock(host.flows.erred_at)}: fahren: is text"


async def test_each_kind_of_message_has_a_line_of_its_own(user: User) -> None:
    await user.open("/")
    with user:
        totals = FlowTotals()
    totals.show(FlowSums(in_total=1213, before=2, made=3, out_total=1210, used=4, pending=4))
    assert {handle: below(totals, handle).text for handle in ("flow-in", "flow-before", "flow-made", "flow-used")} == {
        "flow-in": "1,213", "flow-before": "2", "flow-made": "3", "flow-used": "4",
    }  # fmt: skip
    words = [e.text for line in totals.default_slot.children if line.visible for e in line.default_slot.children]
    assert words[1::2] == ["came in", "from the last run", "made inside", "delivered", "went into others", "waiting"]


async def test_rows_are_changed_in_place(user: User) -> None:
    await user.open("/")
    row = rows(user)["energy"]
    total = below(row, "flow-in")
    before = total.text
    await until(lambda: total.text != before)
    assert rows(user)["energy"] is row


async def test_stop_and_start_do_what_they_say(user: User, host: Any) -> None:
    await user.open("/")
    row = rows(user)["energy"]
    start, stop = below(row, "flow-start"), below(row, "flow-stop")
    assert not start.visible
    click(user, stop)
    await until(
        lambda: stop.props.get("disabled") and any(getattr(e, "text", "") == "Stopping…" for e in stop.descendants())
    )
    await until(lambda: host.flows.states["energy"] == "stopped" and state(user, "energy") == "stopped")
    assert not stop.visible
    assert start.visible
    click(user, start)
    await until(lambda: state(user, "energy") == "running")
    assert not stop.props.get("disabled")


async def test_a_flow_that_cannot_start_says_why(user: User) -> None:
    await user.open("/")
    row = rows(user)["refuses"]
    click(user, below(row, "flow-start"))
    alert = below(row, "alert")
    await until(lambda: "did you mean 'map'" in alert.text)
    assert alert.text.startswith("Refuses to start did not start.")
    assert below(row, "flow-start").visible


async def test_search_and_filters_hide_what_does_not_match(user: User) -> None:
    await user.open("/")

    everything = rows(user)

    def shown() -> set[str]:
        return {flow for flow, row in everything.items() if row.visible}

    user.find(marker="search").trigger("input", "line1 tele")
    await until(lambda: shown() == {"line-telemetry"})
    user.find(marker="search").trigger("input", "")
    user.find(marker="filter-trouble").click()
    await until(lambda: shown() == {"opcua-to-sql", "line-telemetry"})  # one has failed, the other has an alarm
    user.find(marker="search").trigger("input", "nothing like it")
    await user.should_see("No flow matches")


async def test_plant_data_stays_text(user: User, fake: ModuleType) -> None:
    await user.open("/")
    assert fake.NASTY in texts(user, "value")
    assert not [e for e in user.find(ui.element).elements if e.tag in ("script", "img") or "innerHTML" in e.props]


async def test_an_empty_host_says_what_to_do(user: User, host: Any) -> None:
    host.flows.documents.clear()
    await user.open("/")
    await user.should_see("No flows yet")
    await user.should_see("flowhost demo")


async def test_a_pasted_flow_is_imported(user: User) -> None:
    from flowhost.ui.import_dialog import FlowText

    await user.open("/")
    user.find(marker="import").click()
    user.find(FlowText).trigger("content", "id: x")
    user.find(marker="import-do").click()
    await user.should_see("the flow has no nodes")
    user.find(FlowText).trigger("content", "id: imported\nnodes: {}")
    user.find(marker="import-do").click()
    await user.should_see("Imported is imported. It stays stopped until you start it.", retries=40)
    await user.should_see(marker="flow-head", retries=40)
    assert _one(user, "flow-head").props["data-flow"] == "imported"


async def test_a_file_that_could_not_start_is_not_imported_unasked(user: User, host: Any) -> None:
    from flowhost.ui.import_dialog import FlowText

    host.flows.import_errors = ("line 7: wires[0]: there is no node 'nowhere'", "line 9: unknown node type 'filtr'")
    await user.open("/")
    user.find(marker="import").click()
    user.find(FlowText).trigger("content", "id: imported\nnodes: {}")
    user.find(marker="import-do").click()
    await user.should_see("It cannot start with these 2 problems")
    assert texts(user, "import-error") == list(host.flows.import_errors)
    assert "imported" not in rows(user)
    user.find(marker="import-anyway").click()
    await user.should_see("Imported is imported. It stays stopped until you start it.", retries=40)
    await user.open("/")
    assert "imported" in rows(user)


async def test_several_imported_flows_are_named_with_the_way_to_each(user: User, host: Any) -> None:
    from flowhost.ui.pages.overview import Arrived

    await user.open("/")
    flows = await host.flows.list(LOCAL_USER)
    with user:
        Arrived().show(flows)
    await user.should_see(f"{len(flows)} flows imported:")


async def test_a_silent_host_is_said_to_be_silent(user: User, host: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from flowhost.errors import HostError

    await user.open("/")
    listing = host.flows.list

    async def broken(principal: Any) -> Any:
        raise HostError("the disk is full")

    monkeypatch.setattr(host.flows, "list", broken)
    await user.should_see("the disk is full")
    assert "fh-stale" in _one(user, "content").classes  # states lose their colour: nobody knows them now
    monkeypatch.setattr(host.flows, "list", listing)
    await user.should_not_see("the disk is full")
    assert "fh-stale" not in _one(user, "content").classes


async def test_nobody_looks_nobody_asks(user: User, host: Any) -> None:
    await user.open("/")
    await until(lambda: host.flows.watched)
    assert user.client is not None
    user.client.delete()
    await until(lambda: not host.flows.watched)


async def test_flow_page_shows_a_picked_node_and_no_secret(user: User) -> None:
    from flowhost.ui.graph_view import GraphView

    await user.open("/flows/line-telemetry")
    await user.should_see("Temperatures and pressures of the filler")
    graph = next(iter(user.find(GraphView).elements))
    user.find(GraphView).trigger("select", "temps")
    panel = next(iter(user.find(marker="inspector").elements))
    words = " ".join(e.text for e in panel.descendants() if hasattr(e, "text"))
    assert "plant/+/temp" in words
    assert "never shown" in words
    assert "mqtt://ann:••••••@broker/x" in words
    assert "Every message is accounted for" in words
    everything = " ".join(str(e.props) + str(getattr(e, "text", "")) for e in user.find(ui.element).elements)
    assert "hunter2" not in everything
    assert "hunter2" not in graph.props["picture"]
    user.find(GraphView).trigger("select", "fahren")
    await user.should_see("is text, not a number: 'n/a'")
    user.find(GraphView).trigger("select", "")
    await user.should_not_see(marker="inspector")


async def test_flow_page_says_what_is_promised(user: User) -> None:
    from flowhost.ui.graph_view import GraphView
    from flowhost.ui.tags import Tag

    def lines() -> list[tuple[str, str]]:
        return [
            (e.props["data-node"], " ".join(child.text for child in e.descendants() if isinstance(child, Tag)).strip())
            for e in user.find(marker="guarantee").elements
            if isinstance(e, Tag) and all(above.visible for above in e.ancestors(include_self=True))
        ]

    means = t("guarantee.means.then_effectively_once")
    await user.open("/flows/line-telemetry")
    await user.should_see("What is promised")
    await user.should_see(
        "Lost is only what the source sends while FlowHost, this flow or the link to the source is down"
    )
    assert set(lines()) == {
        ("out", f"Unified namespace At least once {t('guarantee.means.at_least_once')}"),
        ("rows", f"Historian Best effort up to FlowHost, then effectively once {means}"),
    }
    user.find(GraphView).trigger("select", "rows")
    await user.should_see("temps: cannot bring a message again; set `qos: 1`")
    assert {words for _, words in lines()} == {
        f"From Temperatures Best effort up to FlowHost, then effectively once {means} "
        "temps: cannot bring a message again; set `qos: 1`",
        f"From Temperatures, what failed on the way Effectively once {t('guarantee.means.effectively_once')}",
    }
    user.find(GraphView).trigger("select", "temps")
    await user.should_not_see("set `qos: 1`")
    await user.open("/flows/energy")
    await user.should_not_see("What is promised")


async def test_a_running_flow_is_stopped_in_the_dialog_that_deletes_it(user: User, host: Any) -> None:
    host.flows.states["energy"] = "running"
    await user.open("/flows/energy")
    user.find(marker="flow-delete").click()
    await user.should_see("has to be stopped first")
    await user.should_see("for up to 10 s")
    await user.should_not_see("37 messages wait before rows")
    assert not next(iter(user.find(marker="delete-stop").elements)).props.get("disabled")
    user.find(marker="delete-stop").click()
    await user.should_see("The flow is stopped; Cancel leaves it so.", retries=40)
    assert host.flows.states["energy"] == "stopped"
    await user.should_see("37 messages wait before rows")
    assert not host.flows.deleted, "what goes is said before"
    user.find(marker="delete-do").click()
    await until(lambda: host.flows.deleted == ["energy"])
    await user.should_see("kept.db")
    assert texts(user, "delete-title") == ["Energy per 10 s is deleted"]


async def test_a_flow_deleted_from_here_is_no_host_that_does_not_answer(user: User, host: Any) -> None:
    host.flows.states["energy"] = "stopped"
    await user.open("/flows/energy")
    user.find(marker="flow-delete").click()
    await user.should_see("37 messages wait before rows")
    user.find(marker="delete-do").click()
    await user.should_see("kept.db")
    looks = host.flows.looks
    await until(lambda: host.flows.looks > looks + 2)
    await user.should_not_see("does not answer")
    await user.should_not_see("no longer on this host")


async def test_a_flow_that_somebody_else_deletes_is_said_to_be_gone(user: User, host: Any) -> None:
    await user.open("/flows/energy")
    host.flows.deleted.append("energy")
    await user.should_see("no longer on this host: somebody has deleted it", retries=40)
    await user.should_not_see("does not answer")


async def test_flow_page_has_start_and_stop(user: User, host: Any) -> None:
    await user.open("/flows/energy")
    user.find(marker="flow-stop").click()
    await until(lambda: host.flows.states["energy"] == "stopped")
    user.find(marker="flow-start").click()
    await until(lambda: host.flows.states["energy"] == "running")


async def test_unknown_flow_and_run_lead_back(user: User) -> None:
    await user.open("/flows/nope")
    await user.should_see("There is no flow “nope”")
    await user.open("/runs/99")
    await user.should_see("There is no run 99")


async def test_runs_are_listed_and_can_be_narrowed_to_a_flow(user: User) -> None:
    await user.open("/runs")
    await user.should_see("#12")
    await user.should_see("Interrupted")
    await user.open("/runs?flow=energy")
    await user.should_see("Runs of Energy per 10 s")
    await user.should_not_see("#12")


async def test_a_run_has_events_and_figures_per_node(user: User) -> None:
    await user.open("/runs/10")
    await user.should_see("payload.value is text, not a number (plant/filler/temp) ×3")
    await user.should_see("Unified namespace")
    await user.should_see("3 older events are no longer kept.")


async def test_plugins_say_what_they_bring_and_what_is_broken(user: User) -> None:
    await user.open("/plugins")
    await user.should_see("4 plugins, 8 node types, 1 left out because of errors")
    await user.should_see("No module named 'acme_driver'")
    await user.should_see("mqtt.broker")
    await user.should_see("SQL write")


async def test_only_a_demo_has_the_demos_page(user: User) -> None:
    await user.open("/")
    assert not [link for link in user.find(ui.element).elements if link.props.get("href") == "/demo"]
    assert (await user.http_client.get("/demo")).status_code == 404


HTML = {"accept": "text/html,application/xhtml+xml"}


async def test_an_unknown_address_is_told_with_links_to_what_there_is(user: User) -> None:
    answer = await user.http_client.get("/no/such/page", headers=HTML)
    assert answer.status_code == 404
    assert "There is no page at /no/such/page" in answer.text
    assert '"href":"/runs"' in answer.text.replace("&quot;", '"').replace('\\"', '"')
    program = await user.http_client.get("/no/such/page", headers={"accept": "*/*"})
    assert program.status_code == 404
    assert program.json()["error"] == "not found"


@pytest.mark.parametrize("number", ["abc", "4711", "9" * 40])
async def test_a_run_there_is_not(user: User, number: str) -> None:
    await user.open(f"/runs/{number}")
    await user.should_see(f"There is no run {number}")


@pytest.mark.expects_error_log
async def test_a_page_that_cannot_be_made_says_so(
    user: User, app: Any, host: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object) -> None:
        raise RuntimeError("the roof leaks")

    monkeypatch.setattr(host.flows, "list", broken)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        answer = await client.get("/", headers=HTML)
    assert answer.status_code == 500
    assert "This page cannot be shown" in answer.text
    assert "the roof leaks" in answer.text


async def test_alarms_stand_on_the_overview_until_they_are_over(user: User, host: Any) -> None:
    await user.open("/")
    assert texts(user, "alarms-count") == ["3, none acknowledged yet"]
    shown = sorted(user.find(marker="alarm").elements, key=lambda row: row.id)
    assert [row.props["data-severity"] for row in shown] == ["critical", "error", "warning"]
    await user.should_see("10.1.2.3:1883 does not answer")
    await user.should_see("FlowHost goes on trying")
    assert len(user.find(marker="alarm-count").elements) == 1
    click(user, below(shown[0], "acknowledge"))
    await until(lambda: texts(user, "alarms-count") == ["3, 2 not acknowledged"])
    await user.should_see("Acknowledged by local")
    host.alarms.standing.clear()
    await user.should_not_see("3 dead letters", retries=40)


async def test_dead_letters_that_were_seen_to_alarm_nobody(user: User) -> None:
    def number() -> Any:
        return next(e for e in _one(user, "totals").descendants() if e.props.get("data-count") == 13)

    await user.open("/flows/line-telemetry")
    assert "fh-bad" in number().classes
    await user.open("/flows/energy")
    assert "fh-bad" not in number().classes


async def test_what_deletes_looks_like_it(user: User, host: Any) -> None:
    host.flows.states["energy"] = "stopped"
    await user.open("/flows/energy")
    user.find(marker="flow-delete").click()
    await user.should_see(marker="delete-do")
    look = _one(user, "delete-do").classes
    assert "fh-danger" in look
    assert "fh-primary" not in look


async def test_one_cause_is_one_alarm_with_what_follows_beneath(user: User, host: Any, fake: ModuleType) -> None:
    began = datetime.now(UTC)
    down = fake.alarm(1, "connection_down", "error", "broker", began, "broker is down", "Check the network.")
    other = replace(down, id=2, flow_id="energy", flow_name="Energy", text="broker of Energy is down", cause=1)
    queue = fake.alarm(3, "waiting_long", "warning", "out", began, "12,034 wait for out", "")
    host.alarms.standing = [down, other, replace(queue, cause=1)]
    await user.open("/")
    assert texts(user, "alarms-count") == ["1, none acknowledged yet"]
    [row] = user.find(marker="alarm").elements
    assert below(row, "alarm-holds").text == "Holds up 2 flows: Line 1 telemetry, Energy"
    await user.should_see("2 alarms follow from it")
    assert len(user.find(marker="alarm-follows").elements) == 2
    count = next(iter(user.find(marker="alarm-count").elements))
    assert count.props["title"] == "Alarms: 1"
    click(user, below(row, "acknowledge"))
    await until(lambda: texts(user, "alarms-count") == ["1, all acknowledged"])
    assert all(one.acknowledged_by for one in host.alarms.standing)
    host.alarms.standing = [replace(queue, cause=1)]  # the link is back, the backlog is not worked off yet
    await until(lambda: next(iter(user.find(marker="alarm").elements)).props["data-kind"] == "waiting_long")


async def test_a_headline_says_what_is_down_and_what_waits_and_the_rest_stands_below(
    user: User, host: Any, fake: ModuleType
) -> None:
    began = datetime.now(UTC)
    stuck = replace(
        fake.alarm(1, "node_retrying", "error", "out", began, "Out in Line 1 is held up", "See it."),
        reason="the database is locked", waiting=1000, connection="mes",
    )  # fmt: skip
    other = replace(stuck, id=2, flow_id="energy", flow_name="Energy", waiting=204, cause=1)
    host.alarms.standing = [stuck, other]
    await user.open("/")
    [row] = user.find(marker="alarm").elements
    what = next(e for e in row.descendants() if "fh-alarm-what" in e.classes)
    assert what.text == "Out in Line 1 is held up; 1,000 messages wait"
    assert below(row, "alarm-why").text == "the database is locked"
    assert below(row, "alarm-holds").text == "Holds up 2 flows, 1,204 messages in all: Line 1 telemetry, Energy"
    assert below(row, "alarm-connection").props["href"] == "/connections#connection-mes"
    host.alarms.standing = [replace(stuck, connection="", waiting=1)]
    await until(lambda: what.text == "Out in Line 1 is held up; 1 message waits")
    assert not below(row, "alarm-connection").visible


async def test_alarms_that_are_over_are_folded_below(user: User, host: Any, fake: ModuleType) -> None:
    await user.open("/")
    await user.should_not_see("Alarms that are over")
    began = datetime.now(UTC) - timedelta(hours=1)
    gone = replace(
        fake.alarm(7, "connection_down", "error", "broker", began, "Connection broker was down", ""),
        cleared_at=began + timedelta(minutes=12),
    )  # fmt: skip
    host.alarms.over = [gone]
    await user.open("/")
    await user.should_see("Alarms that are over: 1")
    words = [e.text for e in _one(user, "lately-line").descendants()]
    assert words == ["Connection broker was down", f"over {clock(gone.cleared_at)}, stood 12\u202fmin"]


async def test_alarms_that_do_not_fit_are_counted_and_shown_at_a_click(user: User, host: Any, fake: ModuleType) -> None:
    began = datetime.now(UTC)
    host.alarms.standing = [
        fake.alarm(i, "connection_down", "critical", f"link{i}", began, f"link{i}: 12,034 wait", "")
        for i in range(1, 7)
    ]
    await user.open("/")
    visible = [row for row in user.find(marker="alarm").elements if row.visible]
    assert len(visible) == 4
    await user.should_see("Show 2 more")
    await user.should_see("12,034 wait")
    user.find(marker="alarms-more").click()
    await until(lambda: all(row.visible for row in user.find(marker="alarm").elements))
    await user.should_see("Show fewer")


async def test_a_flow_that_is_being_stopped_says_what_it_waits_for(user: User, host: Any) -> None:
    host.flows.states["production"] = "draining"
    await user.open("/")
    words = f"Delivers what is inside: 37 messages, until {clock(host.flows.drain_until)} at the latest"
    await user.should_see(words)
    await user.open("/flows/production")
    await user.should_see(words)


async def test_connections_of_flows_are_listed_tested_and_lead_to_their_settings(user: User, host: Any) -> None:
    await user.open("/connections")
    await user.should_not_see("No connections yet")
    found = sorted(user.find(marker="own-connection").elements, key=lambda row: row.id)
    assert [row.props["data-connection"] for row in found] == ["broker", "spare"]
    assert below(found[0], "own-edit").props["href"] == "/flows/line-telemetry/edit?node=temps"
    await user.should_see("Not connected: nothing listens at 127.0.0.1:1883; 1,204 messages wait")
    click(user, below(found[1], "own-try"))
    await until(lambda: "connection refused" in below(found[1], "connection-tested").text)
    assert host.connections.tests == [("line-telemetry", "spare")]


async def test_the_number_of_alarms_is_on_every_page(user: User, host: Any) -> None:
    await user.open("/plugins")
    await until(lambda: "fh-alarm-count-critical" in next(iter(user.find(marker="alarm-count").elements)).classes)


async def test_an_alarm_that_is_over_cannot_be_acknowledged(user: User, host: Any) -> None:
    await user.open("/")
    row = min(user.find(marker="alarm").elements, key=lambda row: row.id)
    host.alarms.standing.pop(0)
    click(user, below(row, "acknowledge"))
    await user.should_see("alarm 1 is over")


async def test_edits_that_are_not_deployed_are_told_and_can_be_exported(user: User, host: Any) -> None:
    await user.open("/flows/energy")
    await user.should_not_see("Edits not deployed")
    host.drafts.edited.add("energy")
    await user.open("/flows/energy")
    edits, file = _by_id(user, "flow-edits"), _by_id(user, "flow-export-draft")
    assert (edits.props["href"], file.props["href"]) == ("/flows/energy/edit", "/flows/energy/export?draft=true")


def _by_id(user: User, handle: str) -> Any:
    return next(e for e in user.find(ui.element).elements if e.props.get("data-testid") == handle)
