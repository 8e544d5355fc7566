"""Differences between versions of a flow."""

from __future__ import annotations

from typing import Any

import pytest

from flowhost.graph.diff import Change, diff, restarts

OLD: dict[str, Any] = {
    "flowhost": 1, "id": "f", "name": "F",
    "connections": {"db": {"type": "sql.database", "config": {"url": "a"}}},
    "nodes": {"a": {"type": "inject", "config": {"every_s": 1, "messages": [1, 2]}}, "b": {"type": "log"}},
    "wires": ["a -> b"],
    "layout": {"nodes": {"a": [0, 0]}},
}  # fmt: skip


def with_node(**parts: Any) -> dict[str, Any]:
    return {**OLD, "nodes": {**OLD["nodes"], "a": {**OLD["nodes"]["a"], **parts}}}


@pytest.mark.parametrize(
    ("new", "changes", "again"),
    [
        (OLD, [], False),
        ({**OLD, "layout": {"nodes": {"a": [9, 9]}}}, [], False),
        ({**OLD, "layout": {"notes": {"n": {"text": "x", "at": [1, 1]}},
                            "groups": {"g": {"name": "G", "nodes": ["a"]}}}},
         [Change("added", ("layout", "notes", "n"), None, {"text": "x"}),
          Change("added", ("layout", "groups", "g"), None, {"name": "G", "nodes": ["a"]})], False),
        ({**OLD, "name": "G"}, [Change("changed", ("name",), "F", "G")], False),
        (with_node(name="Start"), [Change("added", ("nodes", "a", "name"), None, "Start")], False),
        (with_node(config={"every_s": 2, "messages": [1, 2]}),
         [Change("changed", ("nodes", "a", "config", "every_s"), 1, 2)], True),
        (with_node(config={"every_s": 1.0, "messages": [1, 2]}),
         [Change("changed", ("nodes", "a", "config", "every_s"), 1, 1.0)], True),
        (with_node(config={"messages": [1, 3]}),
         [Change("removed", ("nodes", "a", "config", "every_s"), 1),
          Change("changed", ("nodes", "a", "config", "messages"), [1, 2], [1, 3])], True),
        ({**OLD, "nodes": {"a": OLD["nodes"]["a"]}, "wires": []},
         [Change("removed", ("nodes", "b"), {"type": "log"}), Change("removed", ("wires", "a -> b"), "a -> b")], True),
        ({**OLD, "connections": {}}, [Change("removed", ("connections", "db"), OLD["connections"]["db"])], True),
        ({**OLD, "nodes": {"b": OLD["nodes"]["b"], "a": OLD["nodes"]["a"]}}, [], False),
    ],
)  # fmt: skip
def test_differences_by_property(new: dict[str, Any], changes: list[Change], again: bool) -> None:
    found = diff(OLD, new)
    assert found == changes
    assert repr(found) == repr(changes), "1 and 1.0 are told apart"
    assert restarts(found) is again


def test_a_note_that_only_moved_is_no_difference() -> None:
    note = {"text": "x", "at": [1, 1], "size": [9, 9]}
    old, moved = ({**OLD, "layout": {"notes": {"n": {**note, "at": at}}}} for at in ([1, 1], [5, 5]))
    assert diff(old, moved) == []
    said = {**OLD, "layout": {"notes": {"n": {**note, "text": "y"}}}}
    assert diff(old, said) == [Change("changed", ("layout", "notes", "n", "text"), "x", "y")]
