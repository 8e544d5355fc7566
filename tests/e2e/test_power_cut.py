"""R2: the power is cut under load. Whatever was confirmed is there; with a laxer disk setting it is not."""

from __future__ import annotations

import asyncio
import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from servers.volume import Volume

from flowhost.engine.outbox.codec import decode, decode_message
from flowhost.engine.outbox.outbox import Outbox

LOAD = Path(__file__).resolve().parents[1] / "servers" / "outbox_load.py"

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@dataclass
class Truth:
    """What was confirmed over all lives."""

    values: dict[int, str] = field(default_factory=dict)
    position: int = 0
    letters: int = 0

    def hear(self, line: str) -> None:
        kind, *words = line.split()
        if kind == "A":
            self.values.update(enumerate(words[1:], int(words[0])))
        elif kind == "D":
            self.position, self.letters = max(self.position, int(words[0])), max(self.letters, int(words[1]))

    def forget(self) -> None:
        for number in [number for number in self.values if number <= self.position]:
            del self.values[number]


class Life:
    """One life of the program that writes."""

    def __init__(self, path: Path, seed: int, synchronous: str) -> None:
        command = [sys.executable, str(LOAD), str(path), str(seed), synchronous]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        self.lines.extend(iter(self._process.stdout.readline, ""))

    def wait(self, lines: int) -> None:
        deadline = time.monotonic() + 60
        while len(self.lines) < lines:
            assert self._process.poll() is None, "the program ended"
            assert time.monotonic() < deadline, "no load"
            time.sleep(0.005)

    def end(self) -> list[str]:
        """What it said, whole lines only."""
        self._process.kill()
        self._process.wait(20)
        self._reader.join(20)
        return [line for line in self.lines if line.endswith("\n")]


@dataclass
class Losses:
    messages: int = 0
    letters: int = 0
    cursors: int = 0
    confirmed: int = 0

    def __bool__(self) -> bool:
        return bool(self.messages or self.letters or self.cursors)


async def compare(path: Path, truth: Truth, losses: Losses) -> list[str]:
    """Hold what is on the disk against what was confirmed; what the outbox itself says."""
    told: list[str] = []
    box = Outbox(path, pytest.fail)
    await box.open()
    box.listen(lambda kind, text, node: told.append(text))
    edge = await box.edge("f", "n")
    rows = await box.read(edge.number, 0, 10**7)
    found = {row.number: str(decode_message(row.data).payload["v"]) for row in rows}
    assert sorted(found) == list(range(edge.position + 1, edge.appended + 1)), "in order and without a gap"
    waiting = {number: value for number, value in truth.values.items() if number > edge.position}
    losses.messages += sum(found.get(number) != value for number, value in waiting.items())
    losses.cursors += edge.position < truth.position
    ((letters,),) = await box.query("SELECT count(*) FROM dead")
    losses.letters += max(0, truth.letters - letters)
    for (state,) in await box.query("SELECT value FROM state"):
        assert decode(state)[1][0] == edge.position, "cursor and state are of one transaction"
    await box.close()
    return told


def cut_again_and_again(disk: Volume, synchronous: str, cuts: int, seed: int) -> Losses:
    chance = random.Random(seed)
    path = disk.path / synchronous.lower() / "outbox.db"
    truth, losses = Truth(), Losses()
    for cut in range(cuts):
        flushed, unflushed = disk.path / f"flushed{cut}", disk.path / f"unflushed{cut}"
        life = Life(path, seed + cut, synchronous)
        life.wait(chance.randint(50, 400))
        with flushed.open("wb") as file:
            file.write(b"here to stay")
            file.flush()
            os.fsync(file.fileno())
        unflushed.write_bytes(b"gone")
        disk.cut_power()
        said = life.end()
        disk.restore()
        assert flushed.read_bytes() == b"here to stay"
        assert not unflushed.exists() or not unflushed.read_bytes(), "the cut does not cut"
        for line in said:
            truth.hear(line)
        losses.confirmed += sum(line.startswith("A") for line in said)
        told = asyncio.run(compare(path, truth, losses))
        if synchronous == "FULL":
            assert not told, told
        elif losses:
            return losses
        truth.forget()
    return losses


@pytest.mark.parametrize("cuts", [5, pytest.param(60, marks=pytest.mark.long)])
def test_nothing_confirmed_is_lost_over_power_cuts(cuts: int, volume: Callable[[int], Volume]) -> None:
    seed = random.randrange(10**6)
    losses = cut_again_and_again(volume(256), "FULL", cuts, seed)
    print(f"seed {seed}: {cuts} cuts, {losses.confirmed} confirmed appends, {losses}")
    assert losses.confirmed > 20 * cuts
    assert not losses, f"seed {seed}"


def test_the_same_test_finds_losses_where_commits_are_not_flushed(volume: Callable[[int], Volume]) -> None:
    """Else it were blind. Ends with the first loss."""
    seed = random.randrange(10**6)
    losses = cut_again_and_again(volume(256), "NORMAL", 8, seed)
    print(f"seed {seed}: {losses}")
    assert losses
