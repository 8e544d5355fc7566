"""R7: the disk fills up. Intake stops before it is full, what is here still leaves, and all goes on by itself."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from servers.ledger import audit
from servers.volume import Volume

FLOW = """
flowhost: 1
id: filling
connections: {db: {type: sql.database, config: {url: "sqlite:///rows.db"}}}
nodes:
  gen: {type: sim.generate, config: {tags: 1, count: %d, rate_hz: %d}}
  wide: {type: map, config: {set: {seq: payload.seq, text: "'%s'"}}}
  rows: {type: sql.write, connection: db, config: {table: rows, create_table: {seq: integer, text: text}}}
wires: [gen -> wide, wide -> rows]
"""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


class Target:
    """A database that can be made to refuse."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._holder = sqlite3.connect(path, isolation_level=None)
        self._holder.execute("CREATE TABLE rows(seq INTEGER, text TEXT)")

    def refuse(self) -> None:
        self._holder.execute("BEGIN EXCLUSIVE")

    def accept(self) -> None:
        self._holder.execute("COMMIT")

    def seqs(self) -> list[int]:
        with closing(sqlite3.connect(self.path, timeout=30)) as connection:
            return [row[0] for row in connection.execute("SELECT seq FROM rows ORDER BY rowid")]

    def count(self) -> int:
        """How many rows there are; a look so short that it does not hold up who writes."""
        with closing(sqlite3.connect(self.path, timeout=30)) as connection:
            return int(connection.execute("SELECT coalesce(max(rowid), 0) FROM rows").fetchone()[0])

    def close(self) -> None:
        self._holder.close()


@pytest.fixture
def target(tmp_path: Path) -> Iterator[Target]:
    target = Target(tmp_path / "rows.db")
    yield target
    target.close()


def wait_until(condition: Callable[[], Any], what: str, seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"{what}: not within {seconds} s"
        time.sleep(0.05)


def arrives(target: Target, number: int, running: Any) -> None:
    """All rows are there; they may take their time as long as they keep coming."""
    while (now := target.count()) < number:
        what = f"after {now} rows, more of {number}"
        wait_until(lambda now=now, what=what: target.count() > now or running.process.poll() is not None, what)
        assert running.process.poll() is None or target.count() >= number, f"{what}: ended, {running.err}"


@pytest.mark.parametrize("number", [60_000])
def test_intake_stops_what_is_here_leaves_and_all_goes_on_by_itself(
    number: int, program: Any, volume: Callable[[int], Volume], target: Target, tmp_path: Path
) -> None:
    disk = volume(64)
    (tmp_path / "flow.yaml").write_text(FLOW % (number, 0, "x" * 1000))
    target.refuse()
    running = program("run", "flow.yaml", "--data", disk.path / "state", "--json")
    running.says("no messages are taken in", 90)
    time.sleep(1.5)
    assert "refuses to write" not in "".join(running.err), "it stopped before the system had to say so"
    free = disk.free()
    assert free > 500_000, "intake ended in time"
    filler = disk.fill()
    assert disk.free() < 50_000
    target.accept()
    wait_until(lambda: target.count() > 2000, "what is here leaves a full disk")
    filler.unlink()
    arrives(target, number, running)
    assert running.end(seconds=60) == 0, running.err
    assert target.seqs() == list(range(number)), "each once, in order"
    assert_nothing_lost(running)
    print(f"{free / 1e6:.1f} MB were free when intake stopped; {number} messages of 1 kB through 64 MB")


def test_another_program_takes_all_room_at_once(
    program: Any, volume: Callable[[int], Volume], target: Target, tmp_path: Path
) -> None:
    disk = volume(64)
    number = 20_000
    (tmp_path / "flow.yaml").write_text(FLOW % (number, 0, "x" * 1000))
    target.refuse()
    running = program("run", "flow.yaml", "--data", disk.path / "state", "--json")
    outbox = disk.path / "state" / "outbox.db"
    wait_until(lambda: outbox.exists() and outbox.stat().st_size > 2e6, "messages pile up")
    filler = disk.fill()
    running.says("no messages are taken in", 60)
    target.accept()
    wait_until(lambda: target.count() > 1000, "what is here leaves a full disk")
    filler.unlink()
    arrives(target, number, running)
    assert running.end(seconds=60) == 0, running.err
    assert target.seqs() == list(range(number)), "each once, in order"
    assert_nothing_lost(running)


def assert_nothing_lost(running: Any) -> None:
    audit(running.report(), settled=True)
    assert any("taken in again" in line for line in running.err)
