"""Queues on disk with a limit, or with new messages first, over kills: nothing is lost that was not counted."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from flowhost.engine.outbox.outbox import Outbox

LIFE = """
import asyncio, json, os, random, sys, tempfile
from pathlib import Path
from types import SimpleNamespace
from flowhost.engine import FlowRunner, RunOptions
from flowhost.engine.outbox import backlog, durable_edge
from flowhost.engine.outbox.outbox import Outbox
from flowhost.errors import NotConnectedError
from flowhost.graph.document import FlowDocument, NodeEntry, Wire
from flowhost.sdk import Config, Message, Meta, NodeSpec, Sink, Source

path, delivery, seed, first, last = Path(sys.argv[1]), json.loads(sys.argv[2]), *map(int, sys.argv[3:])
chance = random.Random(seed)
durable_edge.BACKLOG_S, backlog.READ_ROWS = 0.02, 7
out = os.open(path.with_name("written"), os.O_WRONLY | os.O_APPEND | os.O_CREAT)

class Numbers(Source[Config]):
    spec = NodeSpec(id="t.source", title="s", summary="s", category="debug")
    Config = Config
    replayable = True

    async def run(self, emit):
        number = first
        while number < last:
            size = min(chance.randint(1, 20), last - number)
            numbers = range(number, number + size)
            number += size
            await emit([Message((seed, n), Meta("t", key=f"k{n % 3}")) for n in numbers], number)
            await asyncio.sleep(0.001)

    async def on_outcome(self, position, settlement):
        print(position, flush=True)

class Target(Sink[Config]):
    spec = NodeSpec(id="t.sink", title="s", summary="s", category="debug", ports=())
    Config = Config

    async def write(self, messages):
        await asyncio.sleep(chance.uniform(0, 0.004))
        if first < last and chance.random() < 0.5:
            raise NotConnectedError("gone", after_s=0.005)
        os.write(out, b"".join(b"%d %d\\n" % tuple(m.payload) for m in messages))

async def main():
    box = Outbox(path, lambda error: os._exit(9))
    await box.open()
    nodes = [NodeEntry(id="src", type="t.source"), NodeEntry(id="end", type="t.sink", delivery=delivery)]
    flow = FlowDocument(id="f", nodes={n.id: n for n in nodes}, wires=(Wire(source="src", target="end", port="out"),))
    library = SimpleNamespace(nodes={"t.source": Numbers, "t.sink": Target}, connections={}, functions={})
    runner = FlowRunner(flow, library, RunOptions(base_dir=path.parent, outbox=box))
    await runner.start()
    await runner.wait()
    await runner.stop(10)
    snapshot = runner.snapshot()
    assert snapshot.balanced(), snapshot
    edge = snapshot.edges[0]
    await box.close()
    print(json.dumps([edge.in_, edge.out, edge.dropped, edge.pending]), flush=True)

asyncio.run(main())
"""
KILLS = 4
SOON = {"first_s": 0.005, "max_s": 0.005}


@pytest.mark.slow
@pytest.mark.timeout(200)
@pytest.mark.skipif(os.name == "nt", reason="kill -9 is a Unix test")
@pytest.mark.parametrize("way", ["live_first", "drop_oldest", "both", "block"])
async def test_what_was_confirmed_is_delivered_or_counted_as_dropped(tmp_path: Path, way: str) -> None:
    delivery: dict[str, object] = {"retry": SOON, "outbox": True}
    if way in ("live_first", "both"):
        delivery["backlog"] = "live_first"
    if way != "live_first":
        delivery["max_messages"] = 60
    if way in ("drop_oldest", "both"):
        delivery["when_full"] = "drop_oldest"
    seed = random.randrange(10**6)
    print(f"seed {seed}")
    chance = random.Random(seed)
    path = tmp_path / "outbox.db"
    confirmed = 0
    for life in range(KILLS):
        process = start(path, delivery, seed + life, confirmed, confirmed + 100_000)
        assert process.stdout is not None
        said = [await asyncio.to_thread(process.stdout.readline) for _ in range(chance.randint(5, 60))]
        process.send_signal(signal.SIGKILL)
        said += process.stdout.read().splitlines(keepends=True)
        process.wait()
        # a line that was cut short had not been said
        confirmed = max([confirmed, *(int(line) for line in said if line.endswith("\n"))])
    process = start(path, delivery, seed, confirmed, confirmed)
    answer, _ = await asyncio.to_thread(process.communicate, timeout=60)
    came, left, dropped, pending = json.loads(answer.splitlines()[-1])
    # in which life a message came, and its number: what was not confirmed came again in the next one
    written = [tuple(map(int, line.split())) for line in path.with_name("written").read_text().splitlines()]
    missing = set(range(confirmed)) - {number for _, number in written}
    print(f"{way}: {confirmed} confirmed, {len(written)} written, {dropped} dropped, {len(missing)} missing")
    assert (pending, came) == (0, left + dropped), f"seed {seed}"
    assert came >= confirmed > KILLS, f"seed {seed}"
    assert len(missing) <= dropped, f"seed {seed}: more is missing than was counted"
    assert (dropped > 0) is (delivery.get("when_full") == "drop_oldest"), f"seed {seed}"
    if "backlog" not in delivery:
        firsts = list(dict.fromkeys(written))
        for rest in range(3):
            of_key = [one for one in firsts if one[1] % 3 == rest]
            assert of_key == sorted(of_key), f"seed {seed}: order of key k{rest}"
    box = Outbox(path, pytest.fail)
    await box.open()
    assert await box.query("SELECT count(*) FROM m_1") == [(0,)], "nothing is left behind on disk"
    assert await box.query("SELECT appended - position FROM edge") == [(0,)]
    await box.close()


def start(path: Path, delivery: object, *numbers: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", LIFE, str(path), json.dumps(delivery), *map(str, numbers)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
