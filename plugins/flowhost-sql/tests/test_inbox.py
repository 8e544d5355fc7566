"""Each message counts once: resent whole, in parts, after a kill between commit and answer."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from flowhost_sql.inbox import PURGED_AT_ONCE, key_of

from flowhost.sdk import Message, Meta, Ok, Reject, TemporaryError

DAY_NS = 86_400 * 1_000_000_000


def keyed(payloads: list[Any], prefix: str = "id") -> list[Message]:
    return [Message(payload, Meta(id=f"{prefix}/{payload['i']}")) for payload in payloads]


def numbered(first: int, last: int) -> list[Message]:
    return keyed([{"i": i, "v": i * 1.5} for i in range(first, last)])


class Clock:
    def __init__(self) -> None:
        self.ns = time.time_ns()
        self.sleeps: list[float] = []
        self.woken = asyncio.Event()

    def now_ns(self) -> int:
        return self.ns

    async def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        if seconds > 60:
            self.woken.clear()
            await self.woken.wait()


@pytest.mark.parametrize("mode", [{"mode": "insert"}, {"mode": "upsert", "keys": ["i"]}])
async def test_a_batch_sent_again_changes_nothing(database: Any, sink: Any, peek: Any, mode: Any) -> None:
    peek("CREATE TABLE readings (i INTEGER PRIMARY KEY, v REAL)")
    node = await sink(database, **mode)
    assert node.is_idempotent(node.config)
    assert await node.write(numbered(0, 1000)) is None
    for _ in range(2):
        assert await node.write(numbered(0, 1000)) == [Ok(repeated=True)] * 1000
    assert peek("SELECT count(*), min(i), max(i) FROM readings") == [(1000, 0, 999)]
    peek("UPDATE readings SET v = -1")
    assert await node.write(numbered(0, 1000)) == [Ok(repeated=True)] * 1000
    assert peek("SELECT count(*) FROM readings WHERE v = -1") == [(1000,)], "a written row is left to its owner"


async def test_a_batch_of_which_a_part_was_written(database: Any, sink: Any, peek: Any) -> None:
    peek("CREATE TABLE readings (i INTEGER, v REAL)")
    node = await sink(database)
    assert await node.write(numbered(0, 300)) is None
    assert await node.write(numbered(100, 400)) == [Ok(repeated=True)] * 200 + [Ok()] * 100
    twice = await node.write([*numbered(350, 450), *numbered(350, 450)])
    assert twice == [Ok(repeated=True)] * 50 + [Ok()] * 50 + [Ok(repeated=True)] * 100
    assert peek("SELECT count(*), count(DISTINCT i), max(i) FROM readings") == [(450, 450, 449)]


async def test_without_an_id_every_message_counts(database: Any, sink: Any, peek: Any, messages: Any) -> None:
    node = await sink(database, create_table=True)
    assert await node.write([*messages([{"i": 1}]), *keyed([{"i": 2}])]) is None
    assert await node.write([*messages([{"i": 1}]), *keyed([{"i": 2}])]) == [Ok(), Ok(repeated=True)]
    assert peek("SELECT i, count(*) FROM readings GROUP BY i ORDER BY i") == [(1, 2), (2, 1)]
    assert peek("SELECT flow, node, id FROM flowhost_inbox") == [("production", "to_sql", "id/2")]


async def test_switched_off_there_is_no_table(database: Any, sink: Any, peek: Any) -> None:
    node = await sink(database, inbox=False, create_table=True)
    assert not node.is_idempotent(node.config)
    for _ in range(2):
        assert await node.write(numbered(0, 10)) is None
    assert peek("SELECT count(*) FROM readings") == [(20,)]
    with pytest.raises(Exception, match="flowhost_inbox"):
        peek("SELECT * FROM flowhost_inbox")


async def test_sinks_do_not_share_keys(database: Any, sink: Any, peek: Any) -> None:
    nodes = [await sink(database, node_id=name, create_table=True) for name in ("first", "second")]
    for node in nodes:
        assert await node.write(numbered(0, 10)) is None
    assert peek("SELECT count(*) FROM readings") == [(20,)]


async def test_a_refused_row_mended_and_sent_again_is_written(database: Any, sink: Any, peek: Any) -> None:
    peek("CREATE TABLE readings (i INTEGER PRIMARY KEY, v REAL CHECK (v >= 0))")
    node = await sink(database)
    batch = keyed([{"i": i, "v": -1.0 if i == 7 else 1.0} for i in range(20)])
    for _ in range(2):
        outcomes = await node.write(batch)
        assert [i for i, outcome in enumerate(outcomes) if isinstance(outcome, Reject)] == [7]
    assert peek("SELECT count(*) FROM flowhost_inbox") == [(19,)]
    assert await node.write(keyed([{"i": 7, "v": 7.0}])) is None
    assert peek("SELECT count(*), max(v) FROM readings") == [(20, 7.0)]


async def test_a_refused_row_and_its_copy_have_the_same_end(database: Any, sink: Any, peek: Any) -> None:
    peek("CREATE TABLE readings (i INTEGER PRIMARY KEY, v REAL CHECK (v >= 0))")
    bad = keyed([{"i": 1, "v": -1.0}])
    outcomes = await (await sink(database)).write([*bad, *keyed([{"i": 2, "v": 1.0}]), *bad])
    assert [type(outcome) for outcome in outcomes] == [Reject, Ok, Reject]


async def test_two_messages_that_share_an_id_are_not_swallowed(database: Any, sink: Any, peek: Any) -> None:
    node = await sink(database, create_table=True)
    same = [Message({"i": i}, Meta(id="order/4711")) for i in (1, 2, 1)]
    first, second, third = await node.write(same)
    assert (first, third) == (Ok(), Ok(repeated=True))
    assert "same id 'order/4711' but other values" in second.reason
    assert peek("SELECT i FROM readings") == [(1,)]


async def test_a_refused_commit_leaves_no_key(database: Any, sink: Any, peek: Any) -> None:
    peek(
        "CREATE TABLE readings (i INTEGER PRIMARY KEY, up INTEGER REFERENCES readings(i) DEFERRABLE INITIALLY DEFERRED)"
    )
    node = await sink(database)
    outcomes = await node.write(keyed([{"i": i, "up": 99 if i == 5 else i} for i in range(8)]))
    assert [i for i, outcome in enumerate(outcomes) if isinstance(outcome, Reject)] == [5]
    assert peek("SELECT count(*) FROM flowhost_inbox WHERE id = 'id/5'") == [(0,)]
    assert await node.write(keyed([{"i": 5, "up": 5}])) is None
    assert peek("SELECT count(*) FROM readings") == [(8,)]


@pytest.mark.parametrize("odd", ["ends\0here", "\ud800", "Füllstand °C", "x" * 5000, "日本" * 400, "' OR 1=1 --", "["])
async def test_any_id_is_kept(database: Any, sink: Any, peek: Any, odd: str) -> None:
    node = await sink(database, create_table=True)
    for _ in range(2):
        assert await node.write([Message({"i": 1}, Meta(id=odd)), Message({"i": 2}, Meta(id=odd + "2"))]) in (
            None, [Ok(repeated=True)] * 2,
        )  # fmt: skip
    assert peek("SELECT i FROM readings ORDER BY i") == [(1,), (2,)]
    assert len(key_of(odd).encode()) <= 500


async def test_an_inbox_dropped_while_running_is_made_again(database: Any, sink: Any, peek: Any) -> None:
    node = await sink(database, create_table=True)
    assert await node.write(numbered(0, 5)) is None
    peek("DROP TABLE flowhost_inbox")
    with pytest.raises(TemporaryError, match="flowhost_inbox"):
        await node.write(numbered(5, 10))
    assert await node.write(numbered(5, 10)) is None
    assert peek("SELECT count(*) FROM readings") == [(10,)]


async def test_an_inbox_that_is_another_table_says_what_to_do(database: Any, sink: Any, peek: Any) -> None:
    peek("CREATE TABLE flowhost_inbox (subject TEXT)")
    node = await sink(database, create_table=True)
    with pytest.raises(TemporaryError, match="or set `inbox: false`"):
        await node.write(numbered(0, 5))


async def test_old_keys_are_purged_a_few_at_a_time(database: Any, sink: Any, peek: Any) -> None:
    clock = Clock()
    node = await sink(database, clock=clock, create_table=True, inbox_days=30)
    other = await sink(database, clock=clock, node_id="other", table="others", create_table=True, inbox_days=90)
    many = 2 * PURGED_AT_ONCE + 10
    assert await node.write(numbered(0, many)) is None
    assert await other.write(numbered(0, 10)) is None
    clock.ns += 29 * DAY_NS
    assert await node.write(numbered(many, many + 5)) is None
    clock.ns += 2 * DAY_NS
    clock.sleeps.clear()
    clock.woken.set()
    async with asyncio.timeout(10):
        while peek("SELECT count(*) FROM flowhost_inbox WHERE node = 'to_sql'") != [(5,)]:
            await asyncio.sleep(0.01)
    assert peek("SELECT count(*) FROM flowhost_inbox WHERE node = 'other'") == [(10,)]
    assert len([pause for pause in clock.sleeps if pause < 60]) >= 2
    assert peek("SELECT count(*) FROM readings") == [(many + 5,)]


async def test_cancelled_anywhere_then_sent_again(database: Any, sink: Any, peek: Any) -> None:
    node = await sink(database, create_table={"i": "integer", "v": "real"})
    for number in range(20):
        batch = numbered(number * 1000, (number + 1) * 1000)
        work = asyncio.create_task(node.write(batch))
        await asyncio.wait([work], timeout=number * 0.001)
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)
        assert all(isinstance(outcome, Ok) for outcome in await node.write(batch) or ())
    assert peek("SELECT count(*), count(DISTINCT i) FROM readings") == [(20_000, 20_000)]


WRITER = """
import asyncio, logging, os, sys, time
from pathlib import Path
from flowhost.sdk import ConnectionContext, Message, Meta, NodeContext, Ok
from flowhost_sql.config import DatabaseConfig, WriteConfig
from flowhost_sql.connection import DatabaseConnection
from flowhost_sql.sink_write import SqlWrite

