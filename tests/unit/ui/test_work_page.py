"""The work list in process: filters and addresses, paging, what stands still, many at a time, refusals."""

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
from fastapi import FastAPI
from nicegui import ui
from nicegui.testing import User

from flowhost.services.letter_views import BulkStep, SkippedLetter
from flowhost.ui.letter_changes import Sum, reasons_of
from flowhost.ui.letter_filter import Wanted, kind_words


def shown(user: User, marker: str) -> list[ui.element]:
    found = [e for e in user.client.elements.values() if marker in e._markers] if user.client else []
    return sorted((e for e in found if all(map(is_open, (e, *e.ancestors())))), key=lambda e: e.id)


def is_open(element: ui.element) -> bool:
    return element.visible and not (isinstance(element, ui.dialog) and not element.value)


def rows(user: User) -> list[str]:
    bodies = shown(user, "worklist-row")
    place = {e: e.parent_slot.children.index(e) for e in bodies if e.parent_slot}
    return [str(e.props["data-letter"]) for e in sorted(bodies, key=place.__getitem__)]


def words(user: User, marker: str) -> str:
    return " ".join(getattr(e, "text", "") for e in shown(user, marker))


def fire(user: User, element: ui.element, kind: str = "click", args: Any = None) -> None:
    with user:
        for listener in element._event_listeners.values():
            if listener.type == kind:
                element._handle_event({"listener_id": listener.id, "args": {} if args is None else args})


def press(user: User, marker: str) -> None:
    (element,) = shown(user, marker)
    fire(user, element)


async def until(condition: Callable[[], object], deadline_s: float = 10.0) -> None:
    end = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < end, "did not come true in time"
        await asyncio.sleep(0.02)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    from flowhost.ui.pages import work

    monkeypatch.setattr(work, "PERIOD_S", 0.05)


def test_a_look_is_kept_in_its_address() -> None:
    wanted = Wanted(flow="a", node="b", kind="Reject", text="x y&z", state="discarded", span="day")
    address = wanted.address()
    assert Wanted.of(dict(httpx.URL(address).params)) == wanted
    assert Wanted().address() == "/work"
    assert Wanted.of({"state": "odd", "span": "odd", "nobody": "knows"}) == Wanted()


def test_a_look_becomes_a_query() -> None:
    query = Wanted(span="hour").query()
    assert query.since is not None
    assert timedelta(minutes=59) < datetime.now(UTC) - query.since < timedelta(minutes=61)
    assert query.states == ("dead",)
    between = Wanted(state="all", span="between", since="2026-03-01T06:00", until="nonsense").query()
    assert between.since == datetime(2026, 3, 1, 6).astimezone()
    assert between.until is None
    assert between.states == ()
    assert Wanted(state="all").open_ones().states == ("dead",)


def test_kinds_and_reasons_in_words() -> None:
    assert kind_words("Reject") == "Refused by the target"
    assert kind_words("gave-up") == "Tried often enough"
    assert kind_words("AcmeError") == "AcmeError"
    skipped = [SkippedLetter(id=f"a:{i}", reason="it was delivered") for i in range(3)]
    skipped += [SkippedLetter(id=f"b:{i}", reason=f"reason {i}") for i in range(9)]
    lines = reasons_of(skipped)
    assert lines[0] == "3 times: it was delivered"
    assert lines[1] == "b:0: reason 0"
    assert lines[-1] == "and 2 more reasons"
    total = Sum()
    total.add(BulkStep(done=2, left=3, waiting=("a",)))
    total.add(BulkStep(done=3, waiting=("a", "b")))
    assert (total.done, total.left, list(total.waiting)) == (5, 0, ["a", "b"])


async def test_a_letter_leads_to_its_node_on_the_canvas(user: User, host: Any) -> None:
    await user.open("/work")
    (row,) = [e for e in shown(user, "worklist-row") if e.props["data-letter"] == "line-telemetry:128"]
    (node,) = [e for e in shown(user, "worklist-node") if row in e.ancestors()]
    assert (node.text, node.props["href"]) == ("Out", "/flows/line-telemetry?node=out")
    await user.open(node.props["href"])
    (panel,) = shown(user, "inspector")
    assert panel.props["data-node"] == "out"


async def test_filters_and_pages(user: User, host: Any) -> None:
    await user.open("/work")
    assert len(rows(user)) == 50
    assert rows(user)[0] == "line-telemetry:130"
    assert words(user, "range") == "1 to 50 of 130"
    press(user, "older")
    await until(lambda: words(user, "range") == "51 to 100 of 130")
    assert rows(user)[0] == "line-telemetry:80"
    press(user, "newer")
    await until(lambda: words(user, "range") == "1 to 50 of 130")
    (kind,) = shown(user, "filter-kind")
    fire(user, kind, "change", "Reject")
    await until(lambda: words(user, "matching") == "43 match")
    assert len(rows(user)) == 43
    await user.should_see("Refused by the target")


