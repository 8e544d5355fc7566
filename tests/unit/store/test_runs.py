"""Runs and events on a real file."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from flowhost.errors import NotFoundError
from flowhost.store import EventRecord, RunFigures, Store, runs


@pytest.fixture
async def store(tmp_path: Path):
    store = await Store.open(tmp_path)
    yield store
    await store.close()


def event(run_id: int, number: int) -> EventRecord:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    return EventRecord(run_id=run_id, time=start + timedelta(seconds=number), kind="info", text=f"event {number}")


async def test_life_of_a_run(store: Store) -> None:
    run = await store.runs.begin("line", "Line", 3, "anna")
    assert run.outcome == "running"
    assert run.ended_at is None
    await store.runs.progress({run.id: RunFigures(messages_in=5)})
    done = RunFigures(messages_in=9, messages_out=8, dead=1, nodes={"a": {"in": 9}})
    await store.runs.end(run.id, "stopped", "", done)
    record, _ = await store.runs.get(run.id)
    assert (record.outcome, record.figures, record.revision) == ("stopped", done, 3)
    assert record.ended_at is not None
    assert record.ended_at >= record.started_at
    await store.runs.end(run.id, "failed", "too late", RunFigures())
    assert (await store.runs.get(run.id))[0].outcome == "stopped"


async def test_run_open_at_a_crash_is_interrupted_when_it_was_last_seen(store: Store, tmp_path: Path) -> None:
    run = await store.runs.begin("line", "Line", 1, "anna")
    await store.runs.progress({run.id: RunFigures(messages_in=70)})
    again = await Store.open(tmp_path)
    assert await again.runs.interrupt_open("the host went away") == [run.id]
    record, _ = await again.runs.get(run.id)
    await again.close()
    assert (record.outcome, record.reason, record.figures.messages_in) == ("interrupted", "the host went away", 70)
    assert record.ended_at is not None


async def test_events_are_kept_in_order_up_to_the_limit(store: Store, monkeypatch) -> None:
    monkeypatch.setattr(runs, "EVENTS_PER_RUN", 50)
    run = await store.runs.begin("line", "Line", 1, "anna")
    other = await store.runs.begin("other", "Other", 1, "anna")
    await store.runs.add_events([event(other.id, 0)])
    for start in range(0, 100, 10):
        await store.runs.add_events([event(run.id, n) for n in range(start, start + 10)], {run.id: 1})
    record, events = await store.runs.get(run.id)
    assert [e.text for e in events] == [f"event {n}" for n in range(50, 100)]
    assert record.events_left_out == 50 + 10
    assert len((await store.runs.get(other.id))[1]) == 1


async def test_lists_newest_first_and_by_flow(store: Store) -> None:
    for flow in ("a", "b", "a"):
        await store.runs.begin(flow, flow, 1, "anna")
    assert [run.id for run in await store.runs.recent(None, 50)] == [3, 2, 1]
    assert [run.id for run in await store.runs.recent("a", 1)] == [3]
    assert {flow: run.id for flow, run in (await store.runs.latest()).items()} == {"a": 3, "b": 2}


async def test_only_so_many_runs_of_a_flow_are_kept(store: Store, monkeypatch) -> None:
    monkeypatch.setattr(runs, "RUNS_PER_FLOW", 3)
    first = await store.runs.begin("a", "a", 1, "anna")
    await store.runs.add_events([event(first.id, 1)])
    for _ in range(3):
        await store.runs.begin("a", "a", 1, "anna")
    assert [run.id for run in await store.runs.recent("a", 50)] == [4, 3, 2]
    with pytest.raises(NotFoundError, match="run 1"):
        await store.runs.get(first.id)
