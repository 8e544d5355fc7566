"""W2: MQTT -> filter, convert, map -> MQTT through a real mosquitto, FlowHost against a script written with paho.

One broker and one process under test at a time, alternating; 200-byte JSON, one message in ten filtered out, order and
count of all results checked. Rate: closed loop, a bounded number of messages on their way. Latency: 1,000 messages a
second. CPU: user and system time of the process under test, per message sent to it.

Run: python benchmarks/w2_mqtt.py [--seconds 3] [--rounds 3] [--qos 0 1]
"""

from __future__ import annotations

import argparse
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil

sys.path.insert(0, str(Path(__file__).parent))
from w2_load import Load

HERE = Path(__file__).parent
SYSTEMS = ("script", "flowhost")
PER_SECOND = 1_000


@dataclass
class Figures:
    """What the rounds measured of one system at one QoS."""

    rate: list[float] = field(default_factory=list)
    cpu_us: list[float] = field(default_factory=list)
    p50: list[float] = field(default_factory=list)
    p99: list[float] = field(default_factory=list)
    max: list[float] = field(default_factory=list)

    def median(self, name: str) -> float:
        return statistics.median(getattr(self, name))


@contextmanager
def mosquitto() -> Iterator[int]:
    """A broker of its own on a free port.

    Its bounds of unconfirmed and queued messages are lifted: with them mosquitto 2.0.11 puts new messages before queued
    ones and drops some long before the bound, which the check of order and count would blame on the system under test.
    """
    program = shutil.which("mosquitto", path="/usr/sbin:/usr/bin:/usr/local/sbin:/opt/homebrew/sbin")
    if program is None:
        sys.exit("mosquitto is missing; install it (apt install mosquitto)")
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "mosquitto.conf"
        limits = "max_inflight_messages 0\nmax_queued_messages 0\n"
        config.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\nset_tcp_nodelay true\n{limits}")
        broker = subprocess.Popen([program, "-c", str(config)], stderr=subprocess.DEVNULL)
        try:
            deadline = time.monotonic() + 5
            while time.monotonic() < deadline:
                with socket.socket() as sock:
                    if sock.connect_ex(("127.0.0.1", port)) == 0:
                        break
                time.sleep(0.01)
            yield port
        finally:
            broker.terminate()
            broker.wait()


@contextmanager
def system(name: str, port: int, qos: int, options: argparse.Namespace) -> Iterator[psutil.Process]:
    """The process under test."""
    command = [sys.executable, str(HERE / f"w2_{name}.py"), str(port), str(qos)]
    process = subprocess.Popen([*command, options.mqtt] if name == "flowhost" else command)
    try:
        yield psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait()


def cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def measure_rate(name: str, qos: int, options: argparse.Namespace, figures: Figures) -> None:
    with mosquitto() as port, system(name, port, qos, options) as p:
        load = Load(port, qos)
        load.wait_for_system()
        load.rate(0.5, options.window)  # warm
        before, began = cpu_s(p), load.next
        figures.rate.append(load.rate(options.seconds, options.window))
        figures.cpu_us.append((cpu_s(p) - before) / (load.next - began) * 1e6)


def measure_latency(name: str, qos: int, options: argparse.Namespace, figures: Figures) -> None:
    with mosquitto() as port, system(name, port, qos, options):
        load = Load(port, qos)
        load.wait_for_system()
        load.latency(0.5, PER_SECOND)  # warm
        latency = load.latency(options.seconds, PER_SECOND)
        figures.p50.append(latency.p50)
        figures.p99.append(latency.p99)
        figures.max.append(latency.max)


def show(qos: int, results: dict[str, Figures]) -> None:
    for name, f in results.items():
        print(
            f"QoS {qos} {name:<10} {f.median('rate'):>10,.0f} {f.median('cpu_us'):>10.1f} "
            f"{f.median('p50'):>9.2f} {f.median('p99'):>9.2f} {f.median('max'):>9.2f}"
        )
    script, ours = results["script"], results["flowhost"]
    rate = statistics.median(a / b for a, b in zip(ours.rate, script.rate, strict=True))
    cpu = statistics.median(a / b for a, b in zip(ours.cpu_us, script.cpu_us, strict=True))
    p99 = ours.median("p99") - script.median("p99")
    good = rate >= 0.9 and p99 <= 2.0
    print(
        f"QoS {qos} FlowHost / script: rate {rate:.2f} (at least 0.9), CPU {cpu:.2f}, p99 {p99:+.2f} ms "
        f"(at most +2): {'reached' if good else 'MISSED'}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--qos", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--window", type=int, default=200, help="messages on their way at a time")
    parser.add_argument("--mqtt", default="auto", help="protocol version FlowHost speaks; the script speaks 3.1.1")
    options = parser.parse_args()
    print(f"{'':<16} {'msg/s':>10} {'us/msg':>10} {'p50 ms':>9} {'p99 ms':>9} {'max ms':>9}")
    for qos in options.qos:
        results = {name: Figures() for name in SYSTEMS}
        for number in range(options.rounds):
            for name in SYSTEMS if number % 2 == 0 else reversed(SYSTEMS):
                measure_rate(name, qos, options, results[name])
                measure_latency(name, qos, options, results[name])
        show(qos, results)


if __name__ == "__main__":
    main()
