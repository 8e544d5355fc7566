"""W1: chains of 4 and 20 transforms and a fan-out to 10, against loops written by hand over dicts.

Prints messages per CPU second and the ratio to the loop, medians of alternating rounds in one process.

Run: python benchmarks/w1_chain.py [--messages 200000] [--rounds 7] [--batch 100]
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from flowhost.catalog import load_catalog
from flowhost.engine import FlowRunner, RunOptions, tune_collector
from flowhost.graph.document import FlowDocument, NodeEntry, Wire
from flowhost.sdk import Config, Emit, Message, Meta, NodeSpec, Source

TAGS = 10
GOOD = "quality == 'good' and payload.value > 0"


class ReadyBatches(Source[Config]):
    """Hands over batches made before the clock starts, as a connector would that had decoded them."""

    spec = NodeSpec(id="bench.ready", title="Ready", summary="Ready-made batches.", category="debug")
    Config = Config
    batches: Sequence[list[Message]] = ()

    async def run(self, emit: Emit) -> None:
        for batch in self.batches:
            await emit(batch)


class Library:
    """The installed node types and the benchmark's own source."""

    def __init__(self) -> None:
        catalog = load_catalog()
        self.nodes = {**catalog.nodes, ReadyBatches.spec.id: ReadyBatches}
        self.connections = catalog.connections
        self.functions = catalog.functions


def rows(messages: int) -> Iterator[tuple[str, float, int]]:
    for seq in range(messages):
        yield f"plant/line1/tag{seq % TAGS}", 20.0 + seq % 50, seq


# -- the loops a skilled engineer would write: everything in local variables, one message made at the end, with the
# same content as the flow's: topic, time, quality and unit beside the payload


def chain_of_4(batch: list[dict[str, Any]], out: list[dict[str, Any]]) -> None:
    for m in batch:
        p = m["payload"]
        value = p["value"]
        if not (m["quality"] == "good" and value > 0):
            continue
        value = value * 1.8 + 32
        if not value < 1000:
            continue
        payload = {"tag": m["topic"], "value": value, "seq": p["seq"]}
        out.append({"topic": m["topic"], "time_ns": m["time_ns"], "quality": m["quality"], "unit": "[degF]",
                    "payload": payload})  # fmt: skip


def chain_of_20(batch: list[dict[str, Any]], out: list[dict[str, Any]]) -> None:
    for m in batch:
        p = m["payload"]
        value = p["value"]
        quality = m["quality"]
        if not (quality == "good" and value > 0):
            continue
        value = value * 1.8 + 32
        if not value < 1000:
            continue
        if not (quality == "good" and value > 0):
            continue
        value = value * 0.5555555555555556 - 17.77777777777778
        if not value < 1000:
            continue
        if not (quality == "good" and value > 0):
            continue
        value = value * 1.8 + 32
        if not value < 1000:
            continue
        if not (quality == "good" and value > 0):
            continue
        value = value * 0.5555555555555556 - 17.77777777777778
        if not value < 1000:
            continue
        if not (quality == "good" and value > 0):
            continue
        value = value * 1.8 + 32
        if not value < 1000:
            continue
        payload = {"tag": m["topic"], "value": value, "seq": p["seq"]}
        out.append({"topic": m["topic"], "time_ns": m["time_ns"], "quality": quality, "unit": "[degF]",
                    "payload": payload})  # fmt: skip


def step_by_step(batch: list[dict[str, Any]], out: list[dict[str, Any]]) -> None:
    """The chain of 4 with one statement per node and a dict between them, as scripts grow in practice."""
    for m in batch:
        if not (m["quality"] == "good" and m["payload"]["value"] > 0):
            continue
        m = {**m, "unit": "[degF]", "payload": {**m["payload"], "value": m["payload"]["value"] * 1.8 + 32}}
        p = m["payload"]
        m = {**m, "payload": {"tag": m["topic"], "value": p["value"], "seq": p["seq"]}}
        if not m["payload"]["value"] < 1000:
            continue
        out.append(m)


def fan_out(batch: list[dict[str, Any]], outs: list[list[dict[str, Any]]]) -> None:
    for m in batch:
        p = m["payload"]
        for branch, out in enumerate(outs):
            payload = {"tag": m["topic"], "value": p["value"], "branch": branch}
            out.append({"topic": m["topic"], "time_ns": m["time_ns"], "quality": m["quality"], "unit": m["unit"],
                        "payload": payload})  # fmt: skip


