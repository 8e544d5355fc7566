"""file.read on a real folder: what is read when, what becomes of files, and what a restart finds."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import random
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flowhost_files import source_read
from flowhost_files.config_read import ReadConfig
from flowhost_files.progress import Progress
from flowhost_files.source_read import FileRead

from flowhost.sdk import Message, NodeContext
from flowhost.sdk.context import MemoryCheckpoint
from flowhost.testing.conformance.source_drive import SourceDrive

FAST = {"path": "inbox/*.csv", "period_ms": 10, "settle_ms": 0}
Make = Callable[..., Awaitable[SourceDrive]]


def number_of(message: Message) -> int:
    return int(message.payload["n"])


@pytest.fixture
def inbox(data: Path) -> Path:
    folder = data / "inbox"
    folder.mkdir()
    return folder


@pytest.fixture
async def reading(data: Path, board: Any, clock: Any) -> AsyncIterator[Make]:
    """Starts the source; several are lives of one node where they share a checkpoint."""
    drives: list[SourceDrive] = []

    async def build(checkpoint: Any = None, *, confirming: bool = True, **config: Any) -> SourceDrive:
        context = NodeContext(
            flow="line", node="orders", host_id="test", base_dir=data, log=logging.getLogger("test.node"),
            clock=clock, board=board, checkpoint=checkpoint or MemoryCheckpoint(),
        )  # fmt: skip
        node = FileRead(ReadConfig(**(FAST | config)), context)
        drives.append(SourceDrive(node, number_of, confirming=confirming))
        return await drives[-1].start()

    yield build
    for drive in drives:
        await drive.stop()
        assert not drive.breaches, drive.breaches


async def until(what: Callable[[], Any]) -> None:
    async with asyncio.timeout(15):
        while not what():
            await asyncio.sleep(0.005)


def put(file: Path, numbers: Any, age_s: float = 0) -> Path:
    """As a careful program does: written beside it and renamed."""
    beside = file.with_name(f".{file.name}.part")
    beside.write_text("n,of\n" + "".join(f"{n},{file.name}\n" for n in numbers))
    moment = time.time() - age_s
    os.utime(beside, (moment, moment))
    return beside.replace(file)


def names(folder: Path) -> list[str]:
    return sorted(str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file())


async def test_files_are_read_oldest_first_and_moved_when_delivered(reading: Make, inbox: Path) -> None:
    put(inbox / "a.csv", range(3, 6), age_s=10)
    put(inbox / "b.csv", range(3), age_s=20)
    drive = await reading(key="n")
    await drive.arrived(range(6))
    assert drive.numbers == list(range(6))
    await until(lambda: names(inbox) == ["done/a.csv", "done/b.csv"])
    first = drive.messages[0]
    assert first.payload == {"n": "0", "of": "b.csv"}
    assert (first.meta.topic, first.meta.key, first.meta.headers) == ("inbox/b.csv", "0", {"file": "inbox/b.csv"})
    assert first.meta.time_ns == (inbox / "done/b.csv").stat().st_mtime_ns
    assert len({message.meta.id for message in drive.messages}) == 6


async def test_a_name_that_comes_again_is_a_new_file(reading: Make, inbox: Path) -> None:
    drive = await reading()
    for first in (0, 3, 6):
        put(inbox / "orders.csv", range(first, first + 3), age_s=100 - first)
        await drive.arrived(range(first + 3))
        await until(lambda: not (inbox / "orders.csv").exists())
    await until(lambda: len(names(inbox / "done")) == 3)
    assert drive.numbers == list(range(9))
    assert len({message.meta.id for message in drive.messages}) == 9


async def test_nothing_is_taken_away_before_it_is_delivered(reading: Make, inbox: Path) -> None:
    put(inbox / "a.csv", range(3), age_s=10)
    drive = await reading(confirming=False)
    await drive.arrived(range(3))
    # a second look has passed the first file
    put(inbox / "b.csv", [3])
    await drive.arrived([3])
    assert names(inbox) == ["a.csv", "b.csv"]
    assert drive.numbers == [0, 1, 2, 3]
    drive.settle(range(3))
    await until(lambda: names(inbox) == ["b.csv", "done/a.csv"])


async def test_a_file_still_being_written_is_left_until_it_rests(reading: Make, inbox: Path) -> None:
    drive = await reading(settle_ms=300)
    file = inbox / "slow.csv"
    began = time.monotonic()
    with file.open("w") as stream:
        stream.write("n\n")
        for n in range(10):
            stream.write(f"{n}\n")
            stream.flush()
            await asyncio.sleep(0.1)
            assert not drive.messages or time.monotonic() - began > 1.3
    await drive.arrived(range(10))
    await until(lambda: names(inbox) == ["done/slow.csv"])
    assert drive.numbers == list(range(10))


async def test_a_file_that_grows_while_it_is_read_is_told_and_read_as_it_is_then(
    reading: Make, inbox: Path, board: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source_read, "BATCH", 2)
    file = put(inbox / "a.csv", range(4))
    drive = await reading(confirming=False)
    drive.gate.clear()
    await until(lambda: drive.waiting)
    with file.open("a") as stream:
        stream.write("4,a.csv\n")
    drive.gate.set()
    await until(lambda: 4 in drive.numbers and drive.numbers.count(0) == 2)
    (told,) = [text for kind, text in board.notices if kind == "warning"]
    assert told == "inbox/a.csv changed while it was read: what it is now is read as a new file"

    def taken_away() -> bool:
        # what it is now may still be on its way in
        drive.settle(range(5))
        return names(inbox) == ["done/a.csv"]

    await until(taken_away)


@pytest.mark.parametrize(("done", "left"), [("delete", []), ("keep", ["a.csv"])])
async def test_files_are_deleted_or_stay_and_are_remembered(
    reading: Make, inbox: Path, done: str, left: list[str]
) -> None:
    put(inbox / "a.csv", range(3))
    checkpoint = MemoryCheckpoint()
    drive = await reading(checkpoint, done=done)
    await drive.arrived(range(3))
    await until(lambda: names(inbox) == left)
    await drive.stop()
    assert drive.numbers == [0, 1, 2]
    again = await reading(checkpoint, done=done)
    put(inbox / "b.csv", range(3, 5))
    await again.arrived(range(3, 5))
    assert again.numbers == [3, 4]


async def test_a_restart_goes_on_behind_the_last_row_that_was_delivered(
    reading: Make, inbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source_read, "BATCH", 10)
    put(inbox / "a.csv", range(45))
    checkpoint = MemoryCheckpoint()
    drive = await reading(checkpoint, confirming=False)
    await drive.arrived(range(45))
    drive.settle(range(20))
    await until(lambda: drive.told == 2)
    await drive.stop()
    again = await reading(checkpoint)
    await again.arrived(range(20, 45))
    assert again.numbers == list(range(20, 45))
    ids = [message.meta.id for message in drive.messages[20:]]
    assert [message.meta.id for message in again.messages] == ids
    await until(lambda: names(inbox) == ["done/a.csv"])


async def test_a_kill_between_delivery_and_moving_leaves_no_second_reading(reading: Make, inbox: Path) -> None:
    file = put(inbox / "a.csv", range(3))
    facts = file.stat()
    checkpoint = MemoryCheckpoint()
    progress = Progress()
    progress.ends["inbox/a.csv"] = [facts.st_size, facts.st_mtime_ns, ""]
    await checkpoint.save(progress.saved())
    drive = await reading(checkpoint)
    await until(lambda: names(inbox) == ["done/a.csv"])
    put(inbox / "b.csv", range(3, 5))
    await drive.arrived(range(3, 5))
    assert drive.numbers == [3, 4]


async def test_rows_that_cannot_be_read_leave_alone_and_a_broken_file_is_put_aside(reading: Make, inbox: Path) -> None:
    columns = [{"name": "n", "type": "integer"}]
    (inbox / "a.csv").write_bytes(b"n\n0\nx\n1\n")
    drive = await reading(columns=columns)
    await drive.arrived(range(2))
    (row,) = drive.rejected
    assert row.reason == "inbox/a.csv, line 3: column 'n': 'x' is no whole number"
    assert row.message.payload == {"n": "x"}
    await until(lambda: names(inbox) == ["done/a.csv"])
    (inbox / "b.csv").write_bytes(b"m\n2\n")
    await until(lambda: "error/b.csv.reason.txt" in names(inbox) and "b.csv" not in names(inbox))
    reason = "inbox/b.csv: it has no column 'n'; there are 'm'"
    assert (inbox / "error/b.csv.reason.txt").read_text() == f"{reason}\n"
    assert names(inbox) == ["done/a.csv", "error/b.csv", "error/b.csv.reason.txt"]
    what_to_do = "it goes to inbox/error/b.csv: mend it there, then move it back to inbox/"
    assert drive.rejected[1].reason == f"{reason}; {what_to_do}"
    assert (row.is_report, drive.rejected[1].is_report) == (False, True)
    assert drive.rejected[1].message.payload == {"file": "inbox/b.csv", "records": 0}


async def test_a_broken_file_that_stays_is_to_be_mended_where_it_lies(reading: Make, inbox: Path) -> None:
    (inbox / "a.csv").write_bytes(b"m\n2\n")
    drive = await reading(columns=[{"name": "n"}], done="keep")
    await until(lambda: len(drive.rejected) == 1)
    assert drive.rejected[0].reason.endswith("; mend it where it lies, and it is read again")
    (inbox / "a.csv").write_bytes(b"n\n0\n")
    await drive.arrived(range(1))


async def test_a_broken_file_whose_name_is_taken_in_the_error_folder_says_its_new_name(
    reading: Make, inbox: Path
) -> None:
    (inbox / "error").mkdir()
    (inbox / "error/a.csv").write_bytes(b"an older one")
    (inbox / "a.csv").write_bytes(b"m\n2\n")
    drive = await reading(columns=[{"name": "n"}])
    await until(lambda: "a.csv" not in names(inbox))
    (new,) = set(names(inbox)) - {"error/a.csv"} - {name for name in names(inbox) if name.endswith(".txt")}
    assert f"; it goes to inbox/{new}: " in drive.rejected[0].reason


async def test_the_time_of_a_message_is_its_rows(reading: Make, inbox: Path) -> None:
    (inbox / "a.csv").write_text("n,at\n0,2026-11-01T00:00:00.5Z\n1,soon\n")
    drive = await reading(time="at")
    await drive.arrived(range(1))
    assert drive.messages[0].meta.time_ns == 1_793_491_200_500_000_000
    assert drive.rejected[0].reason.startswith("inbox/a.csv, line 3: field 'at' holds no time: ")


async def test_folders_below_are_read_and_what_was_put_aside_is_not(reading: Make, inbox: Path) -> None:
    for folder in ("x", "x/y", "done", "x/error"):
        (inbox / folder).mkdir()
    put(inbox / "x/y/a.csv", [0])
    put(inbox / "done/old.csv", [1])
    put(inbox / "x/error/bad.csv", [2])
    put(inbox / ".hidden.csv", [3])
    drive = await reading(path="inbox/**/*.csv")
    await until(lambda: "x/y/done/a.csv" in names(inbox))
    put(inbox / "z.csv", [4])
    await drive.arrived([4])
    assert drive.numbers == [0, 4]


@pytest.mark.skipif(os.name == "nt", reason="links need a right of their own on Windows")
async def test_a_link_that_leads_out_of_the_data_folder_is_not_followed(
    reading: Make, inbox: Path, tmp_path: Path
) -> None:
    secret = put(tmp_path / "secret.csv", [9])
    (inbox / "link.csv").symlink_to(secret)
    put(inbox / "a.csv", [0])
    drive = await reading()
    await until(lambda: names(inbox) == ["done/a.csv", "link.csv"])
    assert drive.numbers == [0]


async def test_the_folder_is_made_where_there_is_none(reading: Make, data: Path) -> None:
    drive = await reading(path="from/erp/*.csv")
    await until(lambda: (data / "from/erp").is_dir())
    put(data / "from/erp/a.csv", [0])
    await drive.arrived([0])


async def test_what_stands_in_the_way_of_moving_is_told_once_and_tried_again(
    reading: Make, inbox: Path, board: Any
) -> None:
    (inbox / "done").write_text("a file where the folder should be")
    put(inbox / "a.csv", [0])
    drive = await reading()
    await until(lambda: board.notices)
    put(inbox / "b.csv", [1])
    await drive.arrived([1])
    await until(lambda: len(board.notices) == 2)
    assert drive.numbers == [0, 1]
    assert [text.partition(":")[0] for _, text in board.notices] == [
        f"inbox/{name}.csv was delivered and cannot be taken away" for name in "ab"
    ]
    (inbox / "done").unlink()
    await until(lambda: names(inbox) == ["done/a.csv", "done/b.csv"])
    assert drive.numbers == [0, 1]


async def test_a_file_that_vanishes_before_it_is_read_is_told_and_ends_nothing(
    reading: Make, inbox: Path, board: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    batches = source_read.batches

    def late(config: ReadConfig, file: Path, *rest: int) -> Any:
        if file.name == "gone.csv":
            file.unlink()
        return batches(config, file, *rest)

    monkeypatch.setattr(source_read, "batches", late)
    put(inbox / "gone.csv", [0], age_s=10)
    put(inbox / "a.csv", [1])
    drive = await reading()
    await drive.arrived([1])
    assert (drive.numbers, drive.losses) == ([1], 0)
    assert board.notices == [("warning", "inbox/gone.csv was taken away by somebody before it was read")]


FLOW = """
flowhost: 1
id: import
nodes:
  files: {type: file.read, config: {path: "inbox/*.csv", period_ms: 20, settle_ms: 0}}
  rows: {type: file.write, config: {path: "out/{payload.n}.json", format: json}, delivery: {outbox: false}}
