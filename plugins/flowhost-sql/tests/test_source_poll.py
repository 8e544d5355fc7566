"""`sql.poll` on real databases: every row once, in order, over restarts, equal times and late rows."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from flowhost_sql.config import PollConfig
from flowhost_sql.row_values import payload_of, time_ns_of
from flowhost_sql.source_poll import Settling, SqlPoll
from pydantic import ValidationError

from flowhost.sdk import Message, NotConnectedError, PermanentError, Rejected, Settlement, Source, TemporaryError

BERLIN = ZoneInfo("Europe/Berlin")  # read here: its file is not to be read on the loop
FAST = {"period_ms": 10, "settle_ms": 0}
EVIL = 'x"); DROP TABLE orders; --'


class Checkpoint:
    def __init__(self) -> None:
        self.value: Any = None

    async def load(self) -> Any:
        return self.value

    async def save(self, value: Any) -> None:
        self.value = value


class Flow:
    """What the engine does with a source: takes batches, confirms them in order, or is killed before it could."""

    def __init__(self, node: SqlPoll) -> None:
        self.node = node
        self.batches: list[list[Message]] = []
        self.rejected: list[Rejected] = []
        self.positions: list[Any] = []
        self.confirms = True
        self._task: asyncio.Task[None] | None = None

    async def emit(self, messages: Any, position: Any = None, *, port: str = "out", rejected: Any = ()) -> None:
        self.batches.append(list(messages))
        self.rejected.extend(rejected)
        self.positions.append(position)
        if self.confirms:
            await self.node.on_outcome(position, Settlement.CONFIRMED)

    def start(self) -> None:
        self._task = asyncio.create_task(self.node.run(self.emit), name="source")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    @property
    def messages(self) -> list[Message]:
        return [message for batch in self.batches for message in batch]

    def values(self, name: str = "id") -> list[Any]:
        return [message.payload[name] for message in self.messages]

    async def has(self, count: int) -> None:
        async with asyncio.timeout(15):
            while len(self.messages) < count:
                assert self._task is not None
                if self._task.done():
                    await self._task
                await asyncio.sleep(0.005)


@pytest.fixture
async def poll(database: Any, node_context: Any) -> AsyncIterator[Callable[..., Flow]]:
    flows: list[Flow] = []

    def build(checkpoint: Checkpoint | None = None, connection: Any = None, **config: Any) -> Flow:
        source = {} if "query" in config else {"table": "orders"}
        context = node_context(connection or database, checkpoint=checkpoint or Checkpoint())
        flows.append(Flow(SqlPoll(PollConfig(**({"cursor": "id"} | source | FAST | config)), context)))
        return flows[-1]

    yield build
    for flow in flows:
        await flow.stop()


def insert(peek: Any, first: int, last: int) -> None:
    rows = ", ".join(f"({i}, 'm{i % 3}', {i}.5)" for i in range(first, last))
    peek(f"INSERT INTO orders (id, machine, qty) VALUES {rows}")


@pytest.fixture
def orders(peek: Any) -> None:
    peek("CREATE TABLE orders (id BIGINT PRIMARY KEY, machine TEXT, qty DOUBLE PRECISION)")


async def test_rows_become_messages(orders: None, poll: Any, peek: Any) -> None:
    insert(peek, 1, 4)
    flow = poll(key="machine")
    assert isinstance(flow.node, Source)
    assert flow.node.is_replayable(flow.node.config)
    before = time.time_ns()
    flow.start()
    await flow.has(3)
    first = flow.messages[0]
    assert first.payload == {"id": 1, "machine": "m1", "qty": 1.5}
    assert (first.meta.topic, first.meta.key, first.meta.id) == ("orders", "m1", "production/from_sql/1")
    assert before <= first.meta.time_ns <= time.time_ns()
    insert(peek, 4, 6)
    await flow.has(5)
    assert flow.values() == [1, 2, 3, 4, 5]


async def test_batches_follow_each_other_at_once(orders: None, poll: Any, peek: Any) -> None:
    insert(peek, 0, 250)
    flow = poll(max_rows=100, period_ms=60_000)
    flow.start()
    await flow.has(250)
    assert [len(batch) for batch in flow.batches] == [100, 100, 50]
    assert flow.values() == list(range(250))


async def test_a_kill_in_the_middle_repeats_only_what_was_not_confirmed(orders: None, poll: Any, peek: Any) -> None:
    insert(peek, 0, 500)
    kept = Checkpoint()
    flow = poll(kept, max_rows=100)
    flow.start()
    await flow.has(200)
    flow.confirms = False
    insert(peek, 500, 700)
    await flow.has(700)
    await flow.stop()
    confirmed = int(kept.value["after"][0])
    assert 199 <= confirmed < 699
    again = poll(kept, max_rows=70)
    again.start()
    await again.has(700 - confirmed - 1)
    assert again.values() == list(range(confirmed + 1, 700))
    ids = {message.payload["id"]: message.meta.id for message in flow.messages}
    assert all(ids[message.payload["id"]] == message.meta.id for message in again.messages)


async def test_an_abandoned_batch_comes_again(orders: None, poll: Any, peek: Any) -> None:
    insert(peek, 0, 10)
    kept = Checkpoint()
    flow = poll(kept)
    flow.confirms = False
    flow.start()
    await flow.has(10)
    await flow.stop()
    await flow.node.on_outcome(flow.positions[0], Settlement.ABANDONED)
    assert kept.value is None
    again = poll(kept)
    again.start()
    await again.has(10)


async def test_equal_times_with_a_tie(poll: Any, peek: Any) -> None:
    """Batches end in the middle of rows of the same time, and rows of the same time are added later."""
    peek("CREATE TABLE orders (id BIGINT PRIMARY KEY, at TIMESTAMP)")
    moments = ["2026-05-01 06:00:00.000001", "2026-05-01 06:00:00.000002", "2026-05-01 06:00:01"]
    rows = [(i, moments[i // 40]) for i in range(120)]
    random.Random(7).shuffle(rows)
    for i, at in rows:
        peek(f"INSERT INTO orders VALUES ({i}, '{at}')")
    kept = Checkpoint()
    flow = poll(kept, cursor="at", tie="id", max_rows=7, time="at")
    flow.start()
    await flow.has(120)
    assert flow.values() == list(range(120))
    await flow.stop()
    peek(f"INSERT INTO orders VALUES (120, '{moments[2]}'), (121, '{moments[2]}')")
    again = poll(kept, cursor="at", tie="id", max_rows=1, time="at")
    again.start()
    await again.has(2)
    await asyncio.sleep(0.05)
    assert again.values() == [120, 121]
    assert len({message.meta.id for message in flow.messages + again.messages}) == 122
    assert again.messages[0].meta.time_ns == 1_777_615_201_000_000_000


async def test_equal_cursors_without_a_tie_stop_the_source(poll: Any, peek: Any) -> None:
    peek("CREATE TABLE orders (id BIGINT, at TEXT)")
    peek("INSERT INTO orders VALUES (1, 'a'), (2, 'b'), (3, 'b')")
    for max_rows in (10, 2):  # within a batch, and where it would end
        with pytest.raises(PermanentError, match=r"have the same 'at' .*name a column as `tie`"):
            await poll(cursor="at", max_rows=max_rows).node.run(_nowhere)


async def _nowhere(*_: Any, **__: Any) -> None:
    pass


async def test_late_rows_within_the_settling_time(orders: None, poll: Any, peek: Any) -> None:
    """Writers draw their numbers first and commit in any order, up to a quarter of a second later."""
    flow = poll(settle_ms=600, max_rows=20)
    flow.start()
    dice = random.Random(11)
    todo = list(range(120))
    delayed: list[tuple[float, int]] = []
    while todo or delayed:
        now = time.monotonic()
        for due, number in [item for item in delayed if item[0] <= now]:
            delayed.remove((due, number))
            await asyncio.to_thread(insert, peek, number, number + 1)
        if todo:
            delayed.append((now + dice.choice([0, 0, 0.1, 0.25]), todo.pop(0)))
        await asyncio.sleep(0.002)
    await flow.has(120)
    assert flow.values() == list(range(120))


def test_settling_reads_up_to_what_was_there_a_while_ago() -> None:
    settling = Settling(2.0)
    assert settling.settled((5,), 0) is None
    assert settling.settled((9,), 1) is None
    assert settling.settled((9,), 2) == (5,)
    assert settling.settled((9,), 3.5) == (9,)
    assert settling.settled(None, 100) == (9,)


async def test_start_now_skips_what_is_there_and_nothing_later(orders: None, poll: Any, peek: Any) -> None:
    insert(peek, 0, 10)
    kept = Checkpoint()
    flow = poll(kept, start="now")
    flow.start()
    async with asyncio.timeout(10):
        while kept.value is None:
            await asyncio.sleep(0.005)
    await flow.stop()
    insert(peek, 10, 15)  # while the flow is stopped, before its first row
    again = poll(kept, start="now")
    again.start()
    await again.has(5)
    assert again.values() == [10, 11, 12, 13, 14]


async def test_start_now_on_an_empty_table(orders: None, poll: Any, peek: Any) -> None:
    kept = Checkpoint()
    flow = poll(kept, start="now")
    flow.start()
    async with asyncio.timeout(10):
        while kept.value is None:
            await asyncio.sleep(0.005)
    await flow.stop()
    insert(peek, 0, 3)
    again = poll(kept, start="now")
    again.start()
    await again.has(3)


async def test_another_table_does_not_take_the_old_cursor(orders: None, poll: Any, peek: Any, board: Any) -> None:
    insert(peek, 0, 5)
    kept = Checkpoint()
    flow = poll(kept)
    flow.start()
    await flow.has(5)
    await flow.stop()
    peek("CREATE TABLE others (id BIGINT PRIMARY KEY)")
    peek("INSERT INTO others VALUES (1)")
    other = poll(kept, table="others")
    other.start()
    await other.has(1)
    assert [kind for kind, _ in board.notices] == ["warning"]


async def test_a_query(orders: None, poll: Any, peek: Any) -> None:
    insert(peek, 0, 30)
    query = "SELECT o.id AS n, o.qty * 2 AS twice, '100%' AS share FROM orders o WHERE machine = 'm1' -- only one;\n;"
    flow = poll(query=query, cursor="n", max_rows=4, topic="m1/orders")
    flow.start()
    await flow.has(10)
    assert flow.values("n") == list(range(1, 30, 3))
    assert flow.messages[0].payload == {"n": 1, "twice": 3.0, "share": "100%"}
    assert flow.messages[0].meta.topic == "m1/orders"


@pytest.mark.parametrize(
    "query",
    [
        "DELETE FROM orders RETURNING id",
        "SELECT * FROM orders) AS q; DELETE FROM orders; --",
        "WITH gone AS (DELETE FROM orders RETURNING id) SELECT id FROM gone",
    ],
)
async def test_a_query_cannot_write(orders: None, poll: Any, peek: Any, query: str) -> None:
    insert(peek, 0, 5)
    with pytest.raises(PermanentError, match="the query cannot be read"):
        await poll(query=query).node.run(_nowhere)
    assert peek("SELECT count(*) FROM orders") == [(5,)]


@pytest.mark.parametrize("name", ["order", "Füllstand °C", 'quo"te', "per%cent", "%s", ":c0", "a.b", "日本", EVIL])
async def test_any_name_is_only_a_name(poll: Any, peek: Any, name: str) -> None:
    quoted = '"' + name.replace('"', '""') + '"'
    peek(f"CREATE TABLE {quoted} ({quoted} BIGINT, v TEXT)")
    peek(f"INSERT INTO {quoted} VALUES (1, 'a'), (2, 'b'), (3, 'c')")
    flow = poll(table=name, cursor=name, tie="v", key=name, max_rows=1)
    flow.start()
    await flow.has(3)
    assert flow.values(name) == [1, 2, 3]
    assert [message.meta.key for message in flow.messages] == ["1", "2", "3"]


async def test_a_table_that_comes_later(poll: Any, peek: Any) -> None:
    flow = poll()
    with pytest.raises(TemporaryError, match=r"'orders' cannot be read yet: .*make the table"):
        await flow.node.run(flow.emit)
    peek("CREATE TABLE orders (id BIGINT PRIMARY KEY)")
    peek("INSERT INTO orders VALUES (1)")
    flow.start()
    await flow.has(1)


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ({"cursor": "nowhere"}, "cannot be read: .*nowhere"),
        ({"key": "nowhere"}, "has no column 'nowhere'; it has id, machine, qty"),
        ({"time": "nowhere"}, "has no column 'nowhere'"),
        ({"query": "SELECT * FRM orders"}, "the query cannot be read"),
    ],
)
async def test_a_config_that_does_not_fit_says_so(orders: None, poll: Any, peek: Any, config: Any, says: str) -> None:
    insert(peek, 0, 1)
    with pytest.raises(PermanentError, match=says):
        await poll(**config).node.run(_nowhere)


async def test_a_time_that_is_none_is_rejected_alone(poll: Any, peek: Any) -> None:
    peek("CREATE TABLE orders (id BIGINT PRIMARY KEY, at TEXT)")
    peek("INSERT INTO orders VALUES (1, '2026-05-01T06:00:00+02:00'), (2, 'soon'), (3, NULL), (4, '2026-05-01')")
    flow = poll(time="at", zone=BERLIN.key)
    flow.start()
    await flow.has(2)
    assert flow.values() == [1, 4]
    assert [item.message.payload["id"] for item in flow.rejected] == [2, 3]
    assert "column 'at' holds no time" in flow.rejected[0].reason
    assert flow.messages[0].meta.time_ns == 1_777_608_000_000_000_000
    assert flow.messages[1].meta.time_ns == 1_777_586_400_000_000_000


async def test_cancel_while_waiting_and_while_asking(orders: None, poll: Any, database: Any, peek: Any) -> None:
    flow = poll(period_ms=60_000)
    flow.start()
    await asyncio.sleep(0.05)
    await flow.stop()
    endless = "WITH RECURSIVE n(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n) SELECT max(id) AS id FROM n"
    stuck = poll(query=endless)
    stuck.start()
    await asyncio.sleep(0.2)
    started = time.monotonic()
    await stuck.stop()
    assert time.monotonic() - started < 3
    assert await database.run(lambda _: "free") == "free"


async def test_written_by_one_node_read_by_another(database: Any, sink: Any, poll: Any, peek: Any) -> None:
    """Both on one connection: they take turns, and a reader leaves no lock behind."""
    node = await sink(database, table="orders", keys=["id"], create_table={"id": "integer", "qty": "decimal"})
    assert await node.write([Message({"id": -1, "qty": Decimal("0.10")})]) is None
    flow = poll(max_rows=50)
    flow.start()
    for start in range(0, 500, 25):
        assert await node.write([Message({"id": i, "qty": Decimal("1.10")}) for i in range(start, start + 25)]) is None
    await flow.has(501)
    assert flow.values() == list(range(-1, 500))


# ---- one kind only ---------------------------------------------------------------------------------------------------


class TestPostgres:
    @pytest.fixture
    def kind(self) -> str:
        return "postgres"

    @pytest.mark.parametrize(
        ("kind_of_cursor", "values"),
        [
            ("numeric", ["0.1", "0.30", "12345678901234567890.123456789"]),
            ("double precision", ["0.1", "0.30000000000000004", "1e300"]),
            ("uuid", [f"00000000-0000-4000-8000-00000000000{i}" for i in range(3)]),
            ("timestamptz", ["2026-05-01 06:00:00.000001+02", "2026-05-01 06:00:00.000002+02", "2027-01-01"]),
            ("text", ["Aa", "b'b", 'ü"%s']),
        ],
    )
    async def test_cursors_of_any_type(self, poll: Any, peek: Any, kind_of_cursor: str, values: list[str]) -> None:
        peek(f"CREATE TABLE orders (n int, c {kind_of_cursor})")
        for n, value in enumerate(values):
            peek("INSERT INTO orders VALUES (?, ?)", n, value)
        kept = Checkpoint()
        flow = poll(kept, cursor="c", max_rows=1)
        flow.start()
        await flow.has(3)
        await flow.stop()
        assert flow.values("n") == [0, 1, 2]
        again = poll(kept, cursor="c")
        again.start()
        await asyncio.sleep(0.1)
        assert again.messages == []

    async def test_values(self, poll: Any, peek: Any) -> None:
        peek(
            "CREATE TABLE orders (id int, at timestamptz, local timestamp, d date, dec numeric, j jsonb, raw bytea, "
            "list int[], b boolean, u uuid, s interval, ip inet)"
        )
        peek(
            "INSERT INTO orders VALUES (1, '2026-05-01 06:00:00+02', '2026-05-01 06:00:00.5', '2026-05-01', 1.10, "
            "'{\"a\": [1, null]}', '\\x00ff', '{1,2}', true, "
            "'00000000-0000-4000-8000-000000000001', '90 s', '10.0.0.1')"
        )
        flow = poll(time="at")
        flow.start()
        await flow.has(1)
        assert flow.messages[0].payload == {
            "id": 1, "at": "2026-05-01T04:00:00.000000Z", "local": "2026-05-01T06:00:00.500000", "d": "2026-05-01",
            "dec": Decimal("1.10"), "j": {"a": [1, None]}, "raw": b"\0\xff", "list": [1, 2], "b": True,
            "u": "00000000-0000-4000-8000-000000000001", "s": 90.0, "ip": "10.0.0.1",
        }  # fmt: skip
        assert flow.messages[0].meta.time_ns == 1_777_608_000_000_000_000

    async def test_the_server_restarts(
        self, orders: None, poll: Any, peek: Any, postgres_server: Any, database: Any
    ) -> None:
        insert(peek, 0, 10)
        flow = poll()
        flow.start()
        await flow.has(10)
        await asyncio.to_thread(postgres_server.stop)
        try:
            with pytest.raises(NotConnectedError):
                async with asyncio.timeout(10):
                    await flow._task
        finally:
            await asyncio.to_thread(postgres_server.start)
        async with asyncio.timeout(15):
            while not database.health():
                await asyncio.sleep(0.02)
        await asyncio.to_thread(insert, peek, 10, 20)
        flow.start()
        await flow.has(20)
        assert flow.values() == list(range(20))

    async def test_a_transaction_that_ends_late(self, orders: None, poll: Any, peek: Any, url: str) -> None:
        import psycopg

        flow = poll(settle_ms=1500)
        flow.start()
        with psycopg.connect(url) as slow:
            slow.execute("INSERT INTO orders VALUES (1)")
            insert(peek, 2, 5)
            await asyncio.sleep(0.3)
            assert flow.messages == []
        await flow.has(4)
        assert flow.values() == [1, 2, 3, 4]


# ---- values and config -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("2026-05-01T04:00:00Z", 1_777_608_000),
        ("2026-05-01 04:00:00.25", 1_777_608_000.25),
        (1_777_608_000, 1_777_608_000),
        (1_777_608_000.5, 1_777_608_000.5),
        (Decimal("1777608000.25"), 1_777_608_000.25),
        (datetime(2026, 5, 1, 4, tzinfo=UTC), 1_777_608_000),
    ],
)
def test_times(value: Any, seconds: float) -> None:
    assert time_ns_of(value, UTC) == int(seconds * 100) * 10_000_000


def test_payload_is_json_like() -> None:
    class Odd:
        def __str__(self) -> str:
            return "odd"

    assert payload_of({"a": (1, Odd()), "b": memoryview(b"x")}) == {"a": [1, "odd"], "b": b"x"}


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ({"cursor": "id"}, "either a `table` or a `query`"),
        ({"cursor": "id", "table": "t", "query": "SELECT 1"}, "either a `table` or a `query`"),
        ({"cursor": "id", "table": "t", "tie": "id"}, "another column than `cursor`"),
        ({"cursor": "id", "table": "t", "zone": "Mars/Olympus"}, "no time zone"),
        ({"table": "t"}, "cursor"),
    ],
)
def test_wrong_settings(config: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        PollConfig(**config)


def test_round_trip(tmp_path: Path) -> None:
    config = PollConfig(table="t", cursor="at", tie="id", key="machine", time="at")
    assert PollConfig.model_validate(config.model_dump(mode="json")) == config
