"""Whole programs: the simulated line, a real broker, `flowhost` as a process of its own."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

ROOT = Path(__file__).resolve().parents[2]
MOSQUITTO = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")


def wait_until(condition: Callable[[], Any], what: str, seconds: float = 20.0) -> Any:
    """Wait for a condition and give what it gave."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, f"{what}: not within {seconds} s"
        time.sleep(0.02)
    return found


class Program:
    """A `flowhost` process whose output is read all the time.

    Args:
        arguments: what stands behind `flowhost`.
        cwd: its folder.
        environ: variables it has besides ours.
        under: words before its command.
    """

    def __init__(
        self, *arguments: object, cwd: Path, environ: Mapping[str, str] = {}, under: Sequence[str] = ()
    ) -> None:
        self.process = subprocess.Popen(
            [*under, sys.executable, "-m", "flowhost", *map(str, arguments)],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            cwd=cwd, env={**os.environ, "PYTHONUNBUFFERED": "1", **environ},
        )  # fmt: skip
        self.out: list[str] = []
        self.err: list[str] = []
        self._readers = [
            threading.Thread(target=self._read, args=(self.process.stdout, self.out), daemon=True),
            threading.Thread(target=self._read, args=(self.process.stderr, self.err), daemon=True),
        ]
        for reader in self._readers:
            reader.start()

    @staticmethod
    def _read(stream: Any, lines: list[str]) -> None:
        for line in stream:
            lines.append(line)  # noqa: PERF402 - others read the list meanwhile

    def says(self, words: str, seconds: float = 20.0) -> str:
        """Wait until a line holds the words."""

        def found() -> str | None:
            line = next((line for line in [*self.out, *self.err] if words in line), None)
            assert line or self.process.poll() is None, f"ended before it said {words!r}: {self.out} {self.err}"
            return line

        return str(wait_until(found, f"the program says {words!r}", seconds))

    def end(self, number: int | None = None, seconds: float = 60.0) -> int:
        """Send a signal if one is given, wait for the end; the exit code."""
        if number is not None:
            self.process.send_signal(number)
        code = self.process.wait(seconds)
        for reader in self._readers:
            reader.join(5)
        assert "Traceback" not in "".join(self.err), "".join(self.err)
        return code

    def report(self) -> dict[str, Any]:
        """What `--json` printed."""
        return dict(json.loads("".join(self.out)))

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(10)
        for reader in self._readers:
            reader.join(5)


@pytest.fixture(scope="module")
def module_programs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Program]]:
    """Starts programs that the module's tests share."""
    yield from _programs(tmp_path_factory.mktemp("programs"))


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Callable[..., Program]]:
    """Starts `flowhost ...` in the test's folder."""
    yield from _programs(tmp_path)


def _programs(folder: Path) -> Iterator[Callable[..., Program]]:
    started: list[Program] = []

    def start(*arguments: object, cwd: Path = folder, under: Sequence[str] = (), **environ: str) -> Program:
        started.append(Program(*arguments, cwd=cwd, environ=environ, under=under))
        return started[-1]

    yield start
    for each in started:
        each.close()
    for each in started[-3:]:
        # pytest shows this where the test failed
        print(f"{each.process.args[3:]} ended with {each.process.returncode} and said:", *each.err[-40:], sep="\n")


@pytest.fixture(scope="module")
def plant(module_programs: Callable[..., Program]) -> Iterator[dict[str, str]]:
    """`flowhost sim --ports auto`; gives the variables it prints."""
    simulator = module_programs("sim", "--ports", "auto")
    simulator.says("Ctrl-C ends it", 30)
    yield dict(re.findall(r"export (PLANT_\w+)=(\S+)", "".join(simulator.out)))
    assert simulator.end(signal.SIGINT, 10) == 0


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


class Broker:
    """A real mosquitto that can be killed and started again on the same port.

    Args:
        folder: for its files.
        durable: write everything to disk with every change, which holds up publishers.
        as_shipped: leave everything else at mosquitto's defaults.
    """

    def __init__(self, folder: Path, *, durable: bool = True, as_shipped: bool = False) -> None:
        self.port = free_port()
        self._config = folder / "mosquitto.conf"
        user = "user root\n" if hasattr(os, "geteuid") and os.geteuid() == 0 else ""
        keep = ""
        if durable:
            keep = f"persistence true\npersistence_location {folder}/\nautosave_on_changes true\nautosave_interval 1\n"
        # its defaults drop what an absent subscriber has not had: 1,000 queued, 20 in flight
        keep += "" if as_shipped else "max_queued_messages 0\nmax_inflight_messages 0\n"
        self._config.write_text(f"{user}{keep}listener {self.port} 127.0.0.1\nallow_anonymous true\n")
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        assert MOSQUITTO is not None
        self._process = subprocess.Popen(
            [MOSQUITTO, "-c", str(self._config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        wait_until(self._listens, "mosquitto listens")

    def kill(self) -> None:
        self.end(signal.SIGKILL)

    def kept(self) -> bytes:
        """What it would know again after its death."""
        return (self._config.parent / "mosquitto.db").read_bytes()

    def end(self, number: int) -> None:
        """Send it a signal and wait for its end."""
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(10)
        self._process = None

    def _listens(self) -> bool:
        with socket.socket() as sock:
            sock.settimeout(0.2)
            return sock.connect_ex(("127.0.0.1", self.port)) == 0


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    """One that may be killed."""
    yield from _running_broker(tmp_path / "broker", durable=True)


@pytest.fixture
def fast_broker(tmp_path: Path) -> Iterator[Broker]:
    """One that stays up, for tests at full load."""
    yield from _running_broker(tmp_path / "broker", durable=False)


@pytest.fixture
def shipped_broker(tmp_path: Path) -> Iterator[Broker]:
    """One with mosquitto's defaults: it forgets everything at its end, and drops what does not fit its queues."""
    yield from _running_broker(tmp_path / "broker", durable=False, as_shipped=True)


def _running_broker(folder: Path, *, durable: bool, as_shipped: bool = False) -> Iterator[Broker]:
    if MOSQUITTO is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("mosquitto is not installed: apt-get install mosquitto")
    folder.mkdir()
    broker = Broker(folder, durable=durable, as_shipped=as_shipped)
    broker.start()
    yield broker
    broker.kill()


class Listener:
    """A client outside FlowHost."""

    def __init__(self, host: str, port: int) -> None:
        self.messages: list[paho.MQTTMessage] = []
        self._client = paho.Client(CallbackAPIVersion.VERSION2)
        self._client.on_message = lambda c, u, message: self.messages.append(message)
        self._acked = 0
        self._client.on_subscribe = lambda *a: setattr(self, "_acked", self._acked + 1)
        self._client.connect(host, port)
        self._client.loop_start()

    def subscribe(self, *topics: str) -> None:
        """Returns when the broker has taken it."""
        before = self._acked
        self._client.subscribe([(topic, 1) for topic in topics])
        wait_until(lambda: self._acked > before, "the subscription is confirmed")

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """Returns when the broker has taken it."""
        self._client.publish(topic, payload, qos=1, retain=retain).wait_for_publish(10)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


@pytest.fixture(scope="module")
def listener() -> Iterator[Callable[[str, int], Listener]]:
    """Connects a client that a program under test knows nothing of."""
    made: list[Listener] = []

    def connect(host: str, port: int) -> Listener:
        made.append(Listener(host, port))
        return made[-1]

    yield connect
    for each in made:
        each.close()
