"""Dead letters: kept with their cause, repaired, sent in again where they failed, followed until delivered."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from flowhost.engine.outbox.changes import Bury
from flowhost.engine.outbox.codec import decode_message, encode_message
from flowhost.engine.outbox.letter import REPLAY, Letter
from flowhost.engine.outbox.letter_changes import CountBranches, SetState
from flowhost.engine.outbox.letter_desk import ColdReplay, LetterDesk
from flowhost.engine.outbox.letter_requests import (
    DiscardLetters,
    EditLetter,
    ForgetLetters,
    ImportLetters,
    RetryLetters,
)
from flowhost.engine.outbox.letters import LetterFilter, letters_in
from flowhost.engine.outbox.outbox import Outbox
from flowhost.errors import ConflictError, NotConnectedError, NotFoundError
from flowhost.sdk import Message, Meta, Ok, Reject, Rejected, Retry

pytestmark = pytest.mark.expects_error_log


def letters(box: Outbox, *states: str) -> list[Letter]:
    with letters_in(box.path) as reader:
        found = reader.newest(LetterFilter(states=states), None, 1000)
    return sorted(found, key=lambda letter: letter.number)


def payloads(found: Sequence[Letter]) -> list[object]:
    return [decode_message(letter.current).payload for letter in found]


def refuse(*bad):
    async def write(messages):
        return [Reject(f"no column for {m.payload}") if m.payload in bad else Ok() for m in messages]

    return write


def straight(rig, node):
    return rig.flow(node("src", "t.source"), node("end", "t.sink"), wires="src -> end")


async def running(rig, flow, box, **options):
    runner = await rig.runner(flow, outbox=box, **options)
    await runner.start()
    return runner


async def test_retried_letter_is_delivered_once_with_its_id_and_closed(
    rig, control, node, open_box, eventually
) -> None:
    control.batches, control.stay_open = [[Message(n, Meta("t", id=f"id-{n}")) for n in (1, 2, 3)]], True
    control.write = refuse(2)
    box = await open_box()
    runner = await running(rig, straight(rig, node), box, revision=4)
    await eventually(lambda: len(letters(box)) == 1)
    (letter,) = letters(box)
    assert (letter.flow, letter.node, letter.revision, letter.kind) == ("f", "end", 4, "Reject")
    assert (letter.reason, letter.topic, letter.ident, letter.attempts) == ("no column for 2", "t", "id-2", 1)
    control.write = None
    answer = await runner.change_letters(RetryLetters(letters=[letter.number, 77], by="ann"))
    assert (answer.done, answer.skipped) == ([letter.number], [(77, "there is no such letter")])
    await eventually(lambda: letters(box)[0].state == "delivered")
    (message,) = control.written
    assert (message.payload, message.meta.id) == (2, "id-2")
    again = await runner.change_letters(RetryLetters(letters=[letter.number], by="ann"))
    assert again.skipped == [(letter.number, "it has been delivered")]
    await runner.stop(5)
    snapshot = runner.snapshot()
    assert snapshot.balanced()
    assert (snapshot.dead_letters, snapshot.retried) == (0, 0)


async def test_letter_that_fails_again_stays_the_same_letter(rig, control, node, open_box, eventually) -> None:
    control.batches, control.stay_open = [[7]], True
    control.write = refuse(7)
    box = await open_box()
    runner = await running(rig, straight(rig, node), box)
    for attempts in (1, 2, 3):
        await eventually(lambda wanted=attempts: bool(letters(box)) and letters(box)[0].attempts == wanted)
        (letter,) = letters(box)
        assert (letter.state, len(letter.causes)) == ("dead", attempts - 1)
        await runner.change_letters(RetryLetters(letters=[letter.number], by="ann"))
    await eventually(lambda: letters(box)[0].attempts == 4)
    assert [cause.attempts for cause in letters(box)[0].causes] == [1, 2, 3]
    await eventually(lambda: runner.snapshot().dead_letters == 1)
    await runner.stop(5)
    assert runner.snapshot().balanced()
    assert runner.snapshot().nodes["end"].dead == 4


async def test_attempts_are_counted_as_they_were_made(rig, control, node, open_box, eventually) -> None:
    tries = iter(range(100))

    async def write(messages):
        if next(tries) < 3:
            raise NotConnectedError("away", after_s=0.01)
        return [Reject("no such column")]

    control.batches, control.write = [[1]], write
    box = await open_box()
    await rig.run(straight(rig, node), outbox=box)
    (letter,) = letters(box)
    assert (letter.attempts, letter.kind) == (4, "Reject")


async def test_letter_is_on_its_way_until_the_target_confirmed_it(rig, control, node, open_box, eventually) -> None:
    """The queue before the sink has it at once, but that is not yet delivered; also over a restart."""
    control.batches, control.stay_open = [[1]], True
    control.write = refuse(1)
    box = await open_box()
    runner = await running(rig, straight(rig, node), box)
    await eventually(lambda: len(letters(box)) == 1)

    async def away(messages):
        raise NotConnectedError("target is gone", after_s=0.02)

    control.write = away
    await runner.change_letters(RetryLetters(letters=[1], by="ann"))
    await eventually(lambda: runner.snapshot().edges[1].pending == 0 and runner.snapshot().edges[0].pending == 1)
    assert letters(box)[0].state == "retried"
    await eventually(lambda: runner.snapshot().retried == 1)
    await runner.stop(0.05)
    assert letters(box)[0].state == "retried"
    await box.close()

    control.batches, control.stay_open, control.write = [], False, None
    box = await open_box()
    await rig.run(straight(rig, node), outbox=box)
    assert [m.payload for m in control.written] == [1]
    assert letters(box)[0].state == "delivered"


async def test_retry_of_a_flow_that_stands_still_waits_for_its_next_run(rig, control, node, open_box) -> None:
    control.batches, control.write = [[n] for n in range(50)], refuse(*range(50))
    box = await open_box()
    await rig.run(straight(rig, node), outbox=box)
    desk = LetterDesk(box, ColdReplay(box, ["src", "end"]))
    answer = await desk.handle(RetryLetters(letters=range(1, 51), by="ann"))
    assert len(answer.done) == 50
    assert {letter.state for letter in letters(box)} == {"retried"}
    control.batches, control.write = [], None
    snapshot = await rig.run(straight(rig, node), outbox=box)
    assert [m.payload for m in control.written] == list(range(50)), "in the order they failed"
    assert {letter.state for letter in letters(box)} == {"delivered"}
    assert snapshot.edges[1].node == f"{REPLAY}end"


@pytest.mark.parametrize("cold", [True, False])
async def test_node_in_the_middle_of_a_compiled_chain_is_entered_in_its_middle(
    rig, control, node, open_box, eventually, cold
) -> None:
    flow = rig.flow(
        node("src", "t.source"),
        node("all", "filter", where="true"),
        node("double", "map", set={"v": "payload.v * 2"}),
        node("more", "map", set={"v": "payload.v + 1"}),
        node("end", "t.sink"),
        wires="src -> all, all -> double, double -> more, more -> end",
    )
    control.batches, control.stay_open = [[{"v": 1}, {"w": 2}, {"v": 3}]], True
    box = await open_box()
    runner = await running(rig, flow, box)
    await eventually(lambda: len(letters(box)) == 1)
    (letter,) = letters(box)
    assert letter.node == "double"
    message = decode_message(letter.message).with_payload({"v": 2})
    edit = EditLetter(letter=1, revision=0, message=encode_message(message), by="ann")
    retry = RetryLetters(letters=[1], by="ann")
    if cold:
        await runner.stop(5)
        assert runner.snapshot().dead_letters == 1
        desk = LetterDesk(box, ColdReplay(box, list(flow.nodes)))
        await desk.handle(edit)
        await desk.handle(retry)
        control.batches, control.stay_open = [], False
        snapshot = await rig.run(flow, outbox=box)
        assert snapshot.nodes["all"].in_ == 0
    else:
        await runner.change_letters(edit)
        await runner.change_letters(retry)
        await eventually(lambda: letters(box)[0].state == "delivered")
        await runner.stop(5)
        snapshot = runner.snapshot()
        assert snapshot.balanced()
        assert (snapshot.nodes["all"].in_, snapshot.nodes["double"].in_, snapshot.nodes["more"].in_) == (3, 4, 3)
    assert [m.payload for m in control.written] == [{"v": 3}, {"v": 7}, {"v": 5}]
    (letter,) = letters(box)
    assert decode_message(letter.message).payload == {"w": 2}, "the original is kept"
    assert [edit.by for edit in letter.edits] == ["ann"]


async def test_branches_that_fail_further_on_are_letters_of_their_own(rig, control, node, open_box, eventually) -> None:
    flow = rig.flow(
        node("src", "t.source"),
        node("check", "t.one"),
        node("a", "t.sink"),
        node("b", "t.sink"),
        wires="src -> check, check -> a, check -> b",
    )
    control.batches, control.stay_open = [["bad"]], True
    box = await open_box()
    runner = await running(rig, flow, box)
    await eventually(lambda: len(letters(box)) == 1)
    mended = encode_message(decode_message(letters(box)[0].message).with_payload("odd"))
    await runner.change_letters(EditLetter(letter=1, revision=0, message=mended, by="ann"))
    control.write = refuse("odd")
    await runner.change_letters(RetryLetters(letters=[1], by="ann"))
    await eventually(lambda: len(letters(box)) == 3)
    await eventually(lambda: letters(box)[0].state == "delivered")
    branches = letters(box, "dead")
    assert {letter.node for letter in branches} == {"a", "b"}
    for letter in branches:
        assert [(cause.node, cause.reason) for cause in letter.causes] == [("check", "this one is bad")]
    control.write = None
    await runner.change_letters(RetryLetters(letters=[2, 3], by="ann"))
    await eventually(lambda: not letters(box, "dead", "retried"))
    assert [m.payload for m in control.written] == ["odd", "odd"]
    await runner.stop(5)
    assert runner.snapshot().balanced()


async def test_letter_is_not_delivered_while_its_message_is_parked(rig, control, node, open_box, eventually) -> None:
    """Set aside because its key has to wait: out of the queue, but not at its target."""
    control.batches, control.stay_open, control.write = [[Message(1, Meta("t", key="k"))]], True, refuse(1)
    box = await open_box()
    runner = await running(rig, straight(rig, node), box)
    await eventually(lambda: len(letters(box)) == 1)
    away = True

    async def later(messages):
        if away:
            return [Retry(0.05, "the machine is being cleaned") for _ in messages]
        control.written.extend(messages)
        return None

    control.write = later
    await runner.change_letters(RetryLetters(letters=[1], by="ann"))
    await eventually(lambda: runner.snapshot().edges[0].parked == 1)
    assert letters(box)[0].state == "retried"
    away = False
    await eventually(lambda: letters(box)[0].state == "delivered")
    assert [m.payload for m in control.written] == [1]
    await runner.stop(5)


async def test_what_a_node_remembered_is_no_message_before_it_is_made_one(open_box) -> None:
    box = await open_box()
    await box.change(Bury("f", "sum", 1, 1, "orphaned-state", "gone", 0, encode_message(Message({"state": 1}))))
    desk = LetterDesk(box, ColdReplay(box, ["sum"]))
    answer = await desk.handle(RetryLetters(letters=[1], by="ann"))
    assert "not a message" in answer.skipped[0][1]
    await desk.handle(EditLetter(letter=1, revision=0, message=encode_message(Message(5)), by="ann"))
    assert (await desk.handle(RetryLetters(letters=[1], by="ann"))).done == [1]


async def test_letters_of_a_node_that_is_gone_are_open_again(rig, control, node, open_box) -> None:
    control.batches, control.write = [[1], [2]], refuse(1, 2)
    box = await open_box()
    await rig.run(straight(rig, node), outbox=box)
    desk = LetterDesk(box, ColdReplay(box, None))
    assert (await desk.handle(RetryLetters(letters=[1, 2], by="ann"))).done == [1, 2]
    control.batches, control.write = [], None
    other = rig.flow(node("src", "t.source"), node("new", "t.sink"), wires="src -> new")
    snapshot = await rig.run(other, outbox=box, revision=9)
    assert snapshot.dead_letters == 2
    for letter in letters(box):
        assert (letter.state, letter.kind, letter.revision) == ("dead", "orphaned", 9)
        assert "'end' is no longer in the flow" in letter.reason
        assert [cause.kind for cause in letter.causes] == ["Reject"]
    refused = await LetterDesk(box, ColdReplay(box, ["src", "new"])).handle(RetryLetters(letters=[1], by="ann"))
    assert "no longer in flow f" in refused.skipped[0][1]
    assert control.written == []
    control.write = None
    await desk.handle(RetryLetters(letters=[1, 2], by="ann"))
    await rig.run(straight(rig, node), outbox=box)
    assert [m.payload for m in control.written] == [1, 2]


async def test_what_a_source_could_not_read_leaves_by_its_output_once_edited(
    rig, control, node, open_box, eventually
) -> None:
    async def run(emit):
        await emit([], 0, rejected=[Rejected(Message(b"{x", Meta("t", id="id-1")), "is not JSON")])
        await asyncio.Event().wait()

    control.run = run
    box = await open_box()
    runner = await running(rig, straight(rig, node), box)
    await eventually(lambda: len(letters(box)) == 1)
    assert letters(box)[0].kind == "Undecodable"
    answer = await runner.change_letters(RetryLetters(letters=[1], by="ann"))
    assert "edit it" in answer.skipped[0][1]
    mended = encode_message(decode_message(letters(box)[0].message).with_payload({"x": 1}))
    await runner.change_letters(EditLetter(letter=1, revision=0, message=mended, by="ann"))
    await runner.change_letters(RetryLetters(letters=[1], by="ann"))
    await eventually(lambda: letters(box)[0].state == "delivered")
    assert [(m.payload, m.meta.id) for m in control.written] == [({"x": 1}, "id-1")]
    await runner.stop(5)
    assert runner.snapshot().balanced()


async def test_what_a_source_only_reports_can_be_discarded_and_never_sent_on(
    rig, control, node, open_box, eventually
) -> None:
    async def run(emit):
        await emit([], 0, rejected=[Rejected(Message({"file": "a.csv"}), "a.csv is broken", is_report=True)])
        await asyncio.Event().wait()

    control.run = run
    box = await open_box()
    runner = await running(rig, straight(rig, node), box)
    await eventually(lambda: len(letters(box)) == 1)
    assert letters(box)[0].kind == "Report"
    mended = encode_message(decode_message(letters(box)[0].message).with_payload({"x": 1}))
    with pytest.raises(ConflictError, match="no message of the flow"):
        await runner.change_letters(EditLetter(letter=1, revision=0, message=mended, by="ann"))
    answer = await runner.change_letters(RetryLetters(letters=[1], by="ann"))
    assert "then discard it" in answer.skipped[0][1]
    await runner.change_letters(DiscardLetters(letters=[1], reason="mended the file", by="ann"))
    assert letters(box)[0].state == "discarded"
    await runner.stop(5)
    assert control.written == []


async def test_message_of_a_retried_letter_whose_node_is_removed_becomes_a_letter_again(
    rig, control, node, open_box, eventually
) -> None:
    """It had come from the retry's queue into the one before the sink; then the sink goes."""
    control.batches, control.write = [[1]], refuse(1)
    box = await open_box()
    await rig.run(straight(rig, node), outbox=box)

    async def away(messages):
        raise NotConnectedError("gone", after_s=0.02)

    control.batches, control.write, control.stay_open = [], away, True
    runner = await running(rig, straight(rig, node), box)
    await runner.change_letters(RetryLetters(letters=[1], by="ann"))
    await eventually(lambda: runner.snapshot().edges[0].pending == 1)
    await runner.stop(0.05)
    control.stay_open = False
    other = rig.flow(node("src", "t.source"), node("new", "t.sink"), wires="src -> new")
    await rig.run(other, outbox=box)
    (letter,) = letters(box)
    assert (letter.state, letter.kind, [cause.kind for cause in letter.causes]) == ("dead", "orphaned", ["Reject"])


