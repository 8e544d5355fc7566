"""What a flow counts over all its runs: both sides of the sum, after kill -9 at any moment."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from servers.ledger import audit

FLOW = """
flowhost: 1
id: counted
connections:
  file: {type: sql.database, config: {url: "sqlite:///counted.db"}}
nodes:
  values: {type: sim.generate, config: {rate_hz: 2000}}
  some: {type: filter, config: {where: "payload.seq % 3 > 0"}}
  row: {type: map, config: {set: {seq: payload.seq}}}
  rows: {type: sql.write, connection: file, config: {table: counted}}
wires: [values -> some, some -> row, row -> rows]
"""
KILLS = 6

pytestmark = [
    pytest.mark.timeout(240),
    pytest.mark.skipif(os.name == "nt", reason="kill -9 is a Unix test"),
]


def test_what_came_in_and_what_was_delivered_agree_after_kills(program: Callable[..., Any], tmp_path: Path) -> None:
    seed = random.randrange(10**6)
    print(f"seed {seed}")
    chance = random.Random(seed)
    (tmp_path / "flow.yaml").write_text(FLOW)
    table = sqlite3.connect(tmp_path / "counted.db", isolation_level=None, timeout=30)
    table.execute("CREATE TABLE counted (place integer PRIMARY KEY, seq integer)")
    command = ("run", "flow.yaml", "--data", "state", "--json")
    running = program(*command)
    for _ in range(KILLS):
        more(table)
        # less than the few seconds after which totals used to be written
        time.sleep(chance.uniform(0, 0.7))
        running.process.kill()
        running.process.wait(10)
        running = program(*command)
    more(table)
    assert running.end(signal.SIGINT, 60) == 0
    report = running.report()
    table.close()
    audit(report, settled=True)
    nodes = report["ledger"]["nodes"]
    rows = sqlite3.connect(tmp_path / "counted.db").execute("SELECT count(*) FROM counted").fetchone()[0]
    came, filtered, delivered = nodes["values"]["made"], nodes["some"].get("filtered", 0), nodes["rows"]["out"]
    assert came == filtered + delivered, f"seed {seed}: {came} came in, {filtered} filtered, {delivered} delivered"
    assert all(node["drift"] == 0 for node in nodes.values()), f"seed {seed}: {nodes}"
    assert delivered == rows, f"seed {seed}"
    # a row written just before a kill is sent again, and has been delivered once
    assert nodes["rows"]["repeated"] == 0, f"seed {seed}: {nodes}"


def more(table: sqlite3.Connection) -> None:
    """Wait until rows arrive."""

    def count() -> int:
        return int(table.execute("SELECT count(*) FROM counted").fetchone()[0])

    before, deadline = count(), time.monotonic() + 60
    while count() <= before:
        assert time.monotonic() < deadline
        time.sleep(0.05)
