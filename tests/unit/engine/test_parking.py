"""Messages that must be tried again wait aside, in order per key, on disk; others pass."""

from __future__ import annotations

import asyncio
import random
from collections import defaultdict

import apsw
import pytest

from flowhost.errors import NotConnectedError, UnknownOutcomeError
from flowhost.sdk import Message, Meta, Ok, Reject, Retry, Unknown

SOON = {"first_s": 0.001, "max_s": 0.01}


def straight(rig, node, kind="t.sink", **delivery):
    return rig.flow(node("src", "t.source"), node("end", kind, delivery=delivery), wires="src -> end")


def keyed(*texts: str) -> list[Message]:
    """`a1`: the first message of key a."""
    return [Message(text, Meta(key=text[0])) for text in texts]


def nacking(control, blocked, outcome=None):
    """A target that takes no message of a blocked key, and none behind one it did not take."""

    async def write(messages):
        outcomes, stopped = [], set()
        for message in messages:
            key = message.meta.key
            if key in blocked or key in stopped:
                stopped.add(key)
                outcomes.append(outcome or Retry(None, f"{key} is locked"))
            else:
                control.written.append(message)
                outcomes.append(Ok())
        return outcomes

    return write


def slowly(control, first, *rest):
    """A source that sends the first batch, and the others when the test says so."""
    control.go_on = asyncio.Event()

    async def run(emit):
        await emit(first, 0)
        await control.go_on.wait()
        for position, batch in enumerate(rest, 1):
            await emit(batch, position)

    return run


def payloads(control) -> list[str]:
    return [message.payload for message in control.written]


async def test_only_the_blocked_key_waits_and_leaves_in_order(rig, control, node, open_box, eventually) -> None:
    blocked = {"a"}
    control.write, control.stay_open = nacking(control, blocked), True
    control.batches = [keyed("a1", "b1", "a2"), keyed("b2", "a3", "c1"), keyed("b3")]
    box = await open_box()
    runner = await rig.runner(straight(rig, node, retry=SOON), outbox=box)
    await runner.start()
    await eventually(lambda: payloads(control) == ["b1", "b2", "c1", "b3"])
    await eventually(lambda: runner.snapshot().edges[0].parked == 3)
    await eventually(lambda: runner.snapshot().edges[0].out == 4)
    snapshot = runner.snapshot()
    edge, end = snapshot.edges[0], snapshot.nodes["end"]
    (waiting,) = edge.parked_keys
    assert (waiting.key, waiting.messages, waiting.kind, waiting.reason) == ("a", 3, "later", "a is locked")
    assert waiting.tries >= 1
    assert (edge.in_, edge.out, edge.pending, end.pending, end.state) == (7, 4, 3, 3, "running")
    assert "messages of key 'a' wait (3 in all): a is locked" in end.text
    assert edge.pending_bytes > 0
    assert edge.oldest_s > 0
    assert snapshot.balanced()
    await eventually(lambda: runner.snapshot().edges[0].parked_keys[0].tries > 3)
    blocked.clear()
    await eventually(lambda: runner.snapshot().edges[0].pending == 0)
    assert payloads(control)[4:] == ["a1", "a2", "a3"]
    assert await box.query("SELECT * FROM parked") == []
    assert await box.query("SELECT position, appended FROM edge") == [(7, 7)]
    await runner.stop(5)
    snapshot = runner.snapshot()
    assert snapshot.balanced()
    assert (snapshot.edges[0].out, snapshot.edges[0].pending_bytes, snapshot.nodes["end"].text) == (7, 0, "")


async def test_what_is_parked_is_kept_over_a_restart(rig, control, node, open_box, eventually) -> None:
    control.write, control.stay_open = nacking(control, {"a"}), True
    control.batches = [keyed("a1", "b1", "a2")]
    box = await open_box()
    runner = await rig.runner(straight(rig, node, retry=SOON), outbox=box)
    await runner.start()
    await eventually(lambda: runner.snapshot().edges[0].parked == 2)
    await eventually(lambda: runner.snapshot().edges[0].out == 1)
    await runner.stop(0.05)
    await box.close()
    control.write, control.stay_open, control.batches = None, False, [keyed("a3", "b2")]
    snapshot = await rig.run(straight(rig, node), outbox=await open_box())
    assert [p for p in payloads(control) if p[0] == "a"] == ["a1", "a2", "a3"]
    edge = snapshot.edges[0]
    assert (edge.in_, edge.out, edge.pending, snapshot.nodes["end"].in_) == (5, 5, 0, 4)


