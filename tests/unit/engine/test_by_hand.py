"""Sending by hand: the way of all messages, beside the source's own, and always an answer."""

from __future__ import annotations

import asyncio

import pytest

from flowhost.engine import by_hand
from flowhost.engine.by_hand import SendByHand, SentByHand
from flowhost.errors import ConfigError, ConflictError, NotFoundError
from flowhost.sdk import Message

THREE = [{"payload": 1}, {"payload": 2, "key": "k"}, {"payload": 3}]


@pytest.fixture
async def started(rig, open_box):
    """Starts a flow as a host does; it is stopped, and its ledger looked at, in the end."""
    runners = []

    async def start(flow, **options):
        runner = await rig.runner(flow, by_hand=True, **options)
        runners.append(runner)
        await runner.start()
        return runner

    yield start
    for runner in runners:
        await runner.stop(5)
        assert runner.snapshot().balanced(), runner.snapshot()


@pytest.fixture
def gate(control) -> asyncio.Event:
    """The sink writes nothing until it is set."""
    opened = asyncio.Event()

    async def write(messages):
        await opened.wait()
        control.written.extend(messages)

    control.write = write
    return opened


def press(node: str = "in", only: int | None = None) -> SendByHand:
    return SendByHand(node=node, by="anna", only=only)


async def ready(runner, node: str = "in") -> None:
    async with asyncio.timeout(10):
        while runner.snapshot().nodes[node].state != "running":
            await asyncio.sleep(0)


@pytest.mark.parametrize("durable", [True, False])
async def test_it_is_sent_again_and_again_with_ids_of_its_own(
    rig, control, node, started, eventually, open_box, durable
) -> None:
    flow = rig.flow(node("in", "inject", messages=THREE), node("k", "t.kernel"), node("end", "t.sink"),
                    wires="in -> k, k -> end")  # fmt: skip
    runner = await started(flow, outbox=await open_box() if durable else None)
    await eventually(lambda: len(control.written) == 3)
    for _ in range(3):
        assert await runner.send_by_hand(press()) == SentByHand(messages=3)
    await eventually(lambda: len(control.written) == 12)
    assert [m.payload for m in control.written] == [1, 2, 3] * 4
    assert len({m.meta.id for m in control.written}) == 12
    assert (await runner.send_by_hand(press(only=1))).messages == 1
    await eventually(lambda: len(control.written) == 13)
    assert control.written[-1].payload == 2
    said = [event.text for event in rig.events if event.node == "in"]
    assert said == ["sent by hand by anna: 3 messages"] * 3 + ["sent by hand by anna: 1 message"]
    snapshot = runner.snapshot()
    assert (snapshot.nodes["in"].made, snapshot.nodes["end"].out) == (13, 13)
    assert snapshot.nodes["in"].state == "running"
    assert "by hand" in snapshot.nodes["in"].text


async def test_without_anybody_to_press_it_ends_as_ever(rig, control, node) -> None:
    flow = rig.flow(node("in", "inject", messages=THREE), node("end", "t.sink"), wires="in -> end")
    snapshot = await rig.run(flow)
    assert (snapshot.state, snapshot.nodes["in"].state) == ("ended", "ended")
    flow = rig.flow(node("in", "inject", messages=THREE, at_start=False), node("end", "t.sink"), wires="in -> end")
    snapshot = await rig.run(flow)
    assert (snapshot.state, snapshot.nodes["in"].made) == ("ended", 0)


async def test_a_full_queue_is_said_and_what_was_let_in_arrives(
    rig, control, gate, node, started, eventually, monkeypatch
) -> None:
    monkeypatch.setattr(by_hand, "PATIENCE_S", 0.2)
    flow = rig.flow(node("in", "inject", messages=THREE, at_start=False), node("end", "t.sink"), wires="in -> end")
    runner = await started(flow, queue_messages=1)
    await ready(runner)
    answers = [await runner.send_by_hand(press())]
    while not answers[-1].waiting:
        answers.append(await runner.send_by_hand(press()))
    assert answers[-1] == SentByHand(messages=3, waiting=True)
    with pytest.raises(ConflictError, match=r"nothing was sent: .* still waits for room"):
        await runner.send_by_hand(press())
    gate.set()
    await eventually(lambda: len(control.written) == 3 * len(answers))
    assert (await runner.send_by_hand(press())).waiting is False
    assert [e.text for e in rig.events if "waiting for room" in e.text] == [
        "sent by hand by anna: 3 messages, waiting for room in a queue"
    ]


