"""What a path promises: one small flow per rule."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from flowhost.graph.guarantee import PathGuarantee
from flowhost.graph.lint import Examined, examine
from flowhost.graph.text import read_flow
from flowhost.sdk import (
    AsyncTransform,
    Config,
    MessageTransform,
    NodeSpec,
    Port,
    Secret,
    Sink,
    Source,
    StatefulTransform,
)
from flowhost.sdk.spec import OUT


class SourceConfig(Config):
    repeats: bool = True
    """Brings again what was not confirmed."""
    ids: bool = True
    """Ids stay."""
    fail: bool = False
    """The plugin fails when asked."""
    token: Secret | None = None
    """A secret."""
    pin: int = 0
    """A number."""


class In(Source[SourceConfig]):
    spec = NodeSpec(id="t.in", title="In", summary="Brings.", category="debug")
    Config = SourceConfig
    remedies = {"is_replayable": "set `repeats: true`", "has_stable_ids": "set `ids: true`"}

    @classmethod
    def is_replayable(cls, config: SourceConfig) -> bool:
        if config.fail:
            raise LookupError("oh")
        return config.repeats

    @classmethod
    def has_stable_ids(cls, config: SourceConfig) -> bool:
        return config.ids


class SinkConfig(Config):
    once: bool = True
    """Counts once."""
    by: str = "id"
    """What it goes by."""
    told: bool = True
    """Confirmed."""


class Out(Sink[SinkConfig]):
    spec = NodeSpec(
        id="t.out", title="Out", summary="Delivers.", category="debug", ports=(Port(name="out", required=False),)
    )
    Config = SinkConfig
    remedies = {"is_idempotent": "set `once: true`", "is_confirmed": "set `told: true`"}

    @classmethod
    def is_idempotent(cls, config: SinkConfig) -> bool:
        return config.once

    @classmethod
    def goes_by_id(cls, config: SinkConfig) -> bool:
        return config.by == "id"

    @classmethod
    def is_confirmed(cls, config: SinkConfig) -> bool:
        return config.told


class Near(Sink[SinkConfig]):
    spec = NodeSpec(
        id="t.near", title="Near", summary="A target on this machine.", category="debug", ports=(),
        leaves_machine=False, idempotent=True, connection="t.link",
    )  # fmt: skip
    Config = SinkConfig


class Local(Sink[Config]):
    spec = NodeSpec(id="t.local", title="Local", summary="Logs.", category="debug", ports=(), leaves_machine=False)
    Config = Config


class Step(MessageTransform[Config]):
    spec = NodeSpec(id="t.step", title="Step", summary="Changes.", category="logic", ports=(OUT, Port(name="side")))
    Config = Config


class Ask(AsyncTransform[Config]):
    spec = NodeSpec(id="t.ask", title="Ask", summary="Asks.", category="logic")
    Config = Config


class Hold(StatefulTransform[Config]):
    spec = NodeSpec(id="t.hold", title="Hold", summary="Holds.", category="time", holds_messages=True)
    Config = Config


class OnceConfig(Config):
    by: str = "content"
    """What it goes by."""


class Once(MessageTransform[OnceConfig]):
    spec = NodeSpec(id="t.once", title="Once", summary="Drops repeats.", category="logic")
    Config = OnceConfig

    @classmethod
    def drops_repeats(cls, config: OnceConfig) -> bool:
        return True

    @classmethod
    def goes_by_id(cls, config: OnceConfig) -> bool:
        return config.by == "id"


class Link:
    Config = Config


class Library:
    nodes = {kind.spec.id: kind for kind in (In, Out, Near, Local, Step, Ask, Hold, Once)}
    connections: dict[str, Any] = {"t.link": Link}
    functions: dict[str, Any] = {}


def examined(nodes: str, *wires: str) -> Examined:
    """A flow of nodes written `name: type settings`, one a line."""
    lines = []
    for line in filter(None, map(str.strip, nodes.splitlines())):
        name, _, rest = line.partition(":")
        kind, _, settings = rest.strip().partition(" ")
        link = "connection: link, " if kind == "near" else ""
        lines.append(f"  {name}: {{type: t.{kind}, {link}{settings}}}")
    links = "connections: {link: {type: t.link}}" if "near" in nodes else ""
    text = "\n".join(["flowhost: 1", "id: t", links, "nodes:", *lines, "wires:", *(f"  - {wire}" for wire in wires)])
    return examine(read_flow(text), Library(), {})  # type: ignore[arg-type]


@pytest.fixture
def paths() -> Callable[..., list[PathGuarantee]]:
    def of(nodes: str, *wires: str) -> list[PathGuarantee]:
        found = examined(nodes, *wires)
        assert not [problem for problem in found.problems if problem.severity == "error"], found.problems
        return list(found.guarantees)

    return of


def why(path: PathGuarantee) -> list[tuple[str, str]]:
    return [(reason.node, reason.remedy) for reason in path.reasons]


BEST, LEAST, ONCE = "best effort", "at least once", "effectively once"

NO_REPEAT = ("a", "set `repeats: true`")
NO_IDS = ("a", "set `ids: true`")
TWICE = ("z", "set `once: true`")
UNTOLD = ("z", "set `told: true`")
DROPPED = ("z", "use `when_full: block`")
LIVE = ("z", "take out `backlog: live_first`")
OUT_OF_TURN = ("z", "take out `order: none`")
MEMORY = ("z", "take out `outbox: false`")

ENDS = {
    # source, sink, delivery of the sink: level, once received, reasons
    "all is well": ("", "", "", ONCE, ONCE, []),
    "ids change": ("ids: false", "", "", LEAST, LEAST, [NO_IDS]),
    "ids change, the target looks at the content": ("ids: false", "by: content", "", ONCE, ONCE, []),
    "the target counts everything": ("", "once: false", "", LEAST, LEAST, [TWICE]),
    "ids are of no use then": ("ids: false", "once: false", "", LEAST, LEAST, [TWICE]),
    "the target says nothing": ("", "told: false", "", BEST, BEST, [UNTOLD]),
    "the target says nothing and counts everything": ("", "told: false, once: false", "", BEST, BEST, [UNTOLD, TWICE]),
    "no outbox, the source repeats": ("", "", "outbox: false", ONCE, ONCE, []),
    "no outbox, the source repeats, ids change": ("ids: false", "", "outbox: false", LEAST, LEAST, [NO_IDS]),
    "the source does not repeat": ("repeats: false", "", "", BEST, ONCE, [NO_REPEAT]),
    "it does not repeat and gives no ids": ("repeats: false, ids: false", "", "", BEST, LEAST, [NO_REPEAT, NO_IDS]),
    "it does not repeat, the target counts all": ("repeats: false", "once: false", "", BEST, LEAST, [NO_REPEAT, TWICE]),
    "it does not repeat, no outbox": ("repeats: false", "", "outbox: false", BEST, BEST, [NO_REPEAT, MEMORY]),
    "oldest dropped, no limit": ("", "", "when_full: drop_oldest", ONCE, ONCE, []),
    "oldest dropped": ("", "", "when_full: drop_oldest, max_messages: 9", BEST, BEST, [DROPPED]),
    "oldest dropped in memory": ("", "", "when_full: drop_oldest, outbox: false", BEST, BEST, [DROPPED]),
    "blocked when full": ("", "", "max_messages: 9", ONCE, ONCE, []),
    "new before old": ("", "", "backlog: live_first", ONCE, ONCE, [LIVE]),
    "out of turn": ("", "", "order: none", ONCE, ONCE, [OUT_OF_TURN]),
    "out of turn, but nowhere to put it": ("", "", "order: none, outbox: false", ONCE, ONCE, []),
    "given up is a dead letter, not lost": ("", "", "expire_after_s: 5, retry: {max_tries: 3}", ONCE, ONCE, []),
}  # fmt: skip


@pytest.mark.parametrize("case", ENDS)
def test_ends_of_a_path(paths: Any, case: str) -> None:
    source, sink, delivery, level, received, reasons = ENDS[case]
    nodes = f"a: in config: {{{source}}}\nb: step\nz: out config: {{{sink}}}, delivery: {{{delivery}}}"
    (path,) = paths(nodes, "a -> b", "b -> z")
    assert (path.level, path.received, why(path)) == (level, received, reasons)
    assert (path.source, path.sink, path.route, path.failed) == ("a", "z", ("a", "b", "z"), False)
    assert path.words == (level if level == received else f"{level} up to FlowHost, then {received}")


def test_a_target_on_this_machine_has_a_queue_in_memory(paths: Any) -> None:
    (path,) = paths("a: in config: {repeats: false}\nz: near", "a -> z")
    assert (path.received, why(path)[1]) == (BEST, ("z", "add `delivery: {outbox: true}`"))
    (path,) = paths("a: in config: {repeats: false}\nz: near delivery: {outbox: true}", "a -> z")
    assert (path.level, path.received) == (BEST, ONCE)


def test_what_stays_on_the_machine_is_no_path(paths: Any) -> None:
    assert paths("a: in\nz: local", "a -> z") == []


def test_asking_with_messages_in_memory(paths: Any) -> None:
    wires = ("a -> b", "b -> z")
    (path,) = paths("a: in config: {repeats: false}\nb: ask\nz: out", *wires)
    assert (path.received, why(path)) == (BEST, [NO_REPEAT, ("b", "add `delivery: {outbox: true}`")])
    (path,) = paths("a: in\nb: ask\nz: out", *wires)
    assert path.level == ONCE
    (path,) = paths("a: in config: {repeats: false}\nb: ask delivery: {outbox: true}\nz: out", *wires)
    assert (path.level, path.received) == (BEST, ONCE)


def test_held_messages(paths: Any) -> None:
    """What is held is on disk; what comes again is held twice; what leaves has ids of its own."""
    wires = ("a -> b", "b -> z")
    (path,) = paths("a: in config: {repeats: false, ids: false}\nb: hold\nz: out", *wires)
    assert (path.level, path.received, why(path)) == (BEST, ONCE, [NO_REPEAT])
    (path,) = paths("a: in config: {ids: false}\nb: hold\nz: out", *wires)
    assert (path.level, why(path)) == (LEAST, [("b", "put a `dedupe` before it")])


def test_dropped_repeats(paths: Any) -> None:
    wires = ("a -> b", "b -> z")
    (path,) = paths("a: in config: {ids: false}\nb: once\nz: out", *wires)
    assert path.level == ONCE
    (path,) = paths("a: in config: {ids: false}\nb: once config: {by: id}\nz: out", *wires)
    assert (path.level, why(path)) == (LEAST, [NO_IDS])
    (path,) = paths("a: in config: {ids: false}\nb: once\nc: hold\nz: out", "a -> b", "b -> c", "c -> z")
    assert path.level == ONCE
    (path,) = paths(
        "a: in config: {ids: false}\nb: once config: {by: id}\nc: hold\nz: out", "a -> b", "b -> c", "c -> z"
    )
    assert (path.level, why(path)) == (LEAST, [("c", "put a `dedupe` before it")])


def test_failed_messages_have_paths_of_their_own(paths: Any) -> None:
    nodes = "a: in config: {repeats: false}\nb: step\nz: out config: {once: false}\ny: out"
    found = paths(nodes, "a -> b", "b -> z", "b.error -> y", "a.error -> y", "z.error -> y")
    assert [(p.sink, p.failed, p.received) for p in found] == [("z", False, LEAST), ("y", True, ONCE)]
    assert found[1].route == ("a.error", "y"), "of several ways that promise the same, the shortest"


def test_behind_a_sink_its_queue_is_what_repeats(paths: Any) -> None:
    """Its answers go on from disk, so nothing is lost behind it, but they can come again."""
    wires = ("a -> z", "z -> y")
    one, two = paths("a: in config: {repeats: false}\nz: out\ny: out delivery: {outbox: false}", *wires)
    assert (one.received, two.received) == (ONCE, ONCE)
    _, two = paths("a: in config: {repeats: false}\nz: out\nh: hold\ny: out", "a -> z", "z -> h", "h -> y")
    assert ("h", "put a `dedupe` before it") in why(two)


def test_disabled_nodes(paths: Any) -> None:
    wires = ("a -> b", "b -> z", "b.side -> y")
    assert [p.sink for p in paths("a: in\nb: step\nz: out\ny: out", *wires)] == ["z", "y"]
    (path,) = paths("a: in\nb: hold disabled: pass\nz: out", "a -> b", "b -> z")
    assert (path.level, path.route) == (ONCE, ("a", "z"))
    assert [p.sink for p in paths("a: in\nb: step disabled: pass\nz: out\ny: out", *wires)] == ["z"]
    assert paths("a: in\nb: step disabled: block\nz: out\ny: out", *wires) == []
    assert paths("a: in disabled: block\nb: step\nz: out\ny: out", *wires) == []
    assert paths("a: in disabled: pass\nb: step\nz: out\ny: out", *wires) == []
    assert [p.sink for p in paths("a: in\nb: step\nz: out disabled: pass\ny: out", *wires, "z -> y")] == ["y"]


def test_two_ways_that_promise_different_things(paths: Any) -> None:
    nodes = "a: in\nb: hold\nc: step\nd: step\nz: out config: {by: content}"
    direct, held = sorted(
        paths(nodes, "a -> z", "a -> b", "b -> z", "a -> c", "c -> d", "d -> z"), key=lambda p: p.route
    )[::-1]
    assert (direct.level, direct.route) == (ONCE, ("a", "z")), "of several ways that promise the same, the shortest"
    assert (held.level, held.route) == (LEAST, ("a", "b", "z"))


def test_many_ways_are_few_paths(paths: Any) -> None:
    """Forty diamonds in a row are a million million ways; it must stay quick."""
    nodes, wires = ["a: in config: {ids: false}"], ["a -> n0"]
    for n in range(40):
        nodes += [f"n{n}: step", f"u{n}: ask", f"v{n}: once"]
        wires += [f"n{n} -> u{n}", f"n{n} -> v{n}", f"u{n} -> n{n + 1}", f"v{n} -> n{n + 1}"]
    found = paths("\n".join([*nodes, "n40: step", "z: out config: {by: content}"]), *wires, "n40 -> z")
    assert [path.level for path in found] == [ONCE]


def test_in_file_order(paths: Any) -> None:
    found = paths("z: out\ny: out\nb: in\na: in", "a -> y", "b -> y", "a -> z", "b -> z")
    assert [(p.sink, p.source) for p in found] == [("z", "b"), ("z", "a"), ("y", "b"), ("y", "a")]


def test_a_plugin_that_fails_when_asked() -> None:
    found = examined("a: in config: {fail: true}\nz: out", "a -> z")
    (problem,) = found.problems
    assert (problem.code, problem.place, problem.severity) == ("plugin-fault", "nodes.a", "error")
    assert problem.message == "is_replayable() failed in the plugin: LookupError: oh"
    assert found.guarantees == ()


def test_a_flow_with_errors_promises_nothing() -> None:
    assert examined("a: in\nb: step", "a -> b", "b -> nowhere").guarantees == ()
    assert examined("a: step\nb: step\nz: out", "a -> b", "b -> a", "b -> z").guarantees == ()


def test_settings_that_are_not_known_here(paths: Any) -> None:
    """A number from a secret cannot be checked, so the node cannot be asked."""
    (path,) = paths("a: in config: {token: {secret: t}}\nz: out", "a -> z")
    assert path.level == ONCE
    (path,) = paths("a: in config: {pin: {secret: t}}\nz: out", "a -> z")
    assert (path.level, [reason.node for reason in path.reasons]) == (BEST, ["a"])
    assert "cannot be known here" in path.reasons[0].text


# -- copies of a message that meet


MEET = {
    "two branches": ("b: step\nc: step\nz: out", ("a -> b", "a -> c", "b -> z", "c -> z"), "'b' and 'c'"),
    "direct and by a branch": ("b: step\nz: out", ("a -> z", "a -> b", "b -> z"), "'z' and 'b'"),
    "later": ("b: step\nc: step\nd: step\nz: out",
              ("a -> b", "b -> c", "b -> d", "c -> z", "d -> z"), "of 'b' come here by 'c' and 'd'"),
    "behind a diamond": ("b: step\nc: step\nd: step\nz: out",
                         ("a -> b", "a -> c", "b -> d", "c -> d", "d -> z"), "'b' and 'c'"),
    "one passes a disabled node": ("b: step disabled: pass\nz: out", ("a -> z", "a -> b", "b -> z"), "'z' and 'b'"),
}  # fmt: skip

DO_NOT_MEET = {
    "one branch": ("b: step\nz: out", ("a -> b", "b -> z")),
    "sinks of their own": ("b: step\nz: out\ny: out", ("a -> b", "a -> z", "b -> y")),
    "by content": ("b: step\nz: out config: {by: content}", ("a -> b", "a -> z", "b -> z")),
    "not idempotent": ("b: step\nz: out config: {once: false}", ("a -> b", "a -> z", "b -> z")),
    "ids of their own": ("b: hold\nz: out", ("a -> b", "a -> z", "b -> z")),
    "different ports": ("b: step\nc: step\nz: out", ("a -> b", "b -> c", "b.side -> z", "c -> z")),
    "failed": ("b: step\nc: step\ny: out\nx: out\nz: out",
               ("a -> b", "a -> c", "b -> y", "b.error -> z", "c.error -> z", "c -> x")),
    "blocked": ("b: step disabled: block\nz: out", ("a -> b", "a -> z", "b -> z")),
    "two sources": ("b: in\nz: out", ("a -> z", "b -> z")),
    "disabled": ("b: step\nz: out disabled: block", ("a -> b", "a -> z", "b -> z")),
}  # fmt: skip


@pytest.mark.parametrize("case", MEET)
def test_copies_with_one_id_meet(case: str) -> None:
    nodes, wires, words = MEET[case]
    (problem,) = examined(f"a: in\n{nodes}", *wires).problems
    assert (problem.code, problem.severity, problem.place) == ("same-id-twice", "warning", "nodes.z")
    assert words in problem.message


@pytest.mark.parametrize("case", DO_NOT_MEET)
def test_copies_do_not_meet(case: str) -> None:
    nodes, wires = DO_NOT_MEET[case]
    found = [p for p in examined(f"a: in\n{nodes}", *wires).problems if p.code == "same-id-twice"]
    assert found == []
