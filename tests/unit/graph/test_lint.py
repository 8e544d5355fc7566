# ruff: noqa: E501 - a case reads best as one row
"""Wrong flow files: each case changes one thing in a sound flow; `§` marks where lint must point."""

from typing import Any

import pytest

from flowhost.errors import ConfigError
from flowhost.graph.document import FlowDocument
from flowhost.graph.jsonform import from_json, to_json
from flowhost.graph.lint import check_or_raise, lint
from flowhost.graph.text import read_flow

SOUND = """\
flowhost: 1
id: line-telemetry
name: Line 1 telemetry
connections:
  broker: {type: test.broker, config: {host: 10.1.2.3, port: 1883, password: {secret: broker_password}}}
nodes:
  temps:
    type: test.read
    connection: broker
    config:
      topics: [plant/+/temp]
      qos: 1
      id: "topic + ':' + text(payload.seq)"
  running: {type: test.filter, config: {where: quality == 'good'}}
  split: {type: test.switch, config: {rules: [{port: hot, where: payload > 80}]}}
  out: {type: test.write, connection: broker, config: {topic: "uns/{topic}"}, delivery: {outbox: true}}
  store: {type: test.save, config: {table: t}}
wires:
  - temps -> running
  - running -> split
  - split.hot -> out
  - split.error -> store
  - out -> store
layout: {nodes: {temps: [80, 120]}}
"""

