import difflib
from pathlib import Path
from typing import Any

import pytest

from flowhost.errors import FlowFileError
from flowhost.graph.jsonform import from_json, to_json
from flowhost.graph.text import dump_flow, load_flow, read_flow

TEXT = """\
# Line 1, night shift
flowhost: 1
id: line-telemetry   # never renamed
name: Line 1 telemetry
connections:                       # used without a host
  broker: {type: mqtt.broker, config: {host: {env: PLANT_MQTT_HOST, default: 127.0.0.1}, port: 1883}}
nodes:
  # temperatures of both ovens
  temps:    {type: mqtt.subscribe, name: 'Temp', connection: broker, config: {topics: [plant/+/temp], qos: 1, id: "a"}}
  running:  {type: filter, config: {where: "quality == 'good'"}}   # only while running
  long:
    type: map   # maps
    config:
      # what is written
      set:
        a: "1"
        b: |
          x
          y

    delivery: {outbox: true}
  # the way out
  out:      {type: mqtt.publish, connection: broker, config: {topic: "uns/{topic}", qos: 1}}
wires:
  - temps -> running   # first
  # then
  - running -> long
  - long.error -> out
layout: {nodes: {temps: [80, 120]}}   # cosmetic
"""


def changed(change: str) -> list[str]:
    """The lines that differ after running `change` on the data: `-` those that went, `+` those that came."""
    file = read_flow(TEXT)
    data = to_json(from_json(to_json(file.document)))
    exec(change, {"d": data, "nodes": data["nodes"], "wires": data["wires"]})
    new = file.write(from_json(data))
    assert to_json(read_flow(new).document) == data
    lines = difflib.ndiff(TEXT.splitlines(), new.splitlines())
    return [line for line in lines if line[0] in "+-"]


def test_the_same_flow_is_the_same_text() -> None:
    file = read_flow(TEXT)
    assert file.write(file.document) == TEXT
    assert file.problems == ()


@pytest.mark.parametrize(
    ("change", "lines"),
    [
        ("nodes['long']['config']['set']['a'] = '2'", ['-         a: "1"', '+         a: "2"']),
        ("nodes['temps']['name'] = \"it's\"", None),
        ("d['area'] = 'plant1'", ["+ area: plant1"]),
        ("nodes['log'] = {'type': 'log'}; wires.append('out -> log')",
         ["+   log:", "+     type: log", "+   - out -> log"]),
        ("nodes['long']['disabled'] = 'pass'", ["+     disabled: pass"]),
        ("nodes['long']['config']['set']['b'] = 'p\\nq\\nr'",
         ["-         b: |", "+         b: |-", "-           x", "-           y", "+           p", "+           q",
          "+           r"]),
        ("nodes['long']['config']['set']['b'] = 7",
         ["-         b: |", "+         b: 7", "-           x", "-           y"]),
        ("del nodes['long']['delivery']", ["-     delivery: {outbox: true}"]),
        ("wires[0] = 'temps -> long'", ["-   - temps -> running   # first", "+   - temps -> long   # first"]),
        ("del wires[1]", ["-   - running -> long"]),
        ("wires.insert(0, 'a -> b')", ["+   - a -> b"]),
        ("wires[:] = []", ["- wires:", "-   - temps -> running   # first", "-   # then", "-   - running -> long",
                           "-   - long.error -> out", "+ wires: []"]),
        ("d['layout']['nodes']['out'] = [1, 2]", ["- layout: {nodes: {temps: [80, 120]}}   # cosmetic",
                                                  "+ layout: {nodes: {temps: [80, 120], out: [1, 2]}}   # cosmetic"]),
        ("del d['layout']", ["- layout: {nodes: {temps: [80, 120]}}   # cosmetic"]),
        ("nodes['out']['config'] = {'topic': 'x', 'list': [1]}; nodes['out']['config']['qos'] = 1", None),
        ("nodes['long']['config']['set'] = {'z': '1'}", None),
        ("nodes['long']['config']['set']['b'] = ['p', {'q': [1], 'r': {}}]", None),
        ("nodes['long']['type'] = 'mapp'", ["-     type: map   # maps", "+     type: mapp   # maps"]),
    ],
)  # fmt: skip
def test_an_edit_touches_its_own_lines(change: str, lines: list[str] | None) -> None:
    found = [line for line in changed(change) if line[0] != "?"]
    if lines is not None:
        assert sorted(found) == sorted(lines)
    else:
        assert 2 <= len(found) <= 10


