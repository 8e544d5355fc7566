"""A real server process, as `flowhost serve` runs it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import psutil
import pytest

SERVE = """
import sys
from flowhost.app import serve
from flowhost.services.settings import load_settings
serve(load_settings(port=0), say=lambda line: print(line, flush=True))
"""


class Server:
    """One host in a process of its own."""

    def __init__(self, data: Path, **environment: str) -> None:
        self.data = data
        self.process = subprocess.Popen(
            [sys.executable, "-c", SERVE],
            env=os.environ | {"FLOWHOST_DATA_DIR": str(data)} | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if "http://127.0.0.1:" not in line:
            self.process.kill()
            raise AssertionError(line + self.process.communicate(timeout=10)[1])
        self.address = next(word for word in line.split() if word.startswith("http")).rstrip(",")
        self.client = httpx.Client(base_url=self.address)

    @property
    def netloc(self) -> str:
        return self.address.removeprefix("http://")

    def worker(self) -> psutil.Process:
        """The process that runs flows; a spare one is younger."""
        return min(psutil.Process(self.process.pid).children(), key=psutil.Process.create_time)

    def wait_ready(self) -> None:
        wait_for(lambda: self.client.get("/api/health/ready").status_code == 200)

    def end(self) -> str:
        """Its error output; killed if it still runs."""
        self.client.close()
        self.process.kill()
        _, errors = self.process.communicate(timeout=20)
        return errors


def wait_for(condition: Callable[[], object], within_s: float = 20.0) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, "it did not become so in time"
        time.sleep(0.02)


@pytest.fixture
def until() -> Callable[..., None]:
    return wait_for


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    servers: list[Server] = []

    def start(**environment: str) -> Server:
        servers.append(Server(tmp_path / "data", **environment))
        return servers[-1]

    yield start
    for server in servers:
        server.end()


@pytest.fixture(scope="module")
def serve_data() -> Iterator[Callable[[Path], Server]]:
    """Starts servers on data folders, for all tests of a module."""
    servers: list[Server] = []

    def start(data: Path) -> Server:
        servers.append(Server(data))
        return servers[-1]

    yield start
    for server in servers:
        server.end()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("data"))
    server.wait_ready()
    yield server
    server.end()