async def test_while_the_source_itself_waits_for_room_nothing_is_sent(
    rig, control, gate, node, started, eventually, monkeypatch
) -> None:
    monkeypatch.setattr(by_hand, "PATIENCE_S", 0.2)
    flow = rig.flow(node("in", "inject", messages=THREE, every_s=0.01), node("end", "t.sink"), wires="in -> end")
    runner = await started(flow, queue_messages=1)
    await eventually(lambda: runner.snapshot().nodes["in"].made >= 6)
    made = 0
    while made != (made := runner.snapshot().nodes["in"].made):
        await asyncio.sleep(0.05)
    with pytest.raises(ConflictError, match="nothing was sent: the queue behind in is full"):
        await runner.send_by_hand(press())
    assert runner.snapshot().nodes["in"].made == made
    gate.set()
    assert await runner.send_by_hand(press()) == SentByHand(messages=3)


async def test_a_stop_lets_what_was_sent_by_hand_arrive(
    rig, control, gate, node, started, eventually, monkeypatch
) -> None:
    monkeypatch.setattr(by_hand, "PATIENCE_S", 0.1)
    flow = rig.flow(node("in", "inject", messages=THREE, at_start=False), node("end", "t.sink"), wires="in -> end")
    runner = await started(flow, queue_messages=1)
    await ready(runner)
    presses = 1
    while not (await runner.send_by_hand(press())).waiting:
        presses += 1
    stopping = asyncio.create_task(runner.stop(5))
    await eventually(lambda: runner.snapshot().state == "draining")
    with pytest.raises(ConflictError, match="nothing was sent: the flow is draining"):
        await runner.send_by_hand(press())
    gate.set()
    await stopping
    assert len(control.written) == 3 * presses
    assert runner.snapshot().total("pending") == 0


async def test_order_is_that_of_the_presses_beside_the_sources_own(rig, control, node, started, eventually) -> None:
    flow = rig.flow(node("in", "inject", messages=THREE, every_s=0.001), node("end", "t.sink"), wires="in -> end")
    runner = await started(flow)
    await ready(runner)
    await asyncio.gather(*(_again(runner) for _ in range(4)))
    await runner.stop(5)
    assert [m.payload for m in control.written] == [1, 2, 3] * (len(control.written) // 3)
    assert len({m.meta.id for m in control.written}) == len(control.written) == runner.snapshot().nodes["in"].made


async def _again(runner) -> None:
    sent = 0
    while sent < 10:
        try:
            await runner.send_by_hand(press())
        except ConflictError:
            await asyncio.sleep(0)
        else:
            sent += 1


async def test_schedule_fires_out_of_turn(rig, control, node, started, eventually) -> None:
    flow = rig.flow(node("in", "schedule", every_s=3600), node("end", "t.sink"), wires="in -> end")
    runner = await started(flow)
    await eventually(lambda: len(control.written) == 1)
    assert await runner.send_by_hand(press()) == SentByHand(messages=1)
    await eventually(lambda: len(control.written) == 2)
    assert [m.payload["n"] for m in control.written] == [0, 1]
    with pytest.raises(ConfigError, match="no saved messages"):
        await runner.send_by_hand(press(only=0))


async def test_what_cannot_be_sent_is_said(rig, control, node, started, eventually) -> None:
    control.stay_open = True
    control.batches = [[Message(1)]]
    flow = rig.flow(
        node("in", "inject", messages=THREE), node("off", "inject", messages=THREE, disabled="block"),
        node("src", "t.source"), node("end", "t.sink"), wires="in -> end, off -> end, src -> end",
    )  # fmt: skip
    runner = await started(flow)
    await ready(runner)
    await ready(runner, "src")
    for name, words in {
        "off": "off is disabled",
        "src": "src cannot be told to send",
        "end": "end is no source",
    }.items():
        with pytest.raises(ConflictError, match=f"nothing was sent: {words}"):
            await runner.send_by_hand(press(name))
    with pytest.raises(NotFoundError, match="new is not part of the revision that runs: deploy the draft first"):
        await runner.send_by_hand(press("new"))
    with pytest.raises(ConfigError, match="there is no message 8 here: 3 saved"):
        await runner.send_by_hand(press(only=7))