CASES = {
    # shape of the file
    "no format": ("flowhost: 1\n", "§", "missing-field", "flowhost", "add it"),
    "other format": ("flowhost: 1", "flowhost: §2", "wrong-value", "flowhost", "reads form 1 of flow files, not 2"),
    "format true": ("flowhost: 1", "flowhost: §true", "wrong-value", "flowhost", "not true"),
    "no id": ("flowhost: 1\nid: line-telemetry\n", "§flowhost: 1\n", "missing-field", "id", "id: line-telemetry"),
    "id number": ("id: line-telemetry", "id: §12", "wrong-value", "id", "must be text, not 12; write '12' in quotes"),
    "flow id": ("id: line-telemetry", "§id: Line 1", "bad-id", "id", "lower-case letters"),
    "top key": ("name: Line 1", "§nam: Line 1", "unknown-key", "nam", "did you mean 'name'?"),
    "empty name": ("name: Line 1 telemetry", "§name:", "wrong-value", "name", "is empty"),
    "nodes list": ("layout: {nodes: {temps: [80, 120]}}", "§layout: [1]", "wrong-value", "layout", "not a list"),
    "wires object": ("layout: {nodes", "sagas: §7\nlayout: {nodes", "wrong-value", "sagas", "an object (key: value)"),
    "node key": ("running: {type: test.filter,", "running: {type: test.filter, §nme: x,", "unknown-key", "nodes.running.nme",
                 "did you mean 'name'?"),
    "node id": ("wires:", "  §Store-2: {type: test.save}\nwires:\n  - out -> Store-2", "bad-id", "nodes.Store-2",
                "must begin with a letter a-z"),
    "disabled": ("store: {type: test.save,", "store: {type: test.save, disabled: §true,", "wrong-value",
                 "nodes.store.disabled", "must be 'block'"),
    "disabled word": ("store: {type: test.save,", "store: {type: test.save, §disabled: [x],", "wrong-value",
                      "nodes.store.disabled", "not a list"),
    "wire text": ("- out -> store", "- §out store", "bad-wire", "wires[4]", "'out store' is not a wire"),
    "wire chain": ("- out -> store", "- §out -> store -> out", "bad-wire", "wires[4]", "one each"),
    "wire object": ("- out -> store", "- §{out: store}", "bad-wire", "wires[4]", "an object is not a wire"),
    "duplicate id": ("  store: {", "  temps: {type: test.save}\n  store: {", "duplicate-id", "nodes.temps",
                     "node id 'temps' stands twice: in line 7 and in line 17"),
    "duplicate connection": ("nodes:\n", "  §broker: {type: test.plc}\nnodes:\n", "duplicate-id", "connections.broker",
                             "connection 'broker' stands twice: in line 5 and in line 6"),
    "duplicate key": ("      qos: 1\n", "      qos: 1\n      §qos: 0\n", "duplicate-key", "nodes.temps.config.qos",
                      "key 'qos' stands twice"),
    "number key": ("{table: t}", "{table: t, set: {§1: '2'}}", "bad-key", "nodes.store.config.set.1", "write it in quotes"),
    "merge key": ("{table: t}", "{table: t, §<<: {set: {}}}", "bad-key", 'nodes.store.config["<<"]', "merge keys"),
    # types
    "unknown type": ("test.filter,", "§test.filtr,", "unknown-type", "nodes.running.type", "did you mean 'test.filter'?"),
    "missing plugin": ("type: test.filter,", "type: §mqtt.frobnicate,", "missing-plugin", "nodes.running.type",
                       "install flowhost-mqtt"),
    "missing vendor": ("type: test.filter,", "type: §acme.frobnicate,", "missing-plugin", "nodes.running.type",
                       "install the plugin that brings 'acme.*'"),
    "builtin type": ("type: test.filter,", "type: §frobnicate,", "unknown-type", "nodes.running.type", "known: test.filter"),
    "no type": ("{type: test.filter, config", "{config", "missing-field", "nodes.running.type", "'type' is missing"),
    "no node": ("running: {type: test.filter, config: {where: quality == 'good'}}", "running: §7", "wrong-value",
                "nodes.running", "must be an object (key: value), not 7"),
    "connection type": ("type: test.broker", "type: §test.brokr", "unknown-type", "connections.broker.type",
                        "did you mean 'test.broker'?"),
    "deprecated": ("type: test.filter, config: {where: quality == 'good'}", "type: §test.mark", "deprecated-type",
                   "nodes.running.type", "will be removed"),
    # configs
    "unknown field": ("      qos: 1", "      §qoss: 1", "unknown-field", "nodes.temps.config.qoss", "did you mean 'qos'?"),
    "wrong value": ("qos: 1", "qos: §2", "wrong-value", "nodes.temps.config.qos", "must be 0 or 1, not 2"),
    "wrong item": ("[plant/+/temp]", "[a, §7]", "wrong-value", "nodes.temps.config.topics[1]", "must be text, not 7"),
    "missing field": ("    config:\n      topics: [plant/+/temp]", "    §config:", "missing-field",
                      "nodes.temps.config.topics", "'topics' is missing: Topics to read"),
    "missing config": ("  running: {type: test.filter, config: {where: quality == 'good'}}", "  §running: {type: test.filter}",
                       "missing-field", "nodes.running.config.where", "'where' is missing: Which messages go on"),
    "deep field": ("{port: hot, where", "{port: hot, §wher", "unknown-field", "nodes.split.config.rules[0].wher", "'where'"),
    "expression": ("where: quality == 'good'", "where: quality == 'good' and§", "expression", "nodes.running.config.where", ""),
    "expression in quotes": ("text(payload.seq)\"", "§txt(payload.seq)\"", "expression", "nodes.temps.config.id", "txt"),
    "expression with escapes": ("\"topic + ':' + text(payload.seq)\"", "§\"topic +\\x20txt(topic)\"", "expression",
                                "nodes.temps.config.id", "txt"),
    "template": ("uns/{topic}", "uns/{§topc}", "expression", "nodes.out.config.topic", "topc"),
    "expression list": ("where: quality == 'good'", "§where: [1]", "expression", "nodes.running.config.where", "must be text"),
    # references
    "bad secret": ("{secret: broker_password}", "{secret: 7}", "bad-reference", "connections.broker.config.password",
                   "is not the name of a secret"),
    "unset variable": ("host: 10.1.2.3", "§host: {env: PLANT_HOST}", "env-not-set", "connections.broker.config.host",
                       "environment variable PLANT_HOST is not set here"),
    "bad default": ("port: 1883", "§port: {env: PLANT_PORT, default: x}", "wrong-value", "connections.broker.config.port",
                    "must be a whole number, not 'x'"),
    # secrets
    "clear secret": ("password: {secret: broker_password}", "password: §hunter2", "clear-secret",
                     "connections.broker.config.password", "{secret: broker_password} instead and set FLOWHOST_SECRET_BROKER"),
    "secret default": ("{secret: broker_password}", "{env: PW, default: §hunter2}", "clear-secret",
                       "connections.broker.config.password.default", "{secret: broker_password}"),
    "by name": ("\"uns/{topic}\"}", "\"uns/{topic}\", token: §hunter2}", "clear-secret", "nodes.out.config.token",
                "{secret: out_token}"),
    "header": ("{table: t}", "{headers: {x-api-key: §hunter2}}", "clear-secret", 'nodes.store.config.headers.x-api-key',
               "{secret: store_x_api_key}"),
    "in url": ("port: 1883", "url: §mqtt://me:hunter2@host", "clear-secret", "connections.broker.config.url",
               "take it out of the URL and write 'password: {secret: broker_password}'"),
    "in list url": ("[plant/+/temp]", "[§http://me:hunter2@host/x]", "clear-secret", "nodes.temps.config.topics[0]",
                    "write the whole URL as {secret: temps}"),
    # connections
    "unknown connection": ("    connection: broker", "    connection: §brokr", "unknown-connection",
                           "nodes.temps.connection", "did you mean 'broker'?"),
    "connection missing": ("    connection: broker\n", "", "connection-missing", "nodes.temps.connection",
                           "needs a connection of type test.broker; add 'connection: ...', fitting: broker"),
    "connection given": ("store: {type: test.save,", "store: {type: test.save, connection: §broker,", "connection-not-used",
                         "nodes.store.connection", "uses no connection"),
    "connection name": ("connection: broker, config: {topic", "connection: §7, config: {topic", "wrong-value",
                        "nodes.out.connection", "must be text"),
    "unused": ("nodes:\n", "  §plc: {type: test.plc}\nnodes:\n", "unused-connection", "connections.plc", "no node uses"),
    "bad connection name": ("nodes:\n", "  §a.b: {type: test.plc}\nnodes:\n", "bad-id", 'connections["a.b"]', "digits"),
    # delivery
    "delivery key": ("outbox: true", "§outbx: true", "unknown-field", "nodes.out.delivery.outbx", "did you mean 'outbox'?"),
    "delivery value": ("outbox: true", "outbox: §7", "wrong-value", "nodes.out.delivery.outbox", "true or false"),
    "delivery place": ("running: {type: test.filter,", "running: {type: test.filter, §delivery: {outbox: false},",
                       "delivery-without-queue", "nodes.running.delivery", "only nodes that wait"),
    "delivery word": ("outbox: true", "order: §kee", "wrong-value", "nodes.out.delivery.order", "did you mean 'key'?"),
    "delivery range": ("outbox: true", "expire_after_s: §0", "wrong-value", "nodes.out.delivery.expire_after_s", "more than 0"),
    "retry key": ("outbox: true", "retry: {§max_try: 5}", "unknown-field", "nodes.out.delivery.retry.max_try",
                  "did you mean 'max_tries'?"),
    "retry waits": ("outbox: true", "retry: {first_s: §90}", "wrong-value", "nodes.out.delivery.retry.first_s",
                    "at most max_s (60), not 90"),
    "order in memory": ("outbox: true", "outbox: false, order: §key", "delivery-contradiction", "nodes.out.delivery.order",
                        "nowhere to wait"),
    "live in memory": ("outbox: true", "outbox: false, backlog: §live_first", "delivery-contradiction",
                       "nodes.out.delivery.backlog", "set outbox: true"),
    "live in order": ("outbox: true", "order: strict, backlog: §live_first", "delivery-contradiction",
                      "nodes.out.delivery.backlog", "breaks 'order: strict'"),
    "no limit": ("outbox: true", "when_full: §drop_oldest", "delivery-contradiction", "nodes.out.delivery.when_full",
                 "set max_messages or max_bytes"),
    "no queue": ("wires:", "  shown: {type: test.show, §delivery: {order: key}}\nwires:\n  - split.error -> shown",
                 "delivery-without-queue", "nodes.shown.delivery", "no queue stands before it"),
    # wires
    "dangling target": ("- out -> store", "- §out -> stor", "dangling-wire", "wires[4]", "did you mean 'store'?"),
    "dangling source": ("- out -> store", "- §oot -> store", "dangling-wire", "wires[4]", "nodes: out, running, split"),
    "duplicate wire": ("- out -> store", "- out -> store\n  - §out.out -> store", "duplicate-wire", "wires[5]", "stands twice"),
    "into source": ("- out -> store", "- §split.error -> temps", "wire-into-source", "wires[4]", "has no input"),
    "from sink": ("- out -> store", "- §store -> out", "wire-from-sink", "wires[4]", "'store' is a sink"),
    "unknown port": ("- split.error -> store", "- split.error -> store\n  - §split.cold -> store", "unknown-port", "wires[4]",
                     "'split' has no port 'cold'; ports: hot, error"),
    "source unwired": ("wires:", "  §more: {type: test.read, connection: broker, config: {topics: [x]}}\nwires:",
                       "source-unwired", "nodes.more", "add a wire 'more -> ...'"),
    "port unwired": ("  - running -> split", "  - temps -> split", "unwired-port", "nodes.running", "'running -> ...'"),
    "rule unwired": ("{port: hot, where: payload > 80}", "{port: hot, where: payload > 80}, {port: cold, where: '1 == 1'}",
                     "unwired-port", "nodes.split", "'split.cold -> ...'"),
    "no input": ("wires:", "  §more: {type: test.save}\nwires:", "no-input", "nodes.more", "'... -> more'"),
    "cycle": ("- out -> store", "- out -> store\n  - §split.error -> running", "cycle", "wires[5]",
              "running -> split -> running"),
    "ports fail": ("- split.hot -> out", "- temps -> out", "plugin-fault", "nodes.split", "KeyError"),
}  # fmt: skip


