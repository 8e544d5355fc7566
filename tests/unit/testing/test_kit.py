"""The kit for authors: frozen payloads name the node that changes its input; time moves when the test says so."""

from __future__ import annotations

import asyncio
import copy
import itertools
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

import flowhost.testing
from flowhost.catalog import load_catalog
from flowhost.errors import ConfigError, MessageError
from flowhost.graph.document import FlowDocument, NodeEntry, Wire
from flowhost.sdk import AsyncTransform, Config, Message, Meta, NodeSpec, StatefulTransform, Step, Transform
from flowhost.testing import FlowHarness, VirtualClock, freeze
from flowhost.testing.clock import SECOND_NS, START_NS


def test_public_names_are_pinned() -> None:
    assert set(flowhost.testing.__all__) == {"FlowHarness", "VirtualClock", "freeze"}


# -- frozen payloads


class Mutates(Transform[Config]):
    spec = NodeSpec(id="t.mutates", title="t", summary="s", category="c")
    Config = Config

    def process(self, messages: Sequence[Message]) -> list[Message]:
        for message in messages:
            message.payload["deep"]["list"].append(1)
        return list(messages)


class MutatesState(StatefulTransform[Config]):
    spec = NodeSpec(id="t.mutates_state", title="t", summary="s", category="c")
    Config = Config

    def process(self, messages: Sequence[Message], state: Any, now_ns: int) -> Step:
        messages[0].payload["x"] = 1
        return Step(state, list(messages), passed=len(messages))


class Copies(Transform[Config]):
    spec = NodeSpec(id="t.copies", title="t", summary="s", category="c")
    Config = Config

    def process(self, messages: Sequence[Message]) -> list[Message]:
        out = []
        for message in messages:
            payload = copy.deepcopy(message.payload)
            payload["deep"]["list"].append(2)
            out.append(message.with_payload(payload))
        return out


class Waits(AsyncTransform[Config]):
    spec = NodeSpec(id="t.waits", title="t", summary="s", category="c")
    Config = Config

    async def process(self, messages: Sequence[Message]) -> list[Message]:
        await asyncio.sleep(0)
        return [m.with_payload({"deep": {"list": ["answer"]}}) for m in messages]


CATALOG = load_catalog()
LIBRARY = SimpleNamespace(
    nodes={**CATALOG.nodes, **{kind.spec.id: kind for kind in (Mutates, MutatesState, Copies, Waits)}},
    connections={}, functions=CATALOG.functions,
)  # fmt: skip


async def harness_of(*types: str, config: dict[str, Any] | None = None) -> FlowHarness:
    """src -> n0 -> n1 ... -> end."""
    nodes = [NodeEntry(id="src", type="inject")]
    nodes += [NodeEntry(id=f"n{i}", type=kind, config=config or {}) for i, kind in enumerate(types)]
    nodes.append(NodeEntry(id="end", type="discard"))
    wires = tuple(Wire(source=a.id, target=b.id, port="out") for a, b in itertools.pairwise(nodes))
    flow = FlowDocument(id="f", nodes={n.id: n for n in nodes}, wires=wires)
    return await asyncio.to_thread(FlowHarness, flow, LIBRARY)


PAYLOAD = {"deep": {"list": [0]}}


@pytest.mark.expects_error_log
@pytest.mark.parametrize(
    ("types", "culprit"),
    [
        (["t.mutates"], "n0"),
        (["t.copies", "t.mutates"], "n1"),
        (["t.waits", "t.mutates"], "n1"),
        (["t.mutates_state"], "n0"),
    ],
)
async def test_a_transform_that_changes_its_input_is_found_and_named(types, culprit) -> None:
    given = copy.deepcopy(PAYLOAD)
    async with await harness_of(*types) as harness:
        await harness.feed("src", [Message(given, Meta(topic="t"))])
        (dead,) = harness.dead()
        assert dead.startswith(f"{culprit}: ")
        assert "tried to change the payload it was given" in dead
        assert harness.received("end") == []
        assert harness.snapshot().balanced()
    assert given == PAYLOAD


async def test_a_transform_that_builds_its_own_payload_is_left_alone() -> None:
    async with await harness_of("t.copies", "t.copies") as harness:
        await harness.feed("src", [Message(PAYLOAD)])
        assert harness.dead() == []
        assert harness.received("end")[0].payload == {"deep": {"list": [0, 2, 2]}}