@pytest.mark.expects_error_log
async def test_a_dead_letter_does_not_block_its_key(rig, control, node, open_box) -> None:
    async def write(messages):
        return [Reject("no such order") if m.payload == "a1" else Ok() for m in messages]

    control.write, control.batches = write, [keyed("a1", "a2", "b1")]
    snapshot = await rig.run(straight(rig, node), outbox=await open_box())
    assert (snapshot.nodes["end"].out, snapshot.nodes["end"].dead, snapshot.edges[0].parked) == (2, 1, 0)


@pytest.mark.expects_error_log
async def test_a_message_the_node_fails_on_holds_back_its_key_only_until_it_is_given_up(
    rig, control, node, open_box
) -> None:
    tries = []

    async def write(messages):
        if any(m.payload == "a2" for m in messages):
            tries.append(len(messages))
            raise ZeroDivisionError
        control.written.extend(messages)

    control.write, control.batches = write, [keyed("a1", "a2", "b1", "a3"), keyed("b2")]
    box = await open_box()
    snapshot = await rig.run(straight(rig, node), outbox=box)
    assert tries.count(1) == 5
    assert [p for p in payloads(control) if p[0] == "a"] == ["a1", "a3"]
    assert payloads(control).index("b2") < payloads(control).index("a3"), "b went on meanwhile"
    assert (snapshot.nodes["end"].dead, snapshot.edges[0].dead) == (1, 1)
    ((kind, attempts),) = await box.query("SELECT kind, attempts FROM dead")
    assert (kind, attempts) == ("node-fault", 5)
    assert await box.query("SELECT dead FROM edge") == [(1,)]


@pytest.mark.expects_error_log
async def test_a_parked_message_is_given_up_after_so_many_tries(rig, control, node, open_box) -> None:
    control.write, control.batches = nacking(control, {"a"}), [keyed("a1", "b1")]
    box = await open_box()
    snapshot = await rig.run(straight(rig, node, retry={**SOON, "max_tries": 4}), outbox=box)
    assert (snapshot.nodes["end"].out, snapshot.nodes["end"].dead) == (1, 1)
    assert await box.query("SELECT kind, attempts FROM dead") == [("gave-up", 4)]


async def test_strict_order_holds_everything_back(rig, control, node, open_box, eventually) -> None:
    blocked = {"a"}
    control.write, control.run = nacking(control, blocked), slowly(control, keyed("a1"), keyed("b1", "a2"), keyed("b2"))
    runner = await rig.runner(straight(rig, node, order="strict", retry=SOON), outbox=await open_box())
    await runner.start()
    await eventually(lambda: runner.snapshot().nodes["end"].errors > 3)
    control.go_on.set()
    await eventually(lambda: runner.snapshot().nodes["end"].pending == 4)
    await eventually(lambda: runner.snapshot().nodes["end"].errors > 6)
    assert (payloads(control), runner.snapshot().edges[0].parked) == ([], 0)
    assert "a is locked" in runner.snapshot().nodes["end"].text
    blocked.clear()
    await eventually(lambda: len(control.written) == 4)
    await runner.stop(5)
    assert payloads(control) == ["a1", "b1", "a2", "b2"]


async def test_without_order_only_the_message_itself_waits(rig, control, node, open_box, eventually) -> None:
    refused = {"a1"}

    async def write(messages):
        taken = [m.payload not in refused for m in messages]
        control.written += [m for m, one in zip(messages, taken, strict=True) if one]
        return [Ok() if one else Retry(None, "later") for one in taken]

    control.write, control.stay_open = write, True
    control.batches = [keyed("a1", "a2", "b1"), keyed("a3")]
    runner = await rig.runner(straight(rig, node, order="none", retry=SOON), outbox=await open_box())
    await runner.start()
    await eventually(lambda: payloads(control) == ["a2", "b1", "a3"])
    await eventually(lambda: runner.snapshot().edges[0].parked == 1)
    refused.clear()
    await eventually(lambda: payloads(control)[3:] == ["a1"])
    await runner.stop(5)
    assert runner.snapshot().balanced()


