"""Dead letters over kills: whoever retries them and whatever delivers them is killed at random moments."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import apsw
import pytest

from flowhost.engine.outbox.changes import Bury
from flowhost.engine.outbox.codec import decode_message, encode_message
from flowhost.engine.outbox.letter import REPLAY
from flowhost.engine.outbox.outbox import Outbox
from flowhost.sdk import Message, Meta

LETTERS = 5000
FLOW = """
flowhost: 1
id: orders
connections:
  db: {type: sql.database, config: {url: "sqlite:///mes.db"}}
nodes:
  gen: {type: inject, config: {messages: [{payload: {nr: 0, qty: 0}}]}}
  all: {type: filter, config: {where: payload.qty >= 0}}
  row: {type: map, config: {set: {nr: payload.nr, qty: payload.qty}}}
  mes: {type: sql.write, connection: db, config: {table: orders, create_table: {nr: integer, qty: real}}}
wires: [gen -> all, all -> row, row -> mes]
"""
# each row takes its time, so that a kill that comes late still falls among the rows
SLOW_TABLE = """
CREATE TABLE orders (nr integer, qty real);
CREATE TRIGGER slow AFTER INSERT ON orders BEGIN
  SELECT count(*) FROM (WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000)
                        SELECT i FROM n);
END;
"""
RETRY = """
import asyncio, sys
from pathlib import Path
from flowhost.engine.outbox.letter_desk import ColdReplay, LetterDesk
from flowhost.engine.outbox.letter_requests import RetryLetters
from flowhost.engine.outbox.outbox import Outbox

async def main(path, letters):
    box = Outbox(Path(path), lambda error: sys.exit(9))
    await box.open()
    desk = LetterDesk(box, ColdReplay(box, None))
    for start in range(1, letters + 1, 50):
        answer = await desk.handle(RetryLetters(letters=range(start, start + 50), by="test"))
        print(start, len(answer.done), flush=True)
    await box.close()

asyncio.run(main(sys.argv[1], int(sys.argv[2])))
"""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(400),
    pytest.mark.skipif(os.name == "nt", reason="kill -9 is a Unix test"),
]


async def bury(path: Path) -> None:
    """Letters at a node in the middle of a compiled chain, and at the one that writes."""
    box = Outbox(path, pytest.fail)
    await box.open()
    letters = []
    for nr in range(1, LETTERS + 1):
        message = encode_message(Message({"nr": nr, "qty": nr}, Meta(id=f"id-{nr}")))
        node = "row" if nr % 2 else "mes"
        letters.append(Bury("orders", node, time.time_ns(), 0, "Reject", "no", 1, message, ident=f"id-{nr}"))
    await box.change(*letters)
    await box.close()


def looked_at(path: Path) -> tuple[dict[str, set[int]], set[int]]:
    """Letters by state, and those whose message waits to be brought back."""
    connection = apsw.Connection(str(path))
    connection.set_busy_timeout(20_000)
    try:
        states: dict[str, set[int]] = {}
        for number, state in connection.execute("SELECT id, state FROM dead"):
            states.setdefault(state, set()).add(number)
        waiting: list[int] = []
        edges = connection.execute("SELECT id, position FROM edge WHERE node LIKE ?", (f"{REPLAY}%",)).fetchall()
        for edge, position in edges:
            rows = connection.execute(f"SELECT b FROM m_{edge} WHERE id > ?", (position,))
            waiting += [decode_message(row[0]).meta.letter for row in rows]
        assert len(waiting) == len(set(waiting)), "the same letter twice"
        return states, set(waiting)
    finally:
        connection.close()


def retry(path: Path, lines: int | None) -> None:
    """Retry every letter in a process of its own; it is killed after so many answers."""
    process = subprocess.Popen(
        [sys.executable, "-c", RETRY, str(path), str(LETTERS)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    if lines is None:
        process.communicate(timeout=120)
        assert process.returncode == 0
        return
    for _ in range(lines):
        process.stdout.readline()
    process.send_signal(signal.SIGKILL)
    process.communicate()


def rows_in(path: Path) -> list[int]:
    """What the table has got of the letters."""
    if not path.exists():
        return []
    with closing(sqlite3.connect(path, timeout=30)) as connection:
        try:
            return [row[0] for row in connection.execute("SELECT nr FROM orders WHERE nr > 0")]
        except sqlite3.OperationalError:
            return []


def wait_until(condition: Callable[[], bool], what: str, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"{what}: not within {seconds} s"
        time.sleep(0.001)


def test_retried_letters_are_neither_lost_nor_doubled_over_kills(program: Callable[..., Any], tmp_path: Path) -> None:
    seed = random.randrange(10**6)
    chance = random.Random(seed)
    (tmp_path / "flow.yaml").write_text(FLOW)
    with closing(sqlite3.connect(tmp_path / "mes.db")) as table:
        table.executescript(SLOW_TABLE)
    path = tmp_path / "state" / "outbox.db"
    asyncio.run(bury(path))
    for _ in range(6):
        retry(path, chance.randint(1, 12))
        states, waiting = looked_at(path)
        assert states.get("retried", set()) == waiting, f"seed {seed}: marked and queued are one transaction"
    retry(path, None)
    assert looked_at(path)[0] == {"retried": set(range(1, LETTERS + 1))}, f"seed {seed}"
    done = [0]
    while len(done) < 5 and done[-1] < LETTERS:
        running = program("run", "flow.yaml", "--data", "state", "--json")
        wait_until(lambda known=done[-1]: len(rows_in(tmp_path / "mes.db")) > known, "letters are delivered", 60)
        time.sleep(chance.random() * 0.02)
        running.process.send_signal(signal.SIGKILL)
        running.process.wait(10)
        done.append(len(rows_in(tmp_path / "mes.db")))
    assert done[1] < LETTERS, "the first kill came after the last row"
    last = program("run", "flow.yaml", "--data", "state", "--json")
    assert last.end(seconds=120) == 0, last.err
    report = last.report()
    assert (report["dead_letters"], report["retried"]) == (0, 0)
    assert looked_at(path) == ({"delivered": set(range(1, LETTERS + 1))}, set()), f"seed {seed}"
    rows = rows_in(tmp_path / "mes.db")
    lost, doubled = LETTERS - len(set(rows)), len(rows) - len(set(rows))
    kills = f"{5 + len(done)} kills, of the flow at {done[1:]} rows"
    print(f"seed {seed}: {LETTERS} letters, {kills}: {lost} lost, {doubled} doubled")
    assert (lost, doubled) == (0, 0), f"seed {seed}"
