# ruff: noqa: E501 - a case reads best as one row
"""What a plugin may not bring, one breach at a time."""

import sys
from importlib.metadata import EntryPoint
from types import ModuleType
from typing import Any

import pytest

from flowhost.catalog import Catalog, load_catalog
from flowhost.sdk import (
    AsyncTransform,
    Config,
    Connection,
    ConnectionSpec,
    Function,
    InlineTransform,
    MessageTransform,
    Node,
    NodeSpec,
    Port,
    Sink,
    Source,
    StatefulTransform,
    Transform,
    hookimpl,
)


def spec(type_id: str = "acme.x", **facts: Any) -> NodeSpec:
    return NodeSpec(id=type_id, title="X", summary="X.", category="plant", **facts)


class Good(Source[Config]):
    spec = spec("acme.good")
    Config = Config

    async def run(self, emit: Any) -> None:
        await emit([])


class Link(Connection[Config]):
    spec = ConnectionSpec(id="acme.link", title="Link", summary="A link.")
    Config = Config


@pytest.fixture
def plugin(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Makes modules that entry points can name."""

    def make(name: str, **hooks: Any) -> EntryPoint:
        module = ModuleType(f"acme_made_{name}")
        for hook, value in hooks.items():
            setattr(module, f"flowhost_{hook}", value if callable(value) else hookimpl(_returning(value)))
        monkeypatch.setitem(sys.modules, module.__name__, module)
        return EntryPoint(name, module.__name__, "flowhost")

    return make


def _nothing() -> Any:
    return []


def _returning(value: Any) -> Any:
    def hook() -> Any:
        return value

    return hook


def reason(catalog: Catalog) -> str:
    assert catalog.plugins == ()
    assert not catalog.nodes
    (broken,) = catalog.broken
    return broken.reason


def test_types_connections_and_functions(plugin: Any) -> None:
    point = plugin(
        "all", node_types=[Good], connection_types=(Link,), functions=[Function(name="twice", call=lambda x: x)]
    )
    catalog = load_catalog([point])
    assert catalog.broken == ()
    assert catalog.nodes == {"acme.good": Good}
    assert catalog.connections == {"acme.link": Link}
    assert catalog.functions["twice"](2) == 2
    (info,) = catalog.plugins
    assert (info.name, info.distribution, info.version) == ("all", "", "")
    assert (info.node_types, info.connection_types, info.functions) == (("acme.good",), ("acme.link",), ("twice",))
    with pytest.raises(TypeError):
        catalog.nodes["x"] = Good  # type: ignore[index]  # that it cannot be done is the point


def test_two_catalogs_know_nothing_of_each_other(plugin: Any) -> None:
    assert load_catalog([plugin("one", node_types=[Good])]).nodes
    assert not load_catalog([]).nodes
    assert Catalog().plugins == ()


def test_a_class_may_be_the_plugin(monkeypatch: pytest.MonkeyPatch) -> None:
    class Plugin:
        @hookimpl(specname="flowhost_node_types")
        def types(self) -> Any:
            return [Good]

    module = ModuleType("acme_made_object")
    module.plugin = Plugin()  # type: ignore[attr-defined]  # a module made up here
    monkeypatch.setitem(sys.modules, module.__name__, module)
    catalog = load_catalog([EntryPoint("object", "acme_made_object:plugin", "flowhost")])
    assert list(catalog.nodes) == ["acme.good"]


@pytest.mark.parametrize(
    ("hooks", "words"),
    [
        ({"node_types": 7}, "hook 'flowhost_node_types' returned 7; it returns a list"),
        ({"node_types": "Good"}, "returned 'Good'; it returns a list"),
        ({"node_types": ["x"]}, "gave 'x'; it gives classes derived from flowhost.sdk.Node"),
        ({"node_types": [Link]}, "it gives classes derived from flowhost.sdk.Node"),
        ({"node_types": [Node]}, "Node must be derived from one of Source, Transform, AsyncTransform"),
        ({"node_types": [Good, Good]}, "it brings 'acme.good' twice"),
        ({"connection_types": [Good]}, "it gives classes derived from flowhost.sdk.Connection"),
        ({"functions": [print]}, "it gives flowhost.sdk.Function values"),
        ({"functions": [Function(name="a-b", call=print)]}, "function 'a-b' needs a plain name"),
        ({"functions": [Function(name="text", call=print)]}, "function 'text' is built in"),
        ({"functions": [Function(name="f", call=3)]}, "something to call"),  # type: ignore[arg-type]  # the breach
        ({"zzz": hookimpl(_nothing)}, "there is no hook 'flowhost_zzz'; hooks: flowhost_node_types, "),
        ({"helper": _nothing}, "there is no hook 'flowhost_helper'"),
    ],
)  # fmt: skip
def test_what_hooks_may_not_give(hooks: dict[str, Any], words: str, plugin: Any) -> None:
    assert words in reason(load_catalog([plugin("bad", **hooks)]))


def test_a_function_is_not_async(plugin: Any) -> None:
    async def call() -> None: ...

    assert "is async" in reason(load_catalog([plugin("bad", functions=[Function(name="f", call=call)])]))


def _parts(**parts: Any) -> dict[str, Any]:
    return {"spec": spec(), "Config": Config, **parts}


async def _async(self: Any, *_arguments: Any) -> None: ...


def _plain(self: Any, *_arguments: Any) -> None: ...


async def _async_generator(self: Any, *_arguments: Any) -> Any:
    yield 1


def _generator(self: Any, *_arguments: Any) -> Any:
    yield 1


class Thawed(Config):
    model_config = {"frozen": False}


class Loose(Config):
    model_config = {"extra": "allow"}


@pytest.mark.parametrize(
    ("bases", "parts", "words"),
    [
        ((Source, Sink), _parts(run=_async, write=_async), "not from 2 of them"),
        ((Source,), {"Config": Config, "run": _async}, "X has no spec; write 'spec = NodeSpec("),
        ((Source,), _parts(spec="acme.x", run=_async), "X has no spec"),
        ((Source,), {"spec": spec(), "run": _async}, "X has no Config"),
        ((Source,), _parts(Config=dict, run=_async), "X has no Config"),
        ((Source,), _parts(Config=Thawed, run=_async), "X.Config must stay frozen"),
        ((Source,), _parts(Config=Loose, run=_async), "refuse unknown keys"),
        ((Source,), _parts(), "X is a Source without 'run'; write it"),
        ((Source,), _parts(run=_plain), "X.run is 'def run'; the contract says 'async def run'"),
        ((Source,), _parts(run=_async_generator), "X.run must not 'yield'"),
        ((Source,), _parts(run=_async, on_outcome=_plain), "X.on_outcome is 'def on_outcome'"),
        ((Source,), _parts(run=_async, open=_plain), "X.open is 'def open'; the contract says 'async def open'"),
        ((Source,), _parts(run=_async, close=_plain), "X.close is 'def close'"),
        ((Source,), _parts(run=_async, health=_async), "X.health is 'async def health'; the contract says 'def health'"),
        ((Source,), _parts(run=_async, health="fine"), "X.health must be a method"),
        ((Source,), _parts(run=_async, output_ports=_plain), "X.output_ports must be a classmethod"),
        ((Source,), _parts(run=classmethod(_async)), "X.run must not be a classmethod"),
        ((Source,), _parts(run=_async, is_replayable=_plain), "X.is_replayable must be a classmethod"),
        ((Source,), _parts(run=_async, remedies={"is_idempotent": "x"}), "X.remedies names 'is_idempotent'; a Source is asked"),
        ((Transform,), _parts(), "X is a Transform without 'process'"),
        ((Transform,), _parts(process=_async), "X.process is 'async def process'; the contract says 'def process'"),
        ((Transform,), _parts(process=_generator), "X.process must not 'yield'"),
        ((MessageTransform,), _parts(), "X is a MessageTransform without 'process_one'"),
        ((AsyncTransform,), _parts(process=_plain), "the contract says 'async def process'"),
        ((StatefulTransform,), _parts(), "X is a StatefulTransform without 'process'"),
        ((StatefulTransform,), _parts(process=_plain, tick=_async), "X.tick is 'async def tick'"),
        ((InlineTransform,), _parts(), "X is a InlineTransform without 'write_code'"),
        ((Sink,), _parts(spec=spec(ports=())), "X is a Sink without 'write'"),
        ((Sink,), _parts(spec=spec(ports=()), write=_plain), "the contract says 'async def write'"),
        ((Sink,), _parts(write=_async), "X is a sink whose port 'out' must be wired; write 'ports=()'"),
        ((Source,), _parts(spec=spec(ports=(Port(name="error"),)), run=_async), "X has a port 'error'"),
        ((Source,), _parts(spec=spec(ports=(Port(name="A b"),)), run=_async), "X has a port 'A b'"),
        ((Source,), _parts(spec=spec(ports=(Port(name="a"), Port(name="a"))), run=_async), "stand once"),
    ],
)  # fmt: skip
def test_a_class_that_breaks_the_contract(
    bases: tuple[type, ...], parts: dict[str, Any], words: str, plugin: Any
) -> None:
    found = type("X", bases, parts)
    found.__qualname__ = "X"
    assert words in reason(load_catalog([plugin("bad", node_types=[found])]))


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ({"Config": Config}, "has no spec; write 'spec = ConnectionSpec("),
        ({"spec": Link.spec}, "has no Config"),
        ({"spec": Link.spec, "Config": Config, "open": _plain}, "the contract says 'async def open'"),
        ({"spec": Link.spec, "Config": Config, "test": _plain}, "X.test is 'def test'"),
    ],
)
def test_a_connection_that_breaks_the_contract(parts: dict[str, Any], words: str, plugin: Any) -> None:
    found = type("X", (Connection,), parts)
    assert words in reason(load_catalog([plugin("bad", connection_types=[found])]))


def test_every_kind_kept_is_taken(plugin: Any) -> None:
    kinds = {
        Source: {"run": _async}, Transform: {"process": _plain}, MessageTransform: {"process_one": _plain},
        AsyncTransform: {"process": _async}, StatefulTransform: {"process": _plain}, InlineTransform: {"write_code": _plain},
        Sink: {"write": _async},
    }  # fmt: skip
    found = [
        type(base.__name__, (base,), _parts(spec=spec(f"acme.{base.__name__.lower()}", ports=()), **parts))
        for base, parts in kinds.items()
    ]
    tested = type("Tested", (Connection,), {"spec": Link.spec, "Config": Config, "test": _async})
    catalog = load_catalog([plugin("kinds", node_types=found, connection_types=[tested])])
    assert catalog.broken == ()
    assert len(catalog.nodes) == 7


@pytest.mark.parametrize(
    ("first", "second", "words"),
    [
        ({"node_types": [Good]}, {"node_types": [Good]}, "node type 'acme.good' is already brought by plugin 'a'"),
        ({"connection_types": [Link]}, {"connection_types": [Link]}, "connection type 'acme.link' is already brought"),
        ({"functions": [Function(name="f", call=abs)]}, {"functions": [Function(name="f", call=abs)]}, "function 'f' is"),
    ],
)  # fmt: skip
def test_the_first_plugin_keeps_an_id(first: Any, second: Any, words: str, plugin: Any) -> None:
    catalog = load_catalog([plugin("b", **second), plugin("a", **first)])
    assert [info.name for info in catalog.plugins] == ["a"]
    (broken,) = catalog.broken
    assert broken.name == "b"
    assert words in broken.reason
