"""A run's life: sources that fail and come back, two-step stop, kernels, draining of what is held."""

from __future__ import annotations

import asyncio

import pytest

from flowhost.errors import ConfigError, MessageError, PermanentError, TemporaryError
from flowhost.sdk import Message, Meta, Rejected, Settlement


async def test_source_that_loses_its_link_is_opened_again(rig, control, node) -> None:
    lives = []

    async def run(emit):
        lives.append(1)
        await emit([Message(len(lives))], len(lives))
        if len(lives) < 3:
            raise TemporaryError("link lost", after_s=0.001)

    control.run = run
    flow = rig.flow(node("src", "t.source"), node("end", "t.sink"), wires="src -> end")
    await rig.run(flow)
    assert [m.payload for m in control.written] == [1, 2, 3]
    assert control.opened == 3
    assert [e.kind for e in rig.events] == ["lost", "restored", "lost", "restored"]


@pytest.mark.expects_error_log
async def test_source_that_cannot_work_fails_alone(rig, control, node) -> None:
    async def run(emit):
        raise PermanentError("topic filter 'a/#/b' is refused by the broker")

    control.run = run
    flow = rig.flow(node("src", "t.source"), node("end", "t.sink"), wires="src -> end")
    snapshot = await rig.run(flow)
    assert snapshot.nodes["src"].state == "failed"
    assert "refused" in snapshot.nodes["src"].text


@pytest.mark.expects_error_log
async def test_rejected_input_is_dead_with_its_cause(rig, control, node) -> None:
    async def run(emit):
        await emit([Message(1)], 0, rejected=[Rejected(Message(b"{x", Meta(topic="t/bad")), "is not JSON")])

    control.run = run
    flow = rig.flow(node("src", "t.source"), node("end", "t.sink"), wires="src -> end")
    snapshot = await rig.run(flow)
    src = snapshot.nodes["src"]
    assert (src.made, src.out, src.dead) == (2, 1, 1)
    assert control.positions == [(0, Settlement.CONFIRMED)]
    assert rig.events[0].topic == "t/bad"


async def test_rejected_input_leaves_by_the_error_port_with_its_bytes(rig, control, node) -> None:
    async def run(emit):
        await emit([], 0, rejected=[Rejected(Message(b"{x"), "is not JSON")])

    control.run = run
    flow = rig.flow(node("src", "t.source"), node("ok", "discard"), node("end", "t.sink"),
                    wires="src -> ok, src.error -> end")  # fmt: skip
    await rig.run(flow)
    assert control.written[0].payload == b"{x"


@pytest.mark.expects_error_log
async def test_kernel_that_fails_on_one_message_keeps_the_others(rig, control, node) -> None:
    def process(messages):
        if any(m.payload == 5 for m in messages):
            raise MessageError("five is not allowed")
        return list(messages)

    control.batches, control.process = [list(range(10))], process
    flow = rig.flow(node("src", "t.source"), node("k", "t.kernel"), node("end", "t.sink"), wires="src -> k, k -> end")
    snapshot = await rig.run(flow)
    assert [m.payload for m in control.written] == [0, 1, 2, 3, 4, 6, 7, 8, 9]
    assert snapshot.nodes["k"].dead == 1


@pytest.mark.expects_error_log
async def test_kernel_that_returns_nonsense_names_what_it_should_return(rig, control, node) -> None:
    control.batches, control.process = [[1]], lambda messages: 7
    flow = rig.flow(node("src", "t.source"), node("k", "t.kernel"), node("end", "t.sink"), wires="src -> k, k -> end")
    snapshot = await rig.run(flow)
    assert "must return a list of messages" in snapshot.nodes["k"].last_error


async def test_unwired_port_of_a_kernel_counts_as_filtered(rig, control, node) -> None:
    control.batches, control.process = [[1, 2]], lambda ms: {"out": ms[:1], "other": ms[1:]}
    flow = rig.flow(node("src", "t.source"), node("k", "t.kernel"), node("end", "t.sink"), wires="src -> k, k -> end")
    snapshot = await rig.run(flow)
    assert (snapshot.nodes["k"].out, snapshot.nodes["k"].filtered) == (1, 1)


async def test_stop_under_full_load_loses_nothing_it_confirmed(rig, control, node) -> None:
    async def write(messages):
        await asyncio.sleep(0.002)
        control.written.extend(messages)

    control.write = write
    flow = rig.flow(
        node("gen", "sim.generate", rate_hz=0, tags=3), node("f", "filter", where="payload.seq >= 0"),
        node("end", "t.sink"),
        wires="gen -> f, f -> end",
    )  # fmt: skip
    runner = await rig.runner(flow)
    await runner.start()
    while len(control.written) < 5_000:
        await asyncio.sleep(0.005)
    started = asyncio.get_running_loop().time()
    await runner.stop(10)
    assert asyncio.get_running_loop().time() - started < 5
    snapshot = runner.snapshot()
    assert [m.payload["seq"] for m in control.written] == list(range(snapshot.nodes["gen"].made))
    assert snapshot.total("pending") == 0
    assert snapshot.balanced()
    assert snapshot.state == "stopped"


