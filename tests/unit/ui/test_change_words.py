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
