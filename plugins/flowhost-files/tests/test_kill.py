"""Killed in the middle, many times: no half file under its own name, no half line, nothing confirmed is missing."""

from __future__ import annotations

import hashlib
import json
import random
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

SIZE = 4_000_000

WRITER = """
import asyncio, hashlib, logging, sys, time
from pathlib import Path
from flowhost.sdk import Message, Meta, NodeContext
from flowhost_files.config import WriteConfig
from flowhost_files.sink_write import FileWrite

class Board:
    def notice(self, kind, text): pass

def payload(n, size):
    text = hashlib.sha256(str(n).encode()).hexdigest() * (size // 64)
    return {"n": n, "text": text, "sum": hashlib.sha256(text.encode()).hexdigest()}

async def main(base, mode, start, size, batch):
    path = "out/" if mode == "file_per_message" else "out/log.jsonl"
    config = WriteConfig(path=path, mode=mode, format="json" if path.endswith("/") else "jsonl")
    node = FileWrite(config, NodeContext(flow="f", node="n", host_id="h", base_dir=Path(base), log=logging.getLogger(),
                                         clock=None, board=Board()))
    await node.open()
    n = start
    while True:
        messages = [Message(payload(i, size), Meta(topic="t", id=str(i))) for i in range(n, n + batch)]
        assert await node.write(messages) is None
        n += batch
        print(n, flush=True)

asyncio.run(main(sys.argv[1], sys.argv[2], *map(int, sys.argv[3:])))
"""


def killed_run(data: Path, mode: str, start: int, size: int, batch: int, moment: Callable[[], bool]) -> int:
    """Write, and kill at the first such moment after something was confirmed; up to where all was confirmed."""
    command = [sys.executable, "-c", WRITER, str(data), mode, str(start), str(size), str(batch)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        first = writer.stdout.readline()
        deadline = time.monotonic() + 10
        while not moment():
            assert time.monotonic() < deadline
        writer.kill()
        confirmed = [int(line) for line in [first, *writer.stdout] if line.endswith("\n")]
    return confirmed[-1]


def is_whole(document: dict[str, str]) -> bool:
    return hashlib.sha256(document["text"].encode()).hexdigest() == document["sum"]


def test_no_half_file_is_ever_seen(data: Path) -> None:
    dice, confirmed, caught = seeded(), 0, 0
    folder = data / "out"

    def half_written() -> bool:
        try:
            return any(0 < f.stat().st_size < SIZE for f in folder.glob(".flowhost-*.tmp"))
        except FileNotFoundError:
            return False

    for _ in range(5):
        moment = later(half_written, dice.randrange(3))
        confirmed = killed_run(data, "file_per_message", confirmed, SIZE, 3, moment)
        caught += half_written()
        seen = [json.loads(f.read_bytes()) for f in folder.glob("*.json")]
        assert all(map(is_whole, seen))
        assert set(range(confirmed)) <= {document["n"] for document in seen}
        assert len(seen) == len({document["n"] for document in seen})
        assert len(list(folder.glob(".flowhost-*.tmp"))) <= 1  # that of the round before was taken away
    assert caught, "no kill hit a file being written"


def test_no_half_line_stays_and_no_confirmed_one_is_missing(data: Path) -> None:
    dice, confirmed, caught = seeded(), 0, 0
    file = data / "out" / "log.jsonl"

    for _ in range(5):
        after = time.monotonic() + dice.uniform(0, 0.1)
        confirmed = killed_run(data, "append", confirmed, SIZE // 4, 10, grows(file, after))
        caught += not file.read_bytes().endswith(b"\n")
    confirmed = killed_run(data, "append", confirmed, 64, 1, lambda: True)
    torn = file.with_name("log.jsonl.torn")
    assert (caught > 0) == torn.exists()
    assert caught, "no kill hit a line being written"
    lines = file.read_bytes().split(b"\n")
    assert lines.pop() == b""
    seen = [json.loads(line) for line in lines]
    assert all(map(is_whole, seen))
    numbers = [document["n"] for document in seen]
    assert set(range(confirmed)) <= set(numbers)
    once = list(dict.fromkeys(numbers))
    assert once == sorted(once)


def later(moment: Callable[[], bool], skipped: int) -> Callable[[], bool]:
    """The moment, but not the first few times it comes."""
    rest = iter(range(skipped))
    return lambda: moment() and next(rest, None) is None


def grows(file: Path, after: float) -> Callable[[], bool]:
    """Whether the file has become longer since the last question, from this time on."""
    size = -1

    def look() -> bool:
        nonlocal size
        last, size = size, file.stat().st_size
        return time.monotonic() > after and -1 < last < size

    return look


def seeded() -> random.Random:
    seed = random.randrange(1 << 32)
    print("seed", seed)
    return random.Random(seed)
