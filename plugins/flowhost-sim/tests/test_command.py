"""The command as a user starts it."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

pytestmark = pytest.mark.slow

ENDS_WITHIN_S = 2.5
ANY_PORTS = ["--opcua-port", "0", "--modbus-port", "0", "--mqtt-port", "0"]


@pytest.fixture
def start() -> Iterator:
    started: list[subprocess.Popen[str]] = []

    def run(*arguments: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "flowhost_sim", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield run
    for process in started:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout, process.stderr):
            pipe.close()


def ready(process: subprocess.Popen[str]) -> dict:
    return json.loads(process.stdout.readline())


def ends_cleanly(process: subprocess.Popen[str]) -> None:
    began = time.monotonic()
    assert process.wait(10) == 0
    assert time.monotonic() - began < ENDS_WITHIN_S
    assert process.stderr.read() == ""


@pytest.mark.alone
def test_the_ready_line_names_servers_that_answer(start) -> None:
    process = start(*ANY_PORTS, "--json")
    line = ready(process)
    assert line["event"] == "ready"
    assert line["modbus"]["unit_id"] == 1
    endpoint = line["opcua"]["endpoint"]
    assert endpoint.startswith("opc.tcp://127.0.0.1:")
    assert endpoint.endswith("/flowhost/sim")
    ports = [line["mqtt"]["port"], line["modbus"]["port"], int(endpoint.split(":")[2].split("/")[0])]
    for port in ports:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    process.send_signal(signal.SIGTERM)
    ends_cleanly(process)


@pytest.mark.alone
def test_people_get_addresses_they_can_paste(start) -> None:
    process = start(*ANY_PORTS)
    text = ""
    while "Ctrl-C" not in text:
        text += process.stdout.readline()
    verb = "set" if os.name == "nt" else "export"
    names = ["MQTT_HOST", "MQTT_PORT", "OPCUA_ENDPOINT", "MODBUS_HOST", "MODBUS_PORT"]
    for name in names:
        assert f"{verb} PLANT_{name}=" in text
    process.send_signal(signal.SIGINT)
    ends_cleanly(process)


@pytest.mark.alone
def test_it_ends_with_its_parent(start) -> None:
    process = start(*ANY_PORTS, "--json", "--until-stdin-closes")
    ready(process)
    process.stdin.close()
    ends_cleanly(process)


def test_it_can_be_ended_while_it_starts(start) -> None:
    process = start(*ANY_PORTS, "--json", "--until-stdin-closes")
    process.stdin.close()
    assert process.wait(10) == 0
    assert process.stderr.read() == ""


@pytest.mark.alone
def test_clients_that_stay_connected_do_not_keep_it(start) -> None:
    process = start(*ANY_PORTS, "--json")
    line = ready(process)
    with socket.create_connection(("127.0.0.1", line["mqtt"]["port"]), timeout=5):
        process.send_signal(signal.SIGTERM)
        ends_cleanly(process)


def test_a_taken_port_is_named_with_the_next_step(start) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        process = start("--opcua-port", "0", "--modbus-port", "0", "--mqtt-port", str(port))
        assert process.wait(20) == 2
    error = process.stderr.read()
    assert f"Port {port} for the MQTT broker is taken" in error
    assert "--ports auto" in error
    assert "Traceback" not in error


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--broker", "nowhere"], "host:port"),
        (["--speed", "fast"], "0.1 to 200"),
        (["--mqtt-port", "70000"], "1 to 65535"),
    ],
)
def test_wrong_arguments_say_what_is_right(start, arguments: list[str], expected: str) -> None:
    process = start(*arguments)
    assert process.wait(20) == 2
    assert expected in process.stderr.read()