async def test_an_address_opens_the_filtered_list_and_a_letter(user: User) -> None:
    await user.open("/work?node=out&letter=line-telemetry:2")
    assert len(rows(user)) == 43
    assert shown(user, "letter")[0].props["data-letter"] == "line-telemetry:2"
    await user.open("/work?text=nothing+like+it")
    assert rows(user) == []
    await user.should_see("Nothing matches")
    await user.open("/work?letter=line-telemetry:999")
    await user.should_see("there is none of this id")


async def test_the_list_stands_still_while_somebody_works_with_it(user: User, host: Any, fake: ModuleType) -> None:
    await user.open("/work")
    first = rows(user)
    (table,) = {e.parent_slot.parent.parent_slot.parent for e in shown(user, "worklist-row")}
    fire(user, table, "mouseenter")
    letters = host.dead_letters
    new = fake.letter(131)
    letters.rows = {new.id: new} | letters.rows
    await until(lambda: "1 more has failed since" in " ".join(e.text for e in _texts(user, "newer-note")))
    assert rows(user) == first
    letters.rows[first[3]] = replace(letters.rows[first[3]], state="delivered")
    await until(lambda: first[3] not in rows(user))
    fire(user, table, "mouseleave")
    await until(lambda: rows(user)[0] == new.id)
    assert not shown(user, "newer-note")


def _texts(user: User, marker: str) -> list[Any]:
    return [e for box in shown(user, marker) for e in box.descendants() if hasattr(e, "text")]


async def test_one_letter_is_mended_and_retried(user: User, host: Any) -> None:
    await user.open("/work?letter=line-telemetry:1")
    await user.should_see("Line 1 telemetry could not get a message past Fahren.")
    (area,) = [e for e in user.client.elements.values() if type(e).__name__ == "PayloadText"]  # type: ignore[union-attr]
    fire(user, area, "content", '{"value": }')
    assert "line 1, column 11" in words(user, "payload-fault")
    fire(user, area, "content", '{"value": 7}')
    assert not shown(user, "payload-fault")
    press(user, "save-retry")
    await until(lambda: host.dead_letters.rows["line-telemetry:1"].state == "retried")
    assert host.dead_letters.texts["line-telemetry:1"] == '{"value": 7}'
    await until(lambda: words(user, "letter-state") == "On their way")


async def test_a_delivered_letter_is_told_as_over(user: User, host: Any) -> None:
    rows_now = host.dead_letters.rows
    first = next(iter(rows_now))
    tries = rows_now[first].attempts
    rows_now[first] = replace(rows_now[first], state="delivered")
    await user.open(f"/work?state=delivered&letter={first}")
    await user.should_see("at first.", retries=20)
    await user.should_see(f"tries: {tries + 1}, failed last")
    assert "fh-letter-why" not in shown(user, "letter-reason")[0].classes


async def test_an_edit_of_somebody_else_is_not_overwritten(user: User, host: Any) -> None:
    await user.open("/work?letter=line-telemetry:1")
    (area,) = [e for e in user.client.elements.values() if type(e).__name__ == "PayloadText"]  # type: ignore[union-attr]
    fire(user, area, "content", '{"value": 7}')
    letters = host.dead_letters
    letters.texts["line-telemetry:1"] = '{"value": 9}'
    stale = letters.edit

    async def late(principal: Any, id_: str, revision: int, text: str) -> Any:
        letters.rows[id_] = replace(letters.rows[id_], edits=1)
        return await stale(principal, id_, revision, text)

    letters.edit = late
    press(user, "save")
    await user.should_see("What you typed is still here")
    assert letters.texts["line-telemetry:1"] == '{"value": 9}'


async def test_what_is_typed_is_not_lost_by_looking_at_another_letter(user: User) -> None:
    await user.open("/work?letter=line-telemetry:130")
    (area,) = [e for e in user.client.elements.values() if type(e).__name__ == "PayloadText"]  # type: ignore[union-attr]
    fire(user, area, "content", '{"value": 7}')
    (other,) = [e for e in shown(user, "worklist-row") if e.props["data-letter"] == "line-telemetry:129"]
    fire(user, other)
    await user.should_see("What you typed is not kept yet")
    press(user, "letter-close")
    assert shown(user, "letter")[0].props["data-letter"] == "line-telemetry:130"
    press(user, "undo-edit")
    fire(user, other)
    await until(lambda: shown(user, "letter")[0].props["data-letter"] == "line-telemetry:129")
    press(user, "letter-close")
    assert not shown(user, "letter")