def problems_of(text: str, library: Any, environ: dict[str, str] | None = None) -> list[Any]:
    return lint(read_flow(text, "flow.yaml"), library, {} if environ is None else environ)


def test_the_sound_flow_is_sound(library: Any) -> None:
    assert problems_of(SOUND, library) == []
    assert lint(read_flow(SOUND).document, library) == []
    assert check_or_raise(read_flow(SOUND), library) == []


@pytest.mark.parametrize("name", CASES)
def test_one_thing_wrong(name: str, library: Any) -> None:
    old, new, code, place, words = CASES[name]
    assert SOUND.count(old) == 1, "the case changes nothing, or too much"
    marked = SOUND.replace(old, new)
    if name == "ports fail":
        marked = marked.replace("  split:", "  §split:").replace("port: hot", "port: broken")
    text = marked.replace("§", "")
    problems = problems_of(text, library)
    found = [(problem.code, problem.place) for problem in problems]
    assert found == [(code, place)]
    problem = problems[0]
    assert words in problem.message
    assert "hunter2" not in str(problem)
    if "§" in marked:
        before = marked[: marked.index("§")]
        assert (problem.line, problem.column) == (before.count("\n") + 1, len(before) - before.rfind("\n"))


def test_several_problems_come_in_file_order(library: Any) -> None:
    text = SOUND.replace("qos: 1", "qos: 2").replace("port: 1883", "port: 0").replace("- out -> store", "- out -> stor")
    found = [(problem.place, problem.code) for problem in problems_of(text, library)]
    assert found == [
        ("connections.broker.config.port", "wrong-value"),
        ("nodes.temps.config.qos", "wrong-value"),
        ("wires[4]", "dangling-wire"),
    ]


