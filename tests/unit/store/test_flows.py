"""Flows and revisions on a real file."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from flowhost.errors import ConflictError, NotFoundError
from flowhost.store import Store
from flowhost.store.app_tables import RevisionRow
from flowhost.store.columns import UtcDateTime

DOCUMENT = {
    "flowhost": 1,
    "id": "line",
    "nodes": {"b": {"type": "inject"}, "a": {"type": "discard"}},
    "wires": ["b -> a"],
}


@pytest.fixture
async def store(tmp_path: Path):
    store = await Store.open(tmp_path)
    yield store
    await store.close()


async def save(store: Store, document=DOCUMENT):
    return await store.flows.save("line", document, name="Line", area="plant", base_dir="/data", author="anna")


async def test_saved_flow_comes_back_after_reopening_with_its_node_order(store: Store, tmp_path: Path) -> None:
    await save(store)
    await store.flows.desire("line", "running")
    again = await Store.open(tmp_path)
    (flow,) = await again.flows.all()
    await again.close()
    assert (flow.id, flow.name, flow.area, flow.base_dir, flow.revision) == ("line", "Line", "plant", "/data", 1)
    assert flow.desired == "running"
    assert list(flow.document["nodes"]) == ["b", "a"]
    assert flow.changed_at.tzinfo is UTC


async def test_same_content_makes_no_new_revision_other_content_does(store: Store) -> None:
    first = await save(store)
    assert (await save(store)).revision == first.revision == 1
    assert (await save(store, DOCUMENT | {"name": "x"})).revision == 2
    assert [r.number for r in await store.flows.revisions("line")] == [2, 1]
    old = await store.flows.revision("line", 1)
    assert old is not None
    assert old.document == DOCUMENT
    assert old.author == "anna"
    assert await store.flows.revision("line", 9) is None


async def test_saving_again_leaves_what_was_asked_for(store: Store) -> None:
    await save(store)
    await store.flows.desire("line", "running")
    assert (await save(store, DOCUMENT | {"name": "x"})).desired == "running"


async def test_revision_cannot_be_changed(store: Store) -> None:
    await save(store)

    def change(session):
        session.get(RevisionRow, 1).author = "eve"
        session.flush()

    with pytest.raises(TypeError, match="revision 1 of flow line cannot be changed"):
        await store.flows._run(change)


async def test_delete_takes_revisions_along_and_refuses_a_running_flow(store: Store) -> None:
    await save(store)
    await store.flows.desire("line", "running")
    with pytest.raises(ConflictError, match="stop it"):
        await store.flows.delete("line")
    await store.flows.desire("line", "stopped")
    await store.flows.delete("line")
    assert await store.flows.revisions("line") == []
    with pytest.raises(NotFoundError, match="flow line"):
        await store.flows.delete("line")


async def test_fact_keeps_its_first_value(store: Store) -> None:
    assert await store.flows.fact("host_id", "one") == "one"
    assert await store.flows.fact("host_id", "two") == "one"


def test_time_without_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="has no zone"):
        UtcDateTime().process_bind_param(datetime(2026, 1, 1), None)  # noqa: DTZ001 - the point of the test
