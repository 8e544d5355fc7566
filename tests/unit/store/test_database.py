"""Pragmas, the one thread and the transaction."""

import asyncio
import threading
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from flowhost.errors import HostError
from flowhost.store import Store
from flowhost.store.database import Database, DatabaseThread


@pytest.mark.parametrize(("room", "synchronous", "number"), [("app", "FULL", 2), ("history", "NORMAL", 1)])
def test_every_connection_has_the_pragmas(tmp_path: Path, room, synchronous, number) -> None:
    database = Database(tmp_path / "x.db", room, synchronous)

    def pragmas(session):
        names = ("journal_mode", "synchronous", "busy_timeout", "foreign_keys")
        return [session.execute(text(f"pragma {name}")).scalar() for name in names]

    assert database.work(pragmas) == ["wal", number, 5000, 1]
    database.close()


def test_foreign_keys_are_checked(tmp_path: Path) -> None:
    database = Database(tmp_path / "x.db", "history", "NORMAL")
    event = (
        "insert into run_event (run_id, time, kind, text, node, topic, count) "
        "values (7, '2026-01-01', 'i', 't', '', '', 1)"
    )
    with pytest.raises(IntegrityError):
        database.work(lambda session: session.execute(text(event)))
    database.close()


def test_work_that_raises_is_undone(tmp_path: Path) -> None:
    database = Database(tmp_path / "x.db", "app", "FULL")

    def half(session):
        session.execute(text("insert into host_fact values ('a', 'b')"))
        raise ValueError("second half")

    with pytest.raises(ValueError, match="second half"):
        database.work(half)
    assert database.work(lambda session: session.execute(text("select count(*) from host_fact")).scalar()) == 0
    database.close()


async def test_all_calls_run_in_one_thread_in_their_order() -> None:
    thread = DatabaseThread()
    seen: list[tuple[int, int]] = []
    await asyncio.gather(*(thread.call(lambda n=n: seen.append((n, threading.get_ident()))) for n in range(50)))
    assert [n for n, _ in seen] == list(range(50))
    assert len({ident for _, ident in seen} - {threading.get_ident()}) == 1
    await thread.close()


async def test_ping_tells_when_a_file_is_gone_bad(tmp_path: Path) -> None:
    store = await Store.open(tmp_path)
    await store.ping()
    await store.flows._run(lambda session: session.execute(text("drop table alembic_version")))
    with pytest.raises(HostError, match=r"app\.db does not answer: check disk"):
        await store.ping()
    await store.close()
