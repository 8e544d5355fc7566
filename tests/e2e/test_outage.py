"""R5: the database is stopped while 2,000 messages a second come in; FlowHost keeps them and catches up, in order."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, LiteralString

import psutil
import psycopg
import pytest
from servers.ledger import audit
from servers.mqtt_parts import Parts
from servers.postgres import PostgresServer, running_postgres

from flowhost.services.access import LOCAL_USER
from flowhost.services.host import Host
from flowhost.services.settings import load_settings
from flowhost.services.views import FlowDetail

FLOW = """
flowhost: 1
id: buffered
connections:
  broker: {{type: mqtt.broker, config: {{host: 127.0.0.1, port: {broker}}}}}
  mes: {{type: sql.database, config: {{url: "{postgres}"}}}}
nodes:
  parts: {{type: mqtt.subscribe, connection: broker, config: {{topics: [plant/+/parts], qos: 1, id: payload.seq}}}}
  scaled: {{type: map, config: {{set: {{value: payload.value * 1.8 + 32}}, keep: true}}}}
  rows:
    type: sql.write
    connection: mes
    config: {{table: buffered, columns: {{seq: payload.seq, tag: topic, value: payload.value}}}}
wires: [parts -> scaled, scaled -> rows]
"""
PER_SECOND = 2_000
PAYLOAD_BYTES = 200
STEADY_S = 5.0
ALARM_WITHIN_S = 10.0
BYTES_A_MESSAGE = 300
MORE_MEMORY = 50 * 2**20
TIMES_INTAKE = 5
OVERLOADED = 3.0
"""Load per core from which on the machine, not FlowHost, sets the pace; the backlog must go down all the same."""
TIMES_OVERLOADED = 1.5

pytestmark = [pytest.mark.slow, pytest.mark.broker, pytest.mark.alone]


@pytest.fixture
def postgres() -> Iterator[PostgresServer]:
    """A server of this test's own, because it is stopped."""
    with running_postgres() as server:
        yield server


@pytest.fixture
def parts(fast_broker: Any) -> Iterator[Parts]:
    publisher = Parts(fast_broker.port, PER_SECOND, size=PAYLOAD_BYTES)
    yield publisher
    publisher.stop()


class Buffered:
    """A host with the flow, watched from outside."""

    def __init__(self, host: Host, url: str) -> None:
        self._host = host
        self._url = url
        self._database: psycopg.Connection | None = None
        self.memory = 0

    async def ask(self, sql: LiteralString) -> int:
        """One number from the table."""

        def ask() -> int:
            if self._database is None:
                self._database = psycopg.connect(self._url, autocommit=True)
            row = self._database.execute(sql).fetchone()
            assert row is not None
            return int(row[0])

        return await asyncio.to_thread(ask)

    async def rows(self) -> int:
        return await self.ask("SELECT coalesce(max(n), 0) FROM buffered")

    async def watch_memory(self) -> None:
        """Keep the most the worker ever takes; for ever."""
        while (pid := (await self._host.system.status(LOCAL_USER)).workers[0].pid) is None:
            await asyncio.sleep(0.1)
        worker = psutil.Process(pid)
        while True:
            self.memory = max(self.memory, worker.memory_info().rss)
            await asyncio.sleep(0.1)

    async def alarmed(self) -> bool:
        """Whether an alarm says that the database is away."""
        alarms = await self._host.alarms.list(LOCAL_USER)
        return any((alarm.kind, alarm.subject) == ("connection_down", "mes") for alarm in alarms)

    async def pending(self) -> int:
        return (await self.detail()).overview.pending

    async def detail(self) -> FlowDetail:
        return await self._host.flows.detail(LOCAL_USER, "buffered")

    def hang_up(self) -> None:
        """Close the test's own connection; the next question makes a new one."""
        database, self._database = self._database, None
        if database is not None:
            database.close()


@pytest.fixture
async def buffered(fast_broker: Any, postgres: PostgresServer, parts: Parts, tmp_path: Path) -> AsyncIterator[Buffered]:
    """The flow runs and what is published arrives."""
    url = await asyncio.to_thread(postgres.new_database)
    with psycopg.connect(url, autocommit=True) as database:
        database.execute("CREATE TABLE buffered (n bigserial PRIMARY KEY, seq bigint, tag text, value float8)")
    host = Host(await asyncio.to_thread(load_settings, data_dir=tmp_path / "data", port=0))
    await host.start()
    await host.flows.import_file(LOCAL_USER, FLOW.format(broker=fast_broker.port, postgres=url))
    seen = Buffered(host, url)
    watching = asyncio.create_task(seen.watch_memory())
    try:
        await host.flows.start(LOCAL_USER, "buffered")
        for number in range(1, 300):
            parts.probe(number)
            if await seen.rows():
                break
            await asyncio.sleep(0.2)
        yield seen
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
        seen.hang_up()
        await host.stop()


