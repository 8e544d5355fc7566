"""What an outbox does about damage: mended where it can be, set aside and counted where not; never taken for data."""

from __future__ import annotations

import asyncio
import os
import shutil
from pathlib import Path
from typing import Any

import apsw
import pytest

from flowhost.engine.outbox import salvage, schema
from flowhost.engine.outbox.changes import Advance, Append, Bury, KeepOrigin, KeepStates
from flowhost.engine.outbox.checkpoint import OutboxCheckpoint
from flowhost.engine.outbox.codec import decode_message, encode, encode_message
from flowhost.engine.outbox.outbox import Outbox
from flowhost.engine.outbox.seal import is_intact
from flowhost.engine.outbox.stretches import Good, Lost, Row, sort_rows
from flowhost.sdk import Message

PAGE = 4096


def row(number: int, text: str = "x" * 200) -> bytes:
    return encode_message(Message({"number": number, "text": text}))


@pytest.fixture
async def path(tmp_path: Path) -> Path:
    """A closed file with 400 messages, of which 100 have left, and others beside them."""
    path = tmp_path / "o.db"
    box = Outbox(path, pytest.fail)
    await box.open()
    edge = (await box.edge("f", "end")).number
    await box.change(Append(edge, [row(number) for number in range(1, 401)]))
    await box.change(Advance(edge, 100))
    # long enough for pages of their own
    await box.change(Append((await box.edge("f", "long")).number, [row(1, "y" * 10_000), row(2, "z" * 20_000)]))
    await box.change(
        Bury("f", "end", 1, 1, "Reject", "no", 1, row(7)), KeepStates("f", "mid", [(":a", encode((0, 1)))])
    )
    await box.close()
    return path


async def look(path: Path) -> tuple[dict[str, list[int]], list[str]]:
    """Numbers of the messages in each queue, and what was told."""
    box = Outbox(path, pytest.fail)
    await box.open()
    told: list[str] = []
    box.listen(lambda kind, text, node: told.append(text))
    numbers: dict[str, list[int]] = {}
    for name in ("end", "long"):
        edge = await box.edge("f", name)
        rows = await box.read(edge.number, edge.position, 1000)
        assert all(is_intact(edge.number, *found) for found in rows)
        numbers[name] = [decode_message(found.data).payload["number"] for found in rows]
    await box.close()
    return numbers, told


ALL = {"end": list(range(101, 401)), "long": [1, 2]}


