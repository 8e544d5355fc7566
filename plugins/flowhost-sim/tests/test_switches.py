"""Commands of a parent program: parts go off and come back on the same port, and are told as they really are."""

import asyncio
import contextlib
import json
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flowhost_sim.line import Line
from flowhost_sim.odd_sensor import OddSensor
from flowhost_sim.options import HOST, SimOptions
from flowhost_sim.parts import PartFaultError, PartState, SwitchedPart
from flowhost_sim.ports import is_free
from flowhost_sim.program import SimProgram
from flowhost_sim.switchboard import Switchboard


class Simulator:
    """The simulator as a parent starts it."""

    def __init__(self, database: Path) -> None:
        ports = ["--opcua-port", "0", "--modbus-port", "0", "--mqtt-port", "0"]
        told = ["--json", "--until-stdin-closes", "--database", str(database)]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "flowhost_sim", *ports, *told],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        self.ready = self.hear()
        self._number = 0

    def hear(self) -> dict[str, Any]:
        line = self.process.stdout.readline()
        assert line, self.process.stderr.read()
        return json.loads(line)

    def tell(self, line: str) -> dict[str, Any]:
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return self.hear()

    def switch(self, part: str, on: bool) -> dict[str, Any]:
        self._number += 1
        event = self.tell(json.dumps({"id": self._number, "part": part, "on": on}))
        assert (event.pop("event"), event.pop("part"), event.pop("id")) == ("part", part, self._number)
        return event


def write(database: Path) -> None:
    with contextlib.closing(sqlite3.connect(database, timeout=0.05)) as db, db:
        db.execute("CREATE TABLE IF NOT EXISTS t (n)")
        db.execute("INSERT INTO t VALUES (1)")


def is_locked(database: Path) -> bool:
    try:
        write(database)
    except sqlite3.OperationalError as error:
        return "locked" in str(error)
    return False


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("plant") / "plant.db"
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA journal_mode = WAL")
    write(path)
    return path


@pytest.fixture(scope="module")
def simulator(database: Path) -> Iterator[Simulator]:
    running = Simulator(database)
    yield running
    running.process.stdin.close()
    assert running.process.wait(40) == 0
    assert "Traceback" not in running.process.stderr.read()
    running.process.stdout.close()
    running.process.stderr.close()


def answers(port: int) -> bool:
    with socket.socket() as client:
        client.settimeout(5)
        return client.connect_ex((HOST, port)) == 0


@pytest.mark.slow
@pytest.mark.parametrize("part", ["broker", "opcua", "modbus"])
def test_a_server_goes_off_and_comes_back_on_its_port(simulator: Simulator, part: str) -> None:
    ready = simulator.ready
    assert ready["parts"][part] == {"on": True, "fault": ""}
    opcua = int(ready["opcua"]["endpoint"].split(":")[2].split("/")[0])
    port = {"broker": ready["mqtt"]["port"], "opcua": opcua, "modbus": ready["modbus"]["port"]}[part]
    assert answers(port)
    assert simulator.switch(part, on=False) == {"on": False, "fault": ""}
    assert not answers(port)
    assert simulator.switch(part, on=False) == {"on": False, "fault": ""}
    assert simulator.switch(part, on=True) == {"on": True, "fault": ""}
    assert answers(port)


async def test_a_sensor_that_is_off_says_words_now_and_then() -> None:
    odd, line = OddSensor(), Line()

    def says() -> list[float | str]:
        return [json.loads(odd.compose(line, 0, ""))["v"] for _ in range(12)]

    assert all(isinstance(value, float) for value in says())
    await odd.stop()
    broken = says()
    assert [isinstance(value, str) for value in broken] == [False, False, False, True] * 3
    assert len({value for value in broken if isinstance(value, str)}) == 3
    await odd.start()
    assert all(isinstance(value, float) for value in says())


@pytest.mark.slow
def test_a_server_whose_port_was_taken_says_so_and_comes_when_it_is_free(simulator: Simulator) -> None:
    port = simulator.ready["modbus"]["port"]
    simulator.switch("modbus", on=False)
    with socket.create_server((HOST, port)):
        event = simulator.switch("modbus", on=True)
    assert event["on"] is False
    assert f"cannot come back: port {port} is taken by another program" in event["fault"]
    assert simulator.switch("modbus", on=True) == {"on": True, "fault": ""}


