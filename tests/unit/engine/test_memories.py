"""What nodes remember outlives a kill at any moment, and counts once."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from flowhost.engine.outbox.outbox import Outbox
from flowhost.sdk import Config, Emit, Message, Meta, NodeSpec, Settlement, Source
from flowhost.testing import VirtualClock
from flowhost.testing.clock import SECOND_NS, START_NS

# many short lives, on a machine that may have other work
pytestmark = pytest.mark.timeout(240)


class DyingOutbox(Outbox):
    """Takes so many transactions, then none: what a kill at that moment leaves on disk."""

    def __init__(self, path: Path, takes: int | None) -> None:
        super().__init__(path, pytest.fail)
        self.died = asyncio.Event()
        self._takes = takes

    def submit(self, changes: Any, committed: Any, failed: Any, lanes: Any = ()) -> None:
        if self._takes is not None:
            if self._takes == 0:
                self.died.set()
                return
            self._takes -= 1
        super().submit(changes, committed, failed, lanes)


class Origin:
    """Delivers batches until they are confirmed, and again after a kill."""

    def __init__(self, batches: Sequence[Sequence[Message]], chance: random.Random) -> None:
        self.batches = batches
        self.confirmed = 0
        self.chance = chance
        self.told = asyncio.Event()

    async def all_told(self, number: int) -> None:
        while self.confirmed < number:
            self.told.clear()
            await self.told.wait()

    def forget(self, number: int) -> None:
        """The last confirmations did not reach it."""
        self.confirmed = max(0, self.confirmed - number)


def origin_type(origin: Origin, type_id: str) -> type[Source[Config]]:
    class Replays(Source[Config]):
        spec = NodeSpec(id=type_id, title="s", summary="s", category="debug")
        Config = Config
        replayable = True

        async def run(self, emit: Emit) -> None:
            for position in range(origin.confirmed, len(origin.batches)):
                await emit(origin.batches[position], position)
                if origin.chance.random() < 0.6:
                    await origin.all_told(position + 1)

        async def on_outcome(self, position: Any, settlement: Settlement) -> None:
            if settlement is Settlement.CONFIRMED:
                assert position == origin.confirmed
                origin.confirmed += 1
                origin.told.set()

    return Replays


class Plant:
    """A flow, what comes in, and what arrived; lives and dies as often as wanted."""

    def __init__(
        self, rig: Any, folder: Path, flow: Any, batches: Sequence[Sequence[Sequence[Message]]], seed: int
    ) -> None:
        self._rig = rig
        self._flow = flow
        self.folder = folder
        self.origins = [Origin(each, random.Random(seed)) for each in batches]
        for number, origin in enumerate(self.origins):
            kind = origin_type(origin, f"t.origin{number}")
            rig.library.nodes[kind.spec.id] = kind
        rig.control.written = []
        self.snapshot: Any = None

    async def live(self, takes: int | None = None) -> bool:
        """One life; False if it was killed. Otherwise the run has ended, and what was open is given out."""
        box = DyingOutbox(self.folder / "outbox.db", takes)
        await box.open()
        try:
            runner = await self._rig.runner(self._flow, outbox=box, clock=VirtualClock())
            living = asyncio.create_task(self._until_end(runner))
            dying = asyncio.create_task(box.died.wait())
            async with asyncio.timeout(60):
                await asyncio.wait({living, dying}, return_when=asyncio.FIRST_COMPLETED)
            if not living.done():
                living.cancel()
                await asyncio.gather(living, return_exceptions=True)
                await runner.stop(0.0)
                return False
            dying.cancel()
            living.result()
            self.snapshot = runner.snapshot()
            assert self.snapshot.balanced(), self.snapshot
            assert self.snapshot.total("pending") == 0, self.snapshot
            return True
        finally:
            await box.close()

    @staticmethod
    async def _until_end(runner: Any) -> None:
        await runner.start()
        await runner.wait()
        await runner.stop(30)

    def arrived(self) -> dict[str, Any]:
        """What counts: the first message of each id."""
        found: dict[str, Any] = {}
        for message in self._rig.control.written:
            identity = message.meta.id.partition("/partial/")[0] + str(message.meta.headers)
            found.setdefault(identity, (message.payload, message.meta.key, message.meta.time_ns))
        return found


def readings(seed: int, number: int = 24, keys: int = 2) -> list[list[Message]]:
    """Batches of readings a few seconds apart, some of them sent twice."""
    chance = random.Random(seed)
    messages = []
    for seq in range(number):
        meta = Meta(f"line{seq % keys}", START_NS + seq * 3 * SECOND_NS, key=f"k{seq % keys}", id=f"m{seq}")
        messages.append(Message({"v": chance.randint(0, 9), "n": 1}, meta))
        if chance.random() < 0.2:
            messages.append(messages[chance.randrange(len(messages))])
    batches = []
    while messages:
        size = chance.randint(1, 5)
        batches.append(messages[:size])
        messages = messages[size:]
    return batches


WINDOW = {"every_s": 10, "late_s": 60, "by": "key", "compute": {"sum": "sum(payload.v)", "n": "count()"}}
TOTAL = {"every_s": 40, "late_s": 120, "by": "'all'", "compute": {"n": "sum(payload.n)", "parts": "count()"}}
DELTA = {"value": "payload.v", "into": "v", "by": "key"}
BAND = {"value": "payload.v", "absolute": 3}
JOIN = {"by": "'x'", "fields": {"a": {"where": "key == 'k0'", "value": "payload.v"},
                                "b": {"where": "key == 'k1'", "value": "payload.v"}}}  # fmt: skip

ONCE = ("dedupe", {"by": "key"})

# nodes between source and sink, wires, number of sources; `dedupe` comes first, as behind every source that may repeat
FLOWS: dict[str, tuple[dict[str, tuple[str, dict[str, Any]]], str, int]] = {
    "dedupe": ({"o": ONCE}, "src0 -> o, o -> end", 1),
    "delta": ({"o": ONCE, "a": ("delta", DELTA)}, "src0 -> o, o -> a, a -> end", 1),
    "changed": ({"o": ONCE, "a": ("changed", {"value": "payload.v"})}, "src0 -> o, o -> a, a -> end", 1),
    "deadband": ({"o": ONCE, "a": ("deadband", BAND)}, "src0 -> o, o -> a, a -> end", 1),
    "throttle": ({"o": ONCE, "a": ("throttle", {"every_s": 7})}, "src0 -> o, o -> a, a -> end", 1),
    "counter": ({"o": ONCE, "a": ("counter", {"add": "payload.v", "into": "v"})}, "src0 -> o, o -> a, a -> end", 1),
    "batch": ({"o": ONCE, "a": ("batch", {"count": 7, "within_s": 0, "by": "key"})}, "src0 -> o, o -> a, a -> end", 1),
    "split": (
        {"o": ONCE, "s": ("split", {"items": "[payload, payload]"}), "a": ("counter", {"by": "'all'"})},
        "src0 -> o, o -> s, s -> a, a -> end", 1,
    ),
    "join": ({"o": ONCE, "a": ("join", JOIN)}, "src0 -> o, o -> a, a -> end", 1),
    "window": ({"o": ONCE, "a": ("window", WINDOW)}, "src0 -> o, o -> a, a -> end", 1),
    "chain": (
        {"o": ONCE, "d": ("delta", DELTA), "a": ("window", WINDOW), "t": ("window", TOTAL)},
        "src0 -> o, o -> d, d -> a, a -> t, t -> end, a -> end", 1,
    ),
    "two sources": ({"o": ONCE, "a": ("window", WINDOW)}, "src0 -> o, src1 -> o, o -> a, a -> end", 2),
    "behind a request": (
        {"r": ("t.ask", {}), "o": ONCE, "a": ("window", WINDOW)},
        "src0 -> r, r -> o, o -> a, a -> end, o -> end", 1,
    ),
    "beside a request": (
        {"o": ONCE, "r": ("t.ask", {}), "a": ("window", WINDOW)},
        "src0 -> o, o -> r, r -> end, o -> a, a -> end", 1,
    ),
}  # fmt: skip


@pytest.fixture
def plant(rig, node, tmp_path) -> Callable[..., Plant]:
    made = 0

    def make(name: str, seed: int) -> Plant:
        nonlocal made
        made += 1
        folder = tmp_path / f"plant{made}"
        folder.mkdir()
        nodes, wires, sources = FLOWS[name]
        entries = [node(f"src{n}", f"t.origin{n}") for n in range(sources)]
        entries += [node(node_id, kind, **config) for node_id, (kind, config) in nodes.items()]
        flow = rig.flow(*entries, node("end", "t.sink"), wires=wires)
        batches = [readings(seed)]
        if sources == 2:
            # the second is a redundant way to the same readings
            batches.append(readings(seed)[::-1][:3])
        rig.library.nodes["t.ask"] = rig.library.nodes["t.ask"] if "t.ask" in rig.library.nodes else asking()
        return Plant(rig, folder, flow, batches, seed)

    return make


def asking(gate: asyncio.Event | None = None) -> Any:
    from flowhost.sdk import AsyncTransform

    class Asks(AsyncTransform[Config]):
        spec = NodeSpec(id="t.ask", title="s", summary="s", category="debug")
        Config = Config

        async def process(self, messages: Sequence[Message]) -> Any:
            await (asyncio.sleep(0.001) if gate is None else gate.wait())
            return list(messages)

    return Asks


@pytest.mark.parametrize("name", FLOWS)
async def test_killed_between_any_transactions_the_results_are_those_of_an_uninterrupted_run(name, plant) -> None:
    seed = random.randrange(10**6)
    print(f"seed {seed}")
    chance = random.Random(seed)
    quiet = plant(name, seed)
    assert await quiet.live()
    expected = quiet.arrived()
    assert expected
    takes = 0
    while takes < 400:
        takes += chance.randint(1, 3)
        killed = plant(name, seed)
        if await killed.live(takes):
            assert takes > 3, "it was killed at several moments"
            break
        for origin in killed.origins:
            origin.forget(chance.randint(0, 2))
        assert await killed.live()
        assert killed.arrived() == expected, f"seed {seed}, killed after {takes} transactions"


async def test_killed_again_and_again(plant) -> None:
    seed = random.randrange(10**6)
    print(f"seed {seed}")
    chance = random.Random(seed)
    quiet = plant("chain", seed)
    assert await quiet.live()
    killed = plant("chain", seed)
    for _ in range(40):
        if await killed.live(chance.randint(1, 8)):
            break
        for origin in killed.origins:
            origin.forget(chance.randint(0, 2))
    else:
        assert await killed.live()
    assert killed.arrived() == quiet.arrived(), f"seed {seed}"


async def test_a_batch_is_not_confirmed_before_the_one_whose_messages_it_repeats(
    rig, control, node, tmp_path, eventually
) -> None:
    """Two ways to the same reading: the second is filtered because of the first, so it counts only with it."""
    gate = asyncio.Event()
    rig.library.nodes["t.ask"] = asking(gate)
    message = readings(1)[0][0]
    origins = [Origin([[message]], random.Random(1)) for _ in range(2)]
    for number, origin in enumerate(origins):
        kind = origin_type(origin, f"t.origin{number}")
        rig.library.nodes[kind.spec.id] = kind
    once, ask = node("o", "dedupe", by="key"), node("r", "t.ask")
    flow = rig.flow(
        node("src0", "t.origin0"), node("src1", "t.origin1"), once, ask, node("end", "t.sink"),
        wires="src0 -> o, src0 -> r, src1 -> o, o -> end, r -> end",
    )  # fmt: skip
    box = Outbox(tmp_path / "outbox.db", pytest.fail)
    await box.open()
    runner = await rig.runner(flow, outbox=box)
    await runner.start()
    await eventually(lambda: runner.snapshot().nodes["o"].filtered == 1)
    await eventually(lambda: len(control.written) == 1)
    await box.change()
    assert [origin.confirmed for origin in origins] == [0, 0]
    gate.set()
    await eventually(lambda: [origin.confirmed for origin in origins] == [1, 1])
    await runner.stop(10)
    await box.close()