@pytest.mark.parametrize(
    ("wire", "misspelt", "code"),
    [
        ("running -> split", "running -> splt", "dangling-wire"),
        ("temps -> running", "temp -> running", "dangling-wire"),
        ("split.hot -> out", "split.hott -> out", "unknown-port"),
    ],
)
def test_what_follows_from_one_misspelt_wire_is_not_said(wire: str, misspelt: str, code: str, library: Any) -> None:
    assert [problem.code for problem in problems_of(SOUND.replace(wire, misspelt), library)] == [code]


def test_a_wire_to_nowhere_is_named_before_what_may_follow_from_it(library: Any) -> None:
    found = [problem.code for problem in problems_of(SOUND.replace("running -> split", "running -> zzz"), library)]
    assert found == ["dangling-wire", "no-input"]


def test_places_of_wires_hold_behind_one_that_cannot_be_read(library: Any) -> None:
    text = SOUND.replace("  - temps -> running", "  - temps running\n  - temps -> running").replace(
        "out -> store", "out -> x"
    )
    found = [(problem.code, problem.place, problem.line) for problem in problems_of(text, library)]
    assert found == [("bad-wire", "wires[0]", 19), ("dangling-wire", "wires[5]", 24)]


@pytest.mark.parametrize(
    ("environ", "codes"),
    [({"PLC": "10.0.0.1"}, []), ({}, ["env-not-set"]), (None, [])],
)
def test_variables_are_checked_where_they_are_known(environ: Any, codes: list[str], library: Any) -> None:
    file = read_flow(SOUND.replace("host: 10.1.2.3", "host: {env: PLC}"))
    assert [problem.code for problem in lint(file, library, environ)] == codes


