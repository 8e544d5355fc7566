"""From one draft to another as operations."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowhost.graph.jsonform import from_json, same, to_json
from flowhost.graph.ops import OpError, apply, write_ops
from flowhost.graph.steps import steps

OLD: dict[str, Any] = {
    "flowhost": 1, "id": "f", "name": "F",
    "connections": {"db": {"type": "sql.database", "config": {"url": "a"}}},
    "nodes": {"a": {"type": "inject", "config": {"every_s": 1}}, "b": {"type": "filter", "config": {"where": "true"}},
              "c": {"type": "log"}},
    "wires": ["a -> b", "b -> c"],
    "layout": {"nodes": {"a": [0, 0], "b": [300, 0]}, "notes": {"n1": {"text": "x"}},
               "groups": {"g1": {"name": "G", "nodes": ["b"]}}},
}  # fmt: skip


def changed(**parts: Any) -> dict[str, Any]:
    return {**copy.deepcopy(OLD), **parts}


@pytest.mark.parametrize(
    ("new", "expected"),
    [
        (OLD, []),
        (changed(name="G"), [{"op": "set", "path": ["name"], "value": "G"}]),
        (changed(nodes={**OLD["nodes"], "a": {"type": "inject", "config": {"every_s": 2}, "disabled": "block"}}),
         [{"op": "set", "path": ["nodes", "a", "config", "every_s"], "value": 2},
          {"op": "set", "path": ["nodes", "a", "disabled"], "value": "block"}]),
        (changed(connections={}), [{"op": "unset", "path": ["connections", "db"]}]),
        (changed(wires=["a -> c", "b -> c"]),
         [{"op": "del_wire", "wire": "a -> b"}, {"op": "add_wire", "wire": "a -> c", "index": 0}]),
        (changed(layout={**OLD["layout"], "nodes": {"a": [0, 0], "b": [1, 2]}}),
         [{"op": "move", "at": {"b": [1, 2]}}]),
        (changed(layout={**OLD["layout"], "notes": {}}), [{"op": "unset", "path": ["layout", "notes", "n1"]}]),
    ],
)  # fmt: skip
def test_only_what_differs_becomes_an_operation(new: dict[str, Any], expected: list[dict[str, Any]]) -> None:
    assert json.loads(json.dumps(write_ops(steps(OLD, new)))) == expected


def test_another_type_is_another_node_with_the_same_wires() -> None:
    new = changed(nodes={**OLD["nodes"], "b": {"type": "map"}})
    after, _ = apply(OLD, steps(OLD, new))
    assert after["nodes"]["b"] == {"type": "map"}
    assert after["wires"] == OLD["wires"]
    assert after["layout"] == OLD["layout"]
    assert list(after["nodes"]) == ["a", "b", "c"]


def test_wires_in_a_circle_are_refused() -> None:
    with pytest.raises(OpError, match="circle"):
        steps(OLD, changed(wires=["a -> b", "b -> c", "c -> b"]))


NAMES = st.sampled_from(["a", "b", "c", "d"])
VALUES = st.sampled_from([1, "x", {"r": 2}, [1]])
SPOTS = st.tuples(st.integers(0, 9), st.integers(0, 9)).map(list)


@st.composite
def flows(draw: st.DrawFn) -> dict[str, Any]:
    names = draw(st.lists(NAMES, unique=True))
    nodes = {
        name: {"type": draw(st.sampled_from(["log", "map"])),
               "config": draw(st.dictionaries(st.sampled_from(["p", "q"]), VALUES))}
        for name in names
    }  # fmt: skip
    # only forwards, so there are no circles
    pairs = [(a, b) for i, a in enumerate(sorted(names)) for b in sorted(names)[i + 1 :]]
    wires = draw(st.lists(st.sampled_from(pairs), unique=True)) if pairs else []
    layout = {
        "nodes": draw(st.dictionaries(st.sampled_from(names), SPOTS)) if names else {},
        "notes": draw(st.dictionaries(st.sampled_from(["n1", "n2"]), st.builds(lambda at: {"at": at}, SPOTS))),
        "groups": {"g1": {"name": "G", "nodes": names[:2]}} if names else {},
    }
    tables = draw(st.dictionaries(NAMES, st.dictionaries(NAMES, VALUES)))
    text = [f"{a} -> {b}" for a, b in wires]
    return to_json(
        from_json({"flowhost": 1, "id": "f", "nodes": nodes, "wires": text, "layout": layout, "tables": tables})
    )


@given(flows(), flows())
@settings(deadline=None)
def test_they_lead_from_any_flow_to_any_other_and_back(old: dict[str, Any], new: dict[str, Any]) -> None:
    after, inverse = apply(old, steps(old, new))
    found = to_json(from_json(after))
    assert sorted(found.pop("wires")) == sorted(new["wires"])
    assert same(found, {key: value for key, value in new.items() if key != "wires"})
    again, _ = apply(after, inverse)
    assert same(to_json(from_json(again)), old), "an empty layout is none"