async def test_firm_stop_after_the_deadline_leaves_the_rest_unconfirmed(rig, control, node, eventually) -> None:
    async def write(messages):
        await asyncio.Event().wait()

    control.batches, control.write, control.stay_open = [[1], [2]], write, True
    flow = rig.flow(node("src", "t.source"), node("end", "t.sink"), wires="src -> end")
    runner = await rig.runner(flow)
    await runner.start()
    await eventually(lambda: runner.snapshot().nodes["end"].in_ == 2)
    await runner.stop(0.05)
    snapshot = runner.snapshot()
    assert snapshot.nodes["end"].pending == 2
    assert control.positions == [(0, Settlement.ABANDONED), (1, Settlement.ABANDONED)]
    assert snapshot.balanced()


async def test_hurry_ends_a_soft_stop(rig, control, node, eventually) -> None:
    async def write(messages):
        await asyncio.Event().wait()

    control.batches, control.write = [[1]], write
    runner = await rig.runner(rig.flow(node("src", "t.source"), node("end", "t.sink"), wires="src -> end"))
    await runner.start()
    await eventually(lambda: runner.snapshot().nodes["end"].in_ == 1)
    stopping = asyncio.create_task(runner.stop(60))
    await eventually(lambda: runner.snapshot().state == "draining")
    runner.hurry()
    async with asyncio.timeout(5):
        await stopping


async def test_stop_never_cuts_an_emit_that_can_finish(rig, control, node, eventually) -> None:
    gate = asyncio.Event()

    async def write(messages):
        await gate.wait()
        control.written.extend(messages)

    control.batches, control.write = [[n] for n in range(50)], write
    flow = rig.flow(node("src", "t.source"), node("end", "t.sink"), wires="src -> end")
    runner = await rig.runner(flow, queue_messages=5)
    await runner.start()
    await eventually(lambda: runner.snapshot().nodes["end"].pending >= 5)
    stopping = asyncio.create_task(runner.stop(5))
    await asyncio.sleep(0)
    gate.set()
    await stopping
    snapshot = runner.snapshot()
    assert [m.payload for m in control.written] == list(range(snapshot.nodes["src"].made))
    assert all(s is Settlement.CONFIRMED for _, s in control.positions)


async def test_open_windows_are_sent_as_partial_when_the_run_ends(rig, control, node) -> None:
    control.batches = [[Message(n, Meta(topic="p", time_ns=n * 1_000_000_000)) for n in range(25)]]
    flow = rig.flow(
        node("src", "t.source"), node("w", "window", every_s=10, compute={"n": "count()", "last": "last(payload)"}),
        node("end", "t.sink"),
        wires="src -> w, w -> end",
    )  # fmt: skip
    snapshot = await rig.run(flow)
    assert [m.payload for m in control.written] == [{"n": 10, "last": 9}, {"n": 10, "last": 19}, {"n": 5, "last": 24}]
    assert [m.meta.headers.get("partial") for m in control.written] == [None, None, "true"]
    w = snapshot.nodes["w"]
    assert (w.in_, w.used, w.made, w.out, w.pending) == (25, 25, 3, 3, 0)


async def test_wrong_flow_is_refused_before_anything_opens(rig, node) -> None:
    with pytest.raises(ConfigError, match=r"nodes\.x\.type: node type 'no.such'"):
        await rig.runner(rig.flow(node("x", "no.such"), wires="x -> x"))
    with pytest.raises(ConfigError, match=r"nodes\.f\.config"):
        await rig.runner(rig.flow(node("s", "t.source"), node("f", "filter", wher="1"), wires="s -> f"))
    with pytest.raises(ConfigError, match="connection 'nope'"):
        await rig.runner(rig.flow(node("s", "t.source"), node("e", "t.sink", connection="nope"), wires="s -> e"))


async def test_transforms_are_opened_before_sources_run_and_closed_at_the_end(rig, control, node) -> None:
    life: list[str] = []
    kernel = rig.library.nodes["t.kernel"]

    async def opened(_node) -> None:
        life.append("open")

    async def closed(_node) -> None:
        life.append("close")

    def process(messages):
        life.append("process")
        return list(messages)

    kernel.open, kernel.close = opened, closed
    control.batches, control.process = [[1]], process
    flow = rig.flow(node("src", "t.source"), node("k", "t.kernel"), node("end", "t.sink"), wires="src -> k, k -> end")
    await rig.run(flow)
    assert life == ["open", "process", "close"]
