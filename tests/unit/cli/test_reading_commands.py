"""lint, test, nodes, plugin list and the program itself: what they print and how they end."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from flowhost import __version__

ROOT = Path(__file__).resolve().parents[3]
GOOD = """\
flowhost: 1
id: t
nodes:
  src: {type: inject, config: {messages: [{payload: 1}]}}
  end: {type: discard}
wires: [src -> end]
"""
WRONG = """\
flowhost: 1
id: t
nodes:
  src: {type: inject, config: {messages: [{payload: 1}], evry_s: 5}}
  keep:
    type: filter
    config:
      where: payload.value >
  end: {type: discrad}
wires:
  - src -> keep
  - keep.els -> end
"""


@pytest.fixture
def flow(tmp_path: Path):
    def write(text: str, tests: str = "") -> Path:
        (tmp_path / "flow.yaml").write_text(text)
        if tests:
            (tmp_path / "test.yaml").write_text(tests)
        return tmp_path / "flow.yaml"

    return write


# -- lint


def test_lint_of_a_sound_flow(command, flow) -> None:
    ended = command("lint", flow(GOOD))
    assert (ended.code, ended.out, ended.err) == (0, "1 flow checked: 0 errors, 0 warnings\n", "")


def test_lint_names_exact_places(command, flow) -> None:
    path = flow(WRONG)
    ended = command("lint", path)
    assert ended.code == 1
    *lines, summary = ended.out.splitlines()
    places = [line.removeprefix(f"{path}:").split(": ")[0] for line in lines]
    *first, last = places
    assert first == sorted(first, key=lambda place: tuple(map(int, place.split(":"))))
    assert last == "5:3", "a port that leads nowhere may follow from the wire with a misspelt one"
    expected = {
        "4:58": "did you mean 'every_s'", "5:3": "port 'out' leads nowhere", "8:29": "nodes.keep.config.where",
        "9:15": "did you mean 'discard'", "12:5": "'keep' has no port 'els'; ports: out, error",
    }  # fmt: skip
    found = dict(zip(places, lines, strict=True))
    for place, words in expected.items():
        assert place in found, lines
        assert words in found[place]
    assert all(": error: " in line or ": warning: " in line for line in lines)
    assert summary == "1 flow checked: 5 errors, 0 warnings"


def test_lint_as_json(command, flow) -> None:
    path = flow(WRONG)
    ended = command("lint", "--json", path)
    problems = json.loads(ended.out)
    assert ended.code == 1
    assert len(problems) == 5
    assert {"file", "severity", "code", "place", "message", "line", "column"} == set(problems[0])
    assert problems[0]["file"] == str(path)
    assert json.loads(command("lint", "--json", flow(GOOD)).out) == []


@pytest.mark.parametrize(
    ("text", "words"),
    [("flowhost: [", "flow.yaml"), ("- a\n", "not a flow"), ("", "the file is empty"), ("\x00", "flow.yaml")],
)
def test_lint_of_what_is_no_flow_file(command, flow, text, words) -> None:
    ended = command("lint", flow(text))
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith("flowhost: ")
    assert words in ended.err
    assert "Traceback" not in ended.err


def test_lint_of_a_path_that_is_not_there(command, tmp_path) -> None:
    ended = command("lint", tmp_path / "nothing.yaml")
    assert ended.code == 2
    assert "nothing.yaml: cannot be read: No such file" in ended.err
    ended = command("lint", tmp_path)
    assert ended.code == 2
    assert "there is no flow.yaml in it" in ended.err


def test_lint_of_the_gallery(command) -> None:
    ended = command("lint", ROOT / "flows")
    assert ended.code == 0, ended.out
    assert ended.out.endswith(" flows checked: 0 errors, 0 warnings\n")


GALLERY = {
    # flow: what its path promises, the path, who is why
    "energy-windows": (
        "best effort up to FlowHost, then effectively once", "readings -> energy", ["readings (modbus.poll)"],
    ),
    "line-to-mqtt": (
        "best effort up to FlowHost, then at least once", "line -> published",
        ["line (opcua.subscribe)", "published (mqtt.publish)"],
    ),
    "line-to-sql": (
        "best effort up to FlowHost, then effectively once", "line -> telemetry", ["line (opcua.subscribe)"],
    ),
    "production-per-order": (
        "best effort up to FlowHost, then effectively once", "counts -> production", ["counts (opcua.subscribe)"],
    ),
    "sensor-names": ("at least once", "sensors -> unified", ["unified (mqtt.publish)"]),
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(path.parent.name for path in ROOT.glob("flows/*/flow.yaml")))
def test_lint_says_what_the_gallerys_paths_promise(command, name) -> None:
    words, ends, named = GALLERY[name]
    head, row, why, *reasons, _ = command("lint", ROOT / "flows" / name).out.splitlines()
    assert head == f"{ROOT / 'flows' / name / 'flow.yaml'}: guarantees"
    assert (row, why) == (f"  {words}  {ends}", "  why:")
    assert [reason.strip().partition(":")[0] for reason in reasons] == named


SQL = """\
flowhost: 1
id: t
connections:
  broker: {type: mqtt.broker, config: {host: h}}
  plc: {type: opcua.client, config: {endpoint: "opc.tcp://h:4840", security: none}}
  db: {type: sql.database, config: {url: "sqlite:///t.db"}}
