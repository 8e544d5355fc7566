"""FlowHost's side of the MQTT benchmark: a worker's loop and collector settings, one flow, until killed.

Run: python benchmarks/w2_flowhost.py PORT QOS [VERSION]
"""

from __future__ import annotations

import asyncio
import sys
from itertools import pairwise
from pathlib import Path

from flowhost.catalog import load_catalog
from flowhost.engine import FlowRunner, RunOptions, tune_collector
from flowhost.engine.loop import loop_factory
from flowhost.graph.document import ConnectionEntry, FlowDocument, NodeEntry, Wire


def flow(port: int, qos: int, version: str) -> FlowDocument:
    fields = {"tag": "topic", "value": "payload.value", "seq": "payload.seq", "line": "payload.line"}
    nodes = [
        NodeEntry(
            id="temps", type="mqtt.subscribe", connection="broker", config={"topics": ["plant/#"], "qos": qos}
        ),
        NodeEntry(id="running", type="filter", config={"where": "payload.value > 0"}),
        NodeEntry(id="unit", type="convert", config={"field": "value", "from": "Cel", "to": "[degF]"}),
        NodeEntry(id="mapped", type="map", config={"set": fields}),
        NodeEntry(
            id="out", type="mqtt.publish", connection="broker", config={"topic": "uns/{topic}", "qos": qos},
            delivery={"outbox": False},
        ),
    ]  # fmt: skip
    broker = {"host": "127.0.0.1", "port": port, "version": version}
    return FlowDocument(
        id="w2",
        connections={"broker": ConnectionEntry(name="broker", type="mqtt.broker", config=broker)},
        nodes={node.id: node for node in nodes},
        wires=tuple(Wire(source=a.id, target=b.id) for a, b in pairwise(nodes)),
    )


async def main() -> None:
    port, qos = int(sys.argv[1]), int(sys.argv[2])
    version = sys.argv[3] if len(sys.argv) > 3 else "auto"
    runner = FlowRunner(flow(port, qos, version), load_catalog(), RunOptions(base_dir=Path()))
    await runner.start()
    tune_collector()
    await runner.wait()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=loop_factory()) as loop:
        loop.run(main())
