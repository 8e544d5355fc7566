"""file.write in a flow that the engine runs."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from flowhost_files import plugin

from flowhost.engine import FlowRunner, RunOptions
from flowhost.graph.document import FlowDocument, NodeEntry, Wire
from flowhost.nodes import plugin as built_in

LIBRARY: Any = SimpleNamespace(
    nodes={node.spec.id: node for node in [*built_in.flowhost_node_types(), *plugin.flowhost_node_types()]},
    connections={},
    functions={},
)


async def test_files_and_lines_of_a_flow(data: Path) -> None:
    nodes = [
        NodeEntry(id="src", type="sim.generate", config={"tags": 3, "count": 300, "rate_hz": 0}),
        NodeEntry(id="each", type="file.write", config={"path": "each/"}),
        NodeEntry(id="lines", type="file.write",
                  config={"path": "{topic}.csv", "mode": "append", "format": "csv",
                          "columns": {"seq": "payload.seq", "v": "payload.value"}}),
    ]  # fmt: skip
    wires = (Wire(source="src", target="each"), Wire(source="src", target="lines"))
    flow = FlowDocument(id="line", nodes={n.id: n for n in nodes}, wires=wires)
    runner = await asyncio.to_thread(FlowRunner, flow, LIBRARY, RunOptions(base_dir=data))
    await runner.start()
    async with asyncio.timeout(20):
        await runner.wait()
    await runner.stop(10)
    snapshot = runner.snapshot()
    assert snapshot.balanced()
    assert (snapshot.total("dead"), snapshot.total("dropped")) == (0, 0)
    seen = [json.loads(f.read_bytes())["seq"] for f in (data / "each").iterdir()]
    assert sorted(seen) == list(range(300))
    for tag in range(3):
        rows = (data / f"sim/tag{tag}.csv").read_text().splitlines()
        assert rows[0] == "seq,v"
        assert [int(row.split(",")[0]) for row in rows[1:]] == list(range(tag, 300, 3))