nodes:
  temps: {type: mqtt.subscribe, connection: broker, config: {topics: [t]}}
  orders: {type: mqtt.subscribe, connection: broker, config: {topics: [o], id: payload.n}}
  old: {type: mqtt.subscribe, connection: broker, config: {topics: [x], qos: 0}}
  line: {type: opcua.subscribe, connection: plc, config: {items: ["ns=2;s=a"]}}
  good: {type: filter, config: {where: "quality == 'good'"}}
  rows: {type: sql.write, connection: db, config: {table: rows}}
  fast: {type: sql.write, connection: db, config: {table: fast}, delivery: {outbox: false}}
  out: {type: mqtt.publish, connection: broker, config: {topic: t, qos: 0}}
  bad: {type: file.write, config: {path: bad/}}
  log: {type: log}
wires:
  - temps -> good
  - orders -> good
  - old -> good
  - line -> good
  - good -> rows
  - line -> fast
  - orders -> out
  - good.error -> bad
  - good -> log
"""

SAID = """\
{file}: guarantees
  best effort                                        line -> fast
  best effort                                        orders -> out
  best effort up to FlowHost, then effectively once  old, line -> rows
  best effort up to FlowHost, then effectively once  old (failed), line (failed) -> bad
  at least once                                      temps -> rows
  at least once                                      temps (failed) -> bad
  effectively once                                   orders -> rows
  effectively once                                   orders (failed) -> bad
  why:
    temps (mqtt.subscribe): a message that comes again may have another id; give `id`, made of what the sender wrote, \
such as `topic + ':' + text(payload.seq)`
    old (mqtt.subscribe): cannot bring a message again: what comes while FlowHost or its link is down is missed; set \
`qos: 1`
    line (opcua.subscribe): cannot bring a message again: what comes while FlowHost or its link is down is missed
    fast (sql.write): messages wait for it in memory, and nobody can bring them again: a kill loses them; take out \
`outbox: false`
    out (mqtt.publish): calls done what its target has not confirmed: what is on the line at a break is lost; set \
`qos: 1`
    out (mqtt.publish): a message that is sent again counts again at the target; send an id in the payload, by which \