async def test_with_outbox_false_the_branch_blocks(rig, control, node, eventually) -> None:
    blocked = {"a"}
    control.write, control.run = nacking(control, blocked), slowly(control, keyed("a1", "b1"), keyed("b2"))
    runner = await rig.runner(straight(rig, node, outbox=False, retry=SOON))
    await runner.start()
    await eventually(lambda: runner.snapshot().nodes["end"].errors > 3)
    control.go_on.set()
    await eventually(lambda: runner.snapshot().nodes["end"].pending == 2)
    await eventually(lambda: runner.snapshot().nodes["end"].errors > 6)
    assert payloads(control) == ["b1"]
    blocked.clear()
    await eventually(lambda: len(control.written) == 3)
    await runner.stop(5)


async def test_another_order_after_a_restart_delivers_what_was_parked_first(
    rig, control, node, open_box, eventually
) -> None:
    control.write, control.stay_open = nacking(control, {"a", "c"}), True
    control.batches = [keyed("a1", "b1", "a2", "c1")]
    box = await open_box()
    runner = await rig.runner(straight(rig, node, retry=SOON), outbox=box)
    await runner.start()
    await eventually(lambda: runner.snapshot().edges[0].parked == 3)
    await eventually(lambda: runner.snapshot().edges[0].out == 1)
    await runner.stop(0.05)
    await box.close()
    control.write, control.stay_open, control.batches = None, False, [keyed("b2")]
    await rig.run(straight(rig, node, order="strict"), outbox=await open_box())
    assert payloads(control)[0] == "b1"
    assert sorted(payloads(control)[1:4]) == ["a1", "a2", "c1"]
    assert payloads(control)[4] == "b2"


async def test_many_keys_put_off_at_once_are_the_targets_fault_and_stay_in_their_queue(
    rig, control, node, open_box, eventually
) -> None:
    keys = [chr(ord("a") + n) for n in range(20)]
    blocked = set(keys)
    control.write, control.stay_open = nacking(control, blocked), True
    control.batches = [keyed(*(f"{key}{n}" for key in keys)) for n in range(3)]
    runner = await rig.runner(straight(rig, node, retry={"first_s": 0.05, "max_s": 0.05}), outbox=await open_box())
    await runner.start()
    await eventually(lambda: runner.snapshot().nodes["end"].state == "retrying")
    await eventually(lambda: runner.snapshot().nodes["end"].errors > 3)
    assert runner.snapshot().edges[0].parked < 20
    blocked.clear()
    await eventually(lambda: runner.snapshot().edges[0].pending == 0)
    await runner.stop(5)
    for key in keys:
        assert [p for p in payloads(control) if p[0] == key] == [f"{key}{n}" for n in range(3)]


async def test_keys_that_stay_blocked_do_not_stop_the_others_for_ever(rig, control, node, open_box, eventually) -> None:
    """Even if a whole batch holds nothing but blocked keys, so that it looks as if the target were down."""
    control.write, control.stay_open = nacking(control, set("abcdef")), True
    control.batches = [keyed("a1", "b1", "c1", "d1", "e1", "f1"), keyed("x1", "y1")]
    runner = await rig.runner(straight(rig, node, retry=SOON), outbox=await open_box())
    await runner.start()
    await eventually(lambda: payloads(control) == ["x1", "y1"])
    await runner.stop(0.05)


async def test_a_lost_link_parks_nothing(rig, control, node, open_box, eventually) -> None:
    tries = 0

    async def write(messages):
        nonlocal tries
        tries += 1
        if tries < 4:
            raise NotConnectedError("gone", after_s=0.001)
        control.written.extend(messages)

    control.write, control.batches = write, [keyed("a1", "b1"), keyed("a2")]
    snapshot = await rig.run(straight(rig, node), outbox=await open_box())
    assert (payloads(control), snapshot.edges[0].parked) == (["a1", "b1", "a2"], 0)


