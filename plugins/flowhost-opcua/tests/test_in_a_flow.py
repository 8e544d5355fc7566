"""A flow that runs in the engine: the way a user meets the plugin."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace

from flowhost_opcua.plugin import flowhost_connection_types, flowhost_node_types

from flowhost.engine import FlowRunner, RunOptions
from flowhost.graph.document import ConnectionEntry, FlowDocument, NodeEntry, Wire
from flowhost.sdk import Config, Message, NodeSpec, Sink


class Keep(Sink[Config]):
    """Keeps what arrives, by node."""

    spec = NodeSpec(id="keep", title="Keep", summary="Keeps.", category="debug", ports=(), leaves_machine=False)
    Config = Config
    kept: dict[str, list[Message]] = {}

    async def write(self, messages: Sequence[Message]) -> None:
        self.kept.setdefault(self.context.node, []).extend(messages)


LIBRARY = SimpleNamespace(
    nodes={kind.spec.id: kind for kind in [Keep, *flowhost_node_types()]},
    connections={kind.spec.id: kind for kind in flowhost_connection_types()},
    functions={},
)


def _flow(endpoint: str) -> FlowDocument:
    items = {"items": ["ns=2;s=Line1.Counter"], "sampling_ms": 50, "publish_ms": 50}
    config = {"endpoint": endpoint, "security": "none"}
    nodes = [
        NodeEntry(id="speed", type="opcua.subscribe", connection="plc", config=items),
        NodeEntry(id="values", type="keep"),
        NodeEntry(id="holes", type="keep"),
    ]
    return FlowDocument(
        id="line",
        connections={"plc": ConnectionEntry(name="plc", type="opcua.client", config=config)},
        nodes={node.id: node for node in nodes},
        wires=(Wire(source="speed", target="values"), Wire(source="speed", target="holes", port="gaps")),
    )


async def test_outage_in_a_running_flow(start_plant, make_plant, tmp_path, until):
    Keep.kept = {}
    plant = await start_plant()
    events = []
    runner = FlowRunner(_flow(plant.endpoint), LIBRARY, RunOptions(base_dir=tmp_path, on_event=events.append))
    await runner.start()
    await until(lambda: len(Keep.kept.get("values", [])) > 5)
    assert runner.snapshot().connections["plc"].up
    await plant.kill()
    await until(lambda: not runner.snapshot().connections["plc"].up)
    await plant.start(first=1_000_000)
    await until(lambda: Keep.kept["values"][-1].payload >= 1_000_000, 30)
    await until(lambda: Keep.kept.get("holes"))
    assert runner.snapshot().connections["plc"].up
    await runner.stop()
    figures = runner.snapshot().nodes["speed"]
    assert figures.out == len(Keep.kept["values"]) + len(Keep.kept["holes"])
    assert [event.kind for event in events if event.kind in ("lost", "restored", "gap")] == ["lost", "restored", "gap"]


async def test_a_server_that_comes_later_than_the_flow(start_plant, make_plant, tmp_path, until):
    Keep.kept = {}
    plant = make_plant([])
    runner = FlowRunner(_flow(plant.endpoint), LIBRARY, RunOptions(base_dir=tmp_path))
    await runner.start()
    await until(lambda: "nothing listens" in runner.snapshot().connections["plc"].text)
    await start_plant(port=plant.port)
    await until(lambda: Keep.kept.get("values"), 30)
    await runner.stop()
