"""A changed flow and what its earlier revision left on disk: kept, delivered or a dead letter, never gone."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path

import apsw
import pytest

from flowhost.engine.outbox.changes import KeepOrigin, KeepStates
from flowhost.engine.outbox.codec import decode_message, encode
from flowhost.engine.outbox.outbox import Outbox
from flowhost.errors import NotConnectedError


@pytest.fixture
async def open_box(tmp_path: Path):
    boxes: list[Outbox] = []

    async def make() -> Outbox:
        for box in boxes:
            await box.close()
        box = Outbox(tmp_path / "outbox.db", pytest.fail)
        await box.open()
        boxes.append(box)
        return box

    yield make
    for box in boxes:
        await box.close()


@pytest.fixture
def flow(rig, node):
    """One source, a sink `end` behind it, and a second one where wanted."""

    def make(end: str = "t.sink", *, more: str = "", delivery=None, disabled=None):
        nodes = [node("src", "t.source"), node("end", end, disabled=disabled)]
        wires = "src -> end"
        if more:
            nodes.append(node("more", more))
            wires += ", src -> more"
        made = rig.flow(*nodes, wires=wires)
        return replace(made, nodes={**made.nodes, "end": replace(made.nodes["end"], delivery=delivery or {})})

    return make


@pytest.fixture
def leave(rig, control, open_box, eventually):
    """Run a flow whose target is away, so that these messages stay on disk."""

    async def leaving(flow, *payloads):
        async def refuse(_messages):
            raise NotConnectedError("target is gone", after_s=0.01)

        control.batches, control.write, control.stay_open = [[p] for p in payloads], refuse, True
        box = await open_box()
        runner = await rig.runner(flow, outbox=box, revision=1)
        await runner.start()
        await eventually(lambda: len(control.positions) == len(payloads))
        await runner.stop(0.05)
        await box.close()
        control.batches, control.write, control.stay_open, control.positions = [], None, False, []
        control.written.clear()

    return leaving


def told(rig, kind: str) -> list[str]:
    return [event.text for event in rig.events if event.kind == kind]


async def test_what_waits_before_a_node_that_stays_is_delivered_by_the_new_revision(
    rig, control, flow, leave, open_box
) -> None:
    await leave(flow(), 1, 2, 3)
    control.batches = [[4]]
    snapshot = await rig.run(flow(more="t.sink"), outbox=await open_box(), revision=2)
    assert [m.payload for m in control.written if m.payload < 4] == [1, 2, 3]
    assert snapshot.nodes["end"].in_ == 4
    assert snapshot.nodes["end"].out == 4
    assert snapshot.total("pending") == 0


async def test_what_waits_before_a_node_that_is_gone_becomes_dead_letters_in_order(
    rig, control, flow, leave, open_box, tmp_path
) -> None:
    await leave(flow(more="t.sink"), 1, 2, 3)
    with apsw.Connection(str(tmp_path / "outbox.db")) as file:
        [(edge,)] = file.execute("SELECT id FROM edge WHERE node = 'more'")
        parked = file.execute(f"SELECT b FROM m_{edge} WHERE id = 1").get
        file.execute(f"DELETE FROM m_{edge} WHERE id = 1")
        file.execute("UPDATE edge SET position = 1 WHERE id = ?", (edge,))
        file.execute("INSERT INTO parked VALUES (1, ?, 'k', 5, 7, 'Retry', 'order is locked', ?)", (edge, parked))
        file.execute(f"UPDATE m_{edge} SET b = CAST(b || x'00' AS BLOB) WHERE id = 3")
    box = await open_box()
    await rig.run(flow(), outbox=box, revision=2)
    letters = await box.query("SELECT node, revision, kind, reason, attempts, causes, topic, message FROM dead")
    assert [decode_message(letter[-1]).payload for letter in letters] == [1, 2]
    assert letters[0][:5] == ("more", 2, "orphaned", "revision 2 has no node more; this message waited there", 7)
    assert json.loads(letters[0][5]) == [{"kind": "Retry", "reason": "order is locked"}]
    assert letters[1][4:7] == (0, "[]", "t")
    assert await box.query("SELECT node, origin, row FROM damaged") == [("more", "edge", 3)]
    assert await box.query("SELECT position, appended, dead FROM edge WHERE node = 'more'") == [(3, 3, 3)]
    assert await box.query(f"SELECT * FROM m_{edge}") == await box.query("SELECT * FROM parked") == []
    assert told(rig, "dead") == [
        "revision 2 has no node more; 3 messages that waited there became dead letters (orphaned)"
    ]
    assert [m.payload for m in control.written] == [1, 2, 3], "the other queue went on"
    rig.events.clear()
    await rig.run(flow(), outbox=await open_box(), revision=2)
    assert told(rig, "dead") == [], "once"


async def test_a_node_that_became_a_transform_leaves_dead_letters(rig, control, flow, leave, open_box) -> None:
    await leave(flow(), 1, 2)
    box = await open_box()
    await rig.run(flow(end="t.kernel"), outbox=box, revision=2)
    assert await box.query("SELECT DISTINCT reason FROM dead") == [
        ("revision 2 made end a t.kernel, which has no queue; this message waited there",)
    ]
    assert await box.query("SELECT count(*) FROM dead") == [(2,)]


async def test_a_queue_switched_off_is_emptied_in_order_before_it_moves_to_memory(
    rig, control, flow, leave, open_box
) -> None:
    await leave(flow(), 1, 2)
    control.batches = [[3], [4]]
    snapshot = await rig.run(flow(delivery={"outbox": False}), outbox=await open_box())
    assert [m.payload for m in control.written] == [1, 2, 3, 4]
    assert snapshot.edges[0].durable
    assert "switched off" in told(rig, "info")[0]
    control.batches = [[5]]
    snapshot = await rig.run(flow(delivery={"outbox": False}), outbox=await open_box())
    assert [m.payload for m in control.written] == [1, 2, 3, 4, 5]
    assert not snapshot.edges[0].durable


async def test_a_target_that_became_a_log_takes_what_waited(rig, control, flow, leave, open_box) -> None:
    await leave(flow(), 1, 2)
    box = await open_box()
    snapshot = await rig.run(flow(end="discard"), outbox=box, revision=2)
    assert snapshot.nodes["end"].out == 2
    assert await box.query("SELECT count(*) FROM dead") == [(0,)]


async def test_what_waits_before_a_node_switched_off_stays_and_is_counted(rig, control, flow, leave, open_box) -> None:
    await leave(flow(), 1, 2)
    control.batches = [[3]]
    snapshot = await rig.run(flow(disabled="block"), outbox=await open_box())
    assert (snapshot.nodes["end"].pending, snapshot.nodes["end"].filtered) == (2, 1)
    assert "stays on disk" in snapshot.nodes["end"].text
    control.batches = []
    await rig.run(flow(), outbox=await open_box())
    assert [m.payload for m in control.written] == [1, 2]


async def test_what_a_node_remembers_goes_with_it_or_with_its_type(rig, control, flow, open_box) -> None:
    box = await open_box()
    await rig.run(flow(more="t.sink"), outbox=box)
    for name in ("src", "end", "more"):
        await box.change(KeepStates("f", name, [(":k", encode((0, 1)))]), KeepOrigin("f", name, encode(2)))
    box = await open_box()
    await rig.run(flow(end="discard"), outbox=box)
    assert await box.query("SELECT node FROM state") == [("src",)]
    assert await box.query("SELECT node FROM origin ORDER BY node") == [("more",), ("src",)]
    assert told(rig, "warning") == [
        "the node is gone; what it remembered of 1 key was given up",
        "the node is a discard now; what it remembered of 1 key was given up",
    ]


async def test_many_orphans_of_a_start_that_fails_are_still_there(
    rig, control, flow, leave, open_box, tmp_path
) -> None:
    """All or nothing: with the table of dead letters gone, the queue keeps what it has."""
    await leave(flow(more="t.sink"), *range(20))
    faults = []
    box = Outbox(tmp_path / "outbox.db", faults.append)
    await box.open()
    with apsw.Connection(str(tmp_path / "outbox.db")) as file:
        file.execute("ALTER TABLE dead RENAME TO away")
    runner = await rig.runner(flow(), outbox=box)
    with pytest.raises(Exception, match="cannot be written"):
        await runner.start()
    await asyncio.sleep(0)
    await box.close()
    with apsw.Connection(str(tmp_path / "outbox.db")) as file:
        assert file.execute("SELECT appended - position FROM edge WHERE node = 'more'").get == 20
        assert file.execute("SELECT count(*) FROM m_2").get == 20
