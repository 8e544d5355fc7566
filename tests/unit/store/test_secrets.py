"""Secrets on a real file: encrypted, and closed for good without their key."""

from __future__ import annotations

import stat
import sys
from pathlib import Path

import pytest

from flowhost.errors import ConflictError, HostError, NotFoundError
from flowhost.store import Store

MARK = "hunter2-täglich"


@pytest.fixture
async def open_store(tmp_path: Path):
    opened: list[Store] = []

    async def opening(key: Path | None = None) -> Store:
        while opened:
            await opened.pop().close()
        opened.append(await Store.open(tmp_path, key))
        return opened[-1]

    yield opening
    while opened:
        await opened.pop().close()


async def test_a_secret_is_kept_encrypted_and_comes_back(open_store, tmp_path: Path) -> None:
    store = await open_store()
    key = tmp_path / "secrets.key"
    assert await store.secrets.all() == []
    assert not key.exists(), "without secrets there is no key"
    put = await store.secrets.put("db", MARK, "anna")
    assert (put.name, put.value, put.changed_by) == ("db", MARK, "anna")
    assert MARK not in repr(put)
    store = await open_store()
    (found,) = await store.secrets.all()
    assert (found.value, found.changed_by, found.problem) == (MARK, "anna", "")
    if sys.platform != "win32":
        assert stat.S_IMODE(key.stat().st_mode) == 0o600
    content = key.read_bytes()
    await store.secrets.put("db", "other", "bert")
    await store.secrets.put("more", "again", "bert")
    assert [one.value for one in await store.secrets.all()] == ["other", "again"]
    assert key.read_bytes() == content, "a key that is there stays"
    await store.secrets.delete("more")
    with pytest.raises(NotFoundError):
        await store.secrets.delete("more")
    await open_store()
    for file in tmp_path.rglob("*"):
        assert MARK.encode() not in file.read_bytes(), file
    assert not list(tmp_path.glob("*.part"))


async def test_without_the_key_secrets_say_which_file_is_missing(open_store, tmp_path: Path) -> None:
    store = await open_store()
    for name in ("db", "plc"):
        await store.secrets.put(name, MARK, "anna")
    key, away = tmp_path / "secrets.key", tmp_path / "away.key"
    key.rename(away)
    store = await open_store()
    found = await store.secrets.all()
    assert [one.value for one in found] == [None, None]
    assert found[0].problem == (
        f"secret 'db' cannot be read: the key file {key} is missing; "
        "put the key back that was there before, or enter the secrets again"
    )
    # a new one would bring a new key, and nobody would notice that the others are lost
    with pytest.raises(ConflictError, match=r"secrets\.key is missing: put the key back"):
        await store.secrets.put("new", "x", "anna")
    assert not key.exists()
    # the key is back
    away.rename(key)
    assert [one.value for one in await store.secrets.all()] == [MARK, MARK]
    # or somebody enters them again
    key.rename(away)
    await store.secrets.put("db", "entered again", "anna")
    db, plc = await store.secrets.all()
    assert db.value == "entered again"
    assert f"{key} holds another key than the one it was stored with" in plc.problem
    await store.secrets.put("plc", "that too", "anna")
    assert [one.value for one in await store.secrets.all()] == ["entered again", "that too"]


async def test_another_key_opens_nothing_and_is_left_alone(open_store, tmp_path: Path) -> None:
    store = await open_store()
    await store.secrets.put("db", MARK, "anna")
    other = tmp_path / "elsewhere" / "other.key"
    other.parent.mkdir()
    store = await open_store(other)
    assert "is missing" in (await store.secrets.all())[0].problem
    other.write_text("this is no key\n")
    assert "does not hold a key" in (await store.secrets.all())[0].problem
    assert "this is no" not in (await store.secrets.all())[0].problem
    with pytest.raises(HostError, match="does not hold a key"):
        await store.secrets.put("db", "x", "anna")
    assert other.read_text() == "this is no key\n"
    assert [one.value for one in await (await open_store()).secrets.all()] == [MARK]


async def test_a_key_that_cannot_be_written_is_said(open_store, tmp_path: Path) -> None:
    store = await open_store(tmp_path / "no-such-folder" / "secrets.key")
    with pytest.raises(HostError, match=r"no-such-folder.*No such file or directory"):
        await store.secrets.put("db", MARK, "anna")
    assert await store.secrets.all() == []
