"""R17: a damaged outbox. No message is ever delivered other than it was written, and what is lost is counted.

Also when the process that mends the file is killed, any number of times.
"""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from flowhost.engine.outbox.changes import Advance, Append, Bury, KeepOrigin, KeepStates
from flowhost.engine.outbox.codec import DamagedRowError, decode, decode_message, encode, encode_message
from flowhost.engine.outbox.durable_edge import DurableEdge
from flowhost.engine.outbox.outbox import Outbox
from flowhost.engine.outbox.parking_changes import Park
from flowhost.engine.outbox.stretches import Lost
from flowhost.sdk import Message, Meta

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600), pytest.mark.expects_error_log]

NAME = "outbox.db"
MESSAGES, DONE, OTHERS, LETTERS, STATES, PARKED = 1500, 300, 200, 20, 50, 5
START_S = 10.0


def payload(edge: str, number: int) -> dict[str, Any]:
    return {"edge": edge, "number": number, "text": f"{edge} {number} " * 12}


def row(edge: str, number: int) -> bytes:
    return encode_message(Message(payload(edge, number), Meta("plant/line", number, key=f"k{number % 5}")))


async def fill(box: Outbox, name: str, first: int, last: int) -> None:
    edge = (await box.edge("f", name)).number
    for start in range(first, last + 1, 50):
        await box.change(Append(edge, [row(name, n) for n in range(start, min(start + 50, last + 1))]))