async def test_messages_can_be_parked_until_somebody_releases_them(rig, control, node, open_box, eventually) -> None:
    """What a node does that cannot place a code: `put`, later `release`."""
    box = await open_box()
    control.stay_open = True
    runner = await rig.runner(straight(rig, node), outbox=box)
    await runner.start()
    station = runner._parts.queued["end"]
    lot = station.edge.lot
    original = station.waiting.bring

    async def bring(batch, shelf=None):
        if shelf is not None and shelf.newcomers and batch.messages[0].payload == "a1":
            assert lot.put(batch.portions[0], batch.messages[0], "unmapped", "no such code: a1")
            return 0
        return await original(batch, shelf)

    station.waiting.bring = bring
    source = runner._parts.sources[0]
    await source.emit(keyed("a1"), 0)
    await eventually(lambda: runner.snapshot().edges[0].parked == 1)
    await source.emit(keyed("a2", "b1"), 1)
    await eventually(lambda: runner.snapshot().edges[0].out == 1)
    await eventually(lambda: runner.snapshot().edges[0].parked == 2)
    (waiting,) = runner.snapshot().edges[0].parked_keys
    assert (waiting.key, waiting.kind, waiting.next_try_s, waiting.messages) == ("a", "unmapped", None, 2)
    assert lot.release(kind="other") == 0
    assert lot.release(kind="unmapped") == 2
    await eventually(lambda: runner.snapshot().edges[0].pending == 0)
    assert payloads(control) == ["b1", "a1", "a2"]
    await runner.stop(5)


@pytest.mark.expects_error_log
async def test_a_parked_row_that_cannot_be_read_is_set_aside_and_its_key_goes_on(
    rig, control, node, open_box, eventually, tmp_path
) -> None:
    control.write, control.stay_open = nacking(control, {"a"}), True
    control.batches = [keyed("a1", "a2", "b1")]
    box = await open_box()
    runner = await rig.runner(straight(rig, node, retry=SOON), outbox=box)
    await runner.start()
    await eventually(lambda: runner.snapshot().edges[0].parked == 2)
    await eventually(lambda: runner.snapshot().edges[0].out == 1)
    await runner.stop(0.05)
    await box.close()
    other = apsw.Connection(str(tmp_path / "outbox.db"))
    other.execute("UPDATE parked SET message = x'00112233445566' WHERE id = 1")
    other.close()
    control.write, control.stay_open, control.batches = None, False, []
    box = await open_box()
    snapshot = await rig.run(straight(rig, node), outbox=box)
    assert payloads(control) == ["b1", "a2"]
    assert await box.query("SELECT origin, row FROM damaged") == [("parked", 1)]
    edge = snapshot.edges[0]
    assert (edge.dead, edge.dropped, edge.out, edge.pending) == (0, 1, 2, 0)


async def test_what_may_have_been_sent_before_a_restart_is_asked_about_first(
    rig, control, node, open_box, eventually
) -> None:
    held = asyncio.Event()

    async def hang(messages):
        held.set()
        await asyncio.Event().wait()

    control.write, control.batches, control.stay_open = hang, [keyed("a1", "b1", "c1")], True
    box = await open_box()
    runner = await rig.runner(straight(rig, node, "t.asked"), outbox=box)
    await runner.start()
    await held.wait()
    await runner.stop(0.01)
    await box.close()

    async def query(messages):
        return [Ok() if m.payload == "b1" else Retry() for m in messages]

    control.write, control.query, control.batches, control.stay_open = None, query, [keyed("a2")], False
    snapshot = await rig.run(straight(rig, node, "t.asked"), outbox=await open_box())
    assert payloads(control) == ["a1", "c1", "a2"], "b1 had arrived"
    assert snapshot.nodes["end"].out == 4