class Clock:
    def now_ns(self): return time.time_ns()
    async def sleep(self, seconds): await asyncio.sleep(seconds)

class Board:
    def notice(self, kind, text): pass

async def main(url, batches):
    common = dict(host_id="t", base_dir=Path.cwd(), log=logging.getLogger("t"), clock=Clock(), board=Board())
    connection = DatabaseConnection(DatabaseConfig(url=url), ConnectionContext(name="plant", **common))
    await connection.open()
    context = NodeContext(flow="production", node="to_sql", connection=connection, **common)
    node = SqlWrite(WriteConfig(table="readings", create_table={"i": "integer", "v": "real"}), context)
    await node.open()
    for batch in range(int(sys.stdin.readline()), batches):
        rows = [Message({"i": i, "v": 1.0}, Meta(id=f"id/{i}")) for i in range(batch * 50, batch * 50 + 50)]
        assert all(isinstance(outcome, Ok) for outcome in await node.write(rows) or ())
        os.write(1, b"%d\\n" % batch)
    await node.close()
    await connection.close()

asyncio.run(main(sys.argv[1], int(sys.argv[2])))
"""


def write_with_kills(url: str, folder: Path, batches: int, kills: int) -> int:
    """Write batches in processes that are killed in the middle; each goes on after the last answer it gave."""
    done = 0
    killed = 0
    while done < batches:
        process = subprocess.Popen(
            [sys.executable, "-c", WRITER, url, str(batches)], cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(b"%d\n" % done)
        process.stdin.close()
        for answers, line in enumerate(process.stdout, 1):
            done = int(line) + 1
            if killed < kills and answers == 3 + killed:
                # the process is somewhere in its next batch; some kills fall between its commit and its answer
                time.sleep(0.0004 * (killed % 5))
                os.kill(process.pid, signal.SIGKILL)
                killed += 1
                break
        process.stdout.close()
        process.wait()
    return killed


def test_kill_between_commit_and_answer(url: str, tmp_path: Path, peek: Any) -> None:
    assert write_with_kills(url, tmp_path, batches=120, kills=4) == 4
    assert peek("SELECT count(*), count(DISTINCT i), max(i) FROM readings") == [(6000, 6000, 5999)]


async def test_speed_in_batches(database: Any, sink: Any, peek: Any) -> None:
    node = await sink(database, create_table={"i": "integer", "v": "real"})
    batches = [numbered(start, start + 1000) for start in range(0, 30_000, 1000)]
    started = time.process_time()
    for batch in batches:
        assert await node.write(batch) is None
    took_s = time.process_time() - started
    assert peek("SELECT count(*) FROM flowhost_inbox") == [(30_000,)]
    assert 30_000 / took_s > 20_000, f"{30_000 / took_s:.0f} rows per CPU second"
