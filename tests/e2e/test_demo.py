"""`flowhost demo` from an empty folder: pages, rows, an orderly end, and the same again on the next day."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import psutil
import pytest

ROOT = Path(__file__).resolve().parents[2]
GALLERY = sorted(path.parent.name for path in ROOT.glob("flows/*/flow.yaml"))

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(150),
    pytest.mark.skipif(sys.platform == "win32", reason="sends POSIX signals"),
]


class Demo:
    """A running demo and what can be seen of it from outside."""

    def __init__(self, program: Callable[..., Any], folder: Path) -> None:
        self.folder = folder
        self.begun = time.monotonic()
        self.program = program("demo", FLOWHOST_PORT="0", FLOWHOST_DATA_DIR=str(folder), cwd=folder.parent)
        line = self.program.says("FlowHost runs at ", 60)
        self.address = line.split("FlowHost runs at ")[1].split()[0]

    def get(self, path: str) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(self.address + path, timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError as error:
            return 0, str(error)

    def ready(self) -> None:
        self.until(lambda: self.get("/api/health/ready")[0] == 200, "the host is ready")

    def rows(self, table: str, newest: str) -> tuple[int, Any]:
        """Number of rows of a table, and its newest value."""
        try:
            with closing(sqlite3.connect(f"file:{self.folder / 'plant.db'}?mode=ro", uri=True)) as db:
                return tuple(db.execute(f"select count(*), max({newest}) from {table}").fetchone())
        except sqlite3.OperationalError:
            return 0, None

    def increases(self) -> None:
        """Rows of the tables that grow at all times arrive."""
        for table, newest in (("telemetry", "at"), ("production", "updated_at")):
            before = self.rows(table, newest)
            self.until(lambda t=table, n=newest, b=before: self.rows(t, n) > b, f"rows arrive in {table}")

    def until(self, condition: Callable[[], Any], what: str) -> None:
        """Everything shall be there within a minute of the start."""
        while not condition():
            assert self.program.process.poll() is None, "".join(self.program.err)
            assert time.monotonic() - self.begun < 60, f"{what}: not within a minute\n{''.join(self.program.err)}"
            time.sleep(0.1)

    def processes(self) -> list[psutil.Process]:
        """The host and everything it started."""
        host = psutil.Process(self.program.process.pid)
        return [host, *host.children(recursive=True)]


@pytest.fixture
def demo(program, tmp_path: Path) -> Callable[[], Demo]:
    return lambda: Demo(program, tmp_path / "data")


def gone(process: psutil.Process) -> bool:
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def ends_in_order(demo: Demo, number: int) -> None:
    processes = demo.processes()
    assert len(processes) >= 3, "host, worker and simulator"
    begun = time.monotonic()
    assert demo.program.end(number, 30) == 0, "".join(demo.program.err)
    assert time.monotonic() - begun < 5
    deadline = time.monotonic() + 2
    while left := [process for process in processes if not gone(process)]:
        assert time.monotonic() < deadline, left
        time.sleep(0.05)
    # a broker that was begun anew knows no session of before, and that is told
    said = [line for line in demo.program.err if "has lost the session" not in line]
    assert not [line for line in said if "ERROR" in line], said
    assert not [line for line in said if "lost" in line], "the plant was still there when the flows stopped"


def test_demo_from_an_empty_folder_and_again(demo) -> None:
    first = demo()
    first.ready()
    assert first.get("/")[0] == 200
    first.increases()
    ends_in_order(first, signal.SIGTERM)
    with closing(sqlite3.connect(first.folder / "plant.db")) as db:
        assert db.execute("pragma integrity_check").fetchone() == ("ok",)

    again = demo()
    again.ready()
    again.increases()
    assert flow_ids(again.folder) == GALLERY, "each flow once"
    ends_in_order(again, signal.SIGINT)


def flow_ids(folder: Path) -> list[str]:
    with closing(sqlite3.connect(f"file:{folder / 'app.db'}?mode=ro", uri=True)) as db:
        return sorted(row[0] for row in db.execute("select id from flow"))


def test_demo_leaves_nothing_running_when_it_is_killed(demo) -> None:
    killed = demo()
    killed.ready()
    killed.increases()
    processes = killed.processes()
    os.kill(killed.program.process.pid, signal.SIGKILL)
    deadline = time.monotonic() + 8
    while left := [process for process in processes if not gone(process)]:
        assert time.monotonic() < deadline, left
        time.sleep(0.05)
    with closing(sqlite3.connect(killed.folder / "plant.db")) as db:
        assert db.execute("pragma integrity_check").fetchone() == ("ok",)
    after = demo()
    after.ready()
    after.increases()
    ends_in_order(after, signal.SIGTERM)


def test_demo_on_a_port_that_is_taken_says_so(demo, program, tmp_path) -> None:
    first = demo()
    port = first.address.rsplit(":", 1)[1]
    second = program("demo", FLOWHOST_PORT=port, FLOWHOST_DATA_DIR=str(tmp_path / "other"))
    assert second.end(seconds=40) == 2
    assert f"127.0.0.1:{port} cannot be listened on: choose another port" in "".join(second.err)
    third = program("demo", FLOWHOST_PORT="0", FLOWHOST_DATA_DIR=str(first.folder))
    assert third.end(seconds=40) == 2
    assert str(first.folder) in "".join(third.err)
    assert "simulated" not in "".join(second.out + third.out), "nothing was started before that was known"
    assert json.loads(first.get("/api/health/live")[1]) == {"status": "live"}
    first.ready()
    ends_in_order(first, signal.SIGTERM)