async def test_retried_letter_that_vanished_from_the_queues_is_open_again(rig, control, node, open_box) -> None:
    control.batches, control.write = [[1]], refuse(1)
    box = await open_box()
    await rig.run(straight(rig, node), outbox=box)
    await LetterDesk(box, ColdReplay(box, None)).handle(RetryLetters(letters=[1], by="ann"))
    edge = await box.edge("f", f"{REPLAY}end")
    await box.close()
    import apsw

    other = apsw.Connection(str(box.path))
    other.execute(f"DELETE FROM m_{edge.number}")
    other.execute("UPDATE edge SET position = appended WHERE id = ?", (edge.number,))
    other.close()
    control.batches, control.write = [], None
    box = await open_box()
    await rig.run(straight(rig, node), outbox=box)
    (letter,) = letters(box)
    assert (letter.state, letter.kind) == ("dead", "LostFromSight")


async def test_edits_keep_the_original_and_refuse_what_is_stale(rig, control, node, open_box) -> None:
    control.batches, control.write = [[1]], refuse(1)
    box = await open_box()
    await rig.run(straight(rig, node), outbox=box)
    desk = LetterDesk(box, ColdReplay(box, None))
    first, second = encode_message(Message(2)), encode_message(Message(3))
    await desk.handle(EditLetter(letter=1, revision=0, message=first, by="ann"))
    with pytest.raises(ConflictError, match="edited by ann meanwhile"):
        await desk.handle(EditLetter(letter=1, revision=0, message=second, by="bob"))
    await desk.handle(EditLetter(letter=1, revision=1, message=second, by="bob"))
    with pytest.raises(NotFoundError):
        await desk.handle(EditLetter(letter=5, revision=0, message=second, by="bob"))
    (letter,) = letters(box)
    assert decode_message(letter.message).payload == 1
    assert [(edit.revision, edit.by) for edit in letter.edits] == [(1, "ann"), (2, "bob")]
    assert payloads([letter]) == [3]
    await desk.handle(DiscardLetters(letters=[1], reason="order was cancelled", by="ann"))
    (letter,) = letters(box)
    assert (letter.state, letter.note, letter.changed_by) == ("discarded", "order was cancelled", "ann")
    with pytest.raises(ConflictError, match="was discarded"):
        await desk.handle(EditLetter(letter=1, revision=2, message=second, by="bob"))
    answer = await desk.handle(RetryLetters(letters=[1], by="ann"))
    assert answer.skipped == [(1, "it was discarded")]


