"""R13 and R14: every connector on a network that swallows, delays, cuts and tears down, while the flow runs.

Parts come over MQTT (each with an id) and go to PostgreSQL, to a web service that counts idempotency keys, behind a
dedupe to one that does not (so that a request without an answer is a person's business), and back to MQTT; counters
come over OPC UA, registers over Modbus. What may never happen: a part lost, counted twice or out of order per machine,
a value on a wrong tag, a counter's value that is missing without a gap being reported, a request sent again that may
have been done.
"""

from __future__ import annotations

import itertools
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import psycopg
import pytest
from servers.cables import Cables, why_none
from servers.counting_service import CountingService
from servers.ledger import audit
from servers.network import TOXICS, Network
from servers.postgres import free_port
from servers.publisher import PROBE, Publisher, topic_of

FLOW = """
flowhost: 1
id: weathered
connections:
  broker: {{type: mqtt.broker, config: {{host: {broker}, port: {broker_port}}}}}
  bus: {{type: mqtt.broker, config: {{host: {bus}, port: {bus_port}}}}}
  plc: {{type: opcua.client, config: {{endpoint: "opc.tcp://{plc}:{plc_port}", security: none}}}}
  meter: {{type: modbus.client, config: {{host: {meter}, port: {meter_port}}}}}
  mes: {{type: sql.database, config: {{url: "{database}"}}}}
  erp: {{type: http.client, config: {{base_url: "http://{erp}:{erp_port}"}}}}
  local: {{type: sql.database, config: {{url: "sqlite:///local.db"}}}}
nodes:
  parts: {{type: mqtt.subscribe, connection: broker, config: {{topics: [plant/+/parts], qos: 1, id: payload.seq}}}}
  part: {{type: map, config: {{set: {{seq: payload.seq, tag: topic}}}}}}
  rows: {{type: sql.write, connection: mes, config: {{table: parts}}}}
  posts: {{type: http.send, connection: erp, config: {{path: parts, resend_unanswered: true}}}}
  once: {{type: dedupe}}
  orders: {{type: http.send, connection: erp, config: {{path: orders}}}}
  echo: {{type: mqtt.publish, connection: bus, config: {{topic: "echo/{{payload.tag}}"}}}}
  counters: {{type: opcua.subscribe, connection: plc, config: {{items: [{items}], sampling_ms: 20, publish_ms: 100}}}}
  count: {{type: map, config: {{set: {{seq: payload, tag: topic, at: time}}}}}}
  counts: {{type: sql.write, connection: mes, config: {{table: counts}}}}
  gaps: {{type: sql.write, connection: local, config: {{table: gaps, create_table: true}}}}
  meter: {{type: modbus.poll, connection: meter, config: {{period_ms: 100, max_gap: 0, tags: [{tags}]}}}}
  scan: {{type: map, config: {{keep: true, set: {{quality: quality}}}}}}
  scans: {{type: sql.write, connection: local, config: {{table: scans, create_table: true}}}}
wires:
  - parts -> part
  - part -> rows
  - part -> posts
  - part -> once
  - once -> orders
  - part -> echo
  - counters -> count
  - count -> counts
  - counters.gaps -> gaps
  - meter -> scan
  - scan -> scans
"""
SIDES = {"broker": "plant", "plc": "plant", "meter": "plant", "bus": "office", "mes": "office", "erp": "office"}
"""Connections, and which part of the network they are in."""
REGISTERS = (0, 1, 40, 41, 90, 91)
"""Three blocks: register n holds n, so that an answer to another question shows."""
COUNTERS = 4
PER_SECOND = 60
DETECTED_WITHIN_S = 30.0
SHORT_S = 6.0
SERVERS = Path(__file__).parents[1] / "servers"
MODBUS_SERVER = Path(__file__).parents[2] / "plugins" / "flowhost-modbus" / "tests" / "server_process.py"