async def make(folder: Path, *, in_log: bool) -> Path:
    """A file with a bit of everything, closed in order; or as a kill leaves it, half of its messages in the log."""
    folder.mkdir()
    box = Outbox(folder / NAME, pytest.fail)
    await box.open()
    await fill(box, "end", 1, MESSAGES if not in_log else MESSAGES // 2)
    await fill(box, "other", 1, OTHERS)
    edge = (await box.edge("f", "end")).number
    await box.change(Advance(edge, DONE // 2 if in_log else DONE))
    for number in range(LETTERS):
        await box.change(
            Bury("f", "end", number, 1, "Reject", f"no {number}", 1, row("letter", number), ident=f"i{number}")
        )
    await box.change(KeepStates("f", "mid", [(f":{n}", encode((0, {"n": n}))) for n in range(STATES)]))
    await box.change(KeepOrigin("f", "src", encode({"at": 17})))
    await box.change(*(Park(n, edge, f"k{n}", n, 1, "fault", "again", row("parked", n)) for n in range(1, PARKED + 1)))
    if in_log:
        await box.close()
        await box.open()
        await fill(box, "end", MESSAGES // 2 + 1, MESSAGES)
        await box.change(Advance(edge, DONE))
        killed = folder.with_name(folder.name + "-killed")
        killed.mkdir()
        for suffix in ("", "-wal", "-lock"):
            shutil.copy(folder / f"{NAME}{suffix}", killed / f"{NAME}{suffix}")
        folder = killed
    await box.close()
    return folder


@dataclass
class Found:
    """What came out of a damaged file."""

    told: list[str] = field(default_factory=list)
    numbers: dict[str, list[int]] = field(default_factory=dict)
    lost: dict[str, int] = field(default_factory=dict)
    letters: int = 0
    states: int = 0
    parked: int = 0
    seconds: float = 0.0


async def drain(box: Outbox, name: str, found: Found) -> None:
    """Take everything out of an edge, and hold it against what was written."""

    def on_lost(lost: Lost) -> None:
        found.lost[name] = found.lost.get(name, 0) + lost.number
        found.told.append(lost.words())

    edge = DurableEdge(box, "f", name, on_lost=on_lost)
    await edge.open()
    numbers = found.numbers.setdefault(name, [])

    async def take() -> None:
        while True:
            for portion in await edge.take(1000):
                for message in portion.messages:
                    number = message.payload["number"]
                    assert message.payload == payload(name, number), "delivered other than it was written"
                    assert message.meta.time_ns == number
                    numbers.append(number)
                edge.settle([portion], dead=0)

    taking = asyncio.create_task(take())
    async with asyncio.timeout(20):
        await edge.idle()
    taking.cancel()
    with suppress(asyncio.CancelledError):
        await taking
    assert numbers == sorted(set(numbers)), "in order, each once"
    assert edge.snapshot().balanced()
    # of those set aside some may have been told to whoever was killed then; the count stays
    ((left,),) = await box.query("SELECT count(*) FROM parked")
    told, gone = sum("a parked message" in text for text in found.told), PARKED - left
    beside = (told, gone) if name == "end" else (0, 0)
    assert beside[0] <= edge.snapshot().dropped - found.lost.get(name, 0) <= beside[1]


async def look(folder: Path) -> Found:
    found = Found()
    started = time.monotonic()
    box = Outbox(folder / NAME, pytest.fail)
    await box.open()
    found.seconds = time.monotonic() - started
    box.listen(lambda kind, text, node: found.told.append(text))
    for name, last in (("end", MESSAGES), ("other", OTHERS)):
        record = await box.edge("f", name)
        assert record.appended == last, "how many there were is known"
        await drain(box, name, found)
        numbers = found.numbers[name]
        assert len(numbers) + found.lost.get(name, 0) == last - record.position, "delivered or counted"
    for (message,) in await box.query("SELECT message FROM dead"):
        with suppress(DamagedRowError):
            assert decode_message(message).payload == payload("letter", decode_message(message).payload["number"])
            found.letters += 1
    ((found.parked,),) = await box.query("SELECT count(*) FROM parked")
    for key, value in await box.query("SELECT key, value FROM state WHERE node = 'mid'"):
        with suppress(DamagedRowError, TypeError):  # damaged, or not even bytes any more
            assert decode(value) == [0, {"n": int(key[1:])}]
            found.states += 1
    await box.close()
    return found


async def look_twice(folder: Path) -> Found:
    found = await look(folder)
    box = Outbox(folder / NAME, pytest.fail)
    await box.open()
    again: list[str] = []
    box.listen(lambda kind, text, node: again.append(text))
    assert not [text for text in again if "file was damaged" in text], "mended once"
    await box.change(Append((await box.edge("f", "end")).number, [row("end", MESSAGES + 1)]))
    await box.close()
    return found


class Trial:
    """Damages copies of a file and looks what comes out."""

    def __init__(self, base: Path, scratch: Path, chance: random.Random) -> None:
        self.base = base
        self.scratch = scratch
        self.chance = chance
        self.harmless = self.lost = self.worst = 0
        self.slowest = 0.0

    async def run(self, spoil: Callable[[Path], str], check: Callable[[Path], Awaitable[Found]] = look_twice) -> Found:
        folder = self.scratch / "case"
        shutil.copytree(self.base, folder)
        what = spoil(folder)
        try:
            found = await check(folder)
        except BaseException:
            print(f"this failed: {what}")
            raise
        lost = sum(found.lost.values())
        assert not lost or found.told, what
        assert found.letters == LETTERS or any("dead letter" in text for text in found.told), (what, found)
        assert found.seconds < START_S, what
        self.lost += lost
        self.worst = max(self.worst, lost)
        self.harmless += not found.told
        self.slowest = max(self.slowest, found.seconds)
        shutil.rmtree(folder)
        return found

    def flip(self, suffix: str) -> Callable[[Path], str]:
        def spoil(folder: Path) -> str:
            path = folder / f"{NAME}{suffix}"
            data = bytearray(path.read_bytes())
            bit = self.chance.randrange(len(data) * 8)
            data[bit // 8] ^= 1 << bit % 8
            path.write_bytes(data)
            return f"bit {bit} of {path.name}"

        return spoil

    def cut(self, suffix: str) -> Callable[[Path], str]:
        def spoil(folder: Path) -> str:
            path = folder / f"{NAME}{suffix}"
            length = self.chance.randrange(path.stat().st_size)
            with path.open("r+b") as file:
                file.truncate(length)
            return f"{path.name} cut to {length} bytes"

        return spoil


@pytest.mark.parametrize(
    ("in_file", "in_log", "cuts"), [(40, 15, 15), pytest.param(300, 100, 100, marks=pytest.mark.long)]
)
async def test_no_wrong_payload_and_every_loss_is_counted(in_file: int, in_log: int, cuts: int, tmp_path: Path) -> None:
    seed = random.randrange(10**6)
    print(f"seed {seed}")
    chance = random.Random(seed)
    closed = Trial(await make(tmp_path / "closed", in_log=False), tmp_path, chance)
    sound = await look_twice(Path(shutil.copytree(closed.base, tmp_path / "sound")))
    assert (sound.told, sound.lost, sound.letters, sound.states) == ([], {}, LETTERS, STATES)
    killed = Trial(await make(tmp_path / "open", in_log=True), tmp_path, chance)
    sound = await look_twice(Path(shutil.copytree(killed.base, tmp_path / "sound after a kill")))
    assert (sound.told, sound.lost, sound.letters) == ([], {}, LETTERS)
    for _ in range(in_file):
        await closed.run(closed.flip(""))
    print(
        f"{in_file} bits in the file: {closed.harmless} harmless, {closed.lost} messages lost, {closed.worst} at most"
    )
    for _ in range(in_log):
        await killed.run(killed.flip("-wal"))
    print(f"{in_log} bits in the log: {killed.lost} messages lost, {killed.worst} at most; 0 wrong payloads")
    for number in range(cuts):
        trial, suffix = (closed, "") if number % 2 else (killed, "-wal")
        await trial.run(trial.cut(suffix))
    print(f"slowest start {max(closed.slowest, killed.slowest):.2f} s")


OPEN = """
import asyncio, pathlib, sys
from flowhost.engine.outbox.outbox import Outbox

async def open_and_stay():
    print("begins", flush=True)
    await Outbox(pathlib.Path(sys.argv[1]), print).open()
    print("is open", flush=True)
    await asyncio.sleep(600)

asyncio.run(open_and_stay())
"""


def killed_while_opening(folder: Path, after_s: float | None) -> float:
    """Open the file in a process of its own and kill -9 that, after so long or once it is open; how long it had."""
    with subprocess.Popen([sys.executable, "-c", OPEN, str(folder / NAME)], stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "begins\n"
        began = time.monotonic()
        if after_s is None:
            assert other.stdout.readline() == "is open\n"
        else:
            time.sleep(after_s)
        other.kill()
    return time.monotonic() - began


@pytest.mark.skipif(os.name == "nt", reason="kill -9 is a Unix test")
@pytest.mark.parametrize(("files", "kills"), [(3, 4), pytest.param(25, 10, marks=pytest.mark.long)])
async def test_what_is_mended_is_the_same_over_kills_of_whoever_mends(files: int, kills: int, tmp_path: Path) -> None:
    seed = random.randrange(10**6)
    print(f"seed {seed}")
    chance = random.Random(seed)
    for number in range(files):
        trial = Trial(await make(tmp_path / f"base{number}", in_log=True), tmp_path, chance)
        case = Path(shutil.copytree(trial.base, tmp_path / f"case{number}"))
        for _ in range(12):
            trial.flip("")(case)
        calm = await look(Path(shutil.copytree(case, tmp_path / f"calm{number}")))
        takes_s = await asyncio.to_thread(
            killed_while_opening, Path(shutil.copytree(case, tmp_path / f"timed{number}")), None
        )
        for _ in range(kills):
            await asyncio.to_thread(killed_while_opening, case, chance.uniform(0, takes_s))
        found = await look_twice(case)
        figures = [(f.numbers, f.lost, f.letters, f.states, f.parked) for f in (calm, found)]
        assert figures[0] == figures[1], f"seed {seed}, file {number}"
        print(f"opened in {takes_s:.2f} s, killed {kills} times: {sum(found.lost.values())} lost, {calm.told[:1]}")