def loop_runner(step: Callable[[Any, Any], None], branches: int = 0) -> Callable[[list[list[dict[str, Any]]]], int]:
    def run(batches: list[list[dict[str, Any]]]) -> int:
        delivered = 0
        for batch in batches:
            outs: Any = [[] for _ in range(branches)] if branches else []
            step(batch, outs)
            delivered += sum(len(out) for out in outs) if branches else len(outs)
        return delivered

    return run


# -- the same as flows


def node(node_id: str, node_type: str, **config: Any) -> NodeEntry:
    return NodeEntry(id=node_id, type=node_type, config=config)


def four(index: int) -> list[NodeEntry]:
    """Filter, convert, map, filter."""
    units = ("Cel", "[degF]") if index % 2 == 0 else ("[degF]", "Cel")
    fields = {"tag": "topic", "value": "payload.value", "seq": "payload.seq"}
    return [
        node(f"good{index}", "filter", where=GOOD),
        node(f"unit{index}", "convert", field="value", **{"from": units[0], "to": units[1]}),
        node(f"map{index}", "map", set=fields),
        node(f"limit{index}", "filter", where="payload.value < 1000"),
    ]


def chain_flow(fours: int) -> FlowDocument:
    nodes = [node("source", "bench.ready"), *(n for i in range(fours) for n in four(i)), node("sink", "discard")]
    wires = [Wire(source=a.id, target=b.id) for a, b in pairwise(nodes)]
    return FlowDocument(id="chain", nodes={n.id: n for n in nodes}, wires=tuple(wires))


def fan_flow(branches: int) -> FlowDocument:
    nodes, wires = [node("source", "bench.ready")], []
    for index in range(branches):
        fields = {"tag": "topic", "value": "payload.value", "branch": str(index)}
        nodes += [node(f"map{index}", "map", set=fields), node(f"sink{index}", "discard")]
        wires += [Wire(source="source", target=f"map{index}"), Wire(source=f"map{index}", target=f"sink{index}")]
    return FlowDocument(id="fan", nodes={n.id: n for n in nodes}, wires=tuple(wires))


async def run_flow(flow: FlowDocument, library: Library) -> tuple[int, float]:
    runner = FlowRunner(flow, library, RunOptions(base_dir=Path()))
    started = time.process_time()
    await runner.start()
    await runner.wait()
    spent = time.process_time() - started
    await runner.stop()
    snapshot = runner.snapshot()
    assert snapshot.balanced(), snapshot
    assert not snapshot.total("dead"), [n.last_error for n in snapshot.nodes.values() if n.last_error]
    return sum(n.out for name, n in snapshot.nodes.items() if name.startswith("sink")), spent


def measure(name: str, loop: Any, flow: FlowDocument, data: Any, library: Library, options: Any) -> None:
    dicts, batches = data
    ReadyBatches.batches = batches
    by_hand, by_engine = [], []
    for _ in range(options.rounds):
        started = time.process_time()
        expected = loop(dicts)
        by_hand.append(options.messages / (time.process_time() - started))
        delivered, spent = asyncio.run(run_flow(flow, library))
        by_engine.append(options.messages / spent)
        assert delivered == expected, (delivered, expected)
    hand, engine = statistics.median(by_hand), statistics.median(by_engine)
    print(f"{name:<34} {hand:>12,.0f} {engine:>12,.0f} {engine / hand:>8.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--batch", type=int, default=100)
    options = parser.parse_args()
    library = Library()
    table = list(rows(options.messages))
    flat = [
        {"topic": t, "time_ns": s, "quality": "good", "unit": "Cel", "payload": {"value": v, "seq": s}}
        for t, v, s in table
    ]
    messages = [Message({"value": v, "seq": s}, Meta(topic=t, time_ns=s, unit="Cel")) for t, v, s in table]
    cuts = range(0, options.messages, options.batch)
    data = ([flat[i : i + options.batch] for i in cuts], [messages[i : i + options.batch] for i in cuts])
    tune_collector()
    print(f"{'messages per CPU second':<34} {'by hand':>12} {'FlowHost':>12} {'ratio':>8}")
    measure("chain of 4", loop_runner(chain_of_4), chain_flow(1), data, library, options)
    measure("chain of 4, loop step by step", loop_runner(step_by_step), chain_flow(1), data, library, options)
    measure("chain of 20", loop_runner(chain_of_20), chain_flow(5), data, library, options)
    measure("fan-out to 10", loop_runner(fan_out, 10), fan_flow(10), data, library, options)


if __name__ == "__main__":
    main()
