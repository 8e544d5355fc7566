"""The outbox file: nothing confirmed is lost, numbers are never given twice, damage is found."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import apsw
import pytest

from flowhost.engine.outbox import schema
from flowhost.engine.outbox.changes import Advance, Append, Bury, KeepOrigin, KeepStates
from flowhost.engine.outbox.codec import DamagedRowError, decode, decode_message, encode, encode_message
from flowhost.engine.outbox.outbox import Outbox
from flowhost.engine.outbox.seal import is_intact
from flowhost.errors import HostError
from flowhost.sdk import Message, Meta


@pytest.fixture
async def outbox(tmp_path: Path):
    faults: list[HostError] = []
    box = Outbox(tmp_path / "outbox.db", faults.append)
    await box.open()
    yield box
    await box.close()
    assert not faults


async def rows_of(box: Outbox, edge: int) -> list[bytes]:
    return [row.data for row in await box.read(edge, 0, 1_000_000)]


async def test_appended_rows_are_there_after_opening_again(tmp_path: Path) -> None:
    box = Outbox(tmp_path / "o.db", pytest.fail)
    await box.open()
    edge = await box.edge("f", "n")
    a, b, c = encode("a"), encode("b"), encode("c")
    assert await box.change(Append(edge.number, [a, b])) == [0]
    assert await box.change(Append(edge.number, [c]), KeepOrigin("f", "src", encode(17))) == [2]
    await box.close()
    again = Outbox(tmp_path / "o.db", pytest.fail)
    await again.open()
    record = await again.edge("f", "n")
    assert (record.position, record.appended) == (0, 3)
    assert await rows_of(again, record.number) == [a, b, c]
    assert await again.query("SELECT value FROM origin") == [(encode(17),)]
    await again.close()


async def test_advance_lets_rows_leave_and_numbers_are_not_given_twice(outbox: Outbox) -> None:
    edge = (await outbox.edge("f", "n")).number
    await outbox.change(Append(edge, [b"a", b"b", b"c"]))
    await outbox.change(Advance(edge, 3))
    assert await rows_of(outbox, edge) == []
    assert await outbox.change(Append(edge, [b"d"])) == [3]
    await outbox.change(Advance(edge, 1))
    record = await outbox.edge("f", "n")
    assert (record.position, record.appended) == (3, 4), "a cursor never moves back"


async def test_changes_of_one_transaction_happen_together(outbox: Outbox) -> None:
    a, b = (await outbox.edge("f", "a")).number, (await outbox.edge("f", "b")).number
    await outbox.change(Append(a, [b"1", b"2"]))
    await outbox.change(
        Advance(a, 2), Append(b, [b"3"]), KeepStates("f", "w", [("k", b"s"), ("l", b"t")]),
        Bury("f", "n", 5, 1, "Reject", "no such column", 1, encode_message(Message(1))),
    )  # fmt: skip
    assert (await rows_of(outbox, a), await rows_of(outbox, b)) == ([], [b"3"])
    assert await outbox.query("SELECT key, value FROM state") == [("k", b"s"), ("l", b"t")]
    assert await outbox.query("SELECT node, reason FROM dead") == [("n", "no such column")]
    await outbox.change(KeepStates("f", "w", [("k", None), ("l", b"u")]))
    assert await outbox.query("SELECT key, value FROM state") == [("l", b"u")]


async def test_a_hundred_producers_at_once_keep_their_order(outbox: Outbox) -> None:
    edge = (await outbox.edge("f", "n")).number

    async def produce(name: int) -> None:
        for number in range(20):
            await outbox.change(Append(edge, [f"{name}:{number}".encode()]))

    await asyncio.gather(*(produce(name) for name in range(100)))
    rows = [row.decode().split(":") for row in await rows_of(outbox, edge)]
    assert len(rows) == 2000
    for name in range(100):
        assert [int(n) for who, n in rows if who == str(name)] == list(range(20))


async def test_a_commit_that_fails_is_said_and_nothing_is_confirmed_after_it(tmp_path: Path) -> None:
    faults: list[HostError] = []
    box = Outbox(tmp_path / "o.db", faults.append)
    await box.open()
    with pytest.raises(HostError, match="cannot be written"):
        await box.change(Append(999, [b"x"]))
    with pytest.raises(HostError, match="cannot be written"):
        await box.change(KeepOrigin("f", "s", b"1"))
    async with asyncio.timeout(5):
        while not faults:
            await asyncio.sleep(0.001)
    assert await box.query("SELECT * FROM origin") == []
    await box.close()
    assert len(faults) == 1
    with pytest.raises(HostError, match="closed"):
        await box.change(KeepOrigin("f", "s", b"1"))


async def test_a_file_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    connection = apsw.Connection(str(tmp_path / "o.db"))
    connection.execute("PRAGMA user_version=99")
    connection.close()
    with pytest.raises(HostError, match="newer FlowHost"):
        await Outbox(tmp_path / "o.db", pytest.fail).open()


async def test_a_file_is_open_in_one_place_only_and_free_again_after_a_kill(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("flowhost.engine.outbox.outbox.LET_GO_S", 0.1)
    path = tmp_path / "o.db"
    other = subprocess.Popen(
        [sys.executable, "-c", PRODUCER, str(path), "1"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert other.stdout is not None
    try:
        assert other.stdout.readline()
        with pytest.raises(HostError, match=f"in use by the FlowHost with process id {other.pid}: stop it, then start"):
            await Outbox(path, pytest.fail).open()
    finally:
        other.kill()
        other.wait()
        other.stdout.close()
    box = Outbox(path, pytest.fail)
    await box.open()
    with pytest.raises(HostError, match=f"process id {os.getpid()}"):
        await Outbox(path, pytest.fail).open()
    await box.close()
    again = Outbox(path, pytest.fail)
    await again.open()
    await again.close()


@pytest.mark.parametrize(
    "payload",
    [
        None, True, 0, -5, 10**30, 1.5, "text", b"\x00\xff", [1, [2]], {"a": {"b": [Decimal("1.50"), None]}},
        {"d": Decimal("12.30"), "n": 1, "big": 2**64},
    ],
    ids=repr,
)  # fmt: skip
def test_messages_come_back_as_they_were(payload) -> None:
    message = Message(payload, Meta("t", 123, "uncertain", 0x40000000, "Cel", "k", "id", {"a": "b"}))
    again = decode_message(encode_message(message))
    assert again == message
    assert repr(again.payload) == repr(payload)


def test_every_flipped_bit_is_found() -> None:
    row = bytearray(encode_message(Message({"value": 21.5, "tag": "a"}, Meta("t"))))
    for index in range(len(row) * 8):
        row[index // 8] ^= 1 << index % 8
        with pytest.raises(DamagedRowError):
            decode_message(bytes(row))
        row[index // 8] ^= 1 << index % 8
    with pytest.raises(DamagedRowError):
        decode_message(b"")
    with pytest.raises(DamagedRowError):
        decode_message(encode([1, 2]))


def test_what_is_not_message_data_is_refused() -> None:
    with pytest.raises(TypeError, match="JSON-like"):
        encode_message(Message({"f": object()}))
    with pytest.raises(TypeError, match="make it text"):
        encode_message(Message({1: "x"}))


PRODUCER = """
import asyncio, random, sys
from pathlib import Path
from flowhost.engine.outbox.changes import Advance, Append
from flowhost.engine.outbox.codec import encode
from flowhost.engine.outbox.outbox import Outbox

