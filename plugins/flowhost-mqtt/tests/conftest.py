"""A real mosquitto per test module, a probe that looks from outside, and contexts as the engine would give them."""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from flowhost.sdk import Connection, ConnectionContext, NodeContext

PROGRAM = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def wait_until(condition: Callable[[], Any], what: str = "condition", seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not come about within {seconds} s"
        time.sleep(0.01)


async def _until(condition: Callable[[], Any], what: str = "condition", seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not come about within {seconds} s"
        await asyncio.sleep(0.01)


@pytest.fixture
def until() -> Callable[..., Any]:
    """Wait for a condition; fails when it does not come about."""
    return _until


def accepts(port: int) -> bool:
    with socket.socket() as sock:
        sock.settimeout(0.2)
        return sock.connect_ex(("127.0.0.1", port)) == 0


class Mosquitto:
    """The real broker, on a port of its own; killed and started again at will."""

    def __init__(self, folder: Path, extra: str = "", persistence: bool = False, tls: str = "") -> None:
        assert PROGRAM is not None
        self.port = free_port()
        self._config = folder / f"mosquitto-{self.port}.conf"
        keep = f"persistence true\npersistence_location {folder}/\nautosave_interval 1\nautosave_on_changes true\n"
        anonymous = "" if "allow_anonymous" in extra else "allow_anonymous true\n"
        store = keep if persistence else "persistence false\n"
        user = "user root\n" if hasattr(os, "geteuid") and os.geteuid() == 0 else ""  # else it may not write here
        self._config.write_text(f"{user}{store}listener {self.port} 127.0.0.1\n{tls}{anonymous}{extra}\n")
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> Mosquitto:
        self._process = subprocess.Popen(
            [str(PROGRAM), "-c", str(self._config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        wait_until(lambda: accepts(self.port), "mosquitto listens")
        return self

    def kill(self) -> None:
        self._end(lambda process: process.kill())

    def stop(self) -> None:
        if self._process is not None:
            self.thaw()
        self._end(lambda process: process.terminate())

    def freeze(self) -> None:
        """Let it hang: connections stay, nothing is answered."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def _end(self, how: Callable[[subprocess.Popen[bytes]], None]) -> None:
        process, self._process = self._process, None
        if process is not None:
            how(process)
            process.wait(10)


class Probe:
    """A client outside FlowHost, with paho's own thread."""

    def __init__(self, port: int, *topics: str, qos: int = 1, v5: bool = True) -> None:
        self.messages: list[paho.MQTTMessage] = []
        self._ready = False
        self._client = paho.Client(
            CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5 if v5 else MQTTProtocolVersion.MQTTv311
        )
        self._client.on_message = lambda c, u, message: self.messages.append(message)
        self._client.on_subscribe = lambda *a: setattr(self, "_ready", True)
        self._client.on_connect = lambda *a: (
            self._client.subscribe([(t, qos) for t in topics]) if topics else setattr(self, "_ready", True)
        )
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        wait_until(lambda: self._ready, "the probe is connected")

    def publish(self, topic: str, payload: Any, qos: int = 1, **more: Any) -> None:
        self._client.publish(topic, payload, qos, **more).wait_for_publish(5)

    @property
    def payloads(self) -> list[bytes]:
        return [bytes(message.payload) for message in self.messages]

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


class Board:
    """Keeps notices."""

    def __init__(self) -> None:
        self.notices: list[tuple[str, str]] = []

    def notice(self, kind: str, text: str) -> None:
        self.notices.append((kind, text))

    def kinds(self) -> list[str]:
        return [kind for kind, _ in self.notices]

    def text(self, kind: str) -> str:
        return "\n".join(text for given, text in self.notices if given == kind)


class RealClock:
    def now_ns(self) -> int:
        return time.time_ns()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


@pytest.fixture(scope="session")
def mosquitto_program() -> str:
    if PROGRAM is None:
        if os.environ.get("CI"):
            pytest.fail("mosquitto is missing; install it (apt install mosquitto)")
        pytest.skip("mosquitto is not installed (apt install mosquitto)")
    return PROGRAM


@pytest.fixture
def new_broker(mosquitto_program: str, tmp_path: Path) -> Iterator[Callable[..., Mosquitto]]:
    brokers: list[Mosquitto] = []

    def make(**how: Any) -> Mosquitto:
        brokers.append(Mosquitto(tmp_path, **how))
        return brokers[-1].start()

    yield make
    for broker in brokers:
        broker.stop()


@pytest.fixture
def broker(new_broker: Callable[..., Mosquitto]) -> Mosquitto:
    return new_broker()


@pytest.fixture
def new_probe() -> Iterator[Callable[..., Probe]]:
    probes: list[Probe] = []

    def make(port: int, *topics: str, **how: Any) -> Probe:
        probes.append(Probe(port, *topics, **how))
        return probes[-1]

    yield make
    for probe in probes:
        probe.close()


@pytest.fixture
def board() -> Board:
    return Board()


@pytest.fixture
def connection_context(tmp_path: Path, board: Board) -> ConnectionContext:
    return ConnectionContext(
        name="broker",
        host_id="test",
        base_dir=tmp_path,
        log=logging.getLogger("test"),
        clock=RealClock(),
        board=board,  # type: ignore[arg-type]
    )


@pytest.fixture
def node_context(tmp_path: Path, board: Board) -> Callable[..., NodeContext]:
    def make(connection: Connection[Any], node: str = "node", flow: str = "flow") -> NodeContext:
        return NodeContext(
            flow=flow,
            node=node,
            host_id="test",
            base_dir=tmp_path,
            log=logging.getLogger("test"),
            clock=RealClock(),
            board=board,  # type: ignore[arg-type]
            connection=connection,
        )

    return make
