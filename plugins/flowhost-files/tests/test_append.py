"""file.write that appends: whole lines, columns of csv, lines torn by a crash, a disk that is full."""

from __future__ import annotations

import json
import resource

import pytest
from flowhost_files.appending import end_of_csv, end_of_lines

from flowhost.sdk import Ok, Reject, TemporaryError

JSONL = {"path": "log.jsonl", "mode": "append", "format": "jsonl"}
CSV = {"path": "log.csv", "mode": "append", "format": "csv"}


async def test_lines_are_appended_in_order_over_restarts(sink, msg, tree) -> None:
    for start in range(0, 30, 10):
        node = await sink(**JSONL)
        assert not node.is_idempotent(node.config)
        assert await node.write([msg({"n": n}) for n in range(start, start + 5)]) is None
        assert await node.write([msg({"n": n}) for n in range(start + 5, start + 10)]) is None
    assert tree() == {"log.jsonl": b"".join(b'{"n":%d}\n' % n for n in range(30))}


async def test_a_batch_may_go_into_several_files(sink, msg, tree) -> None:
    node = await sink(path="{key}/{topic}.jsonl", mode="append", format="jsonl")
    assert await node.write([msg(n, key="ab"[n % 2], topic="x") for n in range(6)]) is None
    assert tree() == {"a/x.jsonl": b"0\n2\n4\n", "b/x.jsonl": b"1\n3\n5\n"}


async def test_csv_takes_its_columns_from_the_first_message_then_from_the_file(sink, msg, tree) -> None:
    node = await sink(**CSV)
    assert await node.write([msg({"a": 1, "b": "x\ny"}), msg({"b": 2, "a": "ü,"})]) is None
    again = await sink(**CSV)
    outcomes = await again.write([msg({"a": 3}), msg({"a": 4, "c": 1}), msg({"b": 5})])
    assert [type(o) for o in outcomes] == [Ok, Reject, Ok]
    assert "log.csv has no column 'c' (a, b)" in outcomes[1].reason
    assert tree()["log.csv"].decode() == 'a,b\n1,"x\ny"\n"ü,",2\n3,\n,5\n'


async def test_columns_of_the_config_must_be_those_of_the_file(sink, msg, data, tree) -> None:
    (data / "log.csv").write_bytes("\ufeffid;when;x\r\n".encode())
    node = await sink(**CSV, columns={"id": "id", "x": "payload"}, delimiter=";")
    assert await node.write([msg(1, id="i")]) is None
    assert tree()["log.csv"].decode("utf-8-sig") == "id;when;x\r\ni;;1\n"
    other = await sink(**CSV, columns={"name": "topic"}, delimiter=";")
    assert isinstance((await other.write([msg(1)]))[0], Reject)


async def test_all_messages_refused_make_no_file(sink, msg, tree) -> None:
    assert isinstance((await (await sink(**JSONL)).write([msg(b"x")]))[0], Reject)
    assert isinstance((await (await sink(**CSV)).write([msg("x")]))[0], Reject)
    assert tree() == {}


@pytest.mark.parametrize("tail", [b'{"n":3', b"[1,2", b'"abc', b"12", b"\0\0\0\0", b'{"n":3}\0\0', b"garbage"])
async def test_a_torn_line_is_put_aside_and_told(sink, msg, data, tree, board, tail) -> None:
    (data / "log.jsonl").write_bytes(b'{"n":1}\n{"n":2}\n' + tail)
    node = await sink(**JSONL)
    assert await node.write([msg({"n": 3})]) is None
    assert await node.write([msg({"n": 4})]) is None
    assert tree() == {"log.jsonl": b'{"n":1}\n{"n":2}\n{"n":3}\n{"n":4}\n', "log.jsonl.torn": tail + b"\n"}
    [(kind, text)] = board.notices
    assert kind == "warning"
    assert f"log.jsonl: a line torn by a crash ({len(tail)} bytes) was moved to log.jsonl.torn" in text


@pytest.mark.parametrize("tail", [b'{"n":2}', b"[1]", b'"abc"'])
async def test_a_whole_line_without_its_end_is_kept(sink, msg, data, tree, board, tail) -> None:
    (data / "log.jsonl").write_bytes(b"1\n" + tail)
    assert await (await sink(**JSONL)).write([msg(3)]) is None
    assert tree() == {"log.jsonl": b"1\n" + tail + b"\n3\n"}
    assert board.notices == []


@pytest.mark.parametrize("tail", [b"2,x", b'2,"first line\nsecond li', b'2,"a ""quoted""\n\nlin', b"\0\0"])
async def test_a_torn_line_of_csv_is_put_aside_whole(sink, msg, data, tree, tail) -> None:
    whole = b'a,b\n1,"two\nlines"\n'
    (data / "log.csv").write_bytes(whole + tail)
    assert await (await sink(**CSV)).write([msg({"a": 9, "b": "z"})]) is None
    assert tree() == {"log.csv": whole + b"9,z\n", "log.csv.torn": tail + b"\n"}


async def test_a_torn_first_line_begins_the_file_anew(sink, msg, data, tree) -> None:
    (data / "log.csv").write_bytes(b"a,")
    assert await (await sink(**CSV)).write([msg({"a": 1, "b": 2})]) is None
    assert tree()["log.csv"] == b"a,b\n1,2\n"


def test_ends_are_found_across_pieces_that_are_read(tmp_path, monkeypatch) -> None:
    import flowhost_files.appending as appending

    monkeypatch.setattr(appending, "CHUNK", 7)
    file = tmp_path / "f"
    for content, lines, csv in [
        (b"", 0, 0), (b"abc", 0, 0), (b"a\n", 2, 2), (b"0123456789\n0123456789", 11, 11),
        (b"123456\n1234567\n12", 15, 15),
        (b'a,"b\nc"\nd,"e\nf', 13, 8), (b'"' + b"\n" * 30, 31, 0), (b'"""\n"\n', 6, 6),
    ]:  # fmt: skip
        file.write_bytes(content)
        assert (end_of_lines(file), end_of_csv(file)) == (lines, csv), content


async def test_a_file_taken_away_or_changed_meanwhile(sink, msg, data, tree) -> None:
    node = await sink(**CSV)
    assert await node.write([msg({"a": 1})]) is None
    (data / "log.csv").rename(data / "old.csv")
    assert await node.write([msg({"b": 2})]) is None
    with (data / "log.csv").open("ab") as other:
        other.write(b"77\n8")
    assert await node.write([msg({"b": 3})]) is None
    assert tree() == {"old.csv": b"a\n1\n", "log.csv": b"b\n2\n77\n3\n", "log.csv.torn": b"8\n"}


async def test_a_full_disk_takes_all_of_a_batch_or_nothing(sink, msg, tree) -> None:
    node = await sink(**JSONL)
    assert await node.write([msg("first")]) is None
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (5000, hard))
    try:
        with pytest.raises(TemporaryError, match="is full"):
            await node.write([msg("x" * 1000) for _ in range(10)])
        other = await sink(path="new.jsonl", mode="append", format="jsonl")
        with pytest.raises(TemporaryError, match="is full"):
            await other.write([msg("x" * 6000)])
        assert tree() == {"log.jsonl": b'"first"\n'}
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert await node.write([msg("x" * 1000) for _ in range(10)]) is None
    assert len([json.loads(line) for line in tree()["log.jsonl"].splitlines()]) == 11