async def test_who_may_only_read_sees_why_the_buttons_are_grey(user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    from flowhost.services.access import Principal
    from flowhost.ui import rights

    monkeypatch.setattr(rights, "caller", lambda: Principal("vera", frozenset({"viewer"})))
    await user.open("/work?letter=line-telemetry:1")
    for marker in (
        "worklist-retry",
        "worklist-discard",
        "bulk-retry",
        "bulk-discard",
        "letter-retry",
        "letter-discard",
    ):
        for button in shown(user, marker):
            assert button.props["disabled"], marker
            assert "ask an operator" in button.props["title"], marker
    (take,) = shown(user, "work-import")
    assert "ask an engineer" in take.props["title"]
    (area,) = [e for e in user.client.elements.values() if type(e).__name__ == "PayloadText"]  # type: ignore[union-attr]
    assert area.props["locked"]


async def test_many_in_steps_with_progress_and_a_way_to_stop(user: User, host: Any) -> None:
    letters = host.dead_letters
    letters.step_size, letters.step_s = 10, 0.05
    await user.open("/work")
    press(user, "bulk-retry")
    await until(lambda: shown(user, "retry-do"))
    await user.should_see("Retry all 130 open dead letters that the filter shows?")
    press(user, "retry-do")
    await until(lambda: "sent in again," in words(user, "changes-text"))
    press(user, "changes-stop")
    await until(lambda: "Stopped on your word" in words(user, "changes-text"))
    done = sum(row.state == "retried" for row in letters.rows.values())
    assert 0 < done < 130
    assert f"Sent in again: {done}." in words(user, "changes-text")


async def test_what_became_of_retried_letters_is_told(user: User, host: Any) -> None:
    rows_now = host.dead_letters.rows
    await user.open("/work")
    picked = rows(user)[:4]
    for box in shown(user, "pick")[:4]:
        fire(user, box, "change", True)
    press(user, "bulk-retry")
    await until(lambda: words(user, "changes-text") == "Sent in again: 4. Still on their way: 4.")
    for id_, state in zip(picked, ("dead", "dead", "delivered", "retried"), strict=True):
        rows_now[id_] = replace(rows_now[id_], state=state)
    await until(
        lambda: words(user, "changes-text") == "Sent in again: 4. Delivered: 1. Failed again: 2. Still on their way: 1."
    )
    rows_now[picked[3]] = replace(rows_now[picked[3]], state="delivered")
    await until(lambda: words(user, "changes-text") == "Sent in again: 4. Delivered: 2. Failed again: 2.")
    (bar,) = shown(user, "changes")
    assert "fh-work-changes-warn" in bar.classes


async def test_selected_ones_are_discarded_with_a_reason(user: User, host: Any) -> None:
    await user.open("/work")
    for box in shown(user, "pick")[:2]:
        fire(user, box, "change", True)
    assert words(user, "matching") == "2 selected"
    press(user, "bulk-discard")
    await until(lambda: shown(user, "discard-do"))
    press(user, "discard-do")
    await user.should_see("Say why")
    (reason,) = shown(user, "reason")
    fire(user, reason, "input", "cancelled")
    press(user, "discard-do")
    await until(lambda: words(user, "changes-text") == "Discarded: 2.")
    notes = [row.note for row in host.dead_letters.rows.values() if row.state == "discarded"]
    assert notes == ["cancelled", "cancelled"]


async def test_what_goes_wrong_is_said(user: User, host: Any) -> None:
    host.dead_letters.refuses = "the disk is full"
    host.dead_letters.problems = ("the outbox of flow x cannot be read",)
    await user.open("/work")
    await user.should_see("the outbox of flow x cannot be read")
    fire(user, shown(user, "worklist-retry")[0])
    await until(lambda: "the disk is full" in words(user, "changes-text"))


async def test_export_and_import(user: User, app: FastAPI) -> None:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        some = await client.get("/work/export?node=out&text=id/2")
        assert "attachment" in some.headers["content-disposition"]
        assert some.json()[-1] == "line-telemetry:2"
        assert (await client.get("/work/export?id=line-telemetry:7")).json() == ["line-telemetry:7"]
        broken = await client.get("/work/export?id=nobody:1")
        assert (broken.status_code, broken.text) == (422, "the outbox cannot be read")
        assert (await client.post("/work/import", content=b"{}")).json() == {"taken": 2, "known": 1}
        assert "not JSON" in (await client.post("/work/import", content=b"x")).json()["error"]
        assert "UTF-8" in (await client.post("/work/import", content=b"\xff")).json()["error"]
