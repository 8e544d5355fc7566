"""`sql.write` and its connection on a real PostgreSQL server: values, refusals, locks, losses."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable
from decimal import Decimal
from typing import Any

import psycopg
import pytest

from flowhost.sdk import (
    AuthenticationError,
    Message,
    Meta,
    NotConnectedError,
    Ok,
    PermanentError,
    Reject,
    TemporaryError,
    Unknown,
    UnknownOutcomeError,
)
from flowhost.testing.proxy import FaultProxy

EVIL = 'x"); DROP TABLE readings; --'


@pytest.fixture
def kind() -> str:
    return "postgres"


def keyed(rows: list[dict[str, Any]]) -> list[Message]:
    return [Message(row, Meta(id=f"id/{row['i']}")) for row in rows]


async def until(holds: Callable[[], Any], within_s: float = 15) -> None:
    async with asyncio.timeout(within_s):
        while not holds():
            await asyncio.sleep(0.02)


# ---- rows ------------------------------------------------------------------------------------------------------------


async def test_insert_and_upsert(database: Any, sink: Any, peek: Any, messages: Any) -> None:
    peek("CREATE TABLE readings (line text, tag text, value float8, note text, PRIMARY KEY (line, tag))")
    node = await sink(database, mode="upsert", keys=["line", "tag"])
    first = [{"line": "1", "tag": "a", "value": 1, "note": "kept"}, {"line": "2", "tag": "a", "value": 2}]
    assert await node.write(messages(first)) is None
    again = [{"tag": "a", "line": "1", "value": 10}, {"line": "1", "tag": "a", "value": 11}, {"line": "3", "tag": "c"}]
    assert await node.write(messages(again)) is None
    assert peek("SELECT * FROM readings ORDER BY line") == [
        ("1", "a", 11.0, "kept"), ("2", "a", 2.0, None), ("3", "c", None, None),
    ]  # fmt: skip
    (outcome,) = await (await sink(database)).write(messages([{"line": "1", "tag": "a"}]))
    assert "same key already" in outcome.reason


async def test_order_is_kept_over_changing_columns(database: Any, sink: Any, peek: Any, messages: Any) -> None:
    peek("CREATE TABLE readings (k int PRIMARY KEY, a int, b int)")
    node = await sink(database, mode="upsert", keys=["k"])
    rows = [{"k": 1, "a": i} if i % 2 else {"k": 1, "a": i, "b": i} for i in range(400)]
    assert await node.write(messages(rows)) is None
    assert peek("SELECT * FROM readings") == [(1, 399, 398)]


async def test_create_table_from_values(database: Any, sink: Any, peek: Any, messages: Any) -> None:
    node = await sink(database, create_table=True)
    row = {
        "t": "x",
        "n": 1,
        "r": 1.0,
        "b": True,
        "d": Decimal("1.10"),
        "j": {"a": [1]},
        "raw": b"\0\xff",
        "never": None,
    }
    for _ in range(2):
        assert await node.write(messages([row])) is None
    columns = peek("SELECT column_name, data_type FROM information_schema.columns WHERE table_name = 'readings'")
    assert dict(columns) == {
        "t": "text", "n": "bigint", "r": "double precision", "b": "boolean", "d": "numeric", "j": "jsonb",
        "raw": "bytea", "never": "text",
    }  # fmt: skip
    assert peek("SELECT * FROM readings")[1] == ("x", 1, 1.0, True, Decimal("1.10"), {"a": [1]}, b"\0\xff", None)


async def test_the_column_reads_the_value(database: Any, sink: Any, peek: Any, messages: Any) -> None:
    """Nothing is rounded or guessed: a value fits its column exactly or is refused."""
    peek("CREATE TABLE readings (n integer, f float8, d numeric, at timestamptz, t text, b boolean)")
    node = await sink(database)
    good = [
        {"n": 2.0, "f": 3, "d": 0.1, "at": "2026-05-01T06:00:00+02:00", "t": 7, "b": True},
        {"n": "12", "f": 1e300, "d": 2**80, "at": "2026-05-01T04:00:00.123456Z", "t": 1.5, "b": "false"},
        {"n": -0.0, "f": 5e-324, "d": 123456789012345.67, "at": None, "t": True, "b": None},
    ]
    assert await node.write(messages(good)) is None
    rows = peek("SELECT n, f, d, extract(epoch FROM at AT TIME ZONE 'UTC'), t, b FROM readings")
    assert rows == [
        (2, 3.0, Decimal("0.1"), Decimal("1777608000.000000"), "7", True),
        (12, 1e300, Decimal(2**80), Decimal("1777608000.123456"), "1.5", False),
        (0, 5e-324, Decimal("123456789012345.67"), None, "true", None),
    ]
    bad = [{"n": 1.5}, {"n": 2**40}, {"n": "much"}, {"n": True}, {"at": "yesterday-ish"}, {"b": 7}, {"t": "a\0b"},
           {"t": "\ud800"}, {"f": float("nan")}]  # fmt: skip
    outcomes = await node.write(messages(bad))
    assert [type(outcome) for outcome in outcomes] == [Reject] * len(bad)
    assert 'wrong type (invalid input syntax for type integer: "1.5")' in outcomes[0].reason
    assert "too large for its column" in outcomes[1].reason
    assert "no date or time" in outcomes[4].reason
    assert len(peek("SELECT 1 FROM readings")) == 3


ODD_TABLE = """
CREATE DOMAIN small AS int CHECK (VALUE < 100);
CREATE TYPE colour AS ENUM ('red', 'green');
CREATE SCHEMA "o%dd";
CREATE TYPE "o%dd"."pa""ir" AS (x int, y text);
CREATE TABLE readings (n bigserial, i small, "50%" varchar(3), "a""b" char(2), e colour, l int[], j jsonb, raw bytea,
    p "o%dd"."pa""ir", q numeric(6, 2), at timestamptz(0), k bit(3), always int GENERATED ALWAYS AS IDENTITY)