async def test_an_outcome_the_target_cannot_tell_yet_is_asked_for_later(rig, control, node, open_box) -> None:
    asked = []

    async def write(messages):
        if any(m.payload == "a1" for m in messages):
            raise UnknownOutcomeError("no answer")
        control.written.extend(messages)

    async def query(messages):
        asked.append([m.payload for m in messages])
        if len(asked) < 4:
            return [Unknown() if m.payload == "a1" else Retry() for m in messages]
        return [Ok() for m in messages]

    control.write, control.query, control.batches = write, query, [keyed("a1"), keyed("b1"), keyed("a2")]
    snapshot = await rig.run(straight(rig, node, "t.asked", retry=SOON), outbox=await open_box())
    assert snapshot.nodes["end"].out == 3
    assert payloads(control)[-1] == "a2"


async def test_order_holds_under_random_nacks_in_eight_lanes(rig, control, node, open_box) -> None:
    """R21: 20 % of the tries are refused, eight lanes at once, 40 keys."""
    seed = random.randrange(10**6)
    print(f"seed {seed}")
    chance = random.Random(seed)
    running = most = 0

    async def lane(messages, outcomes):
        nonlocal running, most
        running += 1
        most = max(most, running)
        stopped = set()
        for place, message in messages:
            await asyncio.sleep(0)
            key = message.meta.key
            if key in stopped or chance.random() < 0.2:
                stopped.add(key)
                outcomes[place] = Retry(None, "nack")
            else:
                control.written.append(message)
                outcomes[place] = Ok()
        running -= 1

    async def write(messages):
        if chance.random() < 0.02:
            raise NotConnectedError("cut", after_s=0.001)
        lanes = defaultdict(list)
        for place, message in enumerate(messages):
            lanes[int(message.meta.key) % 8].append((place, message))
        outcomes = [None] * len(messages)
        await asyncio.gather(*(lane(of, outcomes) for of in lanes.values()))
        return outcomes

    numbers = defaultdict(int)

    def message() -> Message:
        key = str(chance.randrange(40))
        numbers[key] += 1
        return Message(numbers[key], Meta(key=key))

    control.write = write
    control.batches = [[message() for _ in range(chance.randint(1, 60))] for _ in range(100)]
    snapshot = await rig.run(straight(rig, node, retry=SOON), outbox=await open_box())
    assert most == 8
    seen = defaultdict(list)
    for one in control.written:
        seen[one.meta.key].append(one.payload)
    assert {key: list(range(1, number + 1)) for key, number in numbers.items()} == dict(seen), f"seed {seed}"
    assert snapshot.nodes["end"].out == sum(numbers.values())
    assert snapshot.nodes["end"].errors > 100, "there were nacks"


async def test_restarts_in_the_middle_of_nacks_lose_and_reorder_nothing(rig, control, node, open_box) -> None:
    """Firm stops at random moments; what is sent again keeps its key's order."""
    seed = random.randrange(10**6)
    print(f"seed {seed}")
    chance = random.Random(seed)

    async def write(messages):
        await asyncio.sleep(0)
        outcomes, stopped = [], set()
        for message in messages:
            key = message.meta.key
            if key in stopped or chance.random() < 0.3:
                stopped.add(key)
                outcomes.append(Retry(None, "nack"))
            else:
                control.written.append(message)
                outcomes.append(Ok())
        return outcomes

    control.write = write
    number = 0
    for _ in range(12):
        control.batches = []
        for _ in range(20):
            number += 1
            control.batches.append([Message(number, Meta(key=key)) for key in "abcde"])
        box = await open_box()
        control.positions.clear()
        runner = await rig.runner(straight(rig, node, retry=SOON), outbox=box)
        await runner.start()
        async with asyncio.timeout(20):
            while len(control.positions) < 20:
                await asyncio.sleep(0)
        await asyncio.sleep(chance.uniform(0, 0.03))
        await runner.stop(0)
        assert runner.snapshot().balanced(), f"seed {seed}"
        await box.close()
    control.batches = []
    await rig.run(straight(rig, node, retry=SOON), outbox=await open_box())
    for key in "abcde":
        got = [m.payload for m in control.written if m.meta.key == key]
        firsts = list(dict.fromkeys(got))
        assert firsts == list(range(1, number + 1)), f"seed {seed}: key {key}"
