"""Drafts, their edits and connections on a real file."""

from pathlib import Path

import pytest

from flowhost.errors import ConflictError, NotFoundError
from flowhost.store import Store

DOCUMENT = {"flowhost": 1, "id": "line", "nodes": {"a": {"type": "inject"}}, "wires": []}
RENAME = [{"op": "set", "path": ["name"], "value": "x"}]


@pytest.fixture
async def store(tmp_path: Path):
    store = await Store.open(tmp_path)
    await store.flows.save("line", DOCUMENT, name="Line", area="", base_dir="", author="anna", note="first")
    yield store
    await store.close()


async def test_a_draft_begins_as_the_deployed_revision_and_is_kept(store: Store, tmp_path: Path) -> None:
    draft = await store.drafts.open("line")
    assert (draft.rev, draft.base, draft.document) == (0, 1, DOCUMENT)
    changed = await store.drafts.append(draft, "b1", RENAME, DOCUMENT | {"name": "x"}, "ben")
    again = await Store.open(tmp_path)
    assert await again.drafts.open("line") == changed
    assert list(await again.drafts.all()) == ["line"]
    await again.close()
    assert (changed.rev, changed.base, changed.changed_by) == (1, 1, "ben")
    (revision,) = await store.flows.revisions("line")
    assert revision.note == "first"


async def test_an_edit_of_an_older_draft_is_refused_and_changes_nothing(store: Store) -> None:
    draft = await store.drafts.open("line")
    await store.drafts.append(draft, "b1", RENAME, DOCUMENT | {"name": "x"}, "ben")
    with pytest.raises(ConflictError, match="meanwhile"):
        await store.drafts.append(draft, "b2", RENAME, DOCUMENT | {"name": "y"}, "anna")
    assert (await store.drafts.open("line")).document["name"] == "x"
    assert await store.drafts.seen("line", "b1") == 1
    assert await store.drafts.seen("line", "b2") is None


async def test_edits_since_a_number_or_the_whole_draft(store: Store) -> None:
    draft = await store.drafts.open("line")
    for number in range(3):
        draft = await store.drafts.append(draft, f"b{number}", RENAME, DOCUMENT, "ben")
    since = await store.drafts.since("line", 1)
    assert since is not None
    assert [(batch.rev, batch.batch, batch.ops) for batch in since] == [(2, "b1", RENAME), (3, "b2", RENAME)]
    assert await store.drafts.since("line", 3) == []
    await store.drafts.append(draft, "b9", [], DOCUMENT, "ben")
    assert await store.drafts.since("line", 2) is None, "the draft was replaced as a whole"
    assert await store.drafts.since("line", 99) is None, "a number from another life"


async def test_edits_older_than_those_that_are_kept_go(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flowhost.store.drafts.KEPT_BATCHES", 20)
    draft = await store.drafts.open("line")
    for number in range(25):
        draft = await store.drafts.append(draft, f"b{number}", RENAME, DOCUMENT, "ben")
    assert await store.drafts.since("line", 0) is None
    assert len(await store.drafts.since("line", 5) or ()) == 20


async def test_a_draft_goes_with_its_flow(store: Store) -> None:
    draft = await store.drafts.open("line")
    await store.drafts.append(draft, "b1", RENAME, DOCUMENT, "ben")
    await store.flows.delete("line")
    assert await store.drafts.all() == {}
    with pytest.raises(NotFoundError):
        await store.drafts.open("line")


async def test_connections_are_changed_by_who_saw_the_last_version(store: Store) -> None:
    first = await store.connections.add("db", "sql.database", {"url": "sqlite:///a.db"}, "anna")
    with pytest.raises(ConflictError, match="already"):
        await store.connections.add("db", "mqtt.broker", {}, "ben")
    second = await store.connections.change("db", {"url": "sqlite:///b.db"}, first.version, "ben")
    with pytest.raises(ConflictError, match="changed by ben"):
        await store.connections.change("db", {}, first.version, "anna")
    assert await store.connections.all() == [second]
    await store.connections.delete("db")
    with pytest.raises(NotFoundError, match="no connection 'db'"):
        await store.connections.delete("db")
