"""A small set of node types and a way to run flows of them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from flowhost.catalog import load_catalog
from flowhost.engine import FlowRunner, RunEvent, RunOptions
from flowhost.engine.outbox.outbox import Outbox
from flowhost.errors import MessageError
from flowhost.graph.document import ConnectionEntry, FlowDocument, NodeEntry, Wire
from flowhost.sdk import (
    AsyncTransform,
    Config,
    Connection,
    ConnectionSpec,
    Emit,
    Message,
    MessageTransform,
    Meta,
    NodeSpec,
    Settlement,
    Sink,
    Source,
    Transform,
)


class Control:
    """What a test and its nodes share."""

    def __init__(self) -> None:
        self.batches: list[list[Any]] = []
        self.positions: list[tuple[Any, Settlement]] = []
        self.written: list[Message] = []
        self.write: Callable[[Sequence[Message]], Awaitable[Any]] | None = None
        self.write_as: Callable[[str, Sequence[Message]], Awaitable[Any]] | None = None
        self.query: Callable[[Sequence[Message]], Awaitable[Any]] | None = None
        self.process: Callable[[Sequence[Message]], Any] | None = None
        self.run: Callable[[Emit], Awaitable[None]] | None = None
        self.open_connection: Callable[[], Awaitable[None]] | None = None
        self.opened = self.closed = 0
        self.stay_open = False


def make_types(control: Control) -> dict[str, Any]:
    class Listed(Source[Config]):
        spec = NodeSpec(id="t.source", title="s", summary="s", category="debug")
        Config = Config
        replayable = True

        async def open(self) -> None:
            control.opened += 1

        async def close(self) -> None:
            control.closed += 1

        async def run(self, emit: Emit) -> None:
            if control.run is not None:
                await control.run(emit)
                return
            for position, batch in enumerate(control.batches):
                await emit([m if isinstance(m, Message) else Message(m, Meta(topic="t")) for m in batch], position)
            if control.stay_open:
                await asyncio.Event().wait()

        async def on_outcome(self, position: Any, settlement: Settlement) -> None:
            control.positions.append((position, settlement))

    class Kept(Sink[Config]):
        spec = NodeSpec(id="t.sink", title="s", summary="s", category="debug", ports=())
        Config = Config

        async def write(self, messages: Sequence[Message]) -> Any:
            if control.write_as is not None:
                return await control.write_as(self.context.node, messages)
            if control.write is not None:
                return await control.write(messages)
            control.written.extend(messages)
            return None

    class Asked(Kept):
        spec = NodeSpec(id="t.asked", title="s", summary="s", category="debug", ports=())

        @classmethod
        def can_query_outcome(cls, config: Any) -> bool:
            return True

        async def query_outcome(self, messages: Sequence[Message]) -> Any:
            assert control.query is not None
            return await control.query(messages)

    class Kernel(Transform[Config]):
        spec = NodeSpec(id="t.kernel", title="s", summary="s", category="debug")
        Config = Config

        def process(self, messages: Sequence[Message]) -> Any:
            return control.process(messages) if control.process else list(messages)

    class One(MessageTransform[Config]):
        spec = NodeSpec(id="t.one", title="s", summary="s", category="debug")
        Config = Config

        def process_one(self, message: Message) -> Any:
            if message.payload == "bad":
                raise MessageError("this one is bad")
            return message

    class Awaits(AsyncTransform[Config]):
        spec = NodeSpec(id="t.async", title="s", summary="s", category="debug")
        Config = Config

        async def process(self, messages: Sequence[Message]) -> Any:
            await asyncio.sleep(0)
            return [m.with_payload(m.payload * 2) for m in messages]

    return {t.spec.id: t for t in (Listed, Kept, Asked, Kernel, One, Awaits)}


def make_connection(control: Control) -> Any:
    class Link(Connection[Config]):
        spec = ConnectionSpec(id="t.link", title="l", summary="l")
        Config = Config

        async def open(self) -> None:
            if control.open_connection is not None:
                await control.open_connection()

    return Link


@pytest.fixture
def control() -> Control:
    return Control()


class Rig:
    """Builds and runs flows."""

    def __init__(self, control: Control, folder: Path) -> None:
        catalog = load_catalog()
        self.control = control
        self.events: list[RunEvent] = []
        self.library = SimpleNamespace(
            nodes={**catalog.nodes, **make_types(control)},
            connections={"t.link": make_connection(control)},
            functions=catalog.functions,
        )
        self._folder = folder

    def flow(self, *nodes: NodeEntry, wires: str) -> FlowDocument:
        parsed = []
        for line in wires.split(","):
            start, _, target = (part.strip() for part in line.strip().partition("->"))
            source, _, port = start.partition(".")
            parsed.append(Wire(source=source, target=target, port=port or "out"))
        connections = {"link": ConnectionEntry(name="link", type="t.link")}
        return FlowDocument(id="f", nodes={n.id: n for n in nodes}, wires=tuple(parsed), connections=connections)

    async def runner(self, flow: FlowDocument, **options: Any) -> FlowRunner:
        settings = RunOptions(base_dir=self._folder, on_event=self.events.append, **options)
        return await asyncio.to_thread(FlowRunner, flow, self.library, settings)

    async def run(self, flow: FlowDocument, **options: Any) -> Any:
        runner = await self.runner(flow, **options)
        await runner.start()
        async with asyncio.timeout(20):
            await runner.wait()
        await runner.stop(5)
        snapshot = runner.snapshot()
        assert snapshot.balanced(), snapshot
        return snapshot


@pytest.fixture
def rig(control: Control, tmp_path: Path) -> Rig:
    return Rig(control, tmp_path)


@pytest.fixture
def node() -> Callable[..., NodeEntry]:
    def make(
        node_id: str,
        node_type: str,
        *,
        connection: str | None = None,
        disabled: Any = None,
        delivery: Any = None,
        **config: Any,
    ) -> NodeEntry:
        return NodeEntry(
            id=node_id, type=node_type, connection=connection, disabled=disabled, config=config, delivery=delivery or {}
        )

    return make


@pytest.fixture
def eventually() -> Callable[[Callable[[], bool]], Awaitable[None]]:
    async def wait(condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(30):
            while not condition():
                await asyncio.sleep(0.005)

    return wait


@pytest.fixture
async def open_box(tmp_path: Path):
    """Opens the outbox of the test, again and again; all are closed at the end."""
    boxes: list[Outbox] = []

    async def make() -> Outbox:
        box = Outbox(tmp_path / "outbox.db", pytest.fail)
        await box.open()
        boxes.append(box)
        return box

    yield make
    for box in boxes:
        await box.close()