def test_within_braces_quotes_and_spaces_stay() -> None:
    found = changed("nodes['temps']['name'] = \"it's\"; nodes['temps']['config']['id'] = 'b'")
    assert "name: 'it''s', connection" in found[1]
    assert 'id: "b"}}' in found[1]
    found = changed("del nodes['temps']['name']; nodes['temps']['config']['topics'].append('b')")
    assert found[1].startswith(
        "+   temps:    {type: mqtt.subscribe, connection: broker, config: {topics: [plant/+/temp, b], "
    )
    found = changed("del nodes['out']['config']; nodes['out'] = {'name': 'nn', **nodes['out']}")
    assert found[1] == "+   out:      {type: mqtt.publish, name: nn, connection: broker}"


def test_line_ends_of_windows_stay() -> None:
    text = TEXT.replace("\n", "\r\n")
    file = read_flow(text)
    data = to_json(file.document)
    data["nodes"]["log"] = {"type": "log"}
    new = file.write(from_json(data))
    assert "\r\n  log:\r\n    type: log\r\n" in new
    assert new.count("\n") == new.count("\r\n")


def test_a_file_without_a_last_line_break() -> None:
    file = read_flow("flowhost: 1\nid: f\nnodes:\n  a: {type: log}")
    data = to_json(file.document)
    data["nodes"]["b"] = {"type": "log"}
    assert to_json(read_flow(file.write(from_json(data))).document) == data


def test_an_edit_within_an_alias_is_right_all_the_same() -> None:
    text = """\
flowhost: 1
id: f
nodes:
  # first
  a: {type: log, config: &common {level: 1, deep: {x: 1}}}
  b: {type: log, config: *common}
wires: []
"""
    file = read_flow(text)
    assert file.document.nodes["b"].config == {"level": 1, "deep": {"x": 1}}
    data = to_json(from_json(to_json(file.document)))
    data["nodes"]["b"] = {"type": "log", "config": {"level": 2, "deep": {"x": 1}}}
    new = file.write(from_json(data))
    assert to_json(read_flow(new).document) == data
    assert "# first" in new
    data["nodes"]["a"] = {"type": "log", "config": {"level": 3}}
    data["nodes"]["b"] = {"type": "log", "config": {"level": 1, "deep": {"x": 1}}}
    assert to_json(read_flow(file.write(from_json(data))).document) == data


def test_a_file_with_problems_is_not_written() -> None:
    file = read_flow(TEXT.replace("type: map ", "tpye: map "))
    with pytest.raises(FlowFileError, match=r"nodes.long.*: repair this before the file is changed"):
        file.write(file.document)