pytestmark = [pytest.mark.slow, pytest.mark.broker, pytest.mark.timeout(300)]


def wait(condition: Callable[[], Any], what: Callable[[], Any] | str, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what if isinstance(what, str) else what()}"
        time.sleep(0.05)


@pytest.fixture
def network(request: Any) -> Iterator[Network]:
    """Made of proxies or, where the test asks for them, of real cables."""
    cables = None
    if getattr(request, "param", "") == "cables":
        if reason := why_none():
            pytest.skip(reason)
        cables = Cables()
    made = Network(cables)
    yield made
    made.close()


@pytest.fixture
def plc() -> Iterator[int]:
    """Port of an OPC UA server with counters."""
    port = free_port()
    command = [sys.executable, str(SERVERS / "opcua_counters.py"), str(port), str(COUNTERS), "0.1"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        assert server.stdin is not None
        assert server.stdout.readline() == "ready\n"
        yield port
        server.stdin.close()
        server.wait(20)


@pytest.fixture
def meter() -> Iterator[int]:
    """Port of a Modbus device."""
    port = free_port()
    with subprocess.Popen([sys.executable, str(MODBUS_SERVER), str(port)], stdout=subprocess.PIPE) as server:
        assert server.stdout is not None
        assert server.stdout.readline() == b"ready\n"
        yield port
        server.kill()


@pytest.fixture
def erp() -> Iterator[CountingService]:
    service = CountingService()
    yield service
    service.close()


@dataclass
class Trial:
    """The flow, what it talks to, and the verdict."""

    network: Network
    publisher: Publisher
    erp: CountingService
    database: str
    local: Path
    echoes: list[Any]
    start: Callable[..., Any]
    settings: tuple[str, ...] = ()
    run: Any = None
    unanswered: int = 0
    unwritten: int = 0
    detected_s: dict[str, float] = field(default_factory=dict)

    def begin(self) -> None:
        """Returns when all links have carried something."""
        self.run = self.start(*self.settings)
        number = itertools.count(1)
        wait(lambda: self._all_carry(next(number)), lambda: f"everything arrives: {self._arrived()} {self.run.err}", 60)
        self.publisher.start()
        self._flow()

    def _flow(self) -> None:
        """Everything arrives now."""
        before = min(self._distinct().values())
        wait(lambda: min(self._distinct().values()) > before + 20, lambda: f"parts arrive: {self._distinct()}", 60)
        self._hear_of_all()

    def _arrived(self) -> dict[str, int]:
        parts = self.ask("SELECT count(*) FROM parts")[0][0]
        counts = self.ask("SELECT count(*) FROM counts")[0][0]
        scans = self.ask_local("SELECT count(*) FROM scans")
        return {"parts": parts, "counts": counts, "scans": scans[0][0] if scans else 0,
                "posts": len(self.erp.counted["/parts"]), "echoes": len(self.echoes)}  # fmt: skip

    def _all_carry(self, number: int) -> bool:
        if number % 10 == 1:
            self.publisher.probe(number)
        return all(self._arrived().values())

    def fall_silent(self) -> None:
        """Let all links go half-open until the run has said of every one that it is lost; then all is well again."""
        self._flow()
        # what waited on disk arrives before the links of its sources are back
        wait(self._all_stand, lambda: f"all links are back: {self.run.err[-20:]}", 60)
        start = len(self.run.err)
        self.network.silence("office")
        time.sleep(0.5)  # everybody there gets something to do
        self.network.silence("plant")
        self._await_detection(start)
        self.network.restore()

    def _all_stand(self) -> bool:
        """What was said last of every connection that was lost is that it is back."""
        last = {name: line for line in self.run.err for name in SIDES if f" connection {name}: " in line}
        return all(" INFO " in line for line in last.values())

    def _await_detection(self, start: int) -> None:
        began = time.monotonic()
        missing = set(SIDES)
        while missing:
            for name in sorted(missing):
                if any(f"WARNING connection {name}: " in line for line in self.run.err[start:]):
                    missing.discard(name)
                    self.detected_s[name] = max(time.monotonic() - began, self.detected_s.get(name, 0.0))
            late = time.monotonic() - began
            assert late < 2 * DETECTED_WITHIN_S, f"not noticed: {missing}, said: {self.run.err[start:]}"
            time.sleep(0.05)

    def end(self) -> dict[str, Any]:
        """Publish no more, let everything arrive, stop; the run's report."""
        self.publisher.stop()
        self.publisher.settle()
        expected = self.publisher.confirmed()
        # without the inbox a row whose fate nobody knows is a dead letter, whether it is there or not
        known = ("posts", "echo") if self.settings else ("rows", "posts", "echo")
        wait(
            lambda: min(self._distinct()[name] for name in known) >= len(expected),
            lambda: f"{len(expected)} parts everywhere: {self._distinct()} {self.run.err[-20:]}", 120,
        )  # fmt: skip
        self._hear_of_all()
        code = self.run.end(signal.SIGINT, 90)
        report = dict(self.run.report())
        audit(report)
        totals = report["ledger"]["totals"]
        self.unanswered, self.unwritten = report["nodes"]["orders"]["dead"], report["nodes"]["rows"]["dead"]
        dead = self.unanswered + self.unwritten
        assert (totals["dead"], totals["dropped"], totals["pending"]) == (dead, 0, 0), report["nodes"]
        assert code == (1 if dead else 0), self.run.err
        return report

    def _hear_of_all(self) -> None:
        """All links stand again: counters and scans come."""
        before = self._arrived()
        wait(lambda: all(self._arrived()[n] > before[n] for n in ("counts", "scans")),
             lambda: f"values again: {before} {self._arrived()} {self.run.err[-20:]}", 60)  # fmt: skip

    def _distinct(self) -> dict[str, int]:
        return {
            "rows": self.ask("SELECT count(DISTINCT seq) FROM parts WHERE seq >= 0")[0][0],
            "posts": len({body["seq"] for body in list(self.erp.counted["/parts"]) if body["seq"] >= 0}),
            "echo": len({body["seq"] for body in list(self.echoes) if body["seq"] >= 0}),
        }

    def ask(self, sql: Any) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.database, autocommit=True) as database:
            return database.execute(sql).fetchall()

    def ask_local(self, sql: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(f"file:{self.local}?mode=ro", uri=True, timeout=10)) as file:
            try:
                return file.execute(sql).fetchall()
            except sqlite3.OperationalError:
                return []

    def judge(self) -> dict[str, int]:
        """Faults by name; all have to be 0."""
        faults = self._judge_parts("rows", self.ask("SELECT tag, seq FROM parts ORDER BY n"))
        faults |= self._judge_parts("posts", [(body["tag"], body["seq"]) for body in self.erp.counted["/parts"]])
        faults["rows: nobody knows"] = self.unwritten
        faults["posts: contradictions"] = self.erp.contradictions
        faults |= self._judge_orders()
        # a publish whose confirmation was lost is repeated: at least once, in order at first sight
        first = list(dict.fromkeys((body["tag"], body["seq"]) for body in self.echoes))
        faults |= self._judge_parts("echo", first)
        faults |= self._judge_counts() | self._judge_scans()
        return faults

    def print(self, what: str) -> None:
        """Figures of the run."""
        first = {(body["tag"], body["seq"]) for body in self.echoes}
        repeated = f"{self.erp.repeats['/parts']} posts and {len(self.echoes) - len(first)} echoes repeated"
        print(what, f"{len(self.publisher.confirmed())} parts, {repeated}, {len(self.gaps())} gaps reported, "
              f"{self.unanswered} orders without an answer", sep="\n  ")  # fmt: skip
        if self.detected_s:
            print("  silence noticed after", ", ".join(f"{name} {s:.1f} s" for name, s in self.detected_s.items()))

    def _judge_parts(self, sink: str, rows: list[tuple[str, int]]) -> dict[str, int]:
        expected = {(topic_of(seq), seq) for seq in self.publisher.confirmed()}
        by_tag: dict[str, list[int]] = defaultdict(list)
        rows = [row for row in rows if row[0] != PROBE]
        for tag, seq in rows:
            by_tag[tag].append(seq)
        return {
            f"{sink}: lost": len(expected - set(rows)),
            f"{sink}: wrong": len(set(rows) - {(topic_of(seq), seq) for seq in range(self.publisher.count)}),
            f"{sink}: doubled": len(rows) - len(set(rows)),
            f"{sink}: disordered": sum(a > b for seqs in by_tag.values() for a, b in pairwise(seqs)),
        }

    def _judge_orders(self) -> dict[str, int]:
        """Each was counted, or is a dead letter because nobody knows; none was sent twice."""
        counted = {body["seq"] for body in self.erp.counted["/orders"]}
        missing = len(self.publisher.confirmed() - counted)
        return {"orders: repeated": self.erp.repeats["/orders"], "orders: lost": max(0, missing - self.unanswered)}

    def gaps(self) -> list[tuple[str, str]]:
        return [(a[:23], b[:23]) for a, b in self.ask_local('SELECT "from", "to" FROM gaps')]

    def _judge_counts(self) -> dict[str, int]:
        """A counter that jumps has to have a reported gap there."""
        gaps = self.gaps()
        faults: Counter[str] = Counter({"counts: doubled": 0, "counts: disordered": 0, "counts: missing unsaid": 0})
        text = "to_char(at::timestamptz AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS')"
        by_tag: dict[str, list[tuple[int, str]]] = defaultdict(list)
        for tag, seq, at in self.ask(f"SELECT tag, seq, {text} FROM counts ORDER BY n".encode()):
            by_tag[tag].append((seq, at))
        for rows in by_tag.values():
            faults["counts: doubled"] += len(rows) - len({seq for seq, _ in rows})
            for (a, a_at), (b, b_at) in pairwise(rows):
                faults["counts: disordered"] += a > b
                said = any(begin <= b_at and end >= a_at for begin, end in gaps)
                faults["counts: missing unsaid"] += b > a + 1 and not said
        return dict(faults)

    def _judge_scans(self) -> dict[str, int]:
        """Register n holds n; what could not be read is null, and the scan's quality says so."""
        wrong = 0
        for quality, *scan in self.ask_local(f"SELECT quality, {', '.join(f'r{n}' for n in REGISTERS)} FROM scans"):
            read = [(value, n) for value, n in zip(scan, REGISTERS, strict=True) if value is not None]
            wrong += any(value != n for value, n in read) or (len(read) < len(scan) and quality != "uncertain")
        return {"scans: wrong": wrong}