"""


async def test_many_rows_are_read_by_their_columns_as_one_is(
    database: Any, sink: Any, peek: Any, messages: Any
) -> None:
    """A batch goes as lists, a single row as bound values: the outcome is the same, and so is the order."""
    peek(ODD_TABLE)
    node = await sink(database)
    good = {"i": 7, "50%": "abc", 'a"b': "x", "e": "red", "l": "{1,2}", "j": {"a": [1, "x"]}, "p": "(1,z)",
            "q": "1234.567", "at": "2026-05-01T04:00:00.6Z", "k": "101"}  # fmt: skip
    bad = [
        {"50%": "abcd"},
        {"i": 100},
        {"e": "blue"},
        {"l": "1"},
        {"q": 12345},
        {"k": "1"},
        {"always": 1},
        {'a"b': "xyz"},
    ]
    assert await node.write(messages([good])) is None
    assert await node.write(messages([good] * 9)) is None
    one, *others = peek('SELECT i, "50%", "a""b", e, l, j, raw, p::text, q::text, at, k::text FROM readings ORDER BY n')
    assert others == [one] * 9
    assert (one[0], one[2], one[7], one[8]) == (7, "x ", "(1,z)", "1234.57")
    for wrong in bad:
        (alone,) = await node.write(messages([good | wrong]))
        together = await node.write(messages([good] * 6 + [good | wrong] * 6))
        assert [type(outcome) for outcome in together] == [Ok] * 6 + [Reject] * 6
        assert {outcome.reason for outcome in together[6:]} == {alone.reason}
    with_bytes = [good | {"raw": b"\0\xff" if i % 2 else None} for i in range(8)]
    assert await node.write(messages(with_bytes)) is None
    assert [row for (row,) in peek("SELECT raw FROM readings ORDER BY n DESC LIMIT 2")] == [b"\0\xff", None]


async def test_a_column_gets_another_type_while_the_flow_runs(
    database: Any, sink: Any, peek: Any, messages: Any
) -> None:
    peek("CREATE TABLE readings (v integer)")
    node = await sink(database)
    assert await node.write(messages([{"v": "007"}] * 9)) is None
    peek("ALTER TABLE readings ALTER COLUMN v TYPE text")
    assert await node.write(messages([{"v": "007"}] * 9)) is None
    assert [row for (row,) in peek("SELECT v FROM readings")] == ["7"] * 9 + ["007"] * 9
    peek("ALTER TABLE readings DROP COLUMN v")
    outcomes = await node.write(messages([{"v": "007"}] * 9))
    assert {outcome.reason for outcome in outcomes} == {"table 'readings' has no column 'v'; it has "}


async def test_upsert_of_many_rows(database: Any, sink: Any, peek: Any, messages: Any) -> None:
    peek("CREATE TABLE readings (k numeric PRIMARY KEY, v int)")
    node = await sink(database, mode="upsert", keys=["k"])
    assert await node.write(messages([{"k": i, "v": i} for i in range(20)])) is None
    assert await node.write(messages([{"k": i % 10, "v": 100 + i} for i in range(20)])) is None
    # the same key, written in two ways
    assert (
        await node.write(messages([{"v": i, "k": k} for i, k in enumerate(["10", "11", "12", "13", "13.0", "14"])]))
        is None
    )
    expected = {i: 110 + i for i in range(10)} | {10: 0, 11: 1, 12: 2, 13: 4, 14: 5} | {i: i for i in range(15, 20)}
    assert {int(k): v for k, v in peek("SELECT k, v FROM readings")} == expected


async def test_several_culprits_of_different_kinds(database: Any, sink: Any, peek: Any, messages: Any) -> None:
    peek("CREATE TABLE orders (id text PRIMARY KEY)")
    peek("INSERT INTO orders VALUES ('4711')")
    peek(
        "CREATE TABLE readings (id int PRIMARY KEY, ord text NOT NULL REFERENCES orders(id), u varchar(4) UNIQUE, "
        "q float8 CHECK (q > 0))"
    )
    peek(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN IF NEW.u = 'no' THEN RAISE EXCEPTION 'closed order'; END IF; RETURN NEW; END $$"
    )
    peek("CREATE TRIGGER refuse BEFORE INSERT ON readings FOR EACH ROW EXECUTE FUNCTION refuse()")
    rows: list[dict[str, Any]] = [{"id": i, "ord": "4711", "u": str(i), "q": 1} for i in range(1000)]
    rows[1]["ord"] = None
    rows[2]["ord"] = "9999"
    rows[3]["u"] = "0"
    rows[4]["id"] = 0
    rows[5]["q"] = "much"
    rows[6]["q"] = -1
    rows[7]["u"] = "no"
    rows[8]["extra"] = 1
    rows[9]["u"] = "12345"
    outcomes = await (await sink(database)).write(messages(rows))
    reasons = {i: outcome.reason for i, outcome in enumerate(outcomes) if isinstance(outcome, Reject)}
    assert sorted(reasons) == list(range(1, 10))
    assert "must have a value has none" in reasons[1]
    assert "does not exist" in reasons[2]
    assert "same key already" in reasons[3]
    assert "same key already" in reasons[4]
    assert "wrong type" in reasons[5]
    assert "outside what the table allows" in reasons[6]
    assert "closed order" in reasons[7]
    assert reasons[8] == "table 'readings' has no column 'extra'; it has id, ord, u, q"
    assert "too long for its column" in reasons[9]
    assert peek("SELECT count(*) FROM readings") == [(991,)]


async def test_missing_table_and_index_say_what_to_do(database: Any, sink: Any, peek: Any, messages: Any) -> None:
    (outcome,) = await (await sink(database)).write(messages([{"a": 1}]))
    assert outcome == Reject("there is no table 'readings': make it, or switch on Create table (`create_table: true`)")
    peek("CREATE TABLE readings (a int, b int)")
    (outcome,) = await (await sink(database, mode="upsert", keys=["a"])).write(messages([{"a": 1}]))
    assert outcome == Reject("table 'readings' has no unique index on a: upsert needs one")
    (outcome,) = await (await sink(database)).write(messages([{"A": 1}]))
    assert outcome == Reject("table 'readings' has no column 'A'; it has a, b")


async def test_a_dropped_table_is_made_again(database: Any, sink: Any, peek: Any, messages: Any) -> None:
    node = await sink(database, create_table=True)
    assert await node.write(messages([{"a": 1}])) is None
    peek("DROP TABLE readings")
    assert await node.write(messages([{"a": 2}])) is None
    assert peek("SELECT * FROM readings") == [(2,)]


async def test_an_altered_table_is_used_as_it_is(database: Any, sink: Any, peek: Any) -> None:
    peek("CREATE TABLE readings (i int, a int)")
    node = await sink(database)
    for batch in range(8):  # the driver prepares statements after some
        assert await node.write(keyed([{"i": batch, "a": 1}])) is None
    peek("ALTER TABLE readings ALTER a TYPE text")
    assert await node.write(keyed([{"i": 100, "a": "now text"}])) is None
    assert peek("SELECT a FROM readings WHERE i = 100") == [("now text",)]


@pytest.mark.parametrize(
    "name",
    ["order", "Füllstand °C", 'quo"te', "semi;colon", "per%cent", "%(c0)s", "%s", "%%", ":c0", "?", "$1", "a.b",
     "'", "\n", "日本", "\\", EVIL],
)  # fmt: skip
async def test_any_name_is_only_a_name(database: Any, sink: Any, peek: Any, messages: Any, name: str) -> None:
    peek("CREATE TABLE readings (x int)")
    node = await sink(database, table=f"t {name}", mode="upsert", keys=[name], create_table=True)
    for value in ("first", EVIL):
        assert await node.write(messages([{name: 1, "c0": value, "p": value}])) is None
    (good, bad) = await node.write(messages([{name: 1}, {name: 2, "not there": 2}]))
    assert good == Ok()
    assert name in bad.reason
    columns = peek("SELECT column_name FROM information_schema.columns WHERE table_name = ?", f"t {name}")
    assert [column for (column,) in columns] == [name, "c0", "p"]
    assert peek("SELECT count(*) FROM readings") == [(0,)]


async def test_names_that_the_server_would_cut_are_refused(database: Any, sink: Any, peek: Any, messages: Any) -> None:
    with pytest.raises(PermanentError, match="takes 63 bytes"):
        await sink(database, table="ü" * 32)
    peek("CREATE TABLE readings (a int)")
    (outcome,) = await (await sink(database)).write(messages([{"a" * 64: 1}]))
    assert "too long for the name of a column" in outcome.reason


async def test_schemas(connect: Any, sink: Any, peek: Any, messages: Any) -> None:
    peek('CREATE SCHEMA "Line 1%"')
    connection = connect(schemas=["Line 1%", "public"])
    await connection.open()
    node = await sink(connection, create_table=True)
    assert await node.write([Message({"a": 1}, Meta(id="1"))]) is None
    assert peek('SELECT a FROM "Line 1%".readings') == [(1,)]
    assert peek('SELECT id FROM "Line 1%".flowhost_inbox') == [("1",)]


async def test_no_right_to_make_the_inbox(connect: Any, sink: Any, peek: Any, postgres_server: Any, url: str) -> None:
    peek(f"DROP ROLE IF EXISTS writer_{postgres_server.port}")
    peek(f"CREATE ROLE writer_{postgres_server.port} LOGIN")
    peek("CREATE TABLE readings (i int)")
    peek(f"GRANT INSERT ON readings TO writer_{postgres_server.port}")
    connection = connect(url.replace("postgres@", f"writer_{postgres_server.port}@"))
    await connection.open()
    node = await sink(connection)
    with pytest.raises(TemporaryError, match=r"flowhost_inbox.*grant the right"):
        await node.write(keyed([{"i": 1}]))
    peek("CREATE TABLE flowhost_inbox (flow text, node text, id text, at timestamptz, PRIMARY KEY (flow, node, id))")
    peek(f"GRANT SELECT, INSERT, DELETE ON flowhost_inbox TO writer_{postgres_server.port}")
    assert await node.write(keyed([{"i": 1}])) is None
    assert await node.write(keyed([{"i": 1}])) == [Ok(repeated=True)]
    assert peek("SELECT count(*) FROM readings") == [(1,)]
    peek("CREATE TABLE others (i int)")
    with pytest.raises(TemporaryError, match="gives no right to do this: grant it"):
        await (await sink(connection, table="others", inbox=False)).write(keyed([{"i": 1}]))


# ---- locks -----------------------------------------------------------------------------------------------------------


async def test_locked_by_another_program_then_released(connect: Any, sink: Any, peek: Any, url: str) -> None:
    connection = connect(busy_timeout_s=0.2)
    await connection.open()
    peek("CREATE TABLE readings (i int)")
    node = await sink(connection)
    with psycopg.connect(url) as other:
        other.execute("LOCK TABLE readings")
        with pytest.raises(TemporaryError, match="locked by another program; the batch is tried again"):
            await node.write(keyed([{"i": 1}]))
    assert await node.write(keyed([{"i": 1}])) is None
    assert peek("SELECT count(*) FROM readings") == [(1,)]


async def test_a_deadlock_is_tried_again(connect: Any, sink: Any, peek: Any, url: str) -> None:
    peek("CREATE TABLE readings (i int PRIMARY KEY, who text)")
    peek("INSERT INTO readings VALUES (1, ''), (2, '')")
    connection = connect(busy_timeout_s=30)
    await connection.open()
    node = await sink(connection, mode="upsert", keys=["i"], inbox=False)
    with psycopg.connect(url) as other:
        other.execute("SET deadlock_timeout = '20s'")  # so that the server breaks it at the sink's side
        other.execute("UPDATE readings SET who = 'other' WHERE i = 2")
        ours = asyncio.create_task(node.write(keyed([{"i": 1, "who": "us"}, {"i": 2, "who": "us"}])))
        waiting = (
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        )
        await until(lambda: peek(waiting) == [(1,)])
        theirs = threading.Thread(target=other.execute, args=("UPDATE readings SET who = 'other' WHERE i = 1",))
        theirs.start()
        with pytest.raises(TemporaryError, match="broke a deadlock"):
            await ours
        await asyncio.to_thread(theirs.join)
    assert await node.write(keyed([{"i": 1, "who": "us"}, {"i": 2, "who": "us"}])) is None
    assert peek("SELECT DISTINCT who FROM readings") == [("us",)]


async def test_stopping_a_node_that_waits_for_a_lock(database: Any, sink: Any, peek: Any, url: str) -> None:
    peek("CREATE TABLE readings (i int)")
    node = await sink(database)
    with psycopg.connect(url) as other:
        other.execute("LOCK TABLE readings")
        work = asyncio.create_task(node.write(keyed([{"i": 1}])))
        await asyncio.wait([work], timeout=0.1)
        started = time.monotonic()
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)
        assert work.cancelled()
        assert time.monotonic() - started < 2
    assert await node.write(keyed([{"i": 1}])) is None
    assert peek("SELECT count(*) FROM readings") == [(1,)]


async def test_a_transaction_reads_or_writes(database: Any, peek: Any) -> None:
    peek("CREATE TABLE readings (i int)")

    def write(db: Any, reading: bool) -> None:
        with db.transaction(reading=reading) as connection:
            connection.exec_driver_sql("INSERT INTO readings VALUES (1)")

    for reading in (True, False, True):
        if reading:
            with pytest.raises(Exception, match="read-only transaction"):
                await database.run(lambda db: write(db, True))
        else:
            await database.run(lambda db: write(db, False))
    assert peek("SELECT count(*) FROM readings") == [(1,)]


# ---- losses ----------------------------------------------------------------------------------------------------------


async def test_server_stopped_and_started(
    database: Any, sink: Any, peek: Any, board: Any, postgres_server: Any
) -> None:
    peek("CREATE TABLE readings (i int)")
    nodes = [await sink(database, node_id=name) for name in ("first", "second")]
    for node in nodes:
        assert await node.write(keyed([{"i": 1}])) is None
    await asyncio.to_thread(postgres_server.stop)
    try:
        for _ in range(3):
            for node in nodes:
                with pytest.raises(NotConnectedError):
                    await node.write(keyed([{"i": 2}]))
            await asyncio.sleep(0.2)
        assert database.health() == ""
    finally:
        await asyncio.to_thread(postgres_server.start)
    await until(database.health)
    for node in nodes:
        assert await node.write(keyed([{"i": 2}])) is None
    assert [kind for kind, _ in board.notices] == ["lost", "restored"]
    assert peek("SELECT i, count(*) FROM readings GROUP BY i ORDER BY i") == [(1, 2), (2, 2)]


async def test_killed_in_the_middle_of_batches(database: Any, sink: Any, peek: Any) -> None:
    """An administrator ends our session again and again while batches are written and sent again."""
    peek("CREATE TABLE readings (i int)")
    node = await sink(database)
    ours = "application_name = 'flowhost' AND datname = current_database()"
    end = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {ours}"
    losses = 0
    for number in range(30):
        batch = keyed([{"i": number * 200 + i} for i in range(200)])
        killer = asyncio.create_task(asyncio.to_thread(peek, end)) if number % 5 == 2 else None
        async with asyncio.timeout(20):
            while True:
                try:
                    assert await node.write(batch) is None
                    break
                except (NotConnectedError, UnknownOutcomeError):
                    losses += 1
                    await asyncio.sleep(0.05)
        if killer:
            await killer
    assert losses > 0
    assert peek("SELECT count(*), count(DISTINCT i), max(i) FROM readings") == [(6000, 6000, 5999)]


class CutAtCommit:
    """A link that breaks once, at a COMMIT: before the server sees it, or before the client hears the answer."""

    def __init__(self, port: int, *, delivered: bool) -> None:
        self.delivered = delivered
        self.armed = False
        self._target = port
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> CutAtCommit:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self._target)
        answers = asyncio.create_task(self._pass_on(up_reader, writer))
        writes = False
        try:
            while data := await reader.read(65536):
                writes = writes or (self.armed and b'"readings"' in data)
                if writes and b"COMMIT" in data:
                    self.armed = False
                    answers.cancel()
                    await asyncio.gather(answers, return_exceptions=True)
                    if self.delivered:
                        up_writer.write(data)
                        await up_reader.read(65536)  # it is done, and nobody will hear of it
                    break
                up_writer.write(data)
        finally:
            answers.cancel()
            await asyncio.gather(answers, return_exceptions=True)
            writer.close()
            up_writer.close()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            writer.write(data)


@pytest.fixture(params=[True, False], ids=["committed", "not committed"])
async def cut(request: Any, postgres_server: Any) -> AsyncIterator[CutAtCommit]:
    async with CutAtCommit(postgres_server.port, delivered=request.param) as proxy:
        yield proxy


async def test_the_answer_to_a_commit_is_lost(
    cut: CutAtCommit, connect: Any, sink: Any, peek: Any, url: str, postgres_server: Any
) -> None:
    peek("CREATE TABLE readings (i int)")
    connection = connect(url.replace(str(postgres_server.port), str(cut.port)))
    await connection.open()
    node = await sink(connection)
    assert await node.write(keyed([{"i": 0}])) is None
    batch = keyed([{"i": i} for i in range(100)])
    cut.armed = True
    with pytest.raises(UnknownOutcomeError, match="while committing; the rows may be there"):
        await node.write(batch)
    assert node.is_idempotent(node.config)
    assert peek("SELECT count(*) FROM readings") == [(100 if cut.delivered else 1,)]
    await until(connection.health)
    again = await node.write(batch)
    assert again is not None
    # number 0 was there in either case
    assert [one.repeated for one in again if isinstance(one, Ok)] == [cut.delivered or i == 0 for i in range(100)]
    assert peek("SELECT count(*), count(DISTINCT i) FROM readings") == [(100, 100)]
    await connection.close()


async def test_a_server_that_answers_no_more_is_noticed_and_a_slow_one_left_alone(
    connect: Any, sink: Any, peek: Any, url: str, postgres_server: Any, board: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flowhost_sql.connection.SILENCE_S", 0.3)
    monkeypatch.setattr("flowhost_sql.dialect_postgres.PING_TIMEOUT_S", 2)
    peek("CREATE TABLE readings (i int)")
    peek("CREATE FUNCTION dawdle() RETURNS trigger AS 'BEGIN PERFORM pg_sleep(1.5); RETURN NEW; END' LANGUAGE plpgsql")
    async with FaultProxy("127.0.0.1", postgres_server.port) as proxy:
        connection = connect(url.replace(str(postgres_server.port), str(proxy.port)))
        await connection.open()
        node = await sink(connection)
        assert await node.write(keyed([{"i": 0}])) is None
        proxy.hold()
        began = time.monotonic()
        with pytest.raises((TemporaryError, UnknownOutcomeError), match="does not answer any more"):
            await node.write(keyed([{"i": 1}]))
        assert time.monotonic() - began < 10
        assert [(kind, "does not answer any more" in text) for kind, text in board.notices] == [("lost", True)]
        proxy.release()
        await until(connection.health)
        peek("CREATE TRIGGER slow BEFORE INSERT ON readings FOR EACH ROW EXECUTE FUNCTION dawdle()")
        assert await node.write(keyed([{"i": 1}])) is None
        assert [kind for kind, _ in board.notices] == ["lost", "restored"]
        await connection.close()
    assert peek("SELECT i FROM readings ORDER BY i") == [(0,), (1,)]


async def test_without_an_id_nothing_is_sent_again_blindly(
    cut: CutAtCommit, connect: Any, sink: Any, peek: Any, url: str, postgres_server: Any
) -> None:
    peek("CREATE TABLE readings (i int)")
    connection = connect(url.replace(str(postgres_server.port), str(cut.port)))
    await connection.open()
    node = await sink(connection)
    cut.armed = True
    with_id, without = await node.write([*keyed([{"i": 1}]), Message({"i": 2})])
    assert isinstance(with_id, Unknown)
    assert "look whether its row is there" in without.reason
    await connection.close()


# ---- opening ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def as_mes(url: str, peek: Any, postgres_server: Any) -> str:
    """A URL of a user who needs a password."""
    if not peek("SELECT 1 FROM pg_roles WHERE rolname = 'mes'"):
        peek("CREATE ROLE mes LOGIN")
    peek(f"ALTER ROLE mes PASSWORD '{postgres_server.password}'")
    return url.replace("postgres@", "mes@")


async def test_password(connect: Any, as_mes: str, postgres_server: Any) -> None:
    connection = connect(as_mes, password=postgres_server.password)
    await connection.open()
    assert connection.health() == f"connected to {as_mes}"
    assert "PostgreSQL 1" in await connection.test()
    assert postgres_server.password not in repr(connection.config) + connection.health()


@pytest.mark.parametrize(
    ("user", "password", "says"),
    [
        ("mes", "wrong-Secret", "refused the log-in"),
        ("mes", None, "it wants a password: write `password"),
        ("nobody_here", None, "refused the log-in"),
    ],
)
async def test_a_refused_log_in_is_not_repeated(
    connect: Any, as_mes: str, user: str, password: str | None, says: str
) -> None:
    connection = connect(as_mes.replace("mes@", f"{user}@"), password=password)
    for attempt in (connection.open, connection.test):
        with pytest.raises(AuthenticationError, match=says) as caught:
            await attempt()
        assert "wrong-Secret" not in str(caught.value)


async def test_the_password_changes_while_running(
    connect: Any, sink: Any, as_mes: str, peek: Any, board: Any, postgres_server: Any
) -> None:
    connection = connect(as_mes, password=postgres_server.password)
    await connection.open()
    node = await sink(connection, create_table=True)
    peek("ALTER ROLE mes PASSWORD 'another'")
    peek("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'mes'")
    with pytest.raises(NotConnectedError):
        await node.write(keyed([{"i": 1}]))
    await until(lambda: [kind for kind, _ in board.notices] == ["lost", "error"])
    with pytest.raises(AuthenticationError, match="refused the log-in"):
        await node.write(keyed([{"i": 1}]))


async def test_what_cannot_be_reached(connect: Any, url: str, postgres_server: Any) -> None:
    with pytest.raises(NotConnectedError, match=r"cannot be reached: .*no_such_database"):
        await connect(postgres_server.url("no_such_database")).open()
    with pytest.raises(NotConnectedError, match=r"cannot be reached: .*refused"):
        await connect(url.replace(str(postgres_server.port), "1")).open()


async def test_the_test_button(connect: Any, peek: Any, url: str) -> None:
    peek("CREATE TABLE a (x int)")
    found = await connect().test()
    assert found.startswith(f"{url}: PostgreSQL ")
    assert found.endswith(", 1 tables")


async def test_durable_whatever_the_server_says(connect: Any, peek: Any, url: str) -> None:
    peek(f"ALTER DATABASE {url.rsplit('/', 1)[1]} SET synchronous_commit = off")
    connection = connect()
    await connection.open()

    def settings(db: Any) -> list[Any]:
        with db.transaction() as session:
            names = ("synchronous_commit", "timezone", "lock_timeout", "idle_in_transaction_session_timeout")
            return [session.exec_driver_sql(f"SHOW {name}").scalar() for name in names]

    assert await connection.run(settings) == ["on", "UTC", "5s", "1min"]


async def test_speed_in_batches(database: Any, sink: Any, peek: Any) -> None:
    node = await sink(database, create_table={"i": "integer", "v": "real"})
    batches = [keyed([{"i": i, "v": i * 1.5} for i in range(at, at + 1000)]) for at in range(0, 20_000, 1000)]
    started = time.process_time()
    for batch in batches:
        assert await node.write(batch) is None
    took_s = time.process_time() - started
    assert 20_000 / took_s > 15_000, f"{20_000 / took_s:.0f} rows per CPU second"


async def test_an_interruption_that_comes_while_rolling_back(
    database: Any, sink: Any, peek: Any, messages: Any
) -> None:
    peek("CREATE TABLE readings (i int)")
    node = await sink(database)
    assert await node.write(messages([{"i": 1}])) is None

    def roll_back_late(db: Any) -> None:
        with db.transaction() as connection:
            driver = connection.connection.driver_connection
            late = [psycopg.errors.QueryCanceled("canceling statement due to user request")]
            really = driver.rollback

            def rollback() -> None:
                if late:
                    raise late.pop()
                really()

            driver.rollback = rollback
            connection.exec_driver_sql("INSERT INTO readings VALUES (2)")
            raise KeyError

    with pytest.raises(KeyError):
        await database.run(roll_back_late)
    assert await node.write(messages([{"i": 3}])) is None
    assert peek("SELECT i FROM readings ORDER BY i") == [(1,), (3,)]
