"""What goes wrong in a plant: each time the message says what, where and what to do, and the exit code tells."""

from __future__ import annotations

import signal
import socket
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from servers.ledger import audit

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

READING = """\
flowhost: 1
id: reading
connections:
  broker: {type: mqtt.broker, config: {host: 127.0.0.1, port: {env: PLANT_MQTT_PORT}}}
nodes:
  temps: {type: mqtt.subscribe, connection: broker, config: {topics: [plant/+/temp], qos: 1, format: json}}
  warm: {type: map, config: {set: {tag: topic, value: payload.value + 0}}}
  end: {type: discard}
  odd: {type: log, config: {level: warning, text: "ODD {headers.error}"}}
wires:
  - temps -> warm
  - warm -> end
  - %s -> odd
"""


@pytest.fixture
def flow(tmp_path: Path) -> Any:
    def write(text: str) -> Path:
        (tmp_path / "flow.yaml").write_text(text)
        return tmp_path / "flow.yaml"

    return write


@pytest.fixture
def closed_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("qos: 1", "qoss: 1", [":6:", "nodes.temps.config.qoss", "did you mean 'qos'?"]),
        ("qos: 1", "qos: 7", [":6:", "nodes.temps.config.qos"]),
        ("temps -> warm", "temps -> wram", [":11:", "'wram'", "did you mean 'warm'"]),
        ("warm -> end", "warm.ot -> end", [":12:", "'ot'", "ports: out, error"]),
        ("connection: broker,", "connection: brocker,", [":6:", "'brocker'", "'broker'"]),
        ("payload.value + 0", "payload.value +", [":7:", "column"]),
    ],
)
def test_wrong_files_are_refused_with_place_and_remedy(program, flow, old, new, words) -> None:
    run = program("run", flow((READING % "temps.error").replace(old, new)), PLANT_MQTT_PORT="1")
    assert run.end() == 2
    text = "".join(run.err)
    assert text.startswith("flowhost: ")
    for word in words:
        assert word in text
    assert run.out == []


def test_an_environment_variable_that_is_not_set_is_named(program, flow) -> None:
    run = program("run", flow(READING % "temps.error"))
    assert run.end() == 2
    assert "PLANT_MQTT_PORT" in "".join(run.err)


TARGETS = {
    "mqtt": (
        "{type: mqtt.broker, config: {host: 127.0.0.1, port: %d}}",
        "{type: mqtt.subscribe, connection: plc, config: {topics: [a]}}",
    ),
    "opcua": (
        '{type: opcua.client, config: {endpoint: "opc.tcp://127.0.0.1:%d/x", security: none}}',
        '{type: opcua.subscribe, connection: plc, config: {items: ["ns=2;s=A"]}}',
    ),
    "modbus": (
        "{type: modbus.client, config: {host: 127.0.0.1, port: %d}}",
        "{type: modbus.poll, connection: plc, config: {unit_id: 1, period_ms: 100, "
        "tags: [{name: a, table: input, address: 0, type: int16}]}}",
    ),
}


@pytest.mark.parametrize("protocol", TARGETS)
def test_a_target_that_cannot_be_reached_is_named_with_its_address(program, flow, closed_port, protocol) -> None:
    connection, source = TARGETS[protocol]
    text = (
        f"flowhost: 1\nid: t\nconnections: {{plc: {connection % closed_port}}}\n"
        f"nodes: {{src: {source}, end: {{type: discard}}}}\nwires: [src -> end]\n"
    )
    run = program("run", flow(text), "--drain", "1s", "--json")
    run.says(f"127.0.0.1:{closed_port}", 60)
    assert run.end(signal.SIGINT) == 1
    report = run.report()
    assert report["unreached"] == ["src"]
    audit(report)
    (lost,) = [line for line in run.err if "WARNING" in line or "ERROR" in line]
    assert f"127.0.0.1:{closed_port}" in lost, "says where"
    assert "connection 'plc'" in lost or "connection plc" in lost, "says which"
    assert any(word in lost for word in ("check", "start")), "says what to do"
    assert report["connections"]["plc"]["up"] is False


