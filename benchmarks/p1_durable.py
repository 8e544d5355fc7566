"""P1: MQTT QoS 1 -> map -> PostgreSQL, nothing lost and nothing doubled, FlowHost against a script by hand.

Broker, database (every commit flushed to disk), load and the process under test share two cores. FlowHost runs as
`flowhost run`, its outbox flushed to disk as well; the script keeps messages at the broker until the row is committed.
Order and completeness of the table are checked all the time. Rate: closed loop, a bounded number of messages on their
way. Latency: from the moment a message is due to its row being visible to another client, at fixed rates.

Run: python benchmarks/p1_durable.py [--seconds 5] [--rounds 3] [--per-second 1000 5000]
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import psycopg

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from p1_load import Load
from servers.postgres import PostgresServer, postgres_programs
from w2_mqtt import cpu_s, mosquitto

HERE = Path(__file__).parent
SYSTEMS = ("script", "flowhost")
CORES = 2
TARGET_RATE = 5_000
TARGET_MS = 100.0
TABLE = "CREATE TABLE readings (seq bigint PRIMARY KEY, tag text, value double precision, line text)"
FLOW = """
flowhost: 1
id: p1
connections:
  broker: {{type: mqtt.broker, config: {{host: 127.0.0.1, port: {port}}}}}
  mes: {{type: sql.database, config: {{url: "{url}"}}}}
nodes:
  temps:
    type: mqtt.subscribe
    connection: broker
    config: {{topics: ["plant/#"], qos: 1, id: text(payload.seq)}}
  mapped:
    type: map
    config: {{set: {{seq: payload.seq, tag: topic, value: "payload.value * 1.8 + 32", line: payload.line}}}}
  rows: {{type: sql.write, connection: mes, config: {{table: readings}}}}
wires: [temps -> mapped, mapped -> rows]
"""


class Figures:
    """What the rounds measured of one system, by name of the figure."""

    def __init__(self) -> None:
        self.values: defaultdict[str, list[float]] = defaultdict(list)

    def add(self, name: str, value: float) -> None:
        self.values[name].append(value)

    def median(self, name: str) -> float:
        return statistics.median(self.values[name])


@contextmanager
def postgres() -> Iterator[PostgresServer]:
    """A server of its own that flushes every commit."""
    programs = postgres_programs()
    if isinstance(programs, str):
        sys.exit(programs)
    server = PostgresServer(programs, durable=True)
    server.start()
    try:
        yield server
    finally:
        server.stop("fast")
        shutil.rmtree(server.folder)


@contextmanager
def system(name: str, port: int, url: str) -> Iterator[psutil.Process]:
    """The process under test."""
    with tempfile.TemporaryDirectory() as folder:
        if name == "flowhost":
            (Path(folder) / "flow.yaml").write_text(FLOW.format(port=port, url=url))
            command = [sys.executable, "-m", "flowhost", "run", f"{folder}/flow.yaml", "--data", f"{folder}/state"]
        else:
            command = [sys.executable, str(HERE / "p1_script.py"), str(port), url]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        try:
            yield psutil.Process(process.pid)
        except BaseException:
            process.kill()
            print(process.communicate()[1], file=sys.stderr)
            raise
        finally:
            process.kill()
            process.wait()


def measure(name: str, server: PostgresServer, options: argparse.Namespace, figures: Figures) -> None:
    """One round: rate, then latency at each fixed rate, of a fresh process, broker and table."""
    url = server.new_database()
    with psycopg.connect(url, autocommit=True) as database:
        database.execute(TABLE)
    with mosquitto() as port, system(name, port, url) as process:
        load = Load(port, url)
        load.wait_for_system()
        load.rate(1.0, options.window)  # warm
        before, began = cpu_s(process), load.next
        figures.add("rate", load.rate(options.seconds, options.window))
        figures.add("cpu", (cpu_s(process) - before) / (load.next - began) * 1e6)
        for per_second in options.per_second:
            load.latency(0.5, per_second)  # settle
            latency = load.latency(options.seconds, per_second)
            for figure in ("p50", "p99", "max"):
                figures.add(f"{figure} at {per_second}", getattr(latency, figure))
        load.close()


def show(results: dict[str, Figures], options: argparse.Namespace) -> None:
    print(f"{'':<12}{'msg/s':>10}{'us CPU/msg':>12}", end="")
    for per_second in options.per_second:
        print(f"{f'at {per_second:,}/s: p50':>20}{'p99':>9}{'max ms':>9}", end="")
    print()
    for name, figures in results.items():
        print(f"{name:<12}{figures.median('rate'):>10,.0f}{figures.median('cpu'):>12.1f}", end="")
        for per_second in options.per_second:
            p50, p99, worst = (figures.median(f"{figure} at {per_second}") for figure in ("p50", "p99", "max"))
            print(f"{p50:>20.1f}{p99:>9.1f}{worst:>9.1f}", end="")
        print()
    script, ours = results["script"], results["flowhost"]

    def ratio(figure: str) -> float:
        pairs = zip(ours.values[figure], script.values[figure], strict=True)
        return statistics.median(a / b for a, b in pairs)

    p99s = ", ".join(f"p99 at {each:,}/s {ratio(f'p99 at {each}'):.2f}" for each in options.per_second)
    print(f"FlowHost / script: rate {ratio('rate'):.2f}, CPU {ratio('cpu'):.2f}, {p99s}")
    rate, p99 = ours.median("rate"), max(ours.median(f"p99 at {per_second}") for per_second in options.per_second)
    reached = rate >= TARGET_RATE and p99 <= TARGET_MS
    print(
        f"FlowHost: {rate:,.0f} msg/s (at least {TARGET_RATE:,}), p99 {p99:.1f} ms (at most {TARGET_MS:.0f}): "
        f"{'reached' if reached else 'MISSED'}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--per-second", type=int, nargs="+", default=[1_000, TARGET_RATE])
    parser.add_argument("--window", type=int, default=2_000, help="messages on their way at a time")
    options = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0))[:CORES]
        os.sched_setaffinity(0, cores)  # and with this process all it starts
    results = {name: Figures() for name in SYSTEMS}
    with postgres() as server:
        for number in range(options.rounds):
            for name in SYSTEMS if number % 2 == 0 else reversed(SYSTEMS):
                measure(name, server, options, results[name])
    show(results, options)


if __name__ == "__main__":
    main()