@pytest.fixture
def trial(
    program: Any, network: Network, broker: Any, plc: int, meter: int, erp: CountingService, postgres_server: Any,
    listener: Any, tmp_path: Path,
) -> Iterator[Trial]:  # fmt: skip
    database = postgres_server.new_database()
    with psycopg.connect(database, autocommit=True) as tables:
        tables.execute("CREATE TABLE parts (n bigserial PRIMARY KEY, seq bigint, tag text)")
        tables.execute("CREATE TABLE counts (n bigserial PRIMARY KEY, seq bigint, tag text, at timestamptz)")
    ports = {"broker": broker.port, "bus": broker.port, "plc": plc, "meter": meter, "erp": erp.port,
             "mes": postgres_server.port}  # fmt: skip
    places = {name: network.link(name, SIDES[name], port) for name, port in ports.items()}
    hosts = {name: place.partition(":")[0] for name, place in places.items()}
    flow = tmp_path / "flow.yaml"
    flow.write_text(
        FLOW.format(
            database=database.replace(f"127.0.0.1:{postgres_server.port}", places["mes"]),
            items=", ".join(f'"nsu=http://flowhost.test/counters;s=C{number}"' for number in range(COUNTERS)),
            tags=", ".join(f"{{name: r{n}, table: holding, address: {n}, type: uint16}}" for n in REGISTERS),
            **hosts, **{f"{name}_port": place.partition(":")[2] for name, place in places.items()},
        )
    )  # fmt: skip
    echo = listener("127.0.0.1", broker.port)
    echo.subscribe("echo/#")
    heard = _Heard(echo.messages)
    publisher = Publisher(broker.port, PER_SECOND)
    local = tmp_path / "local.db"
    with closing(sqlite3.connect(local)) as file:
        file.execute('CREATE TABLE gaps ("from" text, "to" text, seconds real, endpoint text, reason text)')
    yield Trial(
        network, publisher, erp, database, local, heard,
        lambda *more: program(
            "run", flow, "--data", tmp_path / "state", "--json", "--drain", "60s", *more, under=network.under
        ),
    )  # fmt: skip
    publisher.close()