@pytest.mark.slow
def test_a_database_that_is_off_takes_no_rows_but_can_be_read(simulator: Simulator, database: Path) -> None:
    assert not is_locked(database)
    assert simulator.switch("database", on=False) == {"on": False, "fault": ""}
    assert is_locked(database)
    with contextlib.closing(sqlite3.connect(database)) as db:
        assert db.execute("SELECT count(*) FROM t").fetchone()[0] > 0
    assert simulator.switch("database", on=True) == {"on": True, "fault": ""}
    assert not is_locked(database)


@pytest.mark.slow
def test_a_database_somebody_else_has_is_not_said_to_be_off(simulator: Simulator, database: Path) -> None:
    with contextlib.closing(sqlite3.connect(database, isolation_level=None)) as db:
        db.execute("BEGIN IMMEDIATE")
        event = simulator.switch("database", on=False)
    assert event["on"] is True
    assert "cannot be locked" in event["fault"]
    assert not is_locked(database)


@pytest.mark.slow
@pytest.mark.parametrize("line", ["off!", "[]", '{"part": "boiler", "on": false}', '{"part": "broker"}'])
def test_a_line_that_makes_no_sense_is_refused_and_the_next_is_taken(simulator: Simulator, line: str) -> None:
    event = simulator.tell(line)
    assert event["event"] == "refused"
    assert event["line"] == line
    assert simulator.switch("broker", on=True) == {"on": True, "fault": ""}


@pytest.mark.slow
def test_nothing_stays_locked_when_it_is_killed_or_ends(database: Path) -> None:
    for end in ("kill", "close"):
        simulator = Simulator(database)
        simulator.switch("database", on=False)
        assert is_locked(database)
        simulator.process.kill() if end == "kill" else simulator.process.stdin.close()
        simulator.process.wait(40)
        assert not is_locked(database)
        for pipe in (simulator.process.stdin, simulator.process.stdout, simulator.process.stderr):
            pipe.close()


async def test_a_part_that_stops_by_itself_is_told(program: SimProgram, eventually: Callable) -> None:
    events: list[dict[str, Any]] = []
    board = Switchboard(program, events.append)
    watching = asyncio.create_task(board.watch())
    broker = program._parts["broker"]._part
    broker._listener.close()
    await eventually(lambda: events)
    assert events == [{"event": "part", "part": "broker", "on": False, "fault": "The MQTT broker stopped by itself"}]
    await program.start_part("broker")
    await eventually(lambda: len(events) > 1)
    assert events[1] == {"event": "part", "part": "broker", "on": True, "fault": ""}
    watching.cancel()
    await board.close()


class Hangs:
    """A part whose server does not let go."""

    async def start(self) -> None: ...

    async def stop(self) -> None:
        await asyncio.Event().wait()

    async def update(self) -> None: ...


async def test_a_part_that_does_not_stop_is_not_said_to_be_off() -> None:
    with socket.create_server((HOST, 0)) as server:
        part = SwitchedPart("pump", Hangs(), server.getsockname()[:2])
        await part.start()
        with pytest.raises(PartFaultError, match="pump did not stop within"):
            await part.stop(within_s=0.05)
        assert part.state == PartState(on=True, fault="The pump did not stop within 0.05 s")


async def test_switching_to_and_fro_at_once_ends_as_asked_last(program: SimProgram) -> None:
    events: list[dict[str, Any]] = []
    board = Switchboard(program, events.append)
    for number in range(6):
        board.take(json.dumps({"id": number, "part": "opcua", "on": number % 2 == 1}))
    async with asyncio.timeout(50):
        while len(events) < 6:
            await asyncio.sleep(0.02)
    assert [event["on"] for event in events] == [False, True] * 3
    assert not is_free(HOST, int(program.addresses.opcua_endpoint.split(":")[2].split("/")[0]))
    assert not [event for event in events if event["fault"]]


async def test_the_end_lets_the_database_go(database: Path) -> None:
    program = SimProgram(SimOptions(opcua_port=0, modbus_port=0, mqtt_port=0, database=database))
    await program.start()
    await program.stop_part("database")
    assert is_locked(database)
    await program.stop()
    assert not is_locked(database)