def test_what_a_secret_hides_is_no_problem(library: Any) -> None:
    text = SOUND.replace("port: 1883", "port: {secret: port}").replace("[plant/+/temp]", "{secret: topics}")
    assert problems_of(text.replace("qos: 1", "qos: {env: QOS, default: 0}"), library, {"QOS": "1"}) == []


def test_connections_of_the_host_count(library: Any) -> None:
    start, end = SOUND.index("connections:"), SOUND.index("nodes:")
    file = read_flow(SOUND[:start] + SOUND[end:])
    assert [problem.code for problem in lint(file, library)] == ["unknown-connection"] * 2
    assert lint(file, library, host_connections={"broker": "test.broker"}) == []
    codes = [problem.code for problem in lint(file, library, host_connections={"broker": "test.plc"})]
    assert codes == ["wrong-connection-type"] * 2


def test_a_disabled_node_is_linted_too(library: Any) -> None:
    text = SOUND.replace("store: {type: test.save,", "store: {type: test.save, disabled: block,").replace(
        "table", "tabel"
    )
    off, field = problems_of(text, library)
    assert (off.code, off.severity, off.place) == ("switched-off", "warning", "nodes.store.disabled")
    assert off.message.endswith("its target gets nothing; 'disabled: pass' lets them by")
    assert field.code == "unknown-field"
    assert not problems_of(
        SOUND.replace("store: {type: test.save,", "store: {type: test.save, disabled: pass,"), library
    )


def test_without_a_file_there_are_no_lines(library: Any) -> None:
    data = to_json(read_flow(SOUND).document)
    data["nodes"]["temps"]["config"]["qos"] = 2
    (problem,) = lint(from_json(data), library)
    assert (problem.place, problem.line, problem.column) == ("nodes.temps.config.qos", None, None)
    assert str(problem) == "error: nodes.temps.config.qos: must be 0 or 1, not 2 [wrong-value]"


def test_a_sound_flow_is_demanded(library: Any) -> None:
    text = SOUND.replace("qos: 1", "qos: 2").replace("- out -> store", "- out -> stor")
    with pytest.raises(ConfigError, match=r"must be 0 or 1, not 2 \(and 1 more\)") as caught:
        check_or_raise(read_flow(text), library)
    assert caught.value.place == "nodes.temps.config.qos"
    with pytest.raises(ConfigError, match=r"must be 0 or 1, not 2$"):
        check_or_raise(read_flow(SOUND.replace("qos: 1", "qos: 2")), library)


def test_problems_name_line_and_column(library: Any) -> None:
    (problem,) = problems_of(SOUND.replace("qos: 1", "qos: 2"), library)
    assert str(problem).startswith("12:12: error: nodes.temps.config.qos: ")


def test_an_empty_flow_has_nothing_wrong(library: Any) -> None:
    assert lint(FlowDocument(id="f"), library) == []


def test_a_plugin_that_fails_while_it_checks_is_named(library: Any) -> None:
    text = SOUND.replace("{host: 10.1.2.3, port: 1883", "{host: fail here, port: 1883")
    (problem,) = problems_of(text, library)
    assert (problem.code, problem.place, problem.line) == ("plugin-fault", "connections.broker.config", 5)
    assert problem.message == "checking this config failed in the plugin: LookupError: no such host"


def test_words_of_the_plugin_are_kept(library: Any) -> None:
    (problem,) = problems_of(SOUND.replace("host: 10.1.2.3", "host: not a host"), library)
    assert (problem.code, problem.place) == ("wrong-value", "connections.broker.config.host")
    assert problem.message == "a host has no blanks"