def test_places_have_lines() -> None:
    file = read_flow(TEXT)
    assert file.place_line("nodes.long") == (11, 3)
    assert file.place_line("nodes.long.type") == (12, 11)
    assert file.place_line("nodes.long.config.set.a") == (16, 12)
    assert file.place_line("wires[1]") == (27, 5)
    assert file.place_line("layout.nodes.temps[1]") == (29, 30)
    assert file.place_line("nodes.nowhere.config") is None
    assert file.place_line("wires[9]") is None
    assert file.place_line("") == (2, 1)
    assert file.nearest(("nodes", "nowhere", "config")) == (7, 1)
    assert file.nearest(()) == (2, 1)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "the file is empty"),
        ("# only this\n", "the file is empty"),
        ("- a\n- b\n", "not a flow: the file must hold 'key: value' lines"),
        ("flowhost: 1\nnodes: {a: [}\n", "f.yaml:2:13: not YAML: "),
        ("flowhost: 1\n\tid: x\n", "f.yaml:2:1: not YAML: "),
        ("flowhost: \x00\n", "not YAML"),
        ("a: 1\n---\nb: 2\n", "a second document begins here"),
        ("a: !!python/object:os.system {}\n", "f.yaml:1:4: tag !!python/object:os.system is not used"),
        ("a: *b\n", "alias *b refers to no finished anchor"),
        ("a: &x [*x]\n", "alias *x refers to no finished anchor"),
        ("[" * 100, "nested deeper than 60 levels"),
        ('a: "\\ud800"\n', "half a character"),
        ("x: " + "y" * 5_000_001, "larger than 5 MB"),
    ],
)
def test_what_is_no_flow_at_all(text: str, words: str) -> None:
    with pytest.raises(FlowFileError) as caught:
        read_flow(text, "f.yaml")
    assert words in str(caught.value)


def test_an_alias_bomb_is_refused() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 9)]
    with pytest.raises(FlowFileError, match="more than 200000 values with aliases written out"):
        read_flow("\n".join(lines))


def test_values_are_those_of_yaml_1_2() -> None:
    text = """\
flowhost: 1
id: f
nodes:
  a:
    type: log
    config: {a: no, b: 12:30, c: 2024-01-01, d: 0x1f, e: 0o17, f: 1e3, g: .5, h: ~, i: True, j: .inf, k: -.INF, l: 012,
      m: "\\ud83d\\ude00", n: 1_000, o: FALSE, p: , q: '1'}
"""
    config = read_flow(text).document.nodes["a"].config
    assert config == {
        "a": "no", "b": "12:30", "c": "2024-01-01", "d": 31, "e": 15, "f": 1000.0, "g": 0.5, "h": None, "i": True,
        "j": float("inf"), "k": float("-inf"), "l": 12, "m": "\U0001f600", "n": "1_000", "o": False, "p": None,
        "q": "1",
    }  # fmt: skip
    assert str(read_flow(text.replace(".inf", ".nan")).document.nodes["a"].config["j"]) == "nan"
    written = dump_flow(read_flow(text).document)
    assert read_flow(written).document.nodes["a"].config == config


def test_files(tmp_path: Path) -> None:
    path = tmp_path / "flow.yaml"
    path.write_bytes(TEXT.encode())
    file = load_flow(path)
    assert file.source == str(path)
    assert file.text == TEXT
    path.write_bytes(b"id: \xff\n")
    with pytest.raises(FlowFileError, match=r"is not UTF-8 text \(byte 4\)"):
        load_flow(path)
    with pytest.raises(FlowFileError, match="cannot be read: No such file"):
        load_flow(tmp_path / "none.yaml")
    with path.open("wb") as big:
        big.truncate(5_000_001)
    with pytest.raises(FlowFileError, match="larger than 5 MB"):
        load_flow(path)


@pytest.mark.parametrize(
    ("data", "place", "words"),
    [
        ({}, "flowhost", "(and 2 more)"),
        ({"flowhost": 1, "id": "f", "nodes": {"a": {}}}, "nodes.a.type", "'type' is missing"),
        ({"flowhost": 1, "id": "f", "nodes": {}, "wires": {"a": "b"}}, "wires", "must be a list of 'a -> b'"),
        ({"flowhost": 1, "id": "f", "nodes": {}, "wires": [None]}, "wires[0]", "empty is not a wire"),
        ({"flowhost": 1, "id": "f", "nodes": [], "name": "x"}, "nodes", "must be an object"),
        ({"flowhost": 1, "id": "f", "nodes": {}, "area": ["x" * 99]}, "area", "must be text, not a list"),
        ({"flowhost": "x" * 99, "id": "f", "nodes": {}}, "flowhost", "..."),
    ],
)
def test_json_of_a_wrong_shape(data: dict[str, Any], place: str, words: str) -> None:
    with pytest.raises(FlowFileError) as caught:
        from_json(data)
    assert caught.value.place == place
    assert words in caught.value.message