async def until(holds: Callable[[], Awaitable[bool]], what: str, seconds: float) -> float:
    """Wait for a condition; how long it took, seconds."""
    began = time.monotonic()
    while not await holds():
        assert time.monotonic() < began + seconds, f"{what}: not within {seconds} s"
        await asyncio.sleep(0.02)
    return time.monotonic() - began


def bytes_on_disk(data: Path) -> dict[str, int]:
    """Of the queues on disk with their logs, by file."""
    return {path.name: path.stat().st_size for path in (data / "outbox").glob("*.db*")}


@pytest.mark.parametrize(
    "outage_s",
    [
        pytest.param(60, marks=pytest.mark.timeout(600)),
        pytest.param(600, marks=[pytest.mark.long, pytest.mark.timeout(1800)]),
    ],
)
async def test_an_outage_of_the_database_is_bridged(
    outage_s: int, buffered: Buffered, postgres: PostgresServer, parts: Parts, tmp_path: Path
) -> None:
    parts.start()
    await asyncio.sleep(STEADY_S)
    memory, size, before = buffered.memory, bytes_on_disk(tmp_path / "data"), parts.published
    buffered.hang_up()
    await asyncio.to_thread(postgres.stop, "fast")
    stopped_at = time.monotonic()
    alarm_s = await until(buffered.alarmed, "an alarm stands", 60)
    await asyncio.sleep(stopped_at + outage_s - time.monotonic())
    waiting = parts.published - before
    after = bytes_on_disk(tmp_path / "data")
    grown = sum(after.values()) - sum(size.values())
    kept = await buffered.pending()

    await asyncio.to_thread(postgres.start)
    first = await buffered.rows()

    async def rows_come() -> bool:
        return await buffered.rows() > first

    async def has_caught_up() -> bool:
        return await buffered.rows() > parts.published - PER_SECOND // 4

    resumed_s = await until(rows_come, "rows come again", 60)
    started_with = await buffered.rows()
    drain_s = await until(has_caught_up, "the backlog is gone", 60 + outage_s * 2)
    drained = (await buffered.rows() - started_with) / drain_s
    published = parts.stop()

    async def all_there() -> bool:
        return await buffered.ask("SELECT count(DISTINCT seq) FROM buffered WHERE seq >= 0") >= published

    await until(all_there, "all parts are in the table", 60)
    more = buffered.memory - memory
    lost = published - await buffered.ask("SELECT count(DISTINCT seq) FROM buffered WHERE seq >= 0")
    doubled = await buffered.ask("SELECT count(*) - count(DISTINCT seq) FROM buffered")
    disordered = await buffered.ask(
        "SELECT count(*) FROM (SELECT seq, lag(seq) OVER (PARTITION BY tag ORDER BY n) AS before FROM buffered "
        "WHERE seq >= 0) AS x WHERE seq < before"
    )
    print(
        f"PostgreSQL away for {outage_s} s at {PER_SECOND} msg/s, alarm after {alarm_s:.1f} s",
        f"{kept} of {waiting} kept in {grown / max(kept, 1):.0f} bytes each, log included ({size} became {after})",
        f"memory {more / 2**20:+.0f} MB",
        f"rows again {resumed_s:.1f} s after its start",
        f"drained at {drained:.0f} msg/s, {drained / PER_SECOND:.1f} times the intake at load {os.getloadavg()[0]:.1f}",
        f"{published} published, {lost} lost, {doubled} doubled, {disordered} disordered",
        sep="; ",
    )
    assert (lost, doubled, disordered) == (0, 0, 0)
    assert grown <= BYTES_A_MESSAGE * kept
    assert more <= MORE_MEMORY

    async def alarm_is_over() -> bool:
        return not await buffered.alarmed()

    async def is_booked() -> bool:
        return not await buffered.pending()

    await until(alarm_is_over, "the alarm is over", 30)
    await until(is_booked, "the figures have caught up with the table", 30)
    audit(await buffered.detail(), settled=True)
    overloaded = os.getloadavg()[0] / (os.cpu_count() or 1) > OVERLOADED
    assert alarm_s <= (60 if overloaded else ALARM_WITHIN_S)
    assert drained >= PER_SECOND * (TIMES_OVERLOADED if overloaded else TIMES_INTAKE)
