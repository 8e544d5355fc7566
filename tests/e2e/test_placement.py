"""Four workers, then one, then four, with a backlog on disk and workers killed in between: all arrives, once, in order.

A flow's queues lie in a file of its own (decision 0010), so wherever it runs it finds what waits for it; the table of
the target shows whether that is so.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sqlite3
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import psycopg
import pytest
from servers.ledger import audit
from servers.postgres import running_postgres

from flowhost.services.access import LOCAL_USER
from flowhost.services.host import Host
from flowhost.services.settings import load_settings
from flowhost.services.views import FlowDetail

FLOW = """
flowhost: 1
id: line{n}
connections:
  scada: {{type: sql.database, config: {{url: "sqlite:///{scada}"}}}}
  mes: {{type: sql.database, config: {{url: "{mes}"}}}}
nodes:
  read: {{type: sql.poll, connection: scada, config: {{table: parts{n}, cursor: id, period_ms: 200}}}}
  row: {{type: map, config: {{set: {{seq: payload.id}}}}}}
  table: {{type: sql.write, connection: mes, config: {{table: line{n}}}}}
wires: [read -> row, row -> table]
"""
FLOWS = 4

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(400),
    pytest.mark.expects_error_log,
    pytest.mark.skipif(os.name == "nt", reason="kill -9 is a Unix test"),
]


@asynccontextmanager
async def host_with(workers: int, data: Path) -> AsyncIterator[Host]:
    settings = await asyncio.to_thread(
        load_settings, data_dir=data, workers=workers, drain_s=1, shutdown_drain_s=1
    )  # fmt: skip
    host = Host(settings)
    await host.start()
    try:
        yield host
    finally:
        await host.stop()


async def until(condition: Callable[[], Any], what: str, within_s: float = 120.0) -> None:
    deadline = time.monotonic() + within_s
    while not await condition():
        assert time.monotonic() < deadline, f"{what}: not within {within_s} s"
        await asyncio.sleep(0.1)


async def pages(host: Host) -> list[FlowDetail]:
    return [await host.flows.detail(LOCAL_USER, f"line{n}") for n in range(FLOWS)]


async def waiting(host: Host) -> list[int | None]:
    """Messages on disk before each target, as one moment shows them; None of a flow that does not run."""
    found: list[int | None] = []
    for page in await pages(host):
        running = page.overview.state == "running"
        found += [node.pending if running else None for node in page.nodes if node.id == "table"]
    return found


async def booked(host: Host) -> list[tuple[int, int, int]]:
    """What came to each target, what it confirmed and what waits, over all runs."""
    found = []
    for page in await pages(host):
        audit(page)
        totals = next(node.totals for node in page.nodes if node.id == "table")
        assert totals is not None
        found.append((totals.in_total, totals.out, totals.pending))
    return found


async def kill_workers(host: Host, number: int, chance: random.Random) -> None:
    status = await host.system.status(LOCAL_USER)
    alive = [worker for worker in status.workers if worker.pid is not None and worker.state == "running"]
    for worker in chance.sample(alive, min(number, len(alive))):
        assert worker.pid is not None
        os.kill(worker.pid, signal.SIGKILL)


async def all_wait(host: Host, parts: int) -> None:
    async def so() -> bool:
        return await waiting(host) == [parts] * FLOWS

    await until(so, f"{parts} messages wait in each of {FLOWS} flows")


async def killed_and_back(host: Host, parts: int, number: int, chance: random.Random) -> None:
    """Kill workers and wait until every flow runs again with its backlog."""
    before = [page.overview.run_id for page in await pages(host)]
    await kill_workers(host, number, chance)

    async def another_run() -> bool:
        return [page.overview.run_id for page in await pages(host)] != before

    await until(another_run, "flows of the killed workers run again")
    await all_wait(host, parts)


def put_parts(scada: Path, parts: int) -> None:
    with closing(sqlite3.connect(scada)) as db, db:
        for n in range(FLOWS):
            db.execute(f"CREATE TABLE parts{n} (id integer PRIMARY KEY)")
            db.executemany(f"INSERT INTO parts{n} VALUES (?)", ((seq,) for seq in range(1, parts + 1)))


def ask(url: str, *statements: str) -> list[Any]:
    with psycopg.connect(url, autocommit=True) as db:
        for statement in statements:
            cursor = db.execute(statement)  # type: ignore[call-overload]  # made above
        return cursor.fetchall() if cursor.description else []


@pytest.mark.parametrize("parts", [2_500, pytest.param(25_000, marks=pytest.mark.long)])
async def test_any_number_of_workers_finds_the_backlog(parts: int, tmp_path: Path) -> None:
    seed = random.randrange(10**6)
    chance = random.Random(seed)
    with running_postgres() as server:
        mes = server.new_database()
        ask(mes, *(f"CREATE TABLE line{n} (place bigserial PRIMARY KEY, seq bigint)" for n in range(FLOWS)))
        put_parts(tmp_path / "scada.db", parts)
        server.stop()
        await four_one_four(tmp_path, mes, server, parts, chance)
        for n in range(FLOWS):
            seqs = [row[0] for row in ask(mes, f"SELECT seq FROM line{n} ORDER BY place")]
            lost, doubled = parts - len(set(seqs)), len(seqs) - len(set(seqs))
            print(f"seed {seed}: line{n}: {len(seqs)} rows, {lost} lost, {doubled} doubled")
            assert seqs == list(range(1, parts + 1)), (
                f"seed {seed}: line{n}: {lost} lost, {doubled} doubled, or disorder"
            )


async def four_one_four(folder: Path, mes: str, server: Any, parts: int, chance: random.Random) -> None:
    async with host_with(4, folder / "data") as host:
        for n in range(FLOWS):
            await host.flows.import_file(LOCAL_USER, FLOW.format(n=n, scada=folder / "scada.db", mes=mes))
            await host.flows.start(LOCAL_USER, f"line{n}")
        status = await host.system.status(LOCAL_USER)
        assert [worker.flows for worker in status.workers] == [1, 1, 1, 1]
        await all_wait(host, parts)
        await killed_and_back(host, parts, 2, chance)
    async with host_with(1, folder / "data") as host:
        await all_wait(host, parts)
        await killed_and_back(host, parts, 1, chance)
    async with host_with(4, folder / "data") as host:
        await all_wait(host, parts)
        await asyncio.to_thread(server.start)

        async def some_left() -> bool:
            left = [number for number in await waiting(host) if number is not None]
            return len(left) == FLOWS and sum(left) < parts * FLOWS * chance.uniform(0.5, 0.95)

        await until(some_left, "the backlog drains")
        await kill_workers(host, 2, chance)

        async def all_booked() -> bool:
            return await waiting(host) == [0] * FLOWS and await booked(host) == [(parts, parts, 0)] * FLOWS

        await until(all_booked, "all has been delivered and counted, once")
