"""`sql.write` on real files."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from decimal import Decimal
from typing import Any

import pytest

from flowhost.sdk import Ok, PermanentError, Reject, Sink, TemporaryError

EVIL = 'x"); DROP TABLE readings; --'


@pytest.fixture
def kind() -> str:
    return "sqlite"


async def test_insert(database: Any, sink: Any, peek: Any, messages: Any) -> None:
    peek("CREATE TABLE readings (tag TEXT, value REAL, ok BOOLEAN)")
    node = await sink(database)
    assert isinstance(node, Sink)
    assert await node.write(messages([{"tag": "a", "value": 1.5, "ok": True}, {"tag": "b", "value": None}])) is None
    assert peek("SELECT * FROM readings") == [("a", 1.5, 1), ("b", None, None)]


async def test_upsert(database: Any, sink: Any, peek: Any, messages: Any) -> None:
    peek("CREATE TABLE readings (line TEXT, tag TEXT, value REAL, note TEXT, PRIMARY KEY (line, tag))")
    node = await sink(database, mode="upsert", keys=["line", "tag"])
    first = [{"line": "1", "tag": "a", "value": 1, "note": "kept"}, {"line": "2", "tag": "a", "value": 2}]
    assert await node.write(messages(first)) is None
    again = [{"tag": "a", "line": "1", "value": 10}, {"line": "1", "tag": "a", "value": 11}, {"line": "3", "tag": "c"}]
    assert await node.write(messages(again)) is None
    assert peek("SELECT * FROM readings ORDER BY line") == [
        ("1", "a", 11.0, "kept"), ("2", "a", 2.0, None), ("3", "c", None, None),
    ]  # fmt: skip


async def test_upsert_of_keys_alone(database: Any, sink: Any, peek: Any, messages: Any) -> None:
    node = await sink(database, mode="upsert", keys=["tag"], create_table=True)
    assert await node.write(messages([{"tag": "a"}, {"tag": "a"}])) is None
    assert peek("SELECT * FROM readings") == [("a",)]


async def test_columns_are_expressions(database: Any, sink: Any, peek: Any, messages: Any) -> None:
    peek("CREATE TABLE readings (tag TEXT, f REAL)")
    node = await sink(database, columns={"tag": "topic", "f": "payload.c * 1.8 + 32"})
    outcomes = await node.write(messages([{"c": 100}, {"d": 1}, {"c": 0}]))
    assert [type(outcome) for outcome in outcomes] == [Ok, Reject, Ok]
    assert "column 'f'" in outcomes[1].reason
    assert peek("SELECT * FROM readings") == [("line1/0", 212.0), ("line1/2", 32.0)]


async def test_scalar_payload(database: Any, sink: Any, peek: Any, messages: Any) -> None:
    (outcome,) = await (await sink(database)).write(messages([21.5]))
    assert outcome.reason.startswith("the payload is a number, not an object")
    node = await sink(database, columns={"tag": "topic", "value": "payload"}, create_table=True)
    assert await node.write(messages([21.5])) is None
    assert peek("SELECT * FROM readings") == [("line1/0", 21.5)]


async def test_create_table_from_values(database: Any, sink: Any, peek: Any, messages: Any) -> None:
    node = await sink(database, create_table=True)
    rows = [
        {"t": "x", "n": None, "r": 1.0, "b": True, "d": Decimal("1.10"), "j": [1], "raw": b"\0", "never": None},
        {"t": "y", "n": 7, "never": None},
    ]
    assert await node.write(messages(rows)) is None
    columns = {row[1]: row[2] for row in peek("PRAGMA table_info(readings)")}
    assert columns == {
        "t": "TEXT", "n": "INTEGER", "r": "REAL", "b": "BOOLEAN", "d": "TEXT", "j": "TEXT", "raw": "BLOB", "never": "",
    }  # fmt: skip
    assert peek("SELECT t, n, r, b, d, j, raw FROM readings")[0] == ("x", None, 1.0, 1, "1.10", "[1]", b"\0")
    assert await node.write(messages([{"never": 5}, {"never": "5"}])) is None
    assert peek("SELECT never FROM readings WHERE never IS NOT NULL") == [(5,), ("5",)]


async def test_create_table_by_types(database: Any, sink: Any, peek: Any, messages: Any) -> None:
    types = {"order": "text", "qty": "decimal", "at": "timestamp", "spare": "json"}
    node = await sink(database, mode="upsert", keys=["order"], create_table=types)
    for qty in ("5.0", "6.0"):
        assert await node.write(messages([{"order": "4711", "qty": qty, "at": "20260501"}])) is None
    assert peek("SELECT * FROM readings") == [("4711", "6.0", "20260501", None)]
    assert [row[1] for row in peek("PRAGMA table_info(readings)") if row[5]] == ["order"]


async def test_a_dropped_table_is_made_again(database: Any, sink: Any, peek: Any, messages: Any) -> None:
    node = await sink(database, create_table=True)
    assert await node.write(messages([{"a": 1}])) is None
    peek("DROP TABLE readings")
    assert await node.write(messages([{"a": 2}])) is None
    assert peek("SELECT * FROM readings") == [(2,)]


async def test_the_culprit_alone_is_rejected(database: Any, sink: Any, peek: Any, messages: Any) -> None:
    peek("CREATE TABLE readings (id INTEGER PRIMARY KEY, qty INTEGER CHECK (qty > 0))")
    node = await sink(database)
    rows = [{"id": i, "qty": 1} for i in range(1000)]
    rows[617]["qty"] = -1
    outcomes = await node.write(messages(rows))
    assert [i for i, outcome in enumerate(outcomes) if isinstance(outcome, Reject)] == [617]
    assert "a value is outside what the table allows (CHECK constraint failed" in outcomes[617].reason
    assert peek("SELECT count(*), min(qty) FROM readings") == [(999, 1)]


async def test_several_culprits_of_different_kinds(database: Any, sink: Any, peek: Any, messages: Any) -> None:
    peek("CREATE TABLE orders (id TEXT PRIMARY KEY)")
    peek("INSERT INTO orders VALUES ('4711')")
    peek(
        "CREATE TABLE readings (id INTEGER PRIMARY KEY, ord TEXT NOT NULL REFERENCES orders(id), u TEXT UNIQUE, q REAL)"
        " STRICT"
    )
    rows: list[dict[str, Any]] = [{"id": i, "ord": "4711", "u": str(i), "q": 1} for i in range(10)]
    rows[1]["ord"] = None
    rows[2]["ord"] = "9999"
    rows[3]["u"] = "0"
    rows[4]["id"] = 0
    rows[5]["q"] = "much"
    rows[6]["q"] = float("nan")
    rows[7]["u"] = "\ud800"
    rows[8]["extra"] = 1
    outcomes = await (await sink(database)).write(messages(rows))
    reasons = {i: outcome.reason for i, outcome in enumerate(outcomes) if isinstance(outcome, Reject)}
    assert sorted(reasons) == [1, 2, 3, 4, 5, 6, 7, 8]
    assert "must have a value has none (NOT NULL constraint failed: readings.ord)" in reasons[1]
    assert "does not exist (FOREIGN KEY" in reasons[2]
    assert "same key already (UNIQUE constraint failed: readings.u)" in reasons[3]
    assert "same key already" in reasons[4]
    assert "wrong type (cannot store TEXT value in REAL column readings.q)" in reasons[5]
    assert "not a finite number" in reasons[6]
    assert "surrogates" in reasons[7]
    assert reasons[8] == "table 'readings' has no column 'extra'; it has id, ord, u, q"
    assert peek("SELECT id FROM readings") == [(0,), (9,)]


async def test_a_deferred_constraint_fails_at_the_commit(database: Any, sink: Any, peek: Any, messages: Any) -> None:
    peek("CREATE TABLE readings (id INTEGER PRIMARY KEY, up REFERENCES readings(id) DEFERRABLE INITIALLY DEFERRED)")
    node = await sink(database)
    outcomes = await node.write(messages([{"id": i, "up": 99 if i == 5 else i} for i in range(8)]))
    assert [i for i, outcome in enumerate(outcomes) if isinstance(outcome, Reject)] == [5]
    assert peek("SELECT count(*) FROM readings") == [(7,)]
    assert await node.write(messages([{"id": 20, "up": 20}])) is None


async def test_missing_table_and_index_say_what_to_do(database: Any, sink: Any, peek: Any, messages: Any) -> None:
    (outcome,) = await (await sink(database)).write(messages([{"a": 1}]))
    assert outcome == Reject("there is no table 'readings': make it, or switch on Create table (`create_table: true`)")
    peek("CREATE TABLE readings (a, b)")
    (outcome,) = await (await sink(database, mode="upsert", keys=["a"])).write(messages([{"a": 1}]))
    assert outcome == Reject("table 'readings' has no unique index on a: upsert needs one")


@pytest.mark.parametrize(
    ("payload", "says"),
    [
        ({"value": 1}, "key 'tag' is missing"),
        ({"tag": None, "value": 1}, "key 'tag' is null"),
        ({}, "without fields"),
        (None, "the payload is null"),
        (b"raw", "of type bytes"),
        ({"tag": "a", "": 1}, "'' cannot be the name of a column"),
        ({"tag": "a", 7: 1}, "7 cannot be the name of a column"),
        ({"tag": "a", "a\0b": 1}, "cannot be the name of a column"),
        ({"tag": "a", "Tag": 1}, "upper and lower case"),
        ({"tag": "a", "value": 2**70}, "64 bits"),
    ],
)
async def test_messages_that_are_no_rows(
    database: Any, sink: Any, peek: Any, messages: Any, payload: Any, says: str
) -> None:
    node = await sink(database, mode="upsert", keys=["tag"], create_table=True)
    good, bad = await node.write(messages([{"tag": "good"}, payload]))
    assert good == Ok()
    assert says in bad.reason
    assert peek("SELECT count(*) FROM readings") == [(1,)]


@pytest.mark.parametrize(
    "name",
    ["order", "select", "Füllstand °C", "a b", 'quo"te', "semi;colon", "per%cent", "%(c0)s", "%s", ":c0", "?", "c1",
     "[x]", "a.b", "`tick`", "'", "rowid ", "\n", "日本", EVIL],
)  # fmt: skip
async def test_any_name_is_only_a_name(database: Any, sink: Any, peek: Any, messages: Any, name: str) -> None:
    peek("CREATE TABLE readings (x)")
    node = await sink(database, table=f"t {name}", mode="upsert", keys=[name], create_table=True)
    for value in ("first", EVIL):
        assert await node.write(messages([{name: 1, "c0": value, "p": value}])) is None
    quoted = f"t {name}".replace('"', '""')
    assert peek(f'SELECT * FROM "{quoted}"') == [(1, EVIL, EVIL)]
    assert [row[1] for row in peek(f'PRAGMA table_info("{quoted}")')] == [name, "c0", "p"]
    assert peek("SELECT count(*) FROM readings") == [(0,)]


async def test_a_field_that_looks_like_sql_is_an_unknown_column(
    database: Any, sink: Any, peek: Any, messages: Any
) -> None:
    peek("CREATE TABLE readings (tag)")
    good, bad = await (await sink(database)).write(messages([{"tag": EVIL}, {"tag": 1, EVIL: 2}]))
    assert good == Ok()
    assert "has no column" in bad.reason
    assert peek("SELECT * FROM readings") == [(EVIL,)]


async def test_locked_by_another_program_then_released(
    connect: Any, sink: Any, peek: Any, messages: Any, locker: sqlite3.Connection
) -> None:
    connection = connect(busy_timeout_s=0.1)
    await connection.open()
    peek("CREATE TABLE readings (a)")
    node = await sink(connection)
    locker.execute("BEGIN IMMEDIATE")
    with pytest.raises(TemporaryError, match=r"plant\.db is locked by another program; the batch is tried again"):
        await node.write(messages([{"a": 1}]))
    locker.execute("COMMIT")
    assert await node.write(messages([{"a": 1}])) is None
    assert peek("SELECT * FROM readings") == [(1,)]


async def test_a_short_lock_is_waited_for(
    database: Any, sink: Any, peek: Any, messages: Any, locker: sqlite3.Connection
) -> None:
    peek("CREATE TABLE readings (a)")
    node = await sink(database)
    locker.execute("BEGIN IMMEDIATE")
    work = asyncio.create_task(node.write(messages([{"a": 1}])))
    await asyncio.wait([work], timeout=0.1)
    assert not work.done()
    locker.execute("ROLLBACK")
    assert await asyncio.wait_for(work, 5) is None


async def test_disk_full_commits_nothing_and_recovers(database: Any, sink: Any, peek: Any, messages: Any) -> None:
    def limit(pages: int) -> Any:
        def work(db: Any) -> None:
            with db.transaction() as connection:
                connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")

        return work

    peek("CREATE TABLE readings (a)")
    node = await sink(database)
    rows = messages([{"a": "x" * 1000} for _ in range(100)])
    await database.run(limit(10))
    with pytest.raises(TemporaryError, match="cannot grow: the disk or a quota is full; make room"):
        await node.write(rows)
    assert peek("SELECT count(*) FROM readings") == [(0,)]
    await database.run(limit(100_000))
    assert await node.write(rows) is None
    assert peek("SELECT count(*) FROM readings") == [(100,)]


async def test_two_connections_write_at_once(connect: Any, sink: Any, peek: Any, messages: Any) -> None:
    peek("CREATE TABLE readings (who, i)")
    connections = [connect() for _ in range(2)]
    for connection in connections:
        await connection.open()
    nodes = [await sink(connections[i % 2]) for i in range(4)]

    async def many(who: int) -> None:
        for batch in range(10):
            rows = [{"who": who, "i": batch * 50 + i} for i in range(50)]
            assert await nodes[who].write(messages(rows)) is None

    await asyncio.gather(*(many(who) for who in range(4)))
    assert peek("SELECT who, count(*), count(DISTINCT i) FROM readings GROUP BY who") == [
        (who, 500, 500) for who in range(4)
    ]


async def test_cancel_in_the_middle_leaves_no_partial_batch(database: Any, sink: Any, peek: Any, messages: Any) -> None:
    """Whenever the node is stopped: all rows of a batch are there, or none."""
    peek("CREATE TABLE readings (batch, i)")
    node = await sink(database)
    for batch in range(25):
        rows = messages([{"batch": batch, "i": i} for i in range(2000)])
        work = asyncio.create_task(node.write(rows))
        await asyncio.wait([work], timeout=batch * 0.001)
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)
    counts = dict(peek("SELECT batch, count(*) FROM readings GROUP BY batch"))
    assert set(counts.values()) <= {2000}
    assert len(counts) < 25
    assert await node.write(messages([{"batch": "last", "i": 0}])) is None


async def test_order_is_kept_over_changing_columns(database: Any, sink: Any, peek: Any, messages: Any) -> None:
    peek("CREATE TABLE readings (k PRIMARY KEY, a, b)")
    node = await sink(database, mode="upsert", keys=["k"])
    rows = [{"k": 1, "a": i} if i % 2 else {"k": 1, "a": i, "b": i} for i in range(400)]
    assert await node.write(messages(rows)) is None
    assert peek("SELECT * FROM readings") == [(1, 399, 398)]


async def test_ever_new_columns_do_not_fill_the_memory(database: Any, sink: Any, peek: Any, messages: Any) -> None:
    peek("CREATE TABLE readings (k)")
    node = await sink(database)
    outcomes = await node.write(messages([{"k": 1, f"f{i}": 1} for i in range(500)]))
    assert all(isinstance(outcome, Reject) for outcome in outcomes)
    assert len(node._writer._inserts) <= 200


async def test_inputs_are_not_changed(database: Any, sink: Any, messages: Any) -> None:
    payload = {"a": [1, {"b": 2}], "c": True}
    assert await (await sink(database, create_table=True)).write(messages([payload])) is None
    assert payload == {"a": [1, {"b": 2}], "c": True}


async def test_needs_its_connection_type(sink: Any) -> None:
    with pytest.raises(PermanentError, match=r"needs a connection of type sql\.database"):
        await sink(None)


async def test_no_thread_is_left(connect: Any, sink: Any, messages: Any) -> None:
    connection = connect()
    await connection.open()
    await (await sink(connection, create_table=True)).write(messages([{"a": 1}]))
    await connection.close()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("sql-")]
