"""States on disk: found again, damaged, made by another version or config of their node, given up."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import apsw
import pytest

from flowhost.engine.outbox.census import take_census
from flowhost.engine.outbox.codec import decode_message
from flowhost.engine.outbox.outbox import Outbox
from flowhost.sdk import (
    Config,
    InlineTransform,
    Message,
    MessageError,
    Meta,
    NodeSpec,
    Source,
    State,
    StateForm,
    StatefulTransform,
    Step,
)
from flowhost.testing import VirtualClock
from flowhost.testing.clock import SECOND_NS, START_NS

# many short lives, on a machine that may have other work
pytestmark = pytest.mark.timeout(240)

SUMS = {"every_s": 10, "by": "topic", "compute": {"n": "count()", "sum": "sum(payload)"}}


def at(seconds: float, value: Any, topic: str = "a", **meta: Any) -> Message:
    return Message(value, Meta(topic, START_NS + round(seconds * SECOND_NS), **meta))


class Site:
    """A flow `src -> mid -> end` that runs, stops and runs again on the same file."""

    def __init__(self, rig: Any, node: Any, path: Any, eventually: Any) -> None:
        self.rig = rig
        self.clock = VirtualClock()
        self.path = path
        self._node = node
        self._eventually = eventually
        self.snapshot: Any = None

    def flow(self, kind: str, config: Mapping[str, Any]) -> Any:
        nodes = [self._node("src", "t.source"), self._node("mid", kind, **config), self._node("end", "t.sink")]
        return self.rig.flow(*nodes, wires="src -> mid, mid -> end")

    async def open(self) -> Outbox:
        box = Outbox(self.path, pytest.fail)
        await box.open()
        return box

    async def run(self, kind: str, config: Mapping[str, Any], *batches: list[Message], pauses: bool = True) -> Any:
        """One run; `pauses` as a hosted flow that is stopped. Gives what arrived because of it."""
        control = self.rig.control
        control.batches, control.stay_open, control.positions = list(batches), True, []
        before = len(control.written)
        box = await self.open()
        runner = await self.rig.runner(self.flow(kind, config), outbox=box, clock=self.clock, flush_on_stop=not pauses)
        await runner.start()
        await self._eventually(lambda: len(control.positions) == len(batches))
        await runner.stop(20)
        self.snapshot = runner.snapshot()
        assert self.snapshot.balanced(), self.snapshot
        await box.close()
        return control.written[before:]

    async def time_passes_until(self, condition: Callable[[], bool]) -> None:
        """A second at every look."""

        def look() -> bool:
            self.clock.move_to(self.clock.now_ns() + SECOND_NS)
            return condition()

        await self._eventually(look)

    @property
    def mid(self) -> Any:
        return self.snapshot.nodes["mid"]

    def told(self, kind: str) -> list[str]:
        return [event.text for event in self.rig.events if event.kind == kind and event.node == "mid"]

    def query(self, statement: str) -> list[Any]:
        connection = apsw.Connection(str(self.path))
        try:
            return list(connection.execute(statement))
        finally:
            connection.close()

    def dead(self) -> list[Any]:
        return [
            (node, kind, decode_message(message).payload)
            for node, kind, message in self.query("SELECT node, kind, message FROM dead ORDER BY id")
        ]


@pytest.fixture
def site(rig, node, tmp_path, eventually) -> Site:
    rig.control.written = []
    return Site(rig, node, tmp_path / "outbox.db", eventually)


def payloads(messages: Sequence[Message]) -> list[Any]:
    return [message.payload for message in messages]


# -- a pause


async def test_a_window_stays_open_over_a_pause_and_is_pending_meanwhile(site) -> None:
    assert await site.run("window", SUMS, [at(1, 5), at(2, 6)]) == []
    assert (site.mid.in_, site.mid.pending) == (2, 2)
    assert (await asyncio.to_thread(take_census, site.path, "f")).held == {"mid": 2}
    assert await site.run("window", SUMS) == []
    assert (site.mid.in_, site.mid.pending) == (2, 2), "found again"
    (result,) = await site.run("window", SUMS, [at(9, 7), at(11, 1)])
    assert result.payload == {"n": 3, "sum": 18}
    assert result.meta.id == f"f/mid/a/{START_NS}"
    assert (site.mid.used, site.mid.pending) == (3, 1)


async def test_a_run_that_ends_gives_partial_results_with_ids_of_their_own(site) -> None:
    (first,) = await site.run("window", SUMS, [at(1, 5)], pauses=False)
    site.clock.move_to(START_NS + 5 * SECOND_NS)
    (second,) = await site.run("window", SUMS, [at(2, 6)], pauses=False)
    (complete,) = await site.run("window", SUMS, [at(3, 7), at(11, 1)])
    assert [m.meta.headers.get("partial") for m in (first, second, complete)] == ["true", "true", None]
    assert len({m.meta.id for m in (first, second, complete)}) == 3
    assert sum(m.payload["n"] for m in (first, second, complete)) == 3
    assert site.mid.pending == 1


async def test_a_closed_window_stays_closed_over_a_pause(site) -> None:
    await site.run("window", SUMS, [at(1, 5), at(12, 6)])
    assert await site.run("window", SUMS, [at(3, 7)]) == []
    assert site.mid.dropped == 1, "too late, as it would have been without the pause"


async def test_sources_that_have_ended_leave_nothing_to_wait_for(site) -> None:
    control = site.rig.control
    control.batches = [[at(1, 5)]]
    snapshot = await site.rig.run(site.flow("window", SUMS), outbox=(box := await site.open()), flush_on_stop=False)
    assert [m.meta.headers for m in control.written] == [{"partial": "true"}]
    assert snapshot.total("pending") == 0
    await box.close()


async def test_a_quiet_key_waits_for_what_was_held_up_by_the_pause(site, eventually) -> None:
    await site.run("window", SUMS, [at(1, 5)])
    site.clock.move_to(START_NS + 3600 * SECOND_NS)
    control = site.rig.control
    control.batches, control.stay_open, control.positions = [[at(2, 6)]], True, []
    gate = asyncio.Event()

    async def opening(self) -> None:
        await gate.wait()

    kind = site.rig.library.nodes["t.source"]
    kind.open = opening
    runner = await site.rig.runner(
        site.flow("window", SUMS), outbox=(box := await site.open()), clock=site.clock, flush_on_stop=False
    )
    await runner.start()
    await asyncio.sleep(0.7)  # longer than the longest nap of the ticker
    assert control.written == [], "its source is not there yet"
    gate.set()
    await eventually(lambda: len(control.positions) == 1)
    await site.time_passes_until(lambda: len(control.written) == 1)
    assert control.written[0].payload == {"n": 2, "sum": 11}
    await runner.stop(10)
    await box.close()


async def test_time_stands_still_for_a_window_while_its_source_is_cut_off(site, eventually) -> None:
    control = site.rig.control
    control.batches, control.stay_open = [[at(1, 5)]], True
    flow = site.flow("window", SUMS)
    flow = replace(flow, nodes={**flow.nodes, "src": replace(flow.nodes["src"], connection="link")})
    runner = await site.rig.runner(flow, outbox=(box := await site.open()), clock=site.clock, flush_on_stop=False)
    await runner.start()
    await eventually(lambda: runner.snapshot().nodes["mid"].batches == 1)
    (link,) = runner._parts.pool
    link.board.notice("lost", "the line is cut")
    site.clock.move_to(START_NS + 600 * SECOND_NS)
    await asyncio.sleep(0.7)  # longer than the longest nap of the ticker
    assert control.written == []
    link.board.notice("restored", "and mended")
    await runner._parts.sources[0].emit([at(3, 6)], 1)
    await site.time_passes_until(lambda: len(control.written) == 1)
    assert control.written[0].payload == {"n": 2, "sum": 11}
    await runner.stop(10)
    await box.close()


async def test_a_result_made_by_the_clock_is_on_disk_with_the_state_behind_it(site, eventually) -> None:
    control = site.rig.control
    control.batches, control.stay_open = [[at(1, 5)]], True
    runner = await site.rig.runner(
        site.flow("window", SUMS), outbox=(box := await site.open()), clock=site.clock, flush_on_stop=False
    )
    await runner.start()
    await eventually(lambda: runner.snapshot().nodes["mid"].batches == 1)
    await site.time_passes_until(lambda: len(control.written) == 1)
    await runner.stop(10)
    await box.close()
    assert await site.run("window", SUMS) == []
    assert site.mid.pending == 0


async def test_a_disabled_window_keeps_what_it_holds(site) -> None:
    await site.run("window", SUMS, [at(1, 5)])
    flow = site.flow("window", SUMS)
    off = replace(flow, nodes={**flow.nodes, "mid": replace(flow.nodes["mid"], disabled="block")})
    site.rig.control.batches = []
    site.rig.control.stay_open = False
    box = await site.open()
    snapshot = await site.rig.run(off, outbox=box)
    assert snapshot.nodes["mid"].pending == 1
    await box.close()
    (result,) = await site.run("window", SUMS, [at(2, 6), at(11, 1)])
    assert result.payload == {"n": 2, "sum": 11}


# -- changed nodes


async def test_a_window_of_another_length_sends_what_was_open_as_partial(site) -> None:
    await site.run("window", SUMS, [at(1, 5), at(2, 6, "b")])
    wider = {**SUMS, "every_s": 60, "compute": {"last": "last(payload)"}}
    first, second = await site.run("window", wider, [at(3, 7)])
    assert [first.payload, second.payload] == [{"n": 1, "sum": 5}, {"n": 1, "sum": 6}]
    assert {m.meta.headers["partial"] for m in (first, second)} == {"true"}
    assert (site.mid.used, site.mid.pending) == (2, 1)
    (result,) = await site.run("window", wider, [at(61, 0)])
    assert result.payload == {"last": 7}


async def test_another_lateness_goes_on_with_the_same_windows(site) -> None:
    await site.run("window", SUMS, [at(1, 5)])
    (result,) = await site.run("window", {**SUMS, "late_s": 1}, [at(2, 6), at(11, 1)])
    assert result.payload == {"n": 2, "sum": 11}


async def test_a_join_keeps_fields_that_mean_what_they_meant(site) -> None:
    def fields(**where: str) -> dict[str, Any]:
        return {"by": "'x'", "fields": {name: {"where": text} for name, text in where.items()}}

    await site.run("join", fields(a="topic == 'a'", b="topic == 'b'"), [at(1, 1), at(2, 2, "b")])
    out = await site.run("join", fields(a="topic == 'a'", c="topic == 'c'"), [at(3, 3, "c")])
    assert payloads(out) == [{"a": 1, "c": 3}]
    out = await site.run("join", fields(a="topic == 'other'", c="topic == 'c'"), [at(3, 4, "c")])
    assert out == [], "`a` means something else now"


@pytest.mark.parametrize(
    ("kind", "before", "now", "first", "second"),
    [
        ("delta", {"value": "payload.a"}, {"value": "payload.b"}, {"a": 100, "b": 1}, {"a": 101, "b": 3}),
        ("changed", {"value": "payload.a"}, {"value": "payload.b"}, {"a": 1, "b": 1}, {"a": 1, "b": 1}),
        ("deadband", {"value": "payload.a", "absolute": 5}, {"value": "payload.b", "absolute": 5}, {"a": 1, "b": 1},
         {"a": 1, "b": 1}),
        ("throttle", {"every_s": 60}, {"every_s": 60, "by": "'x'"}, {"a": 1}, {"a": 1}),
        ("counter", {"add": "payload.a"}, {"add": "payload.b"}, {"a": 100, "b": 1}, {"a": 101, "b": 3}),
        ("dedupe", {"id": "payload.a"}, {"id": "payload.b"}, {"a": 1, "b": 1}, {"a": 2, "b": 1}),
    ],
)  # fmt: skip
async def test_what_was_remembered_of_something_else_is_not_taken_for_this(
    site, kind, before, now, first, second
) -> None:
    await site.run(kind, before, [at(1, first)])
    kept = await site.run(kind, before, [at(2, second)])
    assert site.told("warning") == []
    afresh = await site.run(kind, now, [at(3, second)])
    assert (len(kept), len(afresh)) == {"delta": (1, 0), "dedupe": (1, 1), "counter": (1, 1)}.get(kind, (0, 1))
    keys = "2 keys" if kind == "dedupe" else "1 key"
    text = f"the node is configured in another way now; what it remembered of {keys} was given up"
    assert site.told("warning") == [text]
    assert site.dead() == []


async def test_values_come_back_as_what_they_were(site) -> None:
    from decimal import Decimal

    await site.run("delta", {}, [at(1, Decimal("0.1"))])
    assert payloads(await site.run("delta", {}, [at(2, Decimal("0.3"))])) == [Decimal("0.2")]
    await site.run("changed", {"value": "payload"}, [at(3, None, "n"), at(3, {"x": [1, 2.5, True]}, "m")])
    assert await site.run("changed", {"value": "payload"}, [at(4, None, "n"), at(4, {"x": [1, 2.5, True]}, "m")]) == []


async def test_keys_of_any_text(site) -> None:
    keys = ["", "=", ":", "~", "a\x00b", "ü" * 300]
    await site.run("changed", {}, [at(1, 1, key=key, topic="t") for key in keys])
    assert await site.run("changed", {}, [at(2, 1, key=key, topic="t") for key in keys]) == []
    assert site.told("error") == []


@pytest.mark.expects_error_log
async def test_half_characters_do_no_harm(site) -> None:
    """A message with such a text cannot be queued; its key is remembered all the same."""
    await site.run("changed", {}, [at(1, 1, key="\ud83d", topic="t"), at(1, 1, key="k")])
    assert site.mid.out == 2
    assert site.snapshot.nodes["end"].dead == 1
    await site.run("changed", {}, [at(2, 1, key="\ud83d", topic="t"), at(2, 1, key="k")])
    assert site.mid.filtered == 2


# -- a node type of its own versions


class Pairs(StatefulTransform[Config]):
    """Puts two messages of a key together; as a vendor would write it."""

    spec = NodeSpec(id="v.pairs", title="p", summary="p", category="logic", holds_messages=True)
    Config = Config
    carries: ClassVar[Any] = None

    def process(self, messages: Sequence[Message], state: State, now_ns: int) -> Step:
        held = [*(state or []), *(m.payload for m in messages)]
        out = [messages[-1].with_payload(held[n : n + 2]) for n in range(0, len(held) - 1, 2)]
        return Step(held[len(out) * 2 :] or None, out, used=len(out) * 2, held=len(messages))

    def adopt(self, state: State, made: StateForm) -> Step | None:
        return None if self.carries is None else self.carries(state, made)


@pytest.fixture
def pairs(site):
    class OwnPairs(Pairs):
        pass

    site.rig.library.nodes["v.pairs"] = OwnPairs
    return OwnPairs


async def test_a_newer_version_takes_on_the_state_of_an_older_one(site, pairs) -> None:
    await site.run("v.pairs", {}, [at(1, 1)])
    seen = []

    def carry(state: State, made: StateForm) -> Step:
        seen.append(made)
        return Step([item * 10 for item in state])

    pairs.state_version, pairs.carries = 2, staticmethod(carry)
    assert payloads(await site.run("v.pairs", {}, [at(2, 2)])) == [[10, 2]]
    assert seen == [StateForm(1, {})]
    assert site.mid.pending == 0
    await site.run("v.pairs", {}, [at(3, 3)])
    assert payloads(await site.run("v.pairs", {}, [at(4, 4)])) == [[3, 4]], "carried over once"


@pytest.mark.expects_error_log
@pytest.mark.parametrize("raises", [False, True])
async def test_held_messages_nobody_can_go_on_with_become_a_dead_letter(site, pairs, raises) -> None:
    def fail(state: State, made: StateForm) -> Step:
        raise KeyError("shape")

    await site.run("v.pairs", {}, [at(1, 1), at(1, 2, "b"), at(1, 3, "b")])
    pairs.state_version, pairs.carries = 2, staticmethod(fail) if raises else None
    assert payloads(await site.run("v.pairs", {}, [at(2, 5)])) == []
    assert site.dead() == [
        ("mid", "orphaned-state", {"key": "a", "held": 1, "state": [1], "made": {"version": 1, "config": {}}})
    ]
    assert (site.mid.used, site.mid.made, site.mid.dead, site.mid.pending) == (1, 1, 1, 1)
    assert ("field 'shape' is missing" in "".join(site.told("warning"))) is raises
    assert "1 message it held are in 1 dead letters (orphaned-state)" in site.told("warning")[-1]


@pytest.mark.expects_error_log
@pytest.mark.parametrize("kind", ["", "discard"])
async def test_held_messages_of_a_node_that_is_gone_become_a_dead_letter(site, pairs, node, kind) -> None:
    await site.run("v.pairs", {}, [at(1, 1)])
    nodes = [node("src", "t.source"), *([node("mid", kind)] if kind else []), node("end", "t.sink")]
    flow = site.rig.flow(*nodes, wires="src -> end, src -> mid" if kind else "src -> end")
    site.rig.control.batches, site.rig.control.stay_open = [], False
    box = await site.open()
    await site.rig.run(flow, outbox=box)
    await box.close()
    ((at_node, cause, payload),) = site.dead()
    assert (at_node, cause, payload["state"]) == ("mid", "orphaned-state", [1])
    assert site.query("SELECT * FROM state WHERE node = 'mid'") == []


# -- what is not as it should be


def damage(site: Site, where: str) -> None:
    connection = apsw.Connection(str(site.path))
    broken = "CAST(substr(value, 1, 6) || x'ff' || substr(value, 8) AS BLOB)"
    connection.execute(f"UPDATE state SET value = {broken} WHERE {where}")
    assert connection.changes() == 1
    connection.close()


@pytest.mark.expects_error_log
async def test_a_damaged_state_starts_afresh_and_the_others_go_on(site) -> None:
    await site.run("delta", {}, [at(1, 10), at(1, 20, "b")])
    damage(site, "key = ':a'")
    out = await site.run("delta", {}, [at(2, 11), at(2, 25, "b")])
    assert payloads(out) == [5]
    (told,) = site.told("error")
    assert "key 'a' is damaged on disk" in told
    ((node, origin, reason),) = site.query("SELECT node, origin, reason FROM damaged")
    assert (node, origin) == ("mid", "state :a")
    assert "checksum" in reason
    assert payloads(await site.run("delta", {}, [at(3, 12)])) == [1]
    assert len(site.told("error")) == 1, "told once"


@pytest.mark.expects_error_log
async def test_without_its_form_nothing_is_taken_for_a_state(site) -> None:
    await site.run("window", SUMS, [at(1, 5)])
    damage(site, "key = '='")
    assert await site.run("window", SUMS, [at(2, 6)]) == []
    assert "the form of its states is damaged" in site.told("error")[0]
    assert [kind for _, kind, _ in site.dead()] == ["orphaned-state"]
    assert site.mid.pending == 1


@pytest.mark.expects_error_log
async def test_a_state_that_is_no_plain_data_is_said_and_works_until_the_end(site, pairs) -> None:
    class Odd(Pairs):
        def process(self, messages: Sequence[Message], state: State, now_ns: int) -> Step:
            return Step(object(), list(messages), passed=len(messages))

    site.rig.library.nodes["v.pairs"] = Odd
    assert payloads(await site.run("v.pairs", {}, [at(1, 1)], [at(2, 2)])) == [1, 2]
    (told,) = site.told("error")
    assert "for key 'a' cannot be saved" in told
    assert site.query("SELECT key FROM state") == [("=",)]


@pytest.mark.expects_error_log
async def test_a_key_that_is_no_text_is_the_messages_error(site) -> None:
    class Numbers(Pairs):
        def key_of(self, message: Message) -> Any:
            return 7

    site.rig.library.nodes["v.pairs"] = Numbers
    assert await site.run("v.pairs", {}, [at(1, 1)]) == []
    assert "key_of must give text" in site.mid.last_error


async def test_a_node_that_fails_to_say_when_goes_on(site) -> None:
    class Broken(Pairs):
        def due(self, state: State) -> int | None:
            raise KeyError("when")

        def resume(self, state: State, now_ns: int) -> State:
            raise KeyError("what")

    site.rig.library.nodes["v.pairs"] = Broken
    await site.run("v.pairs", {}, [at(1, 1)])
    assert payloads(await site.run("v.pairs", {}, [at(2, 2)])) == [[1, 2]]
    assert site.mid.last_error == "field 'when' is missing"


async def test_a_config_of_tuples_is_the_same_config_after_a_restart(site, pairs) -> None:
    pairs.state_config = lambda self: {"pair": (1, ("a",))}
    await site.run("v.pairs", {}, [at(1, 1)])
    assert payloads(await site.run("v.pairs", {}, [at(2, 2)])) == [[1, 2]]


async def test_an_inline_node_may_use_its_state_as_any_dict(site) -> None:
    class Uses(InlineTransform[Config]):
        spec = NodeSpec(id="v.uses", title="p", summary="p", category="logic")
        Config = Config

        def write_code(self, writer: Any) -> None:
            writer.set_payload(f"{writer.bind(use, 'use')}({writer.state()}, {writer.payload()})")

    def use(state: dict[str, Any], payload: Any) -> Any:
        if payload == "fail":
            raise MessageError("no")
        seen = dict(state)
        match payload:
            case 1:
                state.update(a=1, b=2)
                state |= {"c": 3}
                state.setdefault("d", 4)
                state["e"] = 5
            case 2:
                state.pop("a")
                state.pop("nothing", None)
                del state["b"]
                assert state.popitem()[0] == "e"
            case 3:
                state.clear()
        return seen

    site.rig.library.nodes["v.uses"] = Uses
    seen = [payloads(await site.run("v.uses", {}, [at(n, n)])) for n in (1, 2, 3, 4)]
    assert seen == [[{}], [{"a": 1, "b": 2, "c": 3, "d": 4, "e": 5}], [{"c": 3, "d": 4}], [{}]]


async def test_sources_are_not_asked_what_they_are(site) -> None:
    """A state belongs to transforms; the rig's source has none."""
    assert issubclass(site.rig.library.nodes["t.source"], Source)
    await site.run("changed", {}, [at(1, 1)])
    assert {row[0] for row in site.query("SELECT DISTINCT node FROM state")} == {"mid"}
