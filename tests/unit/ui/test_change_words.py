"""Differences are called as the forms call them."""

from __future__ import annotations

from typing import Any

from flowhost.graph.diff import diff
from flowhost.ui.change_words import ChangeWords, spread

FILTER = {"type": "filter", "title": "Filter", "fields": [{"name": "where", "title": "Condition"}], "delivery": []}
SPLIT = {
    "type": "split",
    "title": "Split",
    "fields": [{"name": "by", "title": "By", "labels": {"line": "Each line"}}, {"name": "keep", "title": "Keep"}],
    "delivery": [{"name": "parallel", "title": "At once"}],
}
BROKER = {"type": "mqtt.broker", "title": "MQTT broker", "fields": [{"name": "host", "title": "Host"}]}
OLD: dict[str, Any] = {
    "nodes": {
        "usable": {"type": "filter", "name": "Usable values", "config": {"where": "a"}},
        "split": {"type": "split", "config": {"by": "row"}},
        "gone": {"type": "filter", "name": "Old one"},
    },
    "connections": {"plant": {"type": "mqtt.broker", "config": {"host": "a"}}},
    "wires": ["usable -> split", "usable.error -> gone"],
}
NEW: dict[str, Any] = {
    "name": "Line 2",
    "nodes": {
        "usable": {"type": "filter", "name": "Usable values", "config": {"where": "b"}, "disabled": "block"},
        "split": {"type": "split", "config": {"by": "line", "keep": True}, "delivery": {"parallel": 4}},
        "more": {"type": "filter"},
    },
    "connections": {"plant": {"type": "mqtt.broker", "config": {"host": "b"}}},
    "wires": ["usable -> split", "split.out -> more"],
    "layout": {"notes": {"n1": {"text": "Ask first", "at": [0, 0]}}},
}


def test_places_and_values_are_those_of_the_forms() -> None:
    words = ChangeWords(NEW["nodes"], {"filter": FILTER, "split": SPLIT}, {"mqtt.broker": BROKER}, NEW["connections"])
    said = {
        words.place(one): (words.value(one, one.before), words.value(one, one.after)) for one in spread(diff(OLD, NEW))
    }
    assert said["Usable values · Condition"] == ("a", "b")
    assert said["Usable values · Switched off"][1] == "Yes: messages end here"
    assert said["split · By"] == ("row", "Each line")
    assert said["split · Keep"][1] == "On"
    assert said["split · At once"][1] == "4"
    assert said["Connection plant · Host"] == ("a", "b")
    assert said["This flow · Name"][1] == "Line 2"
    assert {"Old one · Filter", "more · Filter", "Usable values (error) → gone", "split (out) → more"} <= set(said)
    assert "Note · Ask first" in said


def test_what_no_type_declares_keeps_its_key() -> None:
    words = ChangeWords()
    changes = diff(
        {"nodes": {"x": {"type": "a", "config": {"y": 1}}}}, {"nodes": {"x": {"type": "a", "config": {"y": 2}}}}
    )
    assert [words.place(one) for one in changes] == ["x · y"]


def test_notes_and_frames_are_told_in_words() -> None:
    nodes = {"read": {"type": "filter", "name": "Lab files"}, "write": {"type": "filter"}}
    old: dict[str, Any] = {"layout": {"groups": {"g2": {"name": "Line", "nodes": ["read"], "at": [0, 0]}}}}
    notes = {"n1": {"text": "Weekly lab export, ask QA", "at": [0, 0]}}
    groups = {
        "g1": {"name": "", "nodes": ["read", "write"], "at": [0, 0]},
        "g2": {"name": "Lab", "nodes": ["read", "write"], "at": [0, 0]},
    }
    words = ChangeWords(nodes)
    changes = diff(old, {"layout": {"notes": notes, "groups": groups}})
    said = [(words.place(one), words.value(one, one.before), words.value(one, one.after)) for one in changes]
    assert [(place, after) for place, _, after in said if "Note" in place] == [("Note · Weekly lab export, ask QA", "")]
    assert ("Frame without a name", "around Lab files, write") in [(place, after) for place, _, after in said]
    assert ("Frame", "Line", "Lab") in said
    assert ("Frame", "around Lab files", "around Lab files, write") in said