async def test_only_letters_closed_long_ago_are_forgotten(open_box) -> None:
    box = await open_box()
    for n in range(8):
        await box.change(Bury("f", "end", 10 + n, 1, "Reject", "no", 1, encode_message(Message(n)), "t", "k", f"id{n}"))
    desk = LetterDesk(box, ColdReplay(box, None))
    await desk.handle(EditLetter(letter=1, revision=0, message=encode_message(Message(9)), by="ann"))
    await box.change(
        SetState([1, 2], "delivered", 100, "ann"),
        SetState([3, 8], "discarded", 100, "ann", "why"),
        SetState([4], "discarded", 200, "ann", "why"),
        SetState([5], "retried", 100, "ann"),
        SetState([6], "discarded", 100, "ann", "why"),
        CountBranches(6, 1),  # of an earlier retry one message still waits somewhere
    )
    assert (await desk.handle(ForgetLetters(until_ns=100, most=9))).done == []
    assert (await desk.handle(ForgetLetters(until_ns=150, most=2))).done == [1, 2]
    assert (await desk.handle(ForgetLetters(until_ns=150, most=9))).done == [3]
    assert (await desk.handle(ForgetLetters(until_ns=150, most=9))).done == []
    # 4 is younger, 5 on its way, 7 open; 8 is the newest: its number shall not be given again
    assert [letter.number for letter in letters(box)] == [4, 5, 6, 7, 8]
    with letters_in(box.path) as reader:
        assert reader._edits([1]) == {}
    await box.change(Bury("f", "end", 99, 1, "Reject", "no", 1, encode_message(Message(0)), "t", "k", "id"))
    assert letters(box)[-1].number == 9


