"""The ledger goes on over runs, and adds up after any death."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path
from typing import Any

import pytest

from flowhost.engine import books
from flowhost.engine.outbox.ledger import read_ledger
from flowhost.engine.outbox.outbox import Outbox
from flowhost.engine.snapshot import FlowSnapshot
from flowhost.errors import NotConnectedError
from flowhost.sdk import Config, Emit, Message, Meta, NodeSpec, Ok, Reject, Source


class MortalOutbox(Outbox):
    """Takes so many transactions, then none: what a kill at that moment leaves on disk."""

    def __init__(self, path: Path, takes: int = 10**9) -> None:
        super().__init__(path, pytest.fail)
        self.died = asyncio.Event()
        self.takes = takes

    def submit(self, *arguments: Any, **options: Any) -> None:
        if self.takes <= 0:
            self.died.set()
            return
        self.takes -= 1
        super().submit(*arguments, **options)


@pytest.fixture
async def open_box(tmp_path: Path):
    boxes: list[MortalOutbox] = []

    async def make(takes: int = 10**9) -> MortalOutbox:
        for box in boxes:
            await box.close()
        box = MortalOutbox(tmp_path / "outbox.db", takes)
        await box.open()
        boxes.append(box)
        return box

    yield make
    for box in boxes:
        await box.close()


def totals(snapshot: FlowSnapshot, node: str) -> dict[str, int]:
    assert snapshot.ledger is not None
    found = snapshot.ledger.nodes[node]
    names = ("in_", "made", "out", "used", "filtered", "dead", "dropped", "pending")
    return {name.rstrip("_"): number for name in names if (number := getattr(found, name))}


def queue_agrees(snapshot: FlowSnapshot) -> None:
    """What the node says and what its queue says is the same, over all runs."""
    assert snapshot.balanced(), snapshot
    assert snapshot.ledger is not None
    for edge in snapshot.edges:
        node = snapshot.ledger.nodes[edge.node]
        assert (node.in_, node.dead, node.dropped, node.pending) == (edge.in_, edge.dead, edge.dropped, edge.pending)


@pytest.fixture
def straight(rig, node):
    return rig.flow(
        node("src", "t.source"), node("good", "filter", where="payload != 3"), node("end", "t.sink"),
        wires="src -> good, good -> end",
    )  # fmt: skip


async def test_totals_go_on_from_run_to_run(rig, control, straight, open_box) -> None:
    control.batches = [[1, 2, 3], [4]]
    first = await rig.run(straight, outbox=await open_box())
    assert totals(first, "end") == {"in": 3, "out": 3}
    control.batches = [[3, 5]]
    second = await rig.run(straight, outbox=await open_box())
    assert second.nodes["src"].made == 2, "figures of the run begin anew"
    assert totals(second, "src") == {"made": 6, "out": 6}
    assert totals(second, "good") == {"in": 6, "out": 4, "filtered": 2}
    assert totals(second, "end") == {"in": 4, "out": 4}
    queue_agrees(second)
    assert first.ledger.since_ns == second.ledger.since_ns > 0
    assert not any(node.drift for node in second.ledger.nodes.values())


async def test_what_waits_is_not_counted_twice(rig, control, straight, open_box, eventually) -> None:
    async def refuse(_messages):
        raise NotConnectedError("away", after_s=0.01)

    control.batches, control.write, control.stay_open = [[1], [2]], refuse, True
    runner = await rig.runner(straight, outbox=await open_box())
    await runner.start()
    await eventually(lambda: len(control.positions) == 2)
    await runner.stop(0.05)
    assert totals(runner.snapshot(), "end") == {"in": 2, "pending": 2}
    control.batches, control.write, control.stay_open = [[5]], None, False
    snapshot = await rig.run(straight, outbox=await open_box())
    assert snapshot.nodes["end"].in_ == 3
    assert totals(snapshot, "end") == {"in": 3, "out": 3}
    assert totals(snapshot, "src") == {"made": 3, "out": 3}
    queue_agrees(snapshot)


@pytest.mark.expects_error_log
async def test_refused_dead_and_answers_are_in_the_totals(rig, control, node, open_box) -> None:
    answer = Message("answer", Meta("a"))

    async def write(messages):
        return [Reject("no") if m.payload == 2 else Ok(answer) for m in messages]

    flow = rig.flow(node("src", "t.source"), node("end", "t.sink"), wires="src -> end")
    control.write = write
    for _ in range(2):
        control.batches = [[1, 2, object()]]
        snapshot = await rig.run(flow, outbox=await open_box())
    # of three, one is delivered and answered, one refused by the target, one cannot be kept on disk; the answer leads
    # nowhere
    assert totals(snapshot, "end") == {"in": 6, "made": 2, "out": 2, "filtered": 2, "dead": 4}
    assert snapshot.edges[0].dead == 2
    assert snapshot.balanced()


async def test_what_the_target_had_already_is_told_beside_what_was_delivered(rig, control, node, open_box) -> None:
    had: set[Any] = set()
    away = True

    async def write(messages):
        nonlocal away
        if away:
            # the rows are there, the answer is not: the next try finds them, and they are no repetition
            away = False
            had.update(m.payload for m in messages)
            raise NotConnectedError("cut off", after_s=0.01)
        known = [m.payload in had for m in messages]
        had.update(m.payload for m in messages)
        return [Ok(repeated=each) for each in known]

    flow = rig.flow(node("src", "t.source"), node("end", "t.sink"), wires="src -> end")
    control.write = write
    for batch in ([1], [2], [1, 2, 3]):
        control.batches = [batch]
        snapshot = await rig.run(flow, outbox=await open_box())
    assert totals(snapshot, "end") == {"in": 5, "out": 5}
    assert snapshot.nodes["end"].repeated == snapshot.ledger.nodes["end"].repeated == 2
    assert snapshot.balanced()


async def test_what_ends_in_memory_and_cannot_come_again_is_dropped_not_forgotten(
    rig, control, node, open_box, eventually
) -> None:
    class Once(Source[Config]):
        spec = NodeSpec(id="t.once", title="s", summary="s", category="debug")
        Config = Config
        replayable = False

        async def run(self, emit: Emit) -> None:
            await emit([Message(1), Message(2)])

    async def hang(_messages):
        await asyncio.Event().wait()

    rig.library.nodes["t.once"] = Once
    entry = node("end", "t.sink")
    entry.delivery["outbox"] = False
    flow = rig.flow(node("src", "t.once"), entry, wires="src -> end")
    control.write = hang
    runner = await rig.runner(flow, outbox=await open_box())
    await runner.start()
    await eventually(lambda: runner.snapshot().nodes["end"].in_ == 2)
    await runner.stop(0.05)
    assert totals(runner.snapshot(), "end") == {"in": 2, "pending": 2}
    control.write = None
    rig.library.nodes["t.once"].run = rig.library.nodes["t.source"].run
    control.batches = []
    snapshot = await rig.run(flow, outbox=await open_box())
    assert totals(snapshot, "end") == {"in": 2, "dropped": 2}


@pytest.mark.parametrize("holds", [False, True], ids=["straight", "window"])
async def test_after_any_number_of_deaths_it_adds_up(
    rig, control, node, open_box, monkeypatch, eventually, holds
) -> None:
    """A straight flow: what the source counted is exactly what the queue has seen, whenever it died."""
    # what is written now and then must not be what makes it right
    monkeypatch.setattr(books, "SAVE_S", 3600.0)
    seed = random.randrange(10**6)
    print(f"seed {seed}")
    chance = random.Random(seed)
    window = node("mid", "window", every_s=1, late_s=0, compute={"n": "count()"})
    middle = window if holds else node("mid", "map", set={"v": "payload"})
    flow = rig.flow(node("src", "t.source"), middle, node("end", "t.sink"), wires="src -> mid, mid -> end")
    queue = "mid" if holds else "end"
    sent = [[Message(n, Meta("t", n * 300_000_000, id=str(n)))] for n in range(200)]
    confirmed = 0
    for life in range(60):
        control.batches, control.positions, control.stay_open = (
            sent[confirmed:],
            [],
            life < 59 and chance.random() < 0.5,
        )
        box = await open_box()
        runner = await rig.runner(flow, outbox=box)
        # a start that is never told of its first commits would not end
        await runner.start()
        box.takes = chance.randint(1, 40)
        living = asyncio.create_task(runner.wait())
        # a source that stays open may have nothing left that would use up the commits
        await eventually(
            lambda: living.done() or box.died.is_set() or len(control.positions) == len(control.batches)  # noqa: B023
        )
        await runner.stop(0.0)
        living.cancel()
        confirmed += sum(settlement.name == "CONFIRMED" for _, settlement in control.positions)
        if confirmed == len(sent):
            break
    control.batches, control.stay_open = sent[confirmed:], False
    snapshot = await rig.run(flow, outbox=await open_box())
    assert snapshot.total("pending") == 0
    ledger, edges = snapshot.ledger, {edge.node: edge for edge in snapshot.edges}
    assert ledger is not None
    assert snapshot.balanced(), f"seed {seed}"
    assert ledger.nodes["end"].in_ == edges["end"].in_
    assert ledger.nodes["end"].out == edges["end"].out
    assert ledger.nodes[queue].in_ == edges[queue].in_
    assert all(node.pending == 0 for node in ledger.nodes.values()), f"seed {seed}: {ledger}"
    assert all(getattr(node, name) >= 0 for node in ledger.nodes.values() for name in ("in_", "made", "out", "used"))
    assert ledger.nodes["src"].out == edges[queue].in_, f"seed {seed}: {ledger}"
    assert not any(node.drift for node in ledger.nodes.values()), f"seed {seed}: {ledger}"


@pytest.mark.parametrize(("room", "size"), [(10, 10), (1000, 2000)], ids=["batch", "second part of a batch"])
async def test_what_waits_for_room_when_all_dies_has_come_nowhere(
    rig, control, node, open_box, monkeypatch, eventually, tmp_path, room, size
) -> None:
    monkeypatch.setattr(books, "SAVE_S", 0.01)
    gate = asyncio.Event()

    async def write(messages):
        await gate.wait()
        control.written.extend(messages)

    control.write = write
    end = node("end", "t.sink")
    end.delivery["max_messages"] = room
    # something else goes on meanwhile, and has the ledger written
    beat = node("beat", "inject", messages=[{"payload": 0}], every_s=0.02)
    flow = rig.flow(
        node("src", "t.source"), node("mid", "map", set={"v": "payload"}), end, beat, node("off", "discard"),
        wires="src -> mid, mid -> end, beat -> off",
    )  # fmt: skip
    total = 2 * room
    sent = [[Message(n, Meta("t", n, id=str(n))) for n in range(at, at + size)] for at in range(0, total, size)]
    control.batches, control.stay_open = sent, True
    box = await open_box()
    runner = await rig.runner(flow, outbox=box)
    await runner.start()
    await eventually(lambda: runner.snapshot().nodes["mid"].in_ == total)

    async def kept() -> dict[str, int]:
        found = await asyncio.to_thread(read_ledger, tmp_path / "outbox.db", flow.id)
        return {} if found is None else {name: figures.out for name, figures in found.nodes.items()}

    async with asyncio.timeout(10):
        first = await kept()
        while (written := await kept()).get("beat", 0) <= first.get("beat", 0) + 1:
            await asyncio.sleep(0.01)
    assert (written["src"], written["mid"]) == (room, room)
    box.takes = 0
    await runner.stop(0.0)
    gate.set()
    # of a batch that is not confirmed the whole comes again, also the part that is on disk
    again = [batch for batch in sent if batch[-1].payload >= room]
    control.batches, control.positions = again, []
    runner = await rig.runner(flow, outbox=await open_box())
    await runner.start()
    came = room + sum(map(len, again))
    await eventually(lambda: len(control.written) >= came)
    await runner.stop(5)
    snapshot = runner.snapshot()
    assert totals(snapshot, "src") == {"made": came, "out": came}
    assert totals(snapshot, "mid") == totals(snapshot, "end") == {"in": came, "out": came}