async def main(path, seed):
    chance = random.Random(seed)
    box = Outbox(Path(path), lambda error: sys.exit(9))
    await box.open()
    edge = await box.edge("f", "n")
    done = edge.position
    while True:
        values = [chance.randrange(10**9) for _ in range(chance.randint(1, 50))]
        (start,) = await box.change(Append(edge.number, [encode(value) for value in values]))
        print("A", start, *values, flush=True)
        if chance.random() < 0.3:
            done = start + len(values) // 2
            await box.change(Advance(edge.number, done))
            print("D", done, flush=True)

asyncio.run(main(sys.argv[1], int(sys.argv[2])))
"""


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="kill -9 is a Unix test")
async def test_nothing_confirmed_is_lost_over_kills(tmp_path: Path) -> None:
    """Kill the writing process at random moments; all it had confirmed and not advanced past must be on disk."""
    seed = random.randrange(10**6)
    print(f"seed {seed}")
    chance = random.Random(seed)
    path = tmp_path / "o.db"
    confirmed: dict[int, str] = {}
    done = 0
    for round_number in range(12):
        process = subprocess.Popen(
            [sys.executable, "-c", PRODUCER, str(path), str(seed + round_number)], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        said = [process.stdout.readline() for _ in range(chance.randint(5, 120))]
        process.send_signal(signal.SIGKILL)
        said += process.stdout.read().splitlines(keepends=True)
        process.wait()
        # a line that was cut short had not been said
        for kind, number, *rows in (line.split() for line in said if line.endswith("\n")):
            if kind == "D":
                done = max(done, int(number))
            confirmed.update(enumerate(rows, int(number) + 1))
        box = Outbox(path, pytest.fail)
        await box.open()
        record = await box.edge("f", "n")
        found = {row.number: str(decode(row.data)) for row in await box.read(record.number, 0, 10**6)}
        await box.close()
        assert sorted(found) == list(range(record.position + 1, record.appended + 1)), f"seed {seed}"
        assert record.position >= done, f"seed {seed}"
        lost = [n for n, row in confirmed.items() if n > record.position and found.get(n) != row]
        assert not lost, f"seed {seed}: {len(lost)} confirmed rows lost"
    print(f"{len(confirmed)} confirmed rows over 12 kills, 0 lost")
    assert len(confirmed) > 1000


async def test_a_file_of_the_first_schema_is_brought_up_to_date(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    old = apsw.Connection(str(path))
    old.execute(schema._TABLES)
    old.execute("INSERT INTO edge(flow, node, position, appended) VALUES ('f', 'out', 3, 4)")
    old.execute("CREATE TABLE m_1(id INTEGER PRIMARY KEY, b BLOB NOT NULL)")
    row = encode_message(Message(1))
    old.execute("INSERT INTO m_1 VALUES (4, ?)", (row,))
    old.execute("PRAGMA user_version=1")
    old.close()
    outbox = Outbox(path, pytest.fail)
    await outbox.open()
    edge = await outbox.edge("f", "out")
    assert (edge.position, edge.appended) == (3, 4)
    assert [found[:3] for found in await outbox.read(edge.number, 3, 10)] == [(4, 0, row)]
    await outbox.change(Append(edge.number, [row]))
    rows = await outbox.read(edge.number, 3, 10)
    assert [found.number for found in rows] == [4, 5]
    assert all(is_intact(edge.number, *found) for found in rows)
    await outbox.close()
