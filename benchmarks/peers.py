"""FlowHost and Node-RED on the same work: W1 (chain of 4, of 20, fan-out to 10) and W2 (MQTT to MQTT).

W1: messages per CPU second of the process that runs the flow, and per second of the clock. W2: rate, CPU per message,
latency at 1,000 messages a second. Node-RED comes from npm into .cache/bench-peers, with a Node.js of its own where the
machine has none that is new enough; where it cannot be had, that is said and nothing is measured.

Run: python benchmarks/peers.py [--messages 40000] [--rounds 1] [--seconds 2] [--qos 0 1]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).parent))
from node_red import NodeRed, UnavailableError, obtain
from node_red_flows import Flow, chain, fan_out
from w1_chain import Library, ReadyBatches, chain_flow, fan_flow, rows, run_flow
from w2_mqtt import Figures, measure_latency, measure_rate

from flowhost.engine import tune_collector
from flowhost.graph.document import FlowDocument
from flowhost.sdk import Message, Meta

TARGET = 80
BATCH = 100
OURS_MORE = 5
"""FlowHost gets so many times the messages, or its run would be over before it can be measured."""
PATIENCE_S = 300.0


class Speed(NamedTuple):
    """Messages per CPU second and per second of the clock."""

    cpu: float
    clock: float


# -- W1


def compare_w1(peer: NodeRed, options: argparse.Namespace) -> None:
    library = Library()
    tune_collector()
    total, warm = options.messages, options.messages // 5
    print(f"\nW1 {'messages per CPU second (per second)':<42} {'Node-RED':>19} {'FlowHost':>23} {'ratio':>7}")
    work: list[tuple[str, Callable[[int], FlowDocument], int, Flow]] = [
        ("chain of 4", chain_flow, 1, chain(1, total, warm, BATCH)),
        ("chain of 20", chain_flow, 5, chain(5, total // 2, warm // 2, BATCH)),
        ("fan-out to 10", fan_flow, 10, fan_out(10, total // 4, warm // 4, BATCH)),
    ]
    for name, make, size, flow in work:
        branches = size if make is fan_flow else 1
        theirs, ours = [], []
        for _ in range(options.rounds):
            theirs.append(run_node_red(peer, flow, branches))
            ours.append(run_flowhost(make(size), library, total * OURS_MORE))
        show_w1(name, median(theirs), median(ours))


def show_w1(name: str, theirs: Speed, ours: Speed) -> None:
    ratio = ours.cpu / theirs.cpu
    verdict = ""
    if name.startswith("chain"):
        verdict = f"  (target {TARGET}: {'reached' if ratio >= TARGET else 'MISSED'})"
    print(
        f"   {name:<42} {theirs.cpu:>8,.0f} ({theirs.clock:>8,.0f}) {ours.cpu:>10,.0f} ({ours.clock:>10,.0f}) "
        f"{ratio:>7.1f}{verdict}",
        flush=True,
    )


def run_node_red(peer: NodeRed, flow: Flow, branches: int) -> Speed:
    """Run the flow until its sink has counted to the end; source messages from the end of the warm-up on count."""
    with tempfile.TemporaryDirectory(prefix="flowhost-bench-") as folder:
        process = subprocess.Popen(peer.command(Path(folder), flow), stdout=subprocess.PIPE, text=True)
        guard = threading.Timer(PATIENCE_S, process.kill)
        guard.start()
        try:
            marks = read_marks(process)
        finally:
            guard.cancel()
            process.terminate()
            process.wait()
    (first, last) = marks
    messages = (last["count"] - first["count"]) / branches
    return Speed(messages / (last["cpu_us"] - first["cpu_us"]) * 1e6, messages / (last["at_ms"] - first["at_ms"]) * 1e3)


def read_marks(process: subprocess.Popen[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the sink said at the end of the warm-up and at the end."""
    assert process.stdout is not None
    marks: list[dict[str, Any]] = []
    told: list[str] = []
    for line in process.stdout:
        if line.startswith('{"count"'):
            marks.append(json.loads(line))
        else:
            told.append(line)
        if len(marks) == 2:
            return marks[0], marks[1]
    sys.exit("Node-RED ended before its flow did:\n" + "".join(told[-20:]))


def run_flowhost(flow: FlowDocument, library: Library, total: int) -> Speed:
    """The same with FlowHost, in this process; a shorter run first, as a warm-up."""
    messages = [Message({"value": v, "seq": s}, Meta(topic=t, time_ns=s, unit="Cel")) for t, v, s in rows(total)]
    batches = [messages[start : start + BATCH] for start in range(0, total, BATCH)]
    ReadyBatches.batches = batches[: len(batches) // 5]
    asyncio.run(run_flow(flow, library))
    ReadyBatches.batches = batches
    started = time.perf_counter()
    _, spent = asyncio.run(run_flow(flow, library))
    return Speed(total / spent, total / (time.perf_counter() - started))


def median(speeds: list[Speed]) -> Speed:
    return Speed(statistics.median(s.cpu for s in speeds), statistics.median(s.clock for s in speeds))


# -- W2


def compare_w2(options: argparse.Namespace) -> None:
    if shutil.which("mosquitto", path="/usr/sbin:/usr/bin:/usr/local/sbin:/opt/homebrew/sbin") is None:
        print("\nW2 is left out: mosquitto is not installed (apt install mosquitto)")
        return
    print(f"\nW2 {'':<16} {'msg/s':>10} {'us CPU/msg':>10} {'p50 ms':>9} {'p99 ms':>9} {'max ms':>9}")
    for qos in options.qos:
        results = {name: Figures() for name in ("node_red", "flowhost")}
        for _ in range(options.rounds):
            for name, figures in results.items():
                measure_rate(name, qos, options, figures)
                measure_latency(name, qos, options, figures)
        show_w2(qos, results)


def show_w2(qos: int, results: dict[str, Figures]) -> None:
    for name, title in (("node_red", "Node-RED"), ("flowhost", "FlowHost")):
        f = results[name]
        print(
            f"   QoS {qos} {title:<10} {f.median('rate'):>10,.0f} {f.median('cpu_us'):>10.1f} "
            f"{f.median('p50'):>9.2f} {f.median('p99'):>9.2f} {f.median('max'):>9.2f}"
        )
    theirs, ours = results["node_red"], results["flowhost"]
    ahead = ours.median("rate") > theirs.median("rate") and ours.median("p99") <= theirs.median("p99")
    print(
        f"   QoS {qos} FlowHost / Node-RED: rate {ours.median('rate') / theirs.median('rate'):.1f}, "
        f"CPU {ours.median('cpu_us') / theirs.median('cpu_us'):.2f}, "
        f"p99 {ours.median('p99') - theirs.median('p99'):+.2f} ms (ahead in both: {'yes' if ahead else 'NO'})",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=40_000, help="that Node-RED gets in the chain of 4")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=2.0, help="of each measurement over MQTT")
    parser.add_argument("--qos", type=int, nargs="*", default=[0, 1], help="none leaves MQTT out")
    parser.add_argument("--window", type=int, default=200, help="messages on their way at a time, over MQTT")
    parser.add_argument("--mqtt", default="auto", help="protocol version FlowHost speaks")
    options = parser.parse_args()
    try:
        peer = obtain()
    except UnavailableError as error:
        print(error)
        return
    print(f"{peer.version}, {os.cpu_count()} cores")
    compare_w1(peer, options)
    compare_w2(options)


if __name__ == "__main__":
    main()