async def test_import_takes_all_or_none_and_each_letter_once(open_box, tmp_path: Path) -> None:
    box = await open_box()
    for n in range(3):
        await box.change(Bury("f", "end", 10 + n, 1, "Reject", "no", 1, encode_message(Message(n)), "t", "k", f"id{n}"))
    found = letters(box)
    target = Outbox(tmp_path / "other.db", pytest.fail)
    await target.open()
    desk = LetterDesk(target, ColdReplay(target, None))
    answer = await desk.handle(ImportLetters(letters=found))
    assert len(answer.done) == 3
    assert [(le.uid, le.message, le.at_ns) for le in letters(target)] == [
        (le.uid, le.message, le.at_ns) for le in found
    ]
    answer = await desk.handle(ImportLetters(letters=found))
    assert (answer.done, len(answer.skipped), len(letters(target))) == ([], 3, 3)
    import msgspec

    other = msgspec.structs.replace(found[0], message=encode_message(Message("other")))
    new = msgspec.structs.replace(found[1], uid="new")
    with pytest.raises(ConflictError, match="another content"):
        await desk.handle(ImportLetters(letters=[new, other]))
    assert len(letters(target)) == 3
    await target.close()


async def test_two_who_retry_at_once_send_it_once(rig, control, node, open_box, eventually) -> None:
    control.batches, control.stay_open = [[n] for n in range(20)], True
    control.write = refuse(*range(20))
    box = await open_box()
    runner = await running(rig, straight(rig, node), box)
    await eventually(lambda: len(letters(box)) == 20)
    control.write = None
    requests = [RetryLetters(letters=range(1, 21), by=name) for name in ("ann", "bob", "cy")]
    answers = await asyncio.gather(*(runner.change_letters(request) for request in requests))
    assert sorted(len(answer.done) for answer in answers) == [0, 0, 20]
    await eventually(lambda: len(letters(box, "delivered")) == 20)
    assert sorted(m.payload for m in control.written) == list(range(20))
    await runner.stop(5)
