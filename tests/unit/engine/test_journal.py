"""The journal: wherever it is cut off, what is on disk fits together."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowhost.engine.journal import MOST_ROWS, Journal, Origin
from flowhost.engine.kept_positions import KeptPositions
from flowhost.engine.load import Line, Rides
from flowhost.engine.outbox.changes import Append, KeepOrigin
from flowhost.engine.outbox.codec import decode_message
from flowhost.engine.outbox.outbox import Outbox
from flowhost.engine.token import JointToken, Token
from flowhost.errors import NotConnectedError
from flowhost.sdk import Config, Emit, Message, NodeSpec, Source


class Disk:
    """Stands in for an outbox: keeps transactions, commits them when told to."""

    def __init__(self) -> None:
        self.transactions: list[list[Any]] = []
        self._waiting: list[tuple[list[Any], Callable[[list[int]], None]]] = []
        self._rows = 0

    def submit(self, changes: Sequence[Any], committed: Callable[[list[int]], None], failed: Any, lanes: Any) -> None:
        self._waiting.append((list(changes), committed))

    def commit(self) -> None:
        waiting, self._waiting = self._waiting, []
        for changes, committed in waiting:
            self.transactions.append(changes)
            starts = []
            for change in changes:
                if isinstance(change, Append):
                    starts.append(self._rows)
                    self._rows += len(change.rows)
            committed(starts)


class Place:
    """An origin that writes down what left it."""

    def __init__(self, journal: Journal, name: str) -> None:
        self.left: list[Any] = []
        self.origin: Origin = journal.origin(
            lambda tokens: [KeepOrigin("f", name, b"")], lambda tokens: self.left.extend(t.position for t in tokens)
        )


def change(name: object) -> Append:
    return Append(1, [str(name).encode()])


@pytest.fixture
def disk() -> Disk:
    return Disk()


@pytest.fixture
def journal(disk: Disk) -> Journal:
    return Journal(disk)  # type: ignore[arg-type]


def names(changes: Sequence[Any]) -> list[str]:
    return [c.rows[0].decode() if isinstance(c, Append) else c.node for c in changes]


def test_a_batch_is_written_with_what_lets_it_leave_once_all_its_branches_have_ended(disk, journal) -> None:
    place = Place(journal, "x")
    token = place.origin.open(1)
    token.split()
    starts: list[int] = []
    assert token.attach(change("a"), starts.append)
    token.done()
    disk.commit()
    assert disk.transactions == []
    token.done()
    assert place.left == []
    disk.commit()
    assert [names(t) for t in disk.transactions] == [["a", "x"]]
    assert (starts, place.left) == ([0], [1])


def test_batches_of_one_place_leave_in_order_and_together(disk, journal) -> None:
    place = Place(journal, "x")
    first, second, third = (place.origin.open(n) for n in range(3))
    second.attach(change("b"))
    second.done()
    third.done()
    disk.commit()
    assert disk.transactions == []
    first.done()
    disk.commit()
    assert [names(t) for t in disk.transactions] == [["b", "x"]]
    assert place.left == [0, 1, 2]


def test_a_batch_waits_for_one_that_passed_a_remembering_node_before_it(disk, journal) -> None:
    line, x, y = Line(), Place(journal, "x"), Place(journal, "y")
    early, late = x.origin.open(1), y.origin.open(2)
    early.attach(change("early"))
    line.passed(early)
    late.attach(change("late"))
    line.passed(late)
    late.done()
    disk.commit()
    assert disk.transactions == []
    early.done()
    disk.commit()
    assert [names(t)[:2] for t in disk.transactions] == [["early", "late"]]
    assert (x.left, y.left) == ([1], [2])


def test_batches_that_passed_each_other_twice_are_written_in_one_transaction(disk, journal) -> None:
    line, x, y = Line(), Place(journal, "x"), Place(journal, "y")
    a, b = x.origin.open(1), y.origin.open(2)
    for token, name in ((a, "a1"), (b, "b1"), (a, "a2")):
        token.attach(change(name))
        line.passed(token)
    a.done()
    disk.commit()
    assert disk.transactions == []
    b.done()
    disk.commit()
    assert [names(t)[:3] for t in disk.transactions] == [["a1", "b1", "a2"]], "the newest state is written last"


def test_what_follows_from_several_batches_is_written_with_all_of_them(disk, journal) -> None:
    x, y = Place(journal, "x"), Place(journal, "y")
    a, b = x.origin.open(1), y.origin.open(2)
    joint = JointToken([a, b])
    joint.attach(change("both"))
    joint.done()
    a.done()
    disk.commit()
    assert disk.transactions == [], "b has a branch open elsewhere"
    b.done()
    disk.commit()
    assert [sorted(names(t)) for t in disk.transactions] == [["both", "x", "y"]]


async def test_positions_of_a_source_are_ready_once_their_changes_are_on_disk(disk, journal) -> None:
    positions = KeptPositions(journal, told=True)
    first, second = positions.open("p1"), positions.open("p2")
    first.attach(change("a"))
    first.done()
    second.done()
    assert positions.take_settled() == []
    disk.commit()
    async with asyncio.timeout(5):
        await positions.ready()
    assert positions.take_settled() == ["p1", "p2"]
    async with asyncio.timeout(5):
        await positions.empty()


async def test_positions_taken_as_open_are_not_told_a_second_time(disk, journal) -> None:
    positions = KeptPositions(journal, told=True)
    token = positions.open("p1")
    token.attach(change("a"))
    token.done()
    assert positions.take_open() == ["p1"]
    disk.commit()
    assert positions.take_settled() == []


async def test_only_so_many_rows_ride_at_once(disk, journal) -> None:
    place = Place(journal, "x")
    place.origin.rides = Rides.ALL
    token = place.origin.open(1)
    token.attach(Append(1, [b""] * (MOST_ROWS + 1)))
    waiting = asyncio.create_task(place.origin.room())
    await asyncio.sleep(0)
    assert not waiting.done()
    token.done()
    disk.commit()
    async with asyncio.timeout(5):
        await waiting


ACTIONS = st.lists(
    st.tuples(st.sampled_from(["open", "pass", "join", "end", "commit"]), st.integers(0, 5), st.integers(0, 5)),
    max_size=60,
)


@settings(max_examples=300, deadline=None)
@given(ACTIONS)
def test_every_cut_leaves_a_state_that_fits_together(actions) -> None:
    """Whatever happens in whatever order: no transaction holds a batch without those it builds on."""
    disk = Disk()
    journal = Journal(disk)  # type: ignore[arg-type]
    places = [Place(journal, f"place{n}") for n in range(3)]
    lines = [Line(), Line()]
    opened: list[list[int]] = [[], [], []]
    passes: list[list[int]] = [[], []]
    tokens: dict[int, Token] = {}
    together: list[set[int]] = []
    serial = 0

    def attach(token: Token, owner: int) -> None:
        nonlocal serial
        serial += 1
        token.attach(change(f"{owner}:{serial}"))

    for action, a, b in actions:
        alive = sorted(tokens)
        if action == "open":
            number = sum(map(len, opened))
            tokens[number] = places[a % 3].origin.open(number)
            opened[a % 3].append(number)
        elif action == "commit":
            disk.commit()
        elif not alive:
            continue
        elif action == "end":
            tokens.pop(alive[a % len(alive)]).done()
        elif action == "pass":
            number = alive[a % len(alive)]
            attach(tokens[number], number)
            lines[b % 2].passed(tokens[number])
            passes[b % 2].append(number)
        elif action == "join":
            pair = {alive[a % len(alive)], alive[b % len(alive)]}
            joint = JointToken([tokens[n] for n in sorted(pair)])
            attach(joint, min(pair))
            joint.done()
            together.append(pair)
    for token in tokens.values():
        token.done()
    disk.commit()

    position = {
        int(name.split(":")[0]): index
        for index, transaction in enumerate(disk.transactions)
        for name in names(transaction)
        if ":" in name
    }
    order = [int(name.split(":")[1]) for t in disk.transactions for name in names(t) if ":" in name]
    assert len(order) == serial, "everything is written in the end, once"
    for transaction in disk.transactions:
        own = [int(name.split(":")[1]) for name in names(transaction) if ":" in name]
        assert own == sorted(own)
    for chain in [*opened, *passes]:
        written = [position[n] for n in chain if n in position]
        assert written == sorted(written), (chain, position)
    for pair in together:
        assert len({position[n] for n in pair if n in position}) <= 1
    for place, numbers in zip(places, opened, strict=True):
        assert place.left == numbers


async def test_a_batch_nobody_brings_again_comes_into_all_its_queues_or_into_none(
    rig, control, node, tmp_path, eventually
) -> None:
    """Cut off after every number of transactions."""

    class Fleeting(Source[Config]):
        spec = NodeSpec(id="t.fleeting", title="s", summary="s", category="debug")
        Config = Config
        replayable = False

        async def run(self, emit: Emit) -> None:
            for number in range(5):
                await emit([Message(3 * number + n) for n in range(3)])
            await asyncio.Event().wait()

    async def away(_messages: Any) -> None:
        raise NotConnectedError("gone")

    rig.library.nodes["t.fleeting"] = Fleeting
    control.write = away
    flow = rig.flow(
        node("src", "t.fleeting"), node("odd", "filter", where="payload % 2 == 1"), node("a", "t.sink"),
        node("b", "t.sink"), node("c", "t.sink"),
        wires="src -> a, src -> b, src -> odd, odd -> c, odd -> a",
    )  # fmt: skip
    found = []
    for takes in range(8):
        box = CutOff(tmp_path / f"{takes}.db", pytest.fail)
        await box.open()
        runner = await rig.runner(flow, outbox=box)
        await runner.start()
        box.takes = takes
        await eventually(lambda: runner.snapshot().nodes["c"].in_ == 7 or box.takes < 0)  # noqa: B023
        await runner.stop(0)
        # what was submitted is written before a file is closed, all of it
        await box.close()
        box = Outbox(tmp_path / f"{takes}.db", pytest.fail)
        await box.open()
        rows = {}
        for name in "abc":
            edge = await box.edge("f", name)
            rows[name] = [decode_message(row.data).payload for row in await box.read(edge.number, 0, 100)]
        await box.close()
        assert rows["b"] == list(range(len(rows["b"])))
        assert rows["c"] == [n for n in rows["b"] if n % 2], f"after {takes} transactions"
        assert sorted(rows["a"]) == sorted([*rows["b"], *rows["c"]]), f"after {takes} transactions"
        found.append(len(rows["b"]))
    assert found[0] == 0, "it was cut off before the first batch"
    assert found[-1] == 15, "and after the last one"
    assert len(set(found)) > 3, found


class CutOff(Outbox):
    """Takes so many more transactions, then none: what a kill at that moment leaves on disk."""

    takes = 10**9

    def submit(self, *arguments: Any, **options: Any) -> None:
        self.takes -= 1
        if self.takes >= 0:
            super().submit(*arguments, **options)
