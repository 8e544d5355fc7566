"""R8: the disk under the outbox fails while a flow runs: nothing is acknowledged from then on, and the run says so."""

from __future__ import annotations

import random
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from servers.mqtt_parts import Parts
from servers.volume import Volume

FLOW = """
flowhost: 1
id: faulty
connections:
  broker: {{type: mqtt.broker, config: {{host: 127.0.0.1, port: {port}}}}}
  db: {{type: sql.database, config: {{url: "sqlite:///counted.db"}}}}
nodes:
  parts: {{type: mqtt.subscribe, connection: broker, config: {{topics: [plant/+/parts], qos: 1, id: payload.seq}}}}
  row: {{type: map, config: {{set: {{seq: payload.seq, machine: topic}}}}}}
  table: {{type: sql.write, connection: db, config: {{table: parts, create_table: {{seq: integer, machine: text}}}}}}
wires: [parts -> row, row -> table]
"""
END_S = 5.0
LOADED_S = 10.0
"""Beside other tests on two cores everything takes longer; the printed figure says what it took."""

pytestmark = [pytest.mark.slow, pytest.mark.broker, pytest.mark.timeout(900)]


@pytest.fixture
def parts(fast_broker: Any) -> Iterator[Parts]:
    publisher = Parts(fast_broker.port, 1500)
    yield publisher
    publisher.stop()


def rows_in(path: Path) -> list[tuple[int, str]]:
    if not path.exists():
        return []
    with closing(sqlite3.connect(path, timeout=30)) as connection:
        try:
            return connection.execute("SELECT seq, machine FROM parts WHERE seq >= 0 ORDER BY rowid").fetchall()
        except sqlite3.OperationalError:
            return []


def wait_rows(path: Path, at_least: int, seconds: float = 90.0) -> None:
    deadline = time.monotonic() + seconds
    while (found := len(rows_in(path))) < at_least:
        assert time.monotonic() < deadline, f"{found} of {at_least} rows after {seconds} s"
        time.sleep(0.05)


@pytest.mark.parametrize("faults", [3, pytest.param(20, marks=pytest.mark.long)])
def test_a_run_ends_and_acknowledges_nothing_that_is_not_on_disk(
    faults: int, program: Any, fast_broker: Any, parts: Parts, volume: Callable[[int], Volume], tmp_path: Path
) -> None:
    seed = random.randrange(10**6)
    chance = random.Random(seed)
    disk = volume(256)
    (tmp_path / "flow.yaml").write_text(FLOW.format(port=fast_broker.port))
    database = tmp_path / "counted.db"
    command = ("run", "flow.yaml", "--data", disk.path / "state", "--json")
    # the first, short run makes the session in which the broker keeps what we have not acknowledged
    first = program(*command, "--for", "2s")
    assert first.end(seconds=60) == 0, first.err
    parts.start()
    slowest = 0.0
    for _ in range(faults):
        running = program(*command)
        running.says("running faulty", 60)
        wait_rows(database, len(rows_in(database)) + chance.randint(100, 1500))
        disk.cut_power()
        failed = time.monotonic()
        code = running.end(seconds=60)
        slowest = max(slowest, time.monotonic() - failed)
        assert code == 1, running.err
        assert any("the outbox cannot be" in line for line in running.err), running.err
        disk.restore()
    published = parts.stop()
    last = program(*command)
    wait_rows(database, published, 120)
    assert last.end(signal.SIGINT, 60) == 0, last.err
    assert last.report()["ledger"]["balanced"]
    rows = rows_in(database)
    lost = published - len({seq for seq, _ in rows})
    doubled = len(rows) - len({seq for seq, _ in rows})
    disordered = 0
    for machine in {machine for _, machine in rows}:
        order = [seq for seq, name in rows if name == machine]
        disordered += sum(a > b for a, b in pairwise(order))
    print(
        f"seed {seed}: {faults} faults, {published} parts, {lost} lost, {doubled} doubled, {disordered} disordered; "
        f"ended within {slowest:.1f} s, {END_S:g} s on a machine of its own"
    )
    assert (lost, doubled, disordered) == (0, 0, 0), f"seed {seed}"
    assert slowest < LOADED_S