def spoil(path: Path, place: int, data: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(place)
        file.write(data)


def root_of(path: Path, table: str) -> int:
    connection = apsw.Connection(str(path))
    number: int = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = ?", (table,)).get
    connection.close()
    return number


async def test_a_sound_file_is_left_alone(path: Path) -> None:
    before = path.stat().st_mtime_ns
    assert await look(path) == (ALL, [])
    assert await look(path) == (ALL, [])
    assert before


@pytest.mark.parametrize("place", [3, 17, 18, 45, 59, 63, 80])
async def test_a_wrong_byte_in_the_head_is_put_right(path: Path, place: int) -> None:
    spoil(path, place, bytes([path.read_bytes()[place] ^ 0x41]))
    numbers, told = await look(path)
    assert numbers == ALL
    assert told == ["the head of the file was damaged and was put right"]


@pytest.mark.parametrize("wrong", ["tablf", "m_1", "m_q", "deaf", "INTFGER"])
async def test_a_wrong_letter_in_the_name_of_a_table_is_put_right(path: Path, wrong: str) -> None:
    right = {"tablf": b"table", "m_1": b"m_1", "m_q": b"m_1", "deaf": b"dead", "INTFGER": b"INTEGER"}[wrong]
    first = path.read_bytes()[:PAGE]
    assert right in first
    spoil(path, first.index(right), wrong.encode())
    numbers, told = await look(path)
    assert numbers == ALL
    assert told in ([], ["names of tables were damaged and were put right"])
    assert (await look(path)) == (ALL, [])


async def test_rows_hidden_behind_a_broken_inner_page_are_found_again(path: Path) -> None:
    root = root_of(path, "m_1")
    spoil(path, (root - 1) * PAGE, os.urandom(300))
    numbers, told = await look(path)
    assert numbers == ALL
    assert "302 waiting and 0 parked messages, 1 dead letters and 1 states could be read" in told[0]
    (aside,) = path.parent.glob("o.db.damaged-*")
    assert aside.name in told[0]
    assert await look(path) == (ALL, [])


async def test_a_broken_first_page_costs_nothing_that_is_sealed(path: Path) -> None:
    spoil(path, 100, os.urandom(8))
    numbers, told = await look(path)
    assert numbers == ALL
    assert "1 dead letters could not be read" in told[0]


async def test_a_file_that_is_none_of_ours_is_put_aside_and_what_waited_in_the_old_one_is_said(path: Path) -> None:
    path.write_bytes(os.urandom(50_000))
    numbers, told = await look(path)
    assert numbers == {"end": [], "long": []}
    assert "the file was damaged; 0 waiting" in told[0]
    box = Outbox(path, pytest.fail)
    await box.open()
    edge = await box.edge("f", "end")
    assert (edge.position, edge.appended) == (100, 400), "what is missing is counted, and no number is given twice"
    await box.close()


async def test_a_file_that_is_gone_is_missed(path: Path) -> None:
    path.unlink()
    numbers, told = await look(path)
    assert numbers == {"end": [], "long": []}
    assert told == ["this is not the outbox file that was here before, in which 302 messages waited; where is it?"]
    assert (await look(path))[1] == [], "said once"


async def test_a_kill_while_a_file_is_saved_leaves_the_old_one_or_the_new_one(path: Path, monkeypatch) -> None:
    spoil(path, (root_of(path, "m_1") - 1) * PAGE, os.urandom(300))
    damaged = path.read_bytes()

    class Killed(BaseException):
        pass

    def die(*_: Any) -> None:
        raise Killed

    for name in ("_put_in_place", "_sync_folder"):
        with monkeypatch.context() as patch:
            patch.setattr(salvage, name, die)
            with pytest.raises(Killed):
                await Outbox(path, pytest.fail).open()
        if name == "_put_in_place":
            assert path.read_bytes()[PAGE:] == damaged[PAGE:]
    assert not path.exists(), "between two renames"
    assert (await look(path))[0] == ALL
    assert not list(path.parent.glob("*.rescue*"))


@pytest.mark.parametrize("column", ["position", "appended"])
@pytest.mark.parametrize("change", [-64, 64, 2**40])
async def test_a_cursor_with_a_wrong_bit_is_found_again(path: Path, column: str, change: int) -> None:
    connection = apsw.Connection(str(path))
    connection.execute(f"UPDATE edge SET {column} = {column} + ? WHERE node = 'end'", (change,))
    connection.close()
    numbers, told = await look(path)
    assert numbers == ALL
    if (column, change) != ("appended", -64):
        assert told == ["the cursor of the queue was damaged and was found again from its rows"]
    box = Outbox(path, pytest.fail)
    await box.open()
    edge = await box.edge("f", "end")
    assert (edge.position, edge.appended) == (100, 400)
    await box.close()


async def test_text_that_is_none_is_shown_with_question_marks(path: Path) -> None:
    connection = apsw.Connection(str(path))
    connection.execute("UPDATE dead SET reason = CAST(x'6e6fff' AS TEXT)")
    connection.close()
    assert (await look(path))[1] == ["1 texts in table dead were damaged and are shown with question marks"]
    box = Outbox(path, pytest.fail)
    await box.open()
    assert await box.query("SELECT reason FROM dead") == [("no\ufffd",)]
    await box.close()


async def test_what_is_kept_for_one_is_never_taken_for_another(path: Path) -> None:
    box = Outbox(path, pytest.fail)
    await box.open()
    await box.change(KeepOrigin("f", "src", encode(17)), KeepStates("f", "mid", [(":b", encode((0, 2)))]))
    await box.close()
    connection = apsw.Connection(str(path))
    connection.execute("UPDATE state SET key = ':c' WHERE key = ':b'; UPDATE origin SET node = 'srd'")
    # a message under another number, and one in another queue
    connection.execute("UPDATE m_1 SET id = 4000 WHERE id = 400; UPDATE m_2 SET b = (SELECT b FROM m_1 WHERE id = 200)")
    connection.close()
    box = Outbox(path, pytest.fail)
    await box.open()
    told: list[str] = []
    box.listen(lambda kind, text, node: told.append(f"{node}: {text}"))
    assert await box.query("SELECT key FROM state") == [(":a",)]
    assert await OutboxCheckpoint(box, "f", "src").load() is None
    assert await OutboxCheckpoint(box, "f", "srd").load() is None
    rows = await box.read((await box.edge("f", "long")).number, 0, 10)
    assert [type(found) for found in sort_rows(2, rows, 0, 2)] == [Lost]
    edge = await box.edge("f", "end")
    assert edge.appended == 400
    (good, lost) = sort_rows(1, await box.read(1, 100, 1000), 100, 400)
    assert isinstance(good, Good)
    assert (good.last, lost) == (399, Lost(400, 400, []))
    assert sorted(text.partition(":")[0] for text in told) == ["mid", "srd"]
    assert {origin for (origin,) in await box.query("SELECT origin FROM damaged")} == {"edge", "origin", "state :c"}
    await box.close()


async def test_a_file_of_an_older_version_learns_all_at_once(tmp_path: Path) -> None:
    path = tmp_path / "o.db"
    old = apsw.Connection(str(path))
    old.execute("PRAGMA journal_mode=WAL")
    old.execute(schema._TABLES)
    old.execute("CREATE TABLE m_1(id INTEGER PRIMARY KEY, b BLOB NOT NULL)")
    old.execute("INSERT INTO edge(flow, node, position, appended) VALUES ('f', 'end', 0, 3)")
    old.executemany("INSERT INTO m_1 VALUES (?, ?)", [(1, row(1)), (2, b"\0" * 30), (3, row(3))])
    old.execute("INSERT INTO state VALUES ('f', 'mid', ':a', ?)", (encode((0, 1)),))
    old.execute("PRAGMA user_version=1")
    old.close()
    box = Outbox(path, pytest.fail)
    await box.open()
    first, lost, last = sort_rows(1, await box.read(1, 0, 10), 0, 3)
    assert isinstance(first, Good)
    assert isinstance(last, Good)
    assert isinstance(lost, Lost)
    assert (first.last, lost.first, last.last) == (1, 2, 3)
    assert await box.query("SELECT key FROM state") == [(":a",)]
    assert await box.query("PRAGMA auto_vacuum") == [(2,)]
    await box.close()


def test_rows_are_sorted_into_what_is_good_and_what_is_lost() -> None:
    def made(number: int, *, good: bool = True) -> Row:
        from flowhost.engine.outbox.seal import row_seal

        data = row(number)
        return Row(number, 5, data, row_seal(1, number, 5, data) if good else 0)

    def shape(rows: list[Row], after: int, end: int | None) -> list[tuple[str, int, int]]:
        return [
            ("good", found.last, len(found.messages)) if isinstance(found, Good) else ("lost", found.last, found.number)
            for found in sort_rows(1, rows, after, end)
        ]

    assert shape([made(1), made(2)], 0, 2) == [("good", 2, 2)]
    assert shape([], 4, 6) == [("lost", 6, 2)]
    assert shape([made(3), made(5)], 1, 7) == [
        ("lost", 2, 1),
        ("good", 3, 1),
        ("lost", 4, 1),
        ("good", 5, 1),
        ("lost", 7, 2),
    ]
    assert shape([made(1), made(2, good=False), made(3)], 0, 3) == [("good", 1, 1), ("lost", 2, 1), ("good", 3, 1)]
    assert shape([made(1), made(2, good=False)], 0, None) == [("good", 1, 1)], "looked at again with what follows"
    assert shape([made(1, good=False)], 0, 1) == [("lost", 1, 1)]


async def test_a_log_with_a_wrong_bit_gives_back_all_but_what_lies_there(tmp_path: Path) -> None:
    path = tmp_path / "o.db"
    box = Outbox(path, pytest.fail)
    await box.open()
    edge = (await box.edge("f", "end")).number
    await box.edge("f", "long")
    for number in range(1, 101):
        await box.change(Append(edge, [row(number)]))
    killed = tmp_path / "killed"
    killed.mkdir()
    for suffix in ("", "-wal", "-lock"):
        await asyncio.to_thread(shutil.copy, f"{path}{suffix}", killed / f"o.db{suffix}")
    await box.close()
    log = killed / "o.db-wal"
    spoil(log, log.stat().st_size // 3, b"\xff\xff\xff\xff")
    numbers, told = await look(killed / "o.db")
    assert len(numbers["end"]) >= 99
    assert numbers["end"] == sorted(set(numbers["end"]))
    assert "the end of the file's log was damaged" in told[0]
