"""R20: a source that sends everything ten times, over runs that are cut short, and each message counts once."""

from __future__ import annotations

import asyncio
import random
import sqlite3
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from servers.ledger import audit

from flowhost.catalog import load_catalog
from flowhost.engine import FlowRunner, RunOptions
from flowhost.engine.outbox.outbox import Outbox
from flowhost.graph.text import read_flow
from flowhost.sdk import Config, Emit, Message, Meta, NodeSpec, Source

MESSAGES = 600
TIMES = 10
FLOW = """
flowhost: 1
id: resent
connections:
  mes: {type: sql.database, config: {url: "sqlite:///mes.db"}}
nodes:
  orders: {type: test.resend}
  rows: {type: sql.write, connection: mes, config: {table: orders, create_table: true}}
wires: [orders -> rows]
"""

pytestmark = pytest.mark.slow


class Resend(Source[Config]):
    """A source whose origin forgot that anything was confirmed: every run begins with the first message."""

    spec = NodeSpec(id="test.resend", title="Resend", summary="Sends everything again.", category="debug")
    Config = Config
    replayable = True
    stable_ids = True

    async def run(self, emit: Emit) -> None:
        for start in range(0, MESSAGES, 25):
            numbers = range(start, start + 25)
            batch = [Message({"number": n}, Meta(topic=f"line{n % 3}", id=f"order-{n}")) for n in numbers]
            await emit(batch, start)
            await asyncio.sleep(0)


async def send_all(library: Any, folder: Path, cut_after_s: float | None) -> None:
    """One run; cut short after a time, or drained."""
    faults: list[Exception] = []
    box = Outbox(folder / "outbox.db", faults.append)
    await box.open()
    options = RunOptions(base_dir=folder, outbox=box)
    runner = await asyncio.to_thread(lambda: FlowRunner(read_flow(FLOW).document, library, options))
    await runner.start()
    if cut_after_s is None:
        await runner.wait()
        await runner.stop(60)
    else:
        await asyncio.sleep(cut_after_s)
        await runner.stop(0)
    await box.close()
    assert not faults
    audit(runner.snapshot())


async def test_everything_sent_ten_times_counts_once(tmp_path: Path) -> None:
    seed = random.randrange(10**6)
    print(f"seed {seed}")
    chance = random.Random(seed)
    catalog = await asyncio.to_thread(load_catalog)
    library = SimpleNamespace(
        nodes={**catalog.nodes, Resend.spec.id: Resend}, connections=catalog.connections, functions=catalog.functions
    )
    for time in range(TIMES):
        await send_all(library, tmp_path, chance.uniform(0, 0.3) if time % 2 else None)
    await send_all(library, tmp_path, None)

    def rows() -> list[tuple[int]]:
        with closing(sqlite3.connect(tmp_path / "mes.db")) as database:
            return database.execute("SELECT number FROM orders ORDER BY rowid").fetchall()

    numbers = [number for (number,) in await asyncio.to_thread(rows)]
    assert sorted(numbers) == list(range(MESSAGES)), f"seed {seed}"
    assert all([n for n in numbers if n % 3 == line] == list(range(line, MESSAGES, 3)) for line in range(3))