wires:
  - files -> rows
"""


SMALL_BATCHES = """
from flowhost_files import source_read
source_read.BATCH = 10
from flowhost.cli import main
main()
"""


def test_killed_at_any_moment_every_row_counts_once(tmp_path: Path) -> None:
    """A whole flow with its disk: the process is killed again and again, and each file ends in `done`."""
    (tmp_path / "flow.yaml").write_text(FLOW)
    inbox, out, rows = tmp_path / "inbox", tmp_path / "out", 100
    inbox.mkdir()
    for number in range(3):
        put(inbox / f"{number}.csv", range(number * rows, (number + 1) * rows), age_s=10 - number)
    kills, seed = 0, random.randrange(10**6)
    print(f"seed {seed}")
    chance = random.Random(seed)
    while count(inbox / "done") < 3:
        row = count(out) + chance.randrange(40, 160)
        sign = out / f"{row}.json" if row < 3 * rows else inbox / "done/2.csv"
        with running(tmp_path) as process:
            deadline = time.monotonic() + 60
            while not sign.exists():
                assert time.monotonic() < deadline, (sign, count(out), names(inbox))
                assert process.poll() is None
                time.sleep(0.001)
        kills += 1
    assert kills >= 2
    assert names(inbox) == ["done/0.csv", "done/1.csv", "done/2.csv"]
    written = [json.loads(file.read_bytes()) for file in out.iterdir() if not file.name.startswith(".")]
    assert sorted(int(row["n"]) for row in written) == list(range(3 * rows))


@contextlib.contextmanager
def running(folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The flow, until it is killed."""
    command = [sys.executable, "-c", SMALL_BATCHES, "run", "flow.yaml"]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            yield process
        finally:
            process.kill()


def count(folder: Path) -> int:
    with contextlib.suppress(FileNotFoundError):
        return sum(not entry.name.startswith(".") for entry in os.scandir(folder))
    return 0