ON_OBJECT = [
    ("update", {"a": 1}), ("pop", "l"), ("clear",), ("setdefault", "x", 1), ("__setitem__", "a", 1),
    ("__delitem__", "l"), ("popitem",), ("__ior__", {"a": 1}),
]  # fmt: skip
ON_LIST = [
    ("append", 1), ("clear",), ("extend", [1]), ("insert", 0, 1), ("pop",), ("remove", {"b": 1}),
    ("reverse",), ("sort",),
    ("__iadd__", [1]), ("__imul__", 2), ("__setitem__", 0, 1), ("__delitem__", 0),
]  # fmt: skip


@pytest.mark.parametrize("call", ON_OBJECT, ids=lambda call: call[0])
def test_frozen_objects_refuse_every_change(call) -> None:
    frozen = freeze({"l": [{"b": 1}], "n": {"l": 1}})
    for target in (frozen, frozen["n"]):
        with pytest.raises(MessageError, match="tried to change"):
            getattr(target, call[0])(*call[1:])
    assert frozen == {"l": [{"b": 1}], "n": {"l": 1}}


@pytest.mark.parametrize("call", ON_LIST, ids=lambda call: call[0])
def test_frozen_lists_refuse_every_change(call) -> None:
    frozen = freeze({"l": [{"b": 1}]})
    with pytest.raises(MessageError, match="tried to change"):
        getattr(frozen["l"], call[0])(*call[1:])
    assert frozen == {"l": [{"b": 1}]}


def test_frozen_payloads_read_like_the_original() -> None:
    original = {"l": [1, {"a": None}], "b": b"x", "t": "x"}
    frozen = freeze(original)
    assert frozen == original
    assert msgspec.json.encode(frozen["l"]) == b'[1,{"a":null}]'
    assert {**frozen, "l": [*frozen["l"], 2]} == {"l": [1, {"a": None}, 2], "b": b"x", "t": "x"}
    for copied in (copy.copy(frozen), copy.deepcopy(frozen), frozen.copy()):
        copied["new"] = 1
    assert isinstance(copy.deepcopy(frozen)["l"][1], dict)
    copy.deepcopy(frozen)["l"][1]["a"] = 5
    assert frozen == original


# -- harness


async def test_sinks_record_and_other_nodes_say_they_do_not() -> None:
    async with await harness_of("t.copies") as harness:
        with pytest.raises(ConfigError, match=r"nodes\.n0: is no sink of this flow"):
            harness.received("n0")
        with pytest.raises(ConfigError, match=r"nodes\.nobody"):
            harness.received("nobody")


async def test_time_stops_wherever_a_node_wants_to_be_called() -> None:
    config = {"every_s": 10, "compute": {"n": "count()", "at": "start"}}
    async with await harness_of("window", config=config) as harness:
        for at, key in ((1, "a"), (12, "b"), (25, "c")):
            meta = Meta(topic="t", key=key, time_ns=START_NS + at * SECOND_NS)
            await harness.move_to(meta.time_ns)
            await harness.feed("src", [Message(1, meta)])
        await harness.move_to(START_NS + 60 * SECOND_NS)
        assert [m.payload["at"][17:19] for m in harness.received("end")] == ["00", "10", "20"]
        assert harness.clock.now_ns() == START_NS + 60 * SECOND_NS


async def test_two_flows_in_two_harnesses_know_nothing_of_each_other() -> None:
    async with await harness_of("changed") as one, await harness_of("changed") as other:
        for harness in (one, other):
            await harness.feed("src", [Message(1, Meta(topic="t"))])
            assert len(harness.received("end")) == 1


# -- virtual clock


async def test_sleepers_wake_when_their_time_has_come() -> None:
    clock = VirtualClock()
    woken: list[str] = []

    async def sleeper(name: str, seconds: float) -> None:
        await clock.sleep(seconds)
        woken.append(name)

    async with asyncio.TaskGroup() as group:
        for name, seconds in (("b", 2), ("a", 1), ("now", 0), ("past", -5)):
            group.create_task(sleeper(name, seconds))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert woken == ["now", "past"]
        clock.move_to(START_NS + 1 * SECOND_NS)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert woken == ["now", "past", "a"]
        clock.move_to(START_NS + 2 * SECOND_NS)
    assert woken == ["now", "past", "a", "b"]


async def test_a_cancelled_sleeper_leaves_nothing_behind() -> None:
    clock = VirtualClock()
    task = asyncio.create_task(clock.sleep(5))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert clock._sleepers == []


def test_time_never_goes_back() -> None:
    clock = VirtualClock()
    clock.move_to(START_NS + 5)
    clock.move_to(START_NS)
    assert clock.now_ns() == START_NS + 5