receivers leave out repetitions
1 flow checked: 0 errors, 0 warnings
"""


def test_lint_says_what_every_path_promises_and_why(command, flow) -> None:
    path = flow(SQL)
    assert command("lint", path).out == SAID.format(file=path)
    assert command("lint", "--no-guarantees", path).out == "1 flow checked: 0 errors, 0 warnings\n"
    assert command("lint", path, path).out.count(": guarantees\n") == 2


def test_lint_says_of_two_ways_where_they_differ(command, flow) -> None:
    text = SQL.replace("{type: filter, config: {where: \"quality == 'good'\"}}",
                       "{type: window, config: {every_s: 5, compute: {n: count()}}}")  # fmt: skip
    out = command("lint", flow(text.replace("- good.error -> bad", "- orders -> rows\n  - good.error -> bad"))).out
    assert "  at least once                                      temps, orders -> good -> rows\n" in out
    assert "  effectively once                                   orders -> rows\n" in out


def test_lint_of_a_large_flow_stays_readable(command, flow) -> None:
    """Sixty sources, forty sinks, every path: a handful of lines."""
    sources = [f"  s{n}: {{type: mqtt.subscribe, connection: broker, config: {{topics: [t], qos: {n % 2}}}}}"
               for n in range(60)]  # fmt: skip
    sinks = [f"  z{n}: {{type: mqtt.publish, connection: broker, config: {{topic: t}}}}" for n in range(40)]
    head = ["flowhost: 1", "id: t", "connections: {broker: {type: mqtt.broker, config: {host: h}}}", "nodes:"]
    middle = ["  all: {type: filter, config: {where: 'true'}}", "wires:"]
    wires = [*(f"  - s{n} -> all" for n in range(60)), *(f"  - all -> z{n}" for n in range(40))]
    ended = command("lint", flow("\n".join([*head, *sources, *sinks, *middle, *wires])))
    assert ended.code == 0
    assert (
        "  at least once                                   s1, s3, s5, s7, s9, s11 and 24 more -> z0, z1, z2,"
        in ended.out
    )
    assert len(ended.out.splitlines()) == 7, ended.out


def test_lint_of_a_flow_with_errors_promises_nothing(command, flow) -> None:
    assert "guarantees" not in command("lint", flow(SQL.replace("good -> log", "good -> lgo"))).out


def test_lint_with_guarantees_as_json(command, flow) -> None:
    path = flow(SQL)
    assert json.loads(command("lint", "--json", path).out) == [], "the list of problems stays what it was"
    found = json.loads(command("lint", "--json", "--guarantees", path).out)
    assert found["problems"] == []
    assert len(found["guarantees"]) == 10
    assert found["guarantees"][1] == {
        "file": str(path), "source": "orders", "sink": "rows", "route": ["orders", "good", "rows"], "failed": False,
        "level": "effectively once", "received": "effectively once", "reasons": [],
    }  # fmt: skip
    (reason,) = found["guarantees"][3]["reasons"]
    assert (reason["node"], reason["type"], reason["remedy"]) == ("line", "opcua.subscribe", "")


# -- test

PASSES = "- {name: it passes, given: {src: [{payload: 5}]}, expect: {end: [{payload: 5}]}}\n"
FAILS = "- {name: it fails, given: {src: [{payload: 5}]}, expect: {end: [{payload: 6}]}}\n"


def test_test_of_tests_that_pass(command, flow) -> None:
    path = flow(GOOD, PASSES)
    ended = command("test", path)
    assert (ended.code, ended.out) == (0, f"passed  {path}: it passes\n1 test passed, 0 failed\n")


def test_test_of_tests_that_fail(command, flow) -> None:
    path = flow(GOOD, PASSES + FAILS)
    ended = command("test", path.parent)
    assert ended.code == 1
    assert f"FAILED  {path}: it fails\n        end[0].payload: expected 6, got 5\n" in ended.out
    assert ended.out.endswith("1 test passed, 1 failed\n")


@pytest.mark.parametrize(("text", "tests"), [(GOOD, ""), (GOOD, "- {name: x}"), (WRONG, PASSES)])
def test_test_of_files_that_are_wrong(command, flow, text, tests) -> None:
    ended = command("test", flow(text, tests))
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith("flowhost: ")


def test_the_gallerys_tests_pass(command) -> None:
    ended = command("test", ROOT / "flows")
    assert ended.code == 0, ended.out


# -- nodes, plugin list


def test_nodes_lists_what_is_installed(command) -> None:
    ended = command("nodes")
    assert ended.code == 0
    rows = [line.split(maxsplit=2) for line in ended.out.splitlines() if ": not loaded: " not in line]
    listed = {row[0]: row[1] for row in rows}
    assert listed["filter"] == "transform"
    assert listed["inject"] == "source"
    assert listed["mqtt.publish"] == "sink"
    assert listed["sql.database"] == "connection"
    for wanted in ({"connection"}, {"source", "transform", "sink"}):
        names = [row[0] for row in rows if row[1] in wanted]
        assert names == sorted(names)
    assert "(builtin)" in ended.out


def test_nodes_as_json(command) -> None:
    listing = json.loads(command("nodes", "--json").out)
    assert {"type", "kind", "title", "summary", "category", "plugin"} == set(listing["nodes"][0])
    assert "mqtt.broker" in {entry["type"] for entry in listing["connections"]}
    assert all({"name", "distribution", "version", "reason"} == set(entry) for entry in listing["broken"])


def test_nodes_explains_a_type(command) -> None:
    ended = command("nodes", "window")
    assert ended.code == 0
    for words in ("# window", "`every_s` (number, s, required)", "`late`:", "`error`:", "type: window"):
        assert words in ended.out
    described = json.loads(command("nodes", "window", "--json").out)
    assert described


def test_nodes_explains_a_connection_type(command) -> None:
    ended = command("nodes", "sql.database")
    assert ended.code == 0
    words = (
        "# sql.database",
        "`url` (text, required)",
        "Used by `sql.poll`, `sql.write`.",
        "connections:\n  sql: {type",
    )
    for each in words:
        assert each in ended.out
    described = json.loads(command("nodes", "sql.database", "--json").out)
    assert (described["kind"], described["used_by"]) == ("connection", ["sql.poll", "sql.write"])


@pytest.mark.parametrize(
    ("typo", "words"),
    [
        ("windwo", "did you mean window?"),
        ("mqtt.publsh", "did you mean mqtt.publish"),
        ("sql.datbase", "did you mean sql.database"),
        ("zzz", "`flowhost nodes` lists"),
    ],
)
def test_nodes_helps_with_a_typo(command, typo, words) -> None:
    ended = command("nodes", typo)
    assert (ended.code, ended.out) == (2, "")
    assert words in ended.err


def test_plugin_list(command) -> None:
    ended = command("plugin", "list")
    assert ended.code == 0
    (line,) = (line for line in ended.out.splitlines() if line.startswith("mqtt "))
    assert "mqtt.publish" in line
    assert line.endswith("; connections: mqtt.broker")
    listing = json.loads(command("plugin", "list", "--json").out)
    assert {"name", "distribution", "version", "node_types", "connection_types"} <= set(listing["plugins"][0])


# -- the program


def test_version_help_and_wrong_commands(command) -> None:
    assert command("--version").out == f"flowhost {__version__}\n"
    assert "lose nothing in silence" in " ".join(command("--help").out.split())
    assert command("bogus").code == 2
    assert command("lint").code == 2
    assert command("run").code == 2


def test_a_command_prints_nothing_but_its_result(finished, flow) -> None:
    ended = finished("lint", flow(GOOD))
    assert (ended.code, ended.out, ended.err) == (0, "1 flow checked: 0 errors, 0 warnings\n", "")


def test_reading_commands_load_no_web_server_and_no_database() -> None:
    code = (
        "import sys, flowhost.cli.program; "
        "print(*(m for m in ('nicegui', 'fastapi', 'sqlmodel', 'sqlalchemy', 'pint', 'asyncua') if m in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
