"""R1 for what nodes remember: kill -9 at full load, and sums that are exactly right.

Parts come by MQTT at QoS 1. Behind a `dedupe` they are compared with the one before (`delta`) and added up over spans
of source time (`window`). A part that got lost, came twice or was judged without the one before it shows in a number.
"""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from servers.ledger import audit
from servers.mqtt_parts import MACHINES, PROBE, Parts, tag_of

FLOW = """
flowhost: 1
id: summed
connections:
  broker: {{type: mqtt.broker, config: {{host: 127.0.0.1, port: {broker}}}}}
  file: {{type: sql.database, config: {{url: "sqlite:///summed.db"}}}}
nodes:
  parts: {{type: mqtt.subscribe, connection: broker, config: {{topics: [plant/+/parts], qos: 1, id: payload.seq}}}}
  timed:
    type: map
    config: {{set: {{seq: payload.seq}}, meta: {{time: 1767225600 + payload.seq / 100, key: topic}}}}
  once: {{type: dedupe}}
  step: {{type: delta, config: {{value: payload.seq, into: step}}}}
  steps: {{type: sql.write, connection: file, config: {{table: steps}}}}
  span:
    type: window
    config:
      every_s: 10
      compute: {{tag: key, begin: start, n: count(), total: sum(payload.seq)}}
  spans: {{type: sql.write, connection: file, config: {{table: spans}}}}
wires: [parts -> timed, timed -> once, once -> step, step -> steps, once -> span, span -> spans]
"""
PER_SECOND = 2_000
PER_SPAN = 1000 // MACHINES
"""Parts of a machine in ten seconds of source time."""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.broker,
    pytest.mark.timeout(600),
    pytest.mark.skipif(os.name == "nt", reason="kill -9 is a Unix test"),
]


@pytest.fixture
def parts(fast_broker: Any) -> Iterator[Parts]:
    publisher = Parts(fast_broker.port, PER_SECOND)
    yield publisher
    publisher.stop()


class Table:
    """The results, as another program sees them."""

    def __init__(self, path: Path) -> None:
        self._file = sqlite3.connect(path, timeout=30, isolation_level=None)
        self._file.execute("CREATE TABLE steps (place integer PRIMARY KEY, seq integer, step integer)")
        self._file.execute(
            "CREATE TABLE spans (place integer PRIMARY KEY, tag text, begin text, n integer, total integer)"
        )

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        return self._file.execute(sql).fetchall()

    def steps(self) -> int:
        return int(self.ask("SELECT count(*) FROM steps WHERE seq >= 0")[0][0])

    def close(self) -> None:
        self._file.close()


@pytest.fixture
def table(tmp_path: Path) -> Iterator[Table]:
    table = Table(tmp_path / "summed.db")
    yield table
    table.close()


def wait(condition: Callable[[], Any], what: str, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.05)


@pytest.mark.parametrize("kills", [3, pytest.param(30, marks=pytest.mark.long)])
def test_sums_are_right_after_any_number_of_kills(
    kills: int, program: Callable[..., Any], fast_broker: Any, parts: Parts, table: Table, tmp_path: Path
) -> None:
    seed = random.randrange(10**6)
    chance = random.Random(seed)
    (tmp_path / "flow.yaml").write_text(FLOW.format(broker=fast_broker.port))
    command = ("run", "flow.yaml", "--data", "state", "--json", "--drain", "60s")
    running = program(*command)
    # the session has to be there before the first part counts
    probes = iter(range(1, 10**6))
    wait(lambda: parts.probe(next(probes)) or table.ask("SELECT 1 FROM steps"), "the probe arrives", 60)
    parts.start()
    soft = chance.randrange(kills)
    for number in range(kills):
        before = table.steps()
        wait(lambda: table.steps() >= before + chance.randint(50, 2000), "steps arrive again", 90)  # noqa: B023
        if number == soft:
            # a run that ends in between gives out what is open; the next one goes on with the rest
            running.end(signal.SIGINT, 90)
        else:
            running.process.kill()
            running.process.wait(10)
        running = program(*command)
    # a run that is stopped before it has reached broker and table ends with code 1, and rightly so
    last = next(probes)
    parts.probe(last)
    wait(lambda: table.ask(f"SELECT 1 FROM steps WHERE seq = {-last}"), "the last run has reached its targets", 90)
    published = parts.stop()
    wait(lambda: table.steps() >= published - MACHINES, "all steps are there", 240)
    running.says("running summed", 60)
    code = running.end(signal.SIGINT, 90)
    assert code == 0, (running.report(), running.err)
    report = running.report()
    print(f"seed {seed}: {kills} kills, {published} parts, {table.ask('SELECT count(*) FROM spans')[0][0]} spans")
    audit(report, settled=True, wires=[("parts", "timed"), ("timed", "once"), ("step", "steps"), ("span", "spans")])
    judge(table, published, f"seed {seed}")


def judge(table: Table, published: int, seed: str) -> None:
    wrong = table.ask(f"SELECT seq, step FROM steps WHERE seq >= 0 AND step <> {MACHINES}")
    assert wrong == [], f"{seed}: a step against anything but the part before"
    counted = table.ask("SELECT count(*), count(DISTINCT seq) FROM steps WHERE seq >= 0")[0]
    assert counted == (published - MACHINES, published - MACHINES), f"{seed}: each part but the first has one step"
    spans = {
        (tag, begin): (count, total)
        for tag, begin, count, total in table.ask(
            f"SELECT tag, begin, sum(n), sum(total) FROM spans WHERE tag <> '{PROBE}' GROUP BY tag, begin"
        )
    }
    expected: dict[tuple[str, str], tuple[int, int]] = {}
    for seq in range(published):
        begin = time.strftime("%Y-%m-%dT%H:%M:%S.000000Z", time.gmtime(1767225600 + seq // 1000 * 10))
        count, total = expected.get((tag_of(seq), begin), (0, 0))
        expected[tag_of(seq), begin] = (count + 1, total + seq)
    different = {
        key: (spans.get(key), expected.get(key)) for key in spans | expected if spans.get(key) != expected.get(key)
    }
    assert not different, f"{seed}: found and expected"
    assert max(count for count, _ in expected.values()) == PER_SPAN
