"""R22: stops and deployments while messages pour in: none lost, none doubled even raw, none out of order, none slow.

The target has no inbox key here (messages carry no id of their own), so a message sent twice would be two rows.

The broker keeps its sessions in memory: one that writes its whole file at every packet may fall behind by more than the
drain time at this rate, and sends again what it has not read the acknowledgement of. That a broker which is behind gets
to read them within that time is shown with a frozen one, in the tests of `mqtt.subscribe`.
"""

from __future__ import annotations

import asyncio
import random
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
from servers.ledger import audit

from flowhost.services.access import LOCAL_USER
from flowhost.services.host import Host
from flowhost.services.settings import load_settings

FLOW = """
flowhost: 1
id: parts
connections:
  broker: {{type: mqtt.broker, config: {{host: 127.0.0.1, port: {port}}}}}
  db: {{type: sql.database, config: {{url: "sqlite:///{table}"}}}}
nodes:
  parts: {{type: mqtt.subscribe, connection: broker, config: {{topics: [plant/+/parts], qos: 1}}}}
  row: {{type: map, config: {{set: {{seq: payload.seq, machine: topic, revision: "{revision}"}}}}}}
  table:
    type: sql.write
    connection: db
    config: {{table: parts, create_table: {{seq: integer, machine: text, revision: integer}}}}
wires: [parts -> row, row -> table]
"""
MACHINES = 5
PER_SECOND = 400
STOP_WITHIN_S = 30.0

pytestmark = [pytest.mark.slow, pytest.mark.broker, pytest.mark.timeout(900)]


class Plant:
    """Publishes numbered parts at QoS 1 until told to stop."""

    def __init__(self, port: int) -> None:
        self.published = 0
        self._stop = threading.Event()
        self._client = paho.Client(CallbackAPIVersion.VERSION2, client_id="plant")
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        last = None
        while not self._stop.is_set():
            for _ in range(PER_SECOND // 20):
                seq = self.published
                last = self._client.publish(f"plant/m{seq % MACHINES}/parts", f'{{"seq": {seq}}}', qos=1)
                self.published += 1
            time.sleep(0.05)
        if last is not None:
            last.wait_for_publish(60)

    def stop(self) -> int:
        """How many parts the broker has taken."""
        self._stop.set()
        self._thread.join(90)
        self._client.disconnect()
        self._client.loop_stop()
        return self.published


@pytest.fixture
def plants() -> Iterator[Callable[[int], Plant]]:
    made: list[Plant] = []

    def make(port: int) -> Plant:
        made.append(Plant(port))
        return made[-1]

    yield make
    for plant in made:
        plant.stop()


def rows(table: Path) -> list[tuple[int, str]]:
    with closing(sqlite3.connect(table, timeout=30)) as db:
        try:
            return db.execute("SELECT seq, machine FROM parts ORDER BY rowid").fetchall()
        except sqlite3.OperationalError:
            return []


async def until(condition: Callable[[], Any], what: str, within_s: float = 120.0) -> None:
    deadline = time.monotonic() + within_s
    while not await asyncio.to_thread(condition):
        assert time.monotonic() < deadline, f"{what}: not within {within_s} s"
        await asyncio.sleep(0.05)


@pytest.mark.parametrize("times", [8, pytest.param(50, marks=pytest.mark.long)])
async def test_stops_and_deployments_under_load_lose_and_double_nothing(
    times: int, tmp_path: Path, fast_broker: Any, plants: Callable[[int], Plant]
) -> None:
    seed = random.randrange(10**6)
    chance = random.Random(seed)
    table = tmp_path / "parts.db"
    host = Host(await asyncio.to_thread(load_settings, data_dir=tmp_path / "data", shutdown_drain_s=1))
    await host.start()
    try:
        await host.flows.import_file(LOCAL_USER, FLOW.format(port=fast_broker.port, table=table, revision=1))
        await host.flows.start(LOCAL_USER, "parts")
        plant = await asyncio.to_thread(plants, fast_broker.port)
        await until(lambda: rows(table), "rows arrive")
        took = await stop_and_deploy(host, times, chance, FLOW, fast_broker.port, table)
        published = await asyncio.to_thread(plant.stop)
        # what came before the first subscription stood was nobody's
        await until(lambda: rows(table)[-1][0] >= published - MACHINES, "the last parts arrive")
        await host.flows.stop(LOCAL_USER, "parts")
        audit(await host.flows.detail(LOCAL_USER, "parts"), settled=True, wires=[("parts", "row"), ("row", "table")])
        await judge(host, table, published, took, seed)
    finally:
        await host.stop()


async def stop_and_deploy(
    host: Host, times: int, chance: random.Random, flow: str, port: int, table: Path
) -> dict[str, list[float]]:
    took: dict[str, list[float]] = {"stop": [], "deploy": []}
    actions = ["stop", "deploy"] * times
    chance.shuffle(actions)
    for number, action in enumerate(actions, 2):
        before = len(await asyncio.to_thread(rows, table))
        begun = time.monotonic()
        if action == "stop":
            await host.flows.stop(LOCAL_USER, "parts")
            took[action].append(time.monotonic() - begun)
            await asyncio.sleep(chance.uniform(0, 0.3))
            await host.flows.start(LOCAL_USER, "parts")
        else:
            changed = flow.format(port=port, table=table, revision=number)
            row = await host.flows.import_file(LOCAL_USER, changed)
            took[action].append(time.monotonic() - begun)
            assert row.state in ("starting", "running")
        more = before + chance.randint(20, 200)
        await until(lambda more=more: len(rows(table)) >= more, f"parts arrive after {action} {number}")
        audit(await host.flows.detail(LOCAL_USER, "parts"))
    return took


async def judge(host: Host, table: Path, published: int, took: dict[str, list[float]], seed: int) -> None:
    found = await asyncio.to_thread(rows, table)
    seqs = [seq for seq, _ in found]
    expected = range(min(seqs), published)
    lost, doubled = len(set(expected) - set(seqs)), len(seqs) - len(set(seqs))
    disordered = 0
    for machine in {machine for _, machine in found}:
        order = [seq for seq, name in found if name == machine]
        disordered += sum(a > b for a, b in pairwise(order))
    longest = {action: max(seconds) for action, seconds in took.items()}
    print(
        f"seed {seed}: {len(took['stop'])} stops, {len(took['deploy'])} deployments, {len(expected)} parts: "
        f"{lost} lost, {doubled} doubled, {disordered} disordered; longest stop {longest['stop']:.2f} s, "
        f"longest deployment {longest['deploy']:.2f} s"
    )
    assert (lost, doubled, disordered) == (0, 0, 0), f"seed {seed}"
    assert longest["stop"] <= STOP_WITHIN_S
