"""R1: kill -9 of the process that runs the engine, at full load.

One flow takes parts from MQTT (QoS 1, each with an id) and counters from OPC UA into PostgreSQL and SQLite. What
FlowHost had taken responsibility for is known from outside: every part the broker had taken from the publisher, and
every value of a counter that the outbox held on disk when the process died. All of that has to be in both tables at the
end, once, and in order. Between two deaths a counter may not miss a value: it has a gap only where one life ended and
the next began.
"""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import signal
import sqlite3
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, LiteralString

import psutil
import psycopg
import pytest
from servers.ledger import audit
from servers.mqtt_parts import PROBE, Parts, tag_of
from servers.postgres import free_port

from flowhost.engine.outbox.codec import decode_message
from flowhost.engine.outbox.outbox import Outbox
from flowhost.services.access import LOCAL_USER
from flowhost.services.host import Host
from flowhost.services.settings import load_settings

FLOW = """
flowhost: 1
id: counted
connections:
  broker: {{type: mqtt.broker, config: {{host: 127.0.0.1, port: {broker}}}}}
  plc: {{type: opcua.client, config: {{endpoint: "opc.tcp://127.0.0.1:{plc}", security: none}}}}
  server: {{type: sql.database, config: {{url: "{postgres}"}}}}
  file: {{type: sql.database, config: {{url: "sqlite:///{sqlite}"}}}}
nodes:
  parts: {{type: mqtt.subscribe, connection: broker, config: {{topics: [plant/+/parts], qos: 1, id: payload.seq}}}}
  counters: {{type: opcua.subscribe, connection: plc, config: {{items: [{items}], sampling_ms: 1, publish_ms: 100}}}}
  part: {{type: map, config: {{set: {{seq: payload.seq, tag: topic}}}}}}
  count: {{type: map, config: {{set: {{seq: payload, tag: topic}}}}}}
  mes: {{type: sql.write, connection: server, config: {{table: counted}}}}
  history: {{type: sql.write, connection: file, config: {{table: counted}}}}
wires:
  - parts -> part
  - counters -> count
  - part -> mes
  - part -> history
  - count -> mes
  - count -> history
"""
SINKS = ("mes", "history")
PER_SECOND = 3_000
"""Enough to keep FlowHost busy all its life with the backlog of its absence, on two cores with everything else."""
QUIET_S = 30.0
AHEAD = 20_000
"""Parts that may wait: a machine that cannot keep up must not make this test endless."""
COUNTERS = 8
COUNT_EVERY_S = 0.02
BACK_WITHIN_S = 60.0
"""Bound for a loaded machine; an idle one is back within 3 s, which the printed figures show."""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.broker,
    pytest.mark.timeout(600),
    pytest.mark.skipif(os.name == "nt", reason="kill -9 is a Unix test"),
]


@pytest.fixture
def parts(fast_broker: Any) -> Iterator[Parts]:
    publisher = Parts(fast_broker.port, PER_SECOND, ceiling=AHEAD)
    yield publisher
    publisher.stop()


