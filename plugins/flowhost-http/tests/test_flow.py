"""http.send in a flow that the engine runs: a service that comes and goes, refuses and counts by key."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from flowhost_http import plugin

from flowhost.engine import FlowRunner, RunOptions
from flowhost.graph.document import ConnectionEntry, FlowDocument, NodeEntry, Wire
from flowhost.nodes import plugin as built_in

LIBRARY: Any = SimpleNamespace(
    nodes={node.spec.id: node for node in [*built_in.flowhost_node_types(), *plugin.flowhost_node_types()]},
    connections={kind.spec.id: kind for kind in plugin.flowhost_connection_types()},
    functions={function.name: function.call for function in plugin.flowhost_functions()},
)


async def test_a_flow_delivers_in_order_over_an_outage_and_each_counts_once(service, behave, tmp_path: Path) -> None:
    nodes = [
        NodeEntry(id="src", type="sim.generate", config={"tags": ["A/1", "B"], "count": 200, "rate_hz": 0}),
        NodeEntry(id="to", type="http.send", connection="mes", delivery={"outbox": False},
                  config={"path": "tags/{url_part(topic)}", "resend_unanswered": True}),
        NodeEntry(id="answers", type="discard"),
    ]  # fmt: skip
    wires = (Wire(source="src", target="to"), Wire(source="to", target="answers"))
    mes = ConnectionEntry(name="mes", type="http.client", config={"base_url": f"http://127.0.0.1:{service.port}"})
    flow = FlowDocument(id="line", connections={"mes": mes}, nodes={n.id: n for n in nodes}, wires=wires)
    service.script = [
        behave.reply(),
        behave.reset,
        behave.reply(503),
        *[behave.reply()] * 5,
        behave.raw(b"nonsense\r\n\r\n"),
    ]
    runner = await asyncio.to_thread(FlowRunner, flow, LIBRARY, RunOptions(base_dir=tmp_path))
    await runner.start()
    async with asyncio.timeout(25):
        await runner.wait()
    await runner.stop(10)
    snapshot = runner.snapshot()
    assert snapshot.balanced()
    assert (snapshot.total("dead"), snapshot.total("dropped")) == (0, 0)
    assert snapshot.nodes["answers"].in_ == 200
    done: dict[str, list[str]] = {}
    for seen in service.requests:
        keys = done.setdefault(seen.target, [])
        if seen.headers["idempotency-key"] not in keys:
            keys.append(seen.headers["idempotency-key"])
    assert set(done) == {"/tags/sim%2FA%2F1", "/tags/sim%2FB"}
    assert sum(map(len, done.values())) == 200
    assert len(service.requests) >= 203
    for target in done:
        numbers = [json.loads(seen.body)["seq"] for seen in service.requests if seen.target == target]
        assert list(dict.fromkeys(numbers)) == sorted(set(numbers))