class _Heard(list[Any]):
    """Payloads of messages as they come."""

    def __init__(self, messages: list[Any]) -> None:
        super().__init__()
        self._messages = messages

    def __iter__(self) -> Iterator[Any]:
        return (json.loads(message.payload) for message in list(self._messages))

    def __len__(self) -> int:
        return len(self._messages)


def test_on_a_network_that_swallows_delays_tears_and_cuts(trial: Trial) -> None:
    """The short form: half-open links, then three toxics, in one run of the flow."""
    seed = chosen_seed()
    trial.begin()
    trial.fall_silent()
    for toxic in TOXICS.values():
        trial.network.spoil(toxic, random.Random(seed), SHORT_S)
    trial.end()
    trial.print(f"seed {seed}: {', '.join(TOXICS)}")
    faults = trial.judge()
    assert max(trial.detected_s.values()) <= DETECTED_WITHIN_S
    assert not any(faults.values()), f"seed {seed}: {faults}"


@pytest.mark.long
@pytest.mark.parametrize("network", ["cables"], indirect=True)
def test_with_cables_pulled(trial: Trial) -> None:
    trial.begin()
    for _ in range(3):
        trial.fall_silent()
    trial.end()
    trial.print("cables")
    faults = trial.judge()
    assert max(trial.detected_s.values()) <= DETECTED_WITHIN_S
    assert not any(faults.values()), faults