@pytest.fixture
def plc() -> Iterator[int]:
    """Port of an OPC UA server with counters, a process of its own."""
    port = free_port()
    script = Path(__file__).parents[1] / "servers" / "opcua_counters.py"
    command = [sys.executable, str(script), str(port), str(COUNTERS), str(COUNT_EVERY_S)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        assert server.stdin is not None
        assert server.stdout.readline() == "ready\n"
        yield port
        server.stdin.close()
        server.wait(20)


class Tables:
    """Both tables, as other programs see them."""

    def __init__(self, postgres: str, sqlite: Path) -> None:
        self.postgres = postgres
        self.sqlite = sqlite
        self._server = psycopg.connect(postgres, autocommit=True)
        self._file = sqlite3.connect(sqlite, timeout=30, isolation_level=None)
        # `n` is the order in which rows are written
        self._server.execute("CREATE TABLE counted (n bigserial PRIMARY KEY, seq bigint, tag text)")
        self._file.execute("CREATE TABLE counted (n integer PRIMARY KEY, seq integer, tag text)")

    def ask(self, sink: str, sql: LiteralString) -> list[tuple[Any, ...]]:
        return (self._server if sink == "mes" else self._file).execute(sql).fetchall()

    def close(self) -> None:
        self._server.close()
        self._file.close()

    def newest(self, sink: str) -> dict[str, int]:
        """Highest number by tag."""
        return dict(self.ask(sink, "SELECT tag, max(seq) FROM counted GROUP BY tag"))

    def rows(self, sink: str) -> list[tuple[str, int]]:
        return [(tag, seq) for tag, seq in self.ask(sink, "SELECT tag, seq FROM counted ORDER BY n") if tag != PROBE]

    def last(self, sink: str) -> int:
        """Place of the last row."""
        return int(self.ask(sink, "SELECT coalesce(max(n), 0) FROM counted")[0][0])

    def let_go(self) -> None:
        """Wait until the server has ended what the dead process had sent it last."""
        mine = "SELECT 1 FROM pg_stat_activity WHERE application_name = 'flowhost' AND datname = current_database()"
        wait(lambda: not self.ask("mes", mine), "the server has no session of the dead process", 30)


class Runs:
    """FlowHost as `flowhost run`: the process itself runs the engine."""

    def __init__(self, program: Callable[..., Any], flow: Path) -> None:
        self.data = flow.parent / "state"
        self._program = program
        self._flow = flow
        self._running: Any = None

    def start(self) -> None:
        self._running = self._program("run", self._flow, "--data", self.data, "--json")

    def kill(self) -> None:
        self._running.process.kill()
        self._running.process.wait(10)

    def restart(self) -> None:
        self.start()

    def stop(self) -> None:
        self._running.says("running counted", 60)
        assert self._running.end(signal.SIGINT, 60) == 0, self._running.err
        audit(self._running.report(), settled=True)


class Served:
    """FlowHost as `flowhost serve`: the engine runs in a worker, which the host has to bring back."""

    def __init__(self, program: Callable[..., Any], flow: Path) -> None:
        self.data = flow.parent / "data"
        self._program = program
        self._running: Any = None
        asyncio.run(self._prepare(Host(load_settings(data_dir=self.data, port=0)), flow))

    async def _prepare(self, host: Host, flow: Path) -> None:
        await host.start()
        await host.flows.import_file(LOCAL_USER, flow)
        await host.flows.start(LOCAL_USER, "counted")
        await host.stop()

    def start(self) -> None:
        self._running = self._program("serve", "--data-dir", self.data, "--port", "0")

    def kill(self) -> None:
        # the host stands still meanwhile, so that the outbox can be looked at before the next worker has it
        host = self._running.process
        host.send_signal(signal.SIGSTOP)
        # a spare one holds nothing, and stays
        workers = [child for child in psutil.Process(host.pid).children() if self._works(child)]
        assert workers
        for worker in workers:
            worker.send_signal(signal.SIGKILL)
        wait(lambda: all(worker.status() == psutil.STATUS_ZOMBIE for worker in workers), "the workers are dead", 10)

    def _works(self, process: psutil.Process) -> bool:
        return any("outbox" in opened.path and opened.path.endswith(".db") for opened in process.open_files())

    def restart(self) -> None:
        self._running.process.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        assert self._running.end(signal.SIGINT, 60) == 0, self._running.err


@dataclass
class Death:
    """What FlowHost answered for when it was killed, by sink.

    Attributes:
        held: messages in the outbox: tag and number.
        newest: highest number by tag, in the outbox or the table.
    """

    held: dict[str, set[tuple[str, int]]] = field(default_factory=dict)
    newest: dict[str, dict[str, int]] = field(default_factory=dict)


async def held_for(sink: str, data: Path, scratch: Path) -> set[tuple[str, int]]:
    """What the outbox holds for a sink, read from a copy."""
    held: set[tuple[str, int]] = set()
    files = [path for path in data.rglob("*.db") if "outbox" in str(path.relative_to(data))]
    assert files
    for path in files:
        scratch.mkdir()
        for part in path.parent.glob(f"{path.name}*"):
            shutil.copy(part, scratch / part.name)
        outbox = Outbox(scratch / path.name, pytest.fail)
        await outbox.open()
        edge = await outbox.edge("counted", sink)
        for row in await outbox.read(edge.number, edge.position, 10**9):
            payload = decode_message(row.data).payload
            held.add((payload["tag"], payload["seq"]))
        await outbox.close()
        shutil.rmtree(scratch)
    return held


@dataclass
class Proof:
    """Kills, looks, brings back, and judges at the end."""

    flowhost: Runs | Served
    tables: Tables
    parts: Parts
    scratch: Path
    deaths: list[Death] = field(default_factory=list)
    back_s: list[float] = field(default_factory=list)

    def begin(self) -> None:
        """Returns when both sources arrive in both tables; publishing starts then."""
        self.flowhost.start()
        deadline = time.monotonic() + 60
        number = 0
        while not all({PROBE, "C0"} <= self.tables.newest(sink).keys() for sink in SINKS):
            assert time.monotonic() < deadline, [self.tables.newest(sink) for sink in SINKS]
            number += 1
            self.parts.probe(number)
            time.sleep(0.2)
        self.parts.start()

    def kill(self) -> None:
        """Kill, note what FlowHost answers for, let it come back."""
        self.flowhost.kill()
        self.tables.let_go()
        death = Death()
        for sink in SINKS:
            held = death.held[sink] = asyncio.run(held_for(sink, self.flowhost.data, self.scratch))
            newest = death.newest[sink] = self.tables.newest(sink)
            for tag, seq in held:
                newest[tag] = max(seq, newest.get(tag, seq))
        self.deaths.append(death)
        self.flowhost.restart()

    def kill_again(self, after_s: float) -> None:
        """Kill it while it comes back."""
        time.sleep(after_s)
        self.kill()

    def comes_back(self) -> None:
        """Wait until new rows arrive in both tables; how long that took is kept."""
        began = time.monotonic()
        before = {sink: self.tables.last(sink) for sink in SINKS}
        for sink in SINKS:
            wait(lambda sink=sink: self.tables.last(sink) > before[sink], f"{sink} gets rows again", BACK_WITHIN_S)
        self.back_s.append(time.monotonic() - began)
        self.parts.ceiling = min(self.tables.last(sink) for sink in SINKS) + AHEAD

    def end(self) -> None:
        """Stop publishing, let everything arrive, stop FlowHost."""
        published = self.parts.stop()
        parts = "SELECT count(DISTINCT seq) FROM counted WHERE tag LIKE 'plant/m%'"
        for sink in SINKS:
            there, changed = 0, time.monotonic()
            # what is still missing when nothing comes any more is lost, and counted
            while there < published and time.monotonic() < changed + QUIET_S:
                time.sleep(0.1)
                before, there = there, self.tables.ask(sink, parts)[0][0]
                changed = changed if there == before else time.monotonic()
        self.flowhost.stop()
        for sink in SINKS:
            assert not asyncio.run(held_for(sink, self.flowhost.data, self.scratch)), f"{sink}: left in the outbox"

    def judge(self, sink: str) -> tuple[str, int]:
        """Figures in words, and how many of them are faults."""
        rows = self.tables.rows(sink)
        order: dict[str, list[int]] = defaultdict(list)
        for tag, seq in rows:
            order[tag].append(seq)
        there = set(rows)
        expected = {(tag_of(seq), seq) for seq in range(self.parts.published)}
        lost = len(expected - there)
        held = set[tuple[str, int]]().union(*(death.held[sink] for death in self.deaths))
        lost_held = len({entry for entry in held if entry[0] != PROBE} - there)
        doubled = len(rows) - len(there)
        disordered = sum(a > b for seqs in order.values() for a, b in pairwise(seqs))
        missed = sum(self._missed(sink, tag, seqs) for tag, seqs in order.items() if tag.startswith("C"))
        text = (
            f"{sink}: {len(expected)} parts, {len(rows) - len(expected)} counts, {len(held)} held at a kill, "
            f"{lost} and {lost_held} of them lost, {missed} missing within a life, {doubled} doubled, "
            f"{disordered} disordered"
        )
        return text, lost + lost_held + missed + doubled + disordered

    def _missed(self, sink: str, tag: str, seqs: list[int]) -> int:
        """Values missing other than between the last before a death and the first after it."""
        ends = {death.newest[sink].get(tag) for death in self.deaths}
        seqs = sorted(set(seqs))
        return sum(b - a - 1 for a, b in pairwise(seqs) if a not in ends)


def wait(condition: Callable[[], Any], what: str, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.02)


@pytest.fixture
def proof(
    request: Any, program: Any, fast_broker: Any, plc: int, postgres_server: Any, parts: Parts, tmp_path: Path
) -> Iterator[Proof]:
    """The flow, both databases and FlowHost in the form the test asks for; nothing runs yet."""
    tables = Tables(postgres_server.new_database(), tmp_path / "counted.db")
    items = ", ".join(f'"nsu=http://flowhost.test/counters;s=C{number}"' for number in range(COUNTERS))
    flow = tmp_path / "flow.yaml"
    flow.write_text(
        FLOW.format(broker=fast_broker.port, plc=plc, postgres=tables.postgres, sqlite=tables.sqlite, items=items)
    )
    yield Proof(request.param(program, flow), tables, parts, tmp_path / "scratch")
    tables.close()


@pytest.mark.parametrize(
    ("proof", "kills", "again"),
    [
        pytest.param(Runs, 17, 0.2, id="run"),
        pytest.param(Served, 3, 0.0, id="serve"),
        pytest.param(Runs, 90, 0.2, id="run-long", marks=[pytest.mark.long, pytest.mark.timeout(1800)]),
        # from the sixth death within a minute on, the host waits half a minute before it tries again
        pytest.param(Served, 10, 0.0, id="serve-long", marks=[pytest.mark.long, pytest.mark.timeout(1800)]),
    ],
    indirect=["proof"],
)
def test_nothing_lost_doubled_or_out_of_order_over_kills(proof: Proof, kills: int, again: float) -> None:
    seed = random.randrange(10**6)
    chance = random.Random(seed)
    proof.begin()
    for _ in range(kills):
        time.sleep(chance.uniform(0.05, 1.2))
        proof.kill()
        if again and chance.random() < again:
            proof.kill_again(chance.uniform(0.1, 2.5))
        proof.comes_back()
    proof.end()
    verdicts = [proof.judge(sink) for sink in SINKS]
    back = f"back after {statistics.median(proof.back_s):.2f} s (median), {max(proof.back_s):.2f} s (longest)"
    print(f"seed {seed}: {len(proof.deaths)} kills, {back}", *(text for text, _ in verdicts), sep="\n  ")
    assert [faults for _, faults in verdicts] == [0, 0], f"seed {seed}"
