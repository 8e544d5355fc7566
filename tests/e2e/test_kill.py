"""R1: kill -9 at full load. What the broker was told is delivered has been delivered, once, in order."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

FLOW = """
flowhost: 1
id: counted
connections:
  broker: {{type: mqtt.broker, config: {{host: 127.0.0.1, port: {port}}}}}
  db: {{type: sql.database, config: {{url: "sqlite:///counted.db"}}}}
nodes:
  parts:
    type: mqtt.subscribe
    connection: broker
    config: {{topics: [plant/+/parts], qos: 1, id: text(payload.seq)}}
  good: {{type: filter, config: {{where: payload.seq >= 0}}}}
  row: {{type: map, config: {{set: {{seq: payload.seq, machine: topic}}}}}}
  table: {{type: sql.write, connection: db, config: {{table: parts, create_table: {{seq: integer, machine: text}}}}}}
wires: [parts -> good, good -> row, row -> table]
"""
MACHINES = 5

pytestmark = [
    pytest.mark.slow,
    pytest.mark.broker,
    pytest.mark.timeout(600),
    pytest.mark.skipif(os.name == "nt", reason="kill -9 is a Unix test"),
]


class Plant:
    """Publishes numbered parts at QoS 1, as fast as the broker takes them, until told to stop."""

    def __init__(self, port: int) -> None:
        self.published = 0
        self._stop = threading.Event()
        self._client = paho.Client(CallbackAPIVersion.VERSION2, client_id="plant")
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._stop.is_set():
            seq = self.published
            last = self._client.publish(f"plant/m{seq % MACHINES}/parts", f'{{"seq": {seq}}}', qos=1)
            self.published += 1
            if seq % 50 == 0:
                # paced, so that the broker's queue stays in bounds while FlowHost is dead
                last.wait_for_publish(30)
                time.sleep(0.01)
        last.wait_for_publish(30)

    def stop(self) -> int:
        """How many parts the broker has taken."""
        self._stop.set()
        self._thread.join(60)
        self._client.disconnect()
        self._client.loop_stop()
        return self.published


@pytest.fixture
def plant_of_parts() -> Iterator[Callable[[int], Plant]]:
    plants: list[Plant] = []

    def make(port: int) -> Plant:
        plants.append(Plant(port))
        return plants[-1]

    yield make
    for plant in plants:
        plant.stop()


def rows_in(path: Path) -> int:
    if not path.exists():
        return 0
    with closing(sqlite3.connect(path, timeout=30)) as connection:
        try:
            return int(connection.execute("SELECT count(*) FROM parts").fetchone()[0])
        except sqlite3.OperationalError:
            return 0


def wait_rows(path: Path, at_least: int, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while (found := rows_in(path)) < at_least:
        assert time.monotonic() < deadline, f"{found} of {at_least} rows after {seconds} s"
        time.sleep(0.05)


@pytest.mark.parametrize("kills", [6, pytest.param(30, marks=pytest.mark.long)])
def test_nothing_lost_doubled_or_out_of_order_over_kills(
    kills: int, program: Any, broker: Any, plant_of_parts: Callable[[int], Plant], tmp_path: Path
) -> None:
    seed = random.randrange(10**6)
    chance = random.Random(seed)
    (tmp_path / "flow.yaml").write_text(FLOW.format(port=broker.port))
    database = tmp_path / "counted.db"
    command = ("run", "flow.yaml", "--data", "state", "--json")
    # the first, short run makes the session the broker keeps for us
    first = program(*command, "--for", "3s")
    assert first.end(seconds=60) == 0, first.err
    plant = plant_of_parts(broker.port)
    for _ in range(kills):
        before = rows_in(database)
        running = program(*command)
        wait_rows(database, before + chance.randint(50, 1500), 60)
        running.process.send_signal(signal.SIGKILL)
        running.process.wait(10)
    published = plant.stop()
    last = program(*command)
    last.says("running counted", 60)
    wait_rows(database, published, 120)
    assert last.end(signal.SIGINT, 30) == 0, last.err
    ledger = last.report()["ledger"]
    assert ledger["balanced"]
    assert ledger["totals"]["pending"] == 0
    with closing(sqlite3.connect(database)) as connection:
        rows = connection.execute("SELECT seq, machine FROM parts ORDER BY rowid").fetchall()
    lost = published - len({seq for seq, _ in rows})
    doubled = len(rows) - len({seq for seq, _ in rows})
    disordered = 0
    for machine in {machine for _, machine in rows}:
        order = [seq for seq, name in rows if name == machine]
        disordered += sum(a > b for a, b in pairwise(order))
    print(f"seed {seed}: {kills} kills, {published} published, {lost} lost, {doubled} doubled, {disordered} disordered")
    assert (lost, doubled, disordered) == (0, 0, 0), f"seed {seed}"