@pytest.mark.long
@pytest.mark.parametrize("toxic", TOXICS)
def test_for_a_minute_on_a_bad_network(trial: Trial, toxic: str) -> None:
    seed = chosen_seed()
    trial.begin()
    trial.network.spoil(TOXICS[toxic], random.Random(seed), 60.0)
    trial.end()
    trial.print(f"{toxic}, seed {seed}")
    faults = trial.judge()
    assert not any(faults.values()), f"seed {seed}: {faults}"


@pytest.mark.long
def test_without_the_inbox_rows_are_doubled(trial: Trial) -> None:
    """The proof can fail: what keeps rows from being doubled is taken away."""
    seed = chosen_seed()
    trial.settings = ("--set", "rows.inbox=false")
    trial.begin()
    trial.network.spoil(TOXICS["slices"], random.Random(seed), 60.0)
    trial.end()
    faults = trial.judge()
    trial.print(
        f"without inbox, seed {seed}: {faults['rows: doubled']} rows doubled, {trial.unwritten} nobody knows of"
    )
    assert faults["rows: doubled"] > 0, f"seed {seed}"
    assert faults["rows: lost"] <= trial.unwritten, f"seed {seed}"


def chosen_seed() -> int:
    return int(os.environ.get("FLOWHOST_TEST_SEED", random.randrange(10**6)))
