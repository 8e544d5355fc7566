"""Random chains of built-in nodes against plain Python that says what each node means; the ledger always adds up."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowhost.catalog import load_catalog
from flowhost.graph.document import FlowDocument, NodeEntry, Wire
from flowhost.sdk import Message, Meta
from flowhost.testing import FlowHarness
from flowhost.testing.clock import SECOND_NS, START_NS

CATALOG = load_catalog()


@dataclass(frozen=True)
class Item:
    """A message as the reference sees it."""

    payload: Any
    topic: str
    key: str
    at: int
    unit: str = ""

    @property
    def state_key(self) -> str:
        return self.key or self.topic


class FailedError(Exception):
    """The node cannot take this message."""


class Reference:
    """One node in plain Python. `take` gives what leaves, or raises; `end` gives what was held."""

    config: dict[str, Any] = {}
    port = "out"
    holds = False

    def take(self, item: Item) -> list[Item]:
        raise NotImplementedError

    def end(self) -> list[Item]:
        return []


def number_in(item: Item, *, empty: bool = False) -> Any:
    if not isinstance(item.payload, dict) or "a" not in item.payload:
        raise FailedError
    value = item.payload["a"]
    if (value is None and not empty) or isinstance(value, str):
        raise FailedError
    return value


def any_in(item: Item) -> Any:
    if not isinstance(item.payload, dict) or "a" not in item.payload:
        raise FailedError
    return item.payload["a"]


class Filter(Reference):
    type, config = "filter", {"where": "payload.a > 2"}

    def take(self, item: Item) -> list[Item]:
        return [item] if number_in(item) > 2 else []


class DisabledPass(Filter):
    disabled = "pass"

    def take(self, item: Item) -> list[Item]:
        return [item]


class MapKeep(Reference):
    type, config = "map", {"keep": True, "set": {"b": "payload.a * 2", "a": "payload.a + 1"}}

    def take(self, item: Item) -> list[Item]:
        a = number_in(item)
        return [replace(item, payload={**item.payload, "b": a * 2, "a": a + 1})]


class MapNew(Reference):
    type = "map"
    config = {"set": {"a": "payload.a", "t": "topic"}, "meta": {"key": "'k' + topic", "topic": "'x/' + topic"}}

    def take(self, item: Item) -> list[Item]:
        payload = {"a": any_in(item), "t": item.topic}
        return [replace(item, payload=payload, key="k" + item.topic, topic="x/" + item.topic)]


class Convert(Reference):
    type, config = "convert", {"field": "a", "from": "km", "to": "m"}

    def take(self, item: Item) -> list[Item]:
        value = number_in(item, empty=True)
        value = None if value is None else value * 1000.0 + 0.0
        return [replace(item, payload={**item.payload, "a": value}, unit="m")]


class Template(Reference):
    type, config = "template", {"text": "{payload.a} of {key}", "into": "text"}

    def take(self, item: Item) -> list[Item]:
        value = any_in(item)
        text = "null" if value is None else value if isinstance(value, str) else repr(value)
        return [replace(item, payload={**item.payload, "text": f"{text} of {item.key}"})]


class Keeping(Reference):
    def __init__(self) -> None:
        self.kept: dict[str, Any] = {}


class Changed(Keeping):
    type, config = "changed", {"value": "payload.a"}

    def take(self, item: Item) -> list[Item]:
        value = any_in(item)
        if repr(self.kept.get(item.state_key, ...)) == repr(value):
            return []
        self.kept[item.state_key] = value
        return [item]


class Delta(Keeping):
    type, config = "delta", {"value": "payload.a", "into": "d"}

    def take(self, item: Item) -> list[Item]:
        value = number_in(item, empty=True)
        last = self.kept.get(item.state_key)
        if value is not None:
            self.kept[item.state_key] = value
        if value is None or last is None:
            return []
        return [replace(item, payload={**item.payload, "d": value - last})]


class Counter(Keeping):
    type, config = "counter", {"add": "payload.a", "into": "sum", "reset": "topic == 'r'"}

    def take(self, item: Item) -> list[Item]:
        value = number_in(item, empty=True)
        total = 0 if item.topic == "r" else self.kept.get(item.state_key, 0)
        self.kept[item.state_key] = total = total if value is None else total + value
        return [replace(item, payload={**item.payload, "sum": total})]


class Deadband(Keeping):
    type, config = "deadband", {"value": "payload.a", "absolute": 2}

    def take(self, item: Item) -> list[Item]:
        value = number_in(item, empty=True)
        if item.state_key in self.kept:
            last = self.kept[item.state_key]
            empty = last is None or value is None
            if (empty and last is value) or (not empty and abs(value - last) < 2):
                return []
        self.kept[item.state_key] = value
        return [item]


class Throttle(Keeping):
    type, config = "throttle", {"every_s": 10, "by": "topic"}

    def take(self, item: Item) -> list[Item]:
        if item.topic in self.kept and item.at < self.kept[item.topic] + 10:
            return []
        self.kept[item.topic] = item.at
        return [item]


class Split(Reference):
    type, config = "split", {"items": "[1, payload.a]", "into": "a"}

    def take(self, item: Item) -> list[Item]:
        return [replace(item, payload={**item.payload, "a": value}) for value in (1, any_in(item))]


class Switch(Reference):
    type, port = "switch", "mid"
    config = {"rules": [{"port": "high", "where": "payload.a > 6"}, {"port": "mid", "where": "payload.a > 1"}]}

    def take(self, item: Item) -> list[Item]:
        return [item] if 1 < number_in(item) <= 6 else []


class Join(Keeping):
    type, holds = "join", False
    config = {
        "by": "'all'",
        "fields": {
            "a": {"where": "topic == 'p' or topic == 'x/p'", "value": "payload.a"},
            "q": {"where": "topic == 'q' or topic == 'x/q'", "value": "payload.a"},
        },
    }

    def take(self, item: Item) -> list[Item]:
        name = {"p": "a", "x/p": "a", "q": "q", "x/q": "q"}.get(item.topic)
        if name is None:
            return []
        value = any_in(item)
        if value is None:
            return []
        self.kept[name] = value
        return [replace(item, payload={"a": self.kept["a"], "q": self.kept["q"]})] if len(self.kept) == 2 else []


class Window(Keeping):
    type, holds = "window", True
    config = {"every_s": 10, "late_s": 5, "compute": {"a": "sum(payload.a)", "n": "count()"}}

    def take(self, item: Item) -> list[Item]:
        newest, open_ = state = self.kept.get(item.state_key, [-(10**9), {}])
        start = item.at // 10 * 10
        if start + 15 <= newest:
            return []
        value = number_in(item)
        open_.setdefault(start, []).append((value, item.topic))
        newest = state[0] = max(newest, item.at)
        self.kept[item.state_key] = state
        return [self.result(item.state_key, s, open_.pop(s)) for s in sorted(open_) if s + 15 <= newest]

    def end(self) -> list[Item]:
        return [self.result(k, s, open_[s]) for k, (_, open_) in self.kept.items() for s in sorted(open_)]

    def result(self, key: str, start: int, values: list[tuple[Any, str]]) -> Item:
        total = values[0][0]
        for value, _ in values[1:]:
            total = total + value
        return Item({"a": total, "n": len(values)}, values[-1][1], key, start + 10)


KINDS: list[Callable[[], Any]] = [
    Filter, DisabledPass, MapKeep, MapNew, Convert, Template, Changed, Delta, Counter, Deadband, Throttle, Split,
    Switch, Join, Window,
]  # fmt: skip


@dataclass
class Outcome:
    """What a chain did: what arrived at its end, what failed at which node."""

    arrived: list[Item] = field(default_factory=list)
    failed: list[tuple[int, Item]] = field(default_factory=list)


def by_reference(chain: Sequence[Any], items: Sequence[Item]) -> Outcome:
    outcome = Outcome()

    def through(position: int, item: Item) -> None:
        if position == len(chain):
            outcome.arrived.append(item)
            return
        try:
            left = chain[position].take(item)
        except FailedError:
            outcome.failed.append((position, item))
            return
        for following in left:
            through(position + 1, following)

    for item in items:
        through(0, item)
    for position, node in enumerate(chain):
        for item in node.end():
            through(position + 1, item)
    return outcome


def as_flow(chain: Sequence[Any], wired: Sequence[bool]) -> FlowDocument:
    nodes = [NodeEntry(id="src", type="inject")]
    wires = []
    source, port = "src", "out"
    for position, node in enumerate(chain):
        name = f"n{position}"
        nodes.append(NodeEntry(id=name, type=node.type, config=node.config, disabled=getattr(node, "disabled", None)))
        wires.append(Wire(source=source, target=name, port=port))
        if wired[position]:
            nodes.append(NodeEntry(id=f"e{position}", type="discard"))
            wires.append(Wire(source=name, target=f"e{position}", port="error"))
        source, port = name, node.port
    nodes.append(NodeEntry(id="end", type="discard"))
    wires.append(Wire(source=source, target="end", port=port))
    return FlowDocument(id="f", nodes={n.id: n for n in nodes}, wires=tuple(wires))


def as_item(message: Message) -> Item:
    meta = message.meta
    return Item(message.payload, meta.topic, meta.key, (meta.time_ns - START_NS) // SECOND_NS, meta.unit)


def as_message(item: Item) -> Message:
    return Message(item.payload, Meta(topic=item.topic, key=item.key, time_ns=START_NS + item.at * SECOND_NS))


VALUES = st.one_of(st.integers(-3, 12), st.integers(0, 8), st.floats(0, 8), st.none(), st.just("7"))
PAYLOADS = st.one_of(
    st.fixed_dictionaries({"a": VALUES}), st.fixed_dictionaries({"a": VALUES, "seq": st.integers(0, 9)}),
    st.fixed_dictionaries({"other": VALUES}), st.none(), st.integers(0, 3), st.just([1]),
)  # fmt: skip
ITEMS = st.lists(
    st.builds(Item, PAYLOADS, st.sampled_from("pqr"), st.sampled_from(["", "", "m1"]), st.integers(0, 60)),
    min_size=1, max_size=25,
)  # fmt: skip
CHAINS = st.lists(st.sampled_from(KINDS), min_size=1, max_size=6)


@settings(max_examples=150, deadline=None)
@given(kinds=CHAINS, items=ITEMS, wired=st.lists(st.booleans(), min_size=6, max_size=6), size=st.integers(1, 12))
@pytest.mark.expects_error_log
async def test_property_a_chain_means_what_its_nodes_mean(
    kinds: list[Callable[[], Any]], items: list[Item], wired: list[bool], size: int
) -> None:
    chain = [kind() for kind in kinds]
    expected = by_reference(chain, items)
    if any(node.type in ("window", "join") for node in chain):
        size = 1  # these take a batch key by key; order across keys is not promised
    harness = await asyncio.to_thread(FlowHarness, as_flow(chain, wired), CATALOG)
    async with harness:
        for start in range(0, len(items), size):
            await harness.feed("src", [as_message(item) for item in items[start : start + size]])
            assert harness.snapshot().balanced(), "also in the middle of a run"
        await harness.end()
        snapshot = harness.snapshot()
        assert snapshot.balanced(), snapshot
        assert list(map(as_item, harness.received("end"))) == expected.arrived
        assert snapshot.total("pending") == 0
        for position in range(len(chain)):
            failed = [item for place, item in expected.failed if place == position]
            figures = snapshot.nodes[f"n{position}"]
            assert figures.errors == len(failed)
            assert figures.dead == (0 if wired[position] else len(failed))
            if wired[position]:
                assert [i.payload for i in map(as_item, harness.received(f"e{position}"))] == [
                    i.payload for i in failed
                ]
