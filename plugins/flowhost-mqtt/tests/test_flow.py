"""Both nodes in a flow that the engine runs."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from flowhost_mqtt import plugin

from flowhost.engine import FlowRunner, RunOptions
from flowhost.graph.document import ConnectionEntry, FlowDocument, NodeEntry, Wire
from flowhost.nodes import plugin as built_in

Mosquitto = Probe = Any  # they live in conftest.py, which cannot be imported

LIBRARY: Any = SimpleNamespace(
    nodes={node.spec.id: node for node in [*built_in.flowhost_node_types(), *plugin.flowhost_node_types()]},
    connections={kind.spec.id: kind for kind in plugin.flowhost_connection_types()},
    functions={},
)


def flow(port: int) -> FlowDocument:
    nodes = [
        NodeEntry(id="temps", type="mqtt.subscribe", connection="broker",
                  config={"topics": ["plant/#"], "format": "json", "id": "topic + ':' + text(payload.seq)"}),
        NodeEntry(id="running", type="filter", config={"where": "payload.value > 0"}),
        NodeEntry(id="unit", type="convert", config={"field": "value", "from": "Cel", "to": "[degF]"}),
        NodeEntry(id="out", type="mqtt.publish", connection="broker", config={"topic": "uns/{topic}"},
                  delivery={"outbox": False}),
        NodeEntry(id="bad", type="mqtt.publish", connection="broker", config={"topic": "bad/{topic}"},
                  delivery={"outbox": False}),
    ]  # fmt: skip
    wires = [Wire(source="temps", target="running"), Wire(source="running", target="unit"),
             Wire(source="unit", target="out"), Wire(source="temps", port="error", target="bad")]  # fmt: skip
    broker = ConnectionEntry(name="broker", type="mqtt.broker", config={"host": "127.0.0.1", "port": port})
    return FlowDocument(
        id="line", connections={"broker": broker}, nodes={node.id: node for node in nodes}, wires=tuple(wires)
    )


async def test_values_flow_bad_ones_leave_by_the_error_port_and_the_ledger_balances(
    until: Any, new_probe: Any, broker: Mosquitto, tmp_path: Path
) -> None:
    runner = await asyncio.to_thread(FlowRunner, flow(broker.port), LIBRARY, RunOptions(base_dir=tmp_path))
    await runner.start()
    probe: Probe = new_probe(broker.port, "uns/#", "bad/#")
    await until(lambda: runner.snapshot().nodes["temps"].state == "running")
    for payload in (b'{"value": 100, "seq": 1}', b'{"value": -1, "seq": 2}', b"{broken", b'{"value": 0.5, "seq": 3}'):
        probe.publish("plant/a", payload)
    await until(lambda: len(probe.messages) == 3)
    assert {(m.topic, bytes(m.payload)) for m in probe.messages if m.topic == "uns/plant/a"} == {
        ("uns/plant/a", b'{"value":212.0,"seq":1}'),
        ("uns/plant/a", b'{"value":32.9,"seq":3}'),
    }
    assert [m.topic for m in probe.messages].count("bad/plant/a") == 1
    await runner.stop()
    snapshot = runner.snapshot()
    assert snapshot.balanced()
    assert snapshot.total("dead") == 0


async def test_nothing_is_lost_when_the_flow_stops_in_the_middle_and_runs_again(
    until: Any, new_probe: Any, broker: Mosquitto, tmp_path: Path
) -> None:
    probe: Probe = new_probe(broker.port, "uns/#")
    first = await asyncio.to_thread(FlowRunner, flow(broker.port), LIBRARY, RunOptions(base_dir=tmp_path))
    await first.start()
    await until(lambda: first.snapshot().nodes["temps"].state == "running")
    for seq in range(300):
        probe.publish("plant/a", b'{"value": 1, "seq": %d}' % seq)
        if seq == 150:
            await until(lambda: probe.messages)
            await first.stop()
    second = await asyncio.to_thread(FlowRunner, flow(broker.port), LIBRARY, RunOptions(base_dir=tmp_path))
    await second.start()
    await until(lambda: len({bytes(m.payload) for m in probe.messages}) == 300)
    await second.stop()
    assert second.snapshot().balanced()