@pytest.fixture
def odd_readings(broker, listener) -> None:
    """Retained, so that they are there when the flow has subscribed."""
    client = listener("127.0.0.1", broker.port)
    client.publish("plant/a/temp", b'{"value": 21.5}', retain=True)
    client.publish("plant/b/temp", b"\xff\xfe not json", retain=True)
    client.publish("plant/c/temp", b'{"value": "21,5"}', retain=True)


def test_malformed_payload_leaves_by_a_wired_error_port(program, flow, broker, odd_readings) -> None:
    run = program("run", flow(READING % "temps.error"), "--json", PLANT_MQTT_PORT=str(broker.port))
    line = run.says("ODD ")
    run.says("'21,5'")
    assert run.end(signal.SIGINT) == 1, "the one that fails at `warm` has nowhere to go"
    assert "JSON" in line
    report = run.report()
    assert report["nodes"]["odd"]["out"] == 1
    assert report["nodes"]["temps"]["dead"] == 0
    assert (report["nodes"]["warm"]["out"], report["nodes"]["warm"]["dead"]) == (1, 1)
    audit(report)


def test_malformed_payload_is_dead_where_nothing_is_wired(program, flow, broker, odd_readings) -> None:
    run = program("run", flow(READING % "warm.error"), "--json", PLANT_MQTT_PORT=str(broker.port))
    line = run.says("plant/b/temp")
    run.says("ODD ")
    assert run.end(signal.SIGINT) == 1
    assert "temps: " in line
    assert "JSON" in line
    report = run.report()
    assert (report["nodes"]["temps"]["dead"], report["nodes"]["warm"]["dead"]) == (1, 0)
    assert report["nodes"]["odd"]["out"] == 1
    (problem,) = [p for p in report["problems"] if p["kind"] == "dead"]
    assert problem["node"] == "temps"
    audit(report)


ROUND_TRIP = """\
flowhost: 1
id: round-trip
connections:
  broker: {type: mqtt.broker, config: {host: 127.0.0.1, port: {env: PLANT_MQTT_PORT}}}
  db: {type: sql.database, config: {url: "sqlite:///rows.db"}}
nodes:
  gen: {type: sim.generate, config: {tags: [a, b], rate_hz: 50}}
  out: {type: mqtt.publish, connection: broker, config: {topic: "round/{payload.tag}", qos: 1}}
  back: {type: mqtt.subscribe, connection: broker, config: {topics: [round/+], qos: 1, id: "text(payload.seq)"}}
  rows: {type: sql.write, connection: db, config: {table: rows, create_table: {tag: text, value: real, seq: integer}}}
wires: [gen -> out, back -> rows]
"""


def rows(path: Path, query: str = "select count(*) from rows") -> int:
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
            return int(db.execute(query).fetchone()[0] or 0)
    except sqlite3.OperationalError:
        return 0


def test_a_broker_that_dies_and_returns(program, flow, broker, tmp_path) -> None:
    run = program("run", flow(ROUND_TRIP), "--json", PLANT_MQTT_PORT=str(broker.port))
    path = tmp_path / "rows.db"
    until(lambda: rows(path) > 50)
    broker.kill()
    run.says("WARNING connection broker")
    newest = rows(path, "select max(seq) from rows")
    time.sleep(2)  # an outage takes its time
    broker.start()
    until(lambda: rows(path, "select max(seq) from rows") > newest + 200)
    assert run.end(signal.SIGINT) == 0
    report = run.report()
    audit(report)
    assert report["nodes"]["out"]["out"] == report["nodes"]["gen"]["made"], "nothing was lost on the way out"
    # what was published again over the outage was there already
    assert report["nodes"]["rows"]["out"] - report["nodes"]["rows"]["repeated"] == rows(path)
    lines = [line for line in run.err if "connection broker" in line]
    assert len([line for line in lines if "WARNING" in line]) == 1, lines
    assert len([line for line in lines if "INFO" in line]) == 1, lines
    assert len([p for p in report["problems"] if p["node"] == "connection broker"]) == 1, report["problems"]


def until(condition: Any, seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.05)
