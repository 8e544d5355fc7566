"""One node under test between a source and recorders, with virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from flowhost.catalog import Catalog, load_catalog
from flowhost.engine import FlowRunner, FlowSnapshot, RunEvent, RunOptions
from flowhost.graph.document import FlowDocument, NodeEntry, Wire
from flowhost.sdk import Message, Meta
from flowhost.testing import FlowHarness, VirtualClock
from flowhost.testing.clock import SECOND_NS, START_NS


@pytest.fixture(scope="session")
def catalog() -> Catalog:
    return load_catalog()


def message(payload: Any = None, *, at: float = 0, **meta: Any) -> Message:
    """A message whose source time is `at` seconds after the start of virtual time."""
    return Message(payload, Meta(**{"topic": "t", "time_ns": START_NS + round(at * SECOND_NS), **meta}))


class Bench:
    """A node, everything it is fed, and what leaves each of its ports."""

    def __init__(self, harness: FlowHarness, ports: Sequence[str]) -> None:
        self.harness = harness
        self._ports = ports
        self._seen = dict.fromkeys(ports, 0)

    async def give(self, *messages: Message) -> list[Any]:
        """Feed one batch; the payloads that left by `out` (or the first port) since the last call."""
        await self.harness.feed("src", list(messages))
        return self.new(self._ports[0])

    async def each(self, *messages: Message) -> list[Any]:
        """As `give`, one message at a time."""
        return [payload for item in messages for payload in await self.give(item)]

    async def after(self, seconds: float) -> list[Any]:
        """Move time; what left meanwhile."""
        await self.harness.move_to(self.harness.clock.now_ns() + round(seconds * SECOND_NS))
        return self.new(self._ports[0])

    async def end(self) -> list[Any]:
        """The run ends; what left because of that."""
        await self.harness.end()
        return self.new(self._ports[0])

    def messages(self, port: str = "out") -> list[Message]:
        return self.harness.received(f"to_{port}")

    def new(self, port: str) -> list[Any]:
        """Payloads that arrived at a port's recorder since the last look."""
        messages = self.messages(port)
        fresh, self._seen[port] = messages[self._seen[port] :], len(messages)
        return [m.payload for m in fresh]

    @property
    def node(self) -> Any:
        """Figures of the node under test; the ledger is checked on the way."""
        snapshot = self.harness.snapshot()
        assert snapshot.balanced(), snapshot
        return snapshot.nodes["node"]

    @property
    def errors(self) -> list[str]:
        return [m.meta.headers["error"] for m in self.messages("error")]


MakeBench = Callable[..., Awaitable[Bench]]


@pytest.fixture
async def bench(catalog: Catalog) -> AsyncIterator[MakeBench]:
    """Makes a bench: `await bench("filter", where="payload > 1")`; `ports` are the wired ones."""
    async with AsyncExitStack() as stack:

        async def make(node_type: str, *, ports: Sequence[str] = ("out", "error"), **config: Any) -> Bench:
            nodes = [NodeEntry(id="src", type="inject"), NodeEntry(id="node", type=node_type, config=config)]
            nodes += [NodeEntry(id=f"to_{port}", type="discard") for port in ports]
            wires = [Wire(source="src", target="node", port="out")]
            wires += [Wire(source="node", target=f"to_{port}", port=port) for port in ports]
            flow = FlowDocument(id="f", nodes={n.id: n for n in nodes}, wires=tuple(wires))
            harness = await asyncio.to_thread(FlowHarness, flow, catalog)
            return Bench(await stack.enter_async_context(harness), ports)

        yield make


class Life:
    """A flow of the real source and a recorder, on virtual time."""

    def __init__(self, runner: FlowRunner, clock: VirtualClock, received: list[Message]) -> None:
        self.runner = runner
        self.clock = clock
        self.received = received

    async def has(self, number: int) -> list[Message]:
        """Wait until so many messages have arrived."""
        async with asyncio.timeout(5):
            while len(self.received) < number:
                await asyncio.sleep(0)
        return self.received

    async def step(self, seconds: float) -> None:
        """Move time by so much, once the source waits for it, until it waits again."""
        await self._source_sleeps()
        self.clock.move_to(self.clock.now_ns() + round(seconds * SECOND_NS))
        await self._source_sleeps()

    async def _source_sleeps(self) -> None:
        async with asyncio.timeout(5):
            while not self.clock._sleepers:
                await asyncio.sleep(0)

    async def ended(self) -> FlowSnapshot:
        async with asyncio.timeout(10):
            await self.runner.wait()
        return await self.stop()

    async def stop(self) -> FlowSnapshot:
        await self.runner.stop(5)
        snapshot = self.runner.snapshot()
        assert snapshot.balanced(), snapshot
        return snapshot


@pytest.fixture
async def live(catalog: Catalog, tmp_path: Path) -> AsyncIterator[Callable[..., Awaitable[Life]]]:
    """Starts a source for real: `await live("schedule", every_s=1)`."""
    from types import SimpleNamespace

    from flowhost.testing.harness import Recorder

    library = SimpleNamespace(
        nodes={**catalog.nodes, "testing.recorder": Recorder}, connections={}, functions=catalog.functions
    )
    lives: list[Life] = []

    async def start(node_type: str, **config: Any) -> Life:
        nodes = {
            "node": NodeEntry(id="node", type=node_type, config=config),
            "to": NodeEntry(id="to", type="testing.recorder"),
        }
        flow = FlowDocument(id="f", nodes=nodes, wires=(Wire(source="node", target="to", port="out"),))
        clock = VirtualClock()
        runner = await asyncio.to_thread(FlowRunner, flow, library, RunOptions(base_dir=tmp_path, clock=clock))
        recorder = runner._parts.nodes["to"]
        assert isinstance(recorder, Recorder)
        lives.append(Life(runner, clock, recorder.received))
        await runner.start()
        return lives[-1]

    yield start
    for life in lives:
        await life.runner.stop(5)


@pytest.fixture
async def run_flow(catalog: Catalog, tmp_path: Path) -> Callable[..., Awaitable[tuple[FlowSnapshot, list[RunEvent]]]]:
    """Runs a flow of built-in nodes in real time until its sources end."""

    async def run(wires: str, **nodes: NodeEntry) -> tuple[FlowSnapshot, list[RunEvent]]:
        events: list[RunEvent] = []
        parsed = []
        for line in wires.split(","):
            start, _, target = (part.strip() for part in line.partition("->"))
            source, _, port = start.partition(".")
            parsed.append(Wire(source=source, target=target, port=port or "out"))
        flow = FlowDocument(id="f", nodes=nodes, wires=tuple(parsed))
        options = RunOptions(base_dir=tmp_path, on_event=events.append)
        runner = await asyncio.to_thread(FlowRunner, flow, catalog, options)
        await runner.start()
        async with asyncio.timeout(20):
            await runner.wait()
        await runner.stop(5)
        snapshot = runner.snapshot()
        assert snapshot.balanced(), snapshot
        return snapshot, events

    return run


@pytest.fixture
def msg() -> Callable[..., Message]:
    return message
