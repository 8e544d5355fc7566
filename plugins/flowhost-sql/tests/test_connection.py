"""The database's thread: open, close, cancel, test."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from flowhost.sdk import ConnectionTest, NotConnectedError, PermanentError


@pytest.fixture
def kind() -> str:
    return "sqlite"


async def test_durable_settings_and_relative_path(database: Any, file: Path) -> None:
    def settings(db: Any) -> list[Any]:
        with db.transaction() as connection:
            names = ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
            return [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in names]

    assert await database.run(settings) == ["wal", 2, 1, 5000]
    assert file.exists()
    assert database.health() == f"connected to {file}"


async def test_one_thread_and_a_free_loop(database: Any) -> None:
    threads = {await database.run(lambda _: threading.current_thread().name) for _ in range(20)}
    assert threads == {"sql-plant_0"}
    ticks = 0
    work = asyncio.create_task(database.run(lambda _: time.sleep(0.2)))
    while not work.done():
        await asyncio.sleep(0.005)
        ticks += 1
    assert ticks > 10


async def test_missing_folder_says_what_to_do(connect: Any, tmp_path: Path) -> None:
    connection = connect("sqlite:///no/such/folder.db")
    with pytest.raises(NotConnectedError, match="check that the folder exists and FlowHost may write there"):
        await connection.open()
    assert connection.health() == ""
    with pytest.raises(PermanentError, match="does not exist: make it"):
        await connection.test()
    (tmp_path / "no" / "such").mkdir(parents=True)
    await connection.open()


async def test_a_file_that_is_no_database(connect: Any, file: Path) -> None:
    file.write_text("Datum;Menge\n" * 200)
    with pytest.raises(NotConnectedError, match="is not a SQLite database: name another file"):
        await connect().open()
    with pytest.raises(NotConnectedError, match="is not a SQLite database"):
        await connect().test()


async def test_the_test_button_changes_nothing(connect: Any, file: Path, peek: Any) -> None:
    connection = connect()
    assert isinstance(connection, ConnectionTest)
    assert (await connection.test()).endswith("does not exist yet; it is made at the first start")
    assert not file.exists()
    peek("CREATE TABLE a (x)")
    assert await connection.test() == f"{file}: SQLite {sqlite3.sqlite_version}, 1 tables"


async def test_the_test_button_finds_a_write_lock(connect: Any, file: Path, peek: Any) -> None:
    peek("CREATE TABLE a (x)")
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("PRAGMA journal_mode = WAL")
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(NotConnectedError, match="another program holds the write lock"):
        await connect().test()
    other.execute("ROLLBACK")
    assert (await connect().test()).endswith("1 tables")
    other.close()


async def test_closing_is_safe_at_any_time(connect: Any) -> None:
    connection = connect()
    await connection.close()
    await connection.open()
    await connection.close()
    await connection.close()
    with pytest.raises(NotConnectedError, match="plant is not open"):
        await connection.run(lambda _: None)
    await connection.open()
    await connection.open()
    assert await connection.run(lambda _: 1) == 1
    await connection.close()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("sql-plant")]


async def test_closing_waits_for_a_running_transaction(database: Any, peek: Any) -> None:
    peek("CREATE TABLE a (x)")
    begun = threading.Event()

    def slow(db: Any) -> None:
        with db.transaction() as connection:
            connection.exec_driver_sql("INSERT INTO a VALUES (1)")
            begun.set()
            time.sleep(0.1)

    work = asyncio.create_task(database.run(slow))
    await asyncio.to_thread(begun.wait, 5)
    await database.close()
    await work
    assert peek("SELECT count(*) FROM a") == [(1,)]


async def test_cancelled_work_is_undone(database: Any, peek: Any) -> None:
    peek("CREATE TABLE a (x)")
    begun = threading.Event()

    def endless(db: Any) -> None:
        with db.transaction() as connection:
            connection.exec_driver_sql("INSERT INTO a VALUES (1)")
            begun.set()
            connection.exec_driver_sql(
                "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) INSERT INTO a SELECT i FROM n "
                "WHERE i < 0"
            )

    work = asyncio.create_task(database.run(endless))
    await asyncio.to_thread(begun.wait, 5)
    await asyncio.sleep(0.05)
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(work, 5)
    assert peek("SELECT count(*) FROM a") == [(0,)]
    assert await database.run(lambda _: "still works") == "still works"


async def test_cancelling_one_node_leaves_the_others_alone(database: Any, peek: Any) -> None:
    peek("CREATE TABLE a (x)")
    release = threading.Event()

    def insert(db: Any) -> None:
        with db.transaction() as connection:
            connection.exec_driver_sql("INSERT INTO a VALUES (1)")
            release.wait(5)

    first = asyncio.create_task(database.run(insert))
    waiting = asyncio.create_task(database.run(insert))
    third = asyncio.create_task(database.run(insert))
    await asyncio.sleep(0.02)
    waiting.cancel()
    await asyncio.wait([waiting])
    release.set()
    await asyncio.gather(first, third)
    assert peek("SELECT count(*) FROM a") == [(2,)]