def test_a_fresh_file_has_its_keys_in_order() -> None:
    data = to_json(read_flow(TEXT).document)
    data = {
        "layout": data.pop("layout"),
        "sagas": {"s": {"key": "x"}},
        "area": "a/b",
        "description": "Two\nlines",
        **data,
    }
    text = dump_flow(from_json(data))
    keys = [line.partition(":")[0] for line in text.splitlines() if line[0] not in " -"]
    assert keys == ["flowhost", "id", "name", "area", "description", "connections", "nodes", "wires", "sagas", "layout"]
    assert "description: |-\n  Two\n  lines\n" in text
    assert "    temps: [80, 120]\n" in text
    assert "      where: quality == 'good'\n" in text


def test_lists_of_objects_change_item_by_item() -> None:
    text = """\
flowhost: 1
id: f
nodes:
  a:
    type: modbus.poll
    config:
      tags:
        # the first
        - name: speed   # rpm
          address: 1
        - {name: temp, address: 2}
        - name: power
          address: 3
      empty:
      note: |
        kept

wires: []
"""
    file = read_flow(text)
    data = to_json(file.document)
    tags = data["nodes"]["a"]["config"]["tags"]
    tags[0]["address"] = 7
    tags[1]["unit"] = "Cel"
    del tags[2]
    tags.append({"name": "load", "bits": [{"at": 1}]})
    data["nodes"]["a"]["config"]["empty"] = "full"
    new = file.write(from_json(data))
    assert new == text.replace("address: 1\n", "address: 7\n").replace("address: 2}", "address: 2, unit: Cel}").replace(
        "        - name: power\n          address: 3\n",
        "        - name: load\n          bits:\n            - at: 1\n",
    ).replace("empty:\n", "empty: full\n")
    data["nodes"]["a"]["config"]["tags"] = [{"name": "speed", "address": 1}]
    assert "# the first\n        - name: speed   # rpm\n          address: 1\n      empty:" in file.write(
        from_json(data)
    )


LISTS = """\
flowhost: 1
id: f
nodes:
  a:
    type: x
    config:
      pairs:
        - - 1
          - 2
        - - 3
      objects:
        - first: 1   # one
          second: 2
      wide:
        -
          first: 1
      flow: [1, 2]
wires: []
"""


@pytest.mark.parametrize(
    ("change", "kept"),
    [
        ("config['pairs'][0].append(9)", "# one"),
        ("config['pairs'].insert(0, [7])", "# one"),
        ("config['pairs'][0][0:1] = [7, 8]", "# one"),
        ("config['objects'].append({'x': {'y': [1, {}]}})", "# one"),
        ("del config['objects'][0]['first']", "pairs:\n        - - 1\n"),
        ("config['objects'][0] = {'zero': 0, **config['objects'][0]}", "# one"),
        ("config['objects'][0]['first'] = {'a': 1}", "second: 2"),
        ("config['objects'][0]['second'] = {'a': 1}", "# one"),
        ("config['wide'].append({'first': 2})", "# one"),
        ("config['flow'] = []; config['wide'] = {}", "# one"),
        ("config['flow'].append('x, y')", "# one"),
        ("config['flow'] = {'a': None, 'b': 1.5, 'c': 'x: y', 'd': ''}", "# one"),
    ],
)
def test_lists_of_every_form(change: str, kept: str) -> None:
    file = read_flow(LISTS)
    data = to_json(file.document)
    exec(change, {"config": data["nodes"]["a"]["config"]})
    new = file.write(from_json(data))
    assert to_json(read_flow(new).document) == data
    assert kept in new


def test_a_flow_may_become_quite_another() -> None:
    file = read_flow("{flowhost: 1, id: f, nodes: {}}")
    other = from_json({"flowhost": 1, "id": "g", "nodes": {"a": {"type": "log"}}, "wires": [], "area": "x"})
    assert to_json(read_flow(file.write(other)).document) == to_json(other)
