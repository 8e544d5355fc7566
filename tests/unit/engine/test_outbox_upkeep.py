"""Outbox files stay small and cost nothing while their flows have nothing to write."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import apsw
import psutil
import pytest

from flowhost.engine.outbox.changes import Advance, Append
from flowhost.engine.outbox.outbox import Outbox
from flowhost.engine.outbox.pool import WriterPool
from flowhost.engine.outbox.upkeep import Upkeep

ROW = b"x" * 200


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Times short enough to wait for."""
    monkeypatch.setattr("flowhost.engine.outbox.pool.TICK_S", 0.02)
    monkeypatch.setattr("flowhost.engine.outbox.writer.QUIET_S", 0.05)
    monkeypatch.setattr("flowhost.engine.outbox.writer.IDLE_S", 0.2)
    monkeypatch.setattr("flowhost.engine.outbox.writer.UNUSED_S", 0.2)
    monkeypatch.setattr("flowhost.engine.outbox.reader.IDLE_S", 0.1)


def open_files(path: Path) -> int:
    return sum(Path(file.path).name.startswith(path.name) for file in psutil.Process().open_files())


async def test_an_idle_file_is_closed_and_opened_again_when_something_comes(tmp_path, quick, eventually) -> None:
    path = tmp_path / "o.db"
    box = Outbox(path, pytest.fail)
    await box.open()
    edge = (await box.edge("f", "n")).number
    await box.change(Append(edge, [b"a"]))
    assert open_files(path) > 1
    for number in range(1, 4):
        await eventually(lambda: open_files(path) == 1)
        assert not (tmp_path / "o.db-wal").exists(), "all of it is in the file itself"
        assert await box.change(Append(edge, [b"b"])) == [number]
    assert [row[2] for row in await box.read(edge, 0, 10)] == [b"a", b"b", b"b", b"b"]
    await box.close()
    assert open_files(path) == 0


async def test_many_files_share_their_threads_and_each_keeps_its_order(tmp_path, quick) -> None:
    pool = WriterPool(threads=2)
    boxes = [Outbox(tmp_path / f"{number}.db", pytest.fail, pool) for number in range(30)]
    await asyncio.gather(*(box.open() for box in boxes))
    assert sum(thread.name.startswith("outbox") for thread in threading.enumerate()) == 3

    async def fill(box: Outbox) -> list[int]:
        edge = (await box.edge("f", "n")).number
        starts = await asyncio.gather(*(box.change(Append(edge, [b"%d" % n])) for n in range(50)))
        rows = [int(row[2]) for row in await box.read(edge, 0, 100)]
        assert rows == list(range(50))
        return [start for (start,) in starts]

    assert await asyncio.gather(*(fill(box) for box in boxes)) == [list(range(50))] * 30
    await asyncio.gather(*(box.close() for box in boxes))
    for thread in threading.enumerate():
        if thread.name.startswith("outbox"):
            thread.join(5)
            assert not thread.is_alive()


async def test_the_log_stays_short_under_load_with_a_reader_beside(tmp_path) -> None:
    box = Outbox(tmp_path / "o.db", pytest.fail)
    await box.open()
    edge = (await box.edge("f", "n")).number
    over = asyncio.Event()
    longest = reads = 0

    async def read() -> None:
        nonlocal reads, longest
        while not over.is_set():
            await box.read(edge, 0, 2000)
            longest = max(longest, (tmp_path / "o.db-wal").stat().st_size)
            reads += 1

    reading = asyncio.create_task(read())
    for _ in range(100):
        await asyncio.gather(*(box.change(Append(edge, [ROW] * 200)) for _ in range(10)))
    over.set()
    await reading
    await box.close()
    print(f"{reads} reads, log at most {longest / 1e6:.1f} MB")
    assert reads > 20
    assert longest < 32e6


async def test_the_file_gives_back_what_a_backlog_took(tmp_path, quick, monkeypatch, eventually) -> None:
    monkeypatch.setattr("flowhost.engine.outbox.upkeep.FREE_PAGES_KEPT", 50)
    path = tmp_path / "o.db"
    box = Outbox(path, pytest.fail)
    await box.open()
    edge = (await box.edge("f", "n")).number
    await asyncio.gather(*(box.change(Append(edge, [ROW] * 1000)) for _ in range(60)))
    await eventually(lambda: path.stat().st_size > 12e6)
    await box.change(Advance(edge, 50_000))
    await eventually(lambda: path.stat().st_size < 8e6)
    await box.change(Advance(edge, 60_000))
    await eventually(lambda: path.stat().st_size < 3e6)
    assert await box.change(Append(edge, [b"next"])) == [60_000]
    await box.close()


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Callable[[], apsw.Connection]]:
    """Connections to one file with a log; all are closed at the end."""
    made: list[apsw.Connection] = []

    def connect() -> apsw.Connection:
        made.append(apsw.Connection(str(tmp_path / "o.db")))
        made[-1].pragma("journal_mode", "wal")
        return made[-1]

    yield connect
    for one in made:
        one.close()


def in_log(connection: apsw.Connection) -> int:
    pages, copied = connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_NOOP)
    return pages - copied


def test_what_a_reader_kept_from_the_file_is_copied_once_it_is_gone(opened) -> None:
    writing, reading = opened(), opened()
    upkeep = Upkeep(writing)
    writing.execute("CREATE TABLE t(b)")
    reading.execute("BEGIN")
    assert reading.execute("SELECT count(*) FROM t").get == 0
    writing.execute("INSERT INTO t VALUES (zeroblob(100000))")
    upkeep.copy_log()
    assert in_log(writing) > 20
    assert upkeep.log_bytes == in_log(writing) * 4096
    reading.execute("COMMIT")
    # nothing was written since; the log is still not in the file
    upkeep.copy_log()
    assert (in_log(writing), upkeep.log_bytes) == (0, 0)


def test_a_log_that_was_cut_is_looked_after_from_its_beginning(opened, tmp_path) -> None:
    writing = opened()
    upkeep = Upkeep(writing)
    writing.execute("CREATE TABLE t(b)")
    writing.execute("INSERT INTO t VALUES (zeroblob(3000000))")
    upkeep.copy_log()
    writing.execute("INSERT INTO t VALUES (zeroblob(3000000))")
    upkeep.cut_log()
    assert (tmp_path / "o.db-wal").stat().st_size == 0
    writing.execute("INSERT INTO t VALUES (zeroblob(1000000))")
    upkeep.after_commit()
    assert in_log(writing) > 200, "too little to be copied while there is room"
    upkeep.after_commit(tight=True)
    assert in_log(writing) == 0
    writing.execute("INSERT INTO t VALUES (zeroblob(6000000))")
    upkeep.after_commit()
    assert in_log(writing) == 0
