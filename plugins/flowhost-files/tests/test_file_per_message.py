"""file.write, a file per message: content, names, what is refused, what a full disk leaves behind."""

from __future__ import annotations

import asyncio
import json
import os
import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

import pytest
from flowhost_files.config import WriteConfig
from flowhost_files.paths import name_from, safe_name
from pydantic import ValidationError

from flowhost.sdk import MessageError, Ok, PermanentError, Reject, Retry, TemporaryError


@contextmanager
def files_at_most(size: int) -> Iterator[None]:
    """As a full disk: the system takes no more than `size` bytes of a file."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize(
    ("form", "payload", "content"),
    [
        ("json", {"order": "A", "kg": Decimal("1.20"), "x": None}, b'{"order":"A","kg":1.20,"x":null}'),
        ("json", float("nan"), b"null"),
        ("jsonl", [1, "ü"], '[1,"ü"]\n'.encode()),
        ("csv", {"a": 1, "b": "x,\n\"y\"", "c": None, "d": True, "e": [1]}, b'a,b,c,d,e\n1,"x,\n""y""",,true,[1]\n'),
        ("text", "Füllung", "Füllung".encode()),
        ("text", 1.5, b"1.5"),
        ("bytes", b"\x00\xff\r\n", b"\x00\xff\r\n"),
    ],
)  # fmt: skip
async def test_formats(sink, msg, tree, form, payload, content) -> None:
    node = await sink(path="out/{key}.x", format=form)
    assert await node.write([msg(payload, key="k")]) is None
    assert tree() == {"out/k.x": content}
    assert node.is_idempotent(node.config)


@pytest.mark.parametrize(
    ("form", "payload", "words"),
    [("json", b"x", "write format bytes"), ("text", {"a": 1}, "format text needs text"), ("text", True, "needs text"),
     ("bytes", "x", "write format text"), ("csv", [1], "object with fields"), ("csv", {}, "object with fields"),
     ("csv", {"a": b"x"}, "bytes have no form")],
)  # fmt: skip
async def test_what_does_not_fit_the_format_is_refused_alone(sink, msg, tree, form, payload, words) -> None:
    fine = {"json": 1, "text": "a", "bytes": b"a", "csv": {"a": 1}}[form]
    node = await sink(path="{key}.x", format=form)
    outcomes = await node.write([msg(payload, key="bad"), msg(fine, key="good")])
    assert words in outcomes[0].reason
    assert isinstance(outcomes[1], Ok)
    assert list(tree()) == ["good.x"]


async def test_content_and_columns_are_expressions(sink, msg, tree) -> None:
    node = await sink(path="a/{key}.txt", format="text", content="payload.report")
    rows = await sink(path="b/{key}.csv", format="csv", columns={"tag": "topic", "v": "payload.v * 2"}, delimiter=";")
    assert await node.write([msg({"report": "all fine"}, key="k")]) is None
    assert await rows.write([msg({"v": 2.5}, key="k")]) is None
    assert tree() == {"a/k.txt": b"all fine", "b/k.csv": b"tag;v\nt;5.0\n"}
    [outcome] = await node.write([msg({}, key="k")])
    assert "payload.report is missing" in outcome.reason


async def test_a_folder_gets_a_file_per_id_and_a_repetition_replaces_its_own(sink, msg, tree) -> None:
    node = await sink(path="orders/{payload.line}/")
    messages = [msg({"line": "L1", "n": n}, id=f"src/{n}") for n in range(3)]
    assert await node.write(messages) is None
    once = tree()
    assert await node.write(messages) is None
    assert tree() == once
    assert len(once) == 3
    assert all(name.startswith("orders/L1/src_") and name.endswith(".json") for name in once)
    assert sorted(json.loads(content)["n"] for content in once.values()) == [0, 1, 2]


async def test_without_an_id_the_name_follows_from_the_message(sink, msg, tree) -> None:
    node = await sink(path="o/")
    messages = [msg(1), msg(2), msg(1, topic="u"), msg(1, time_ns=5)]
    for _ in range(2):
        assert await node.write(messages) is None
    assert len(tree()) == 4


async def test_ids_that_look_alike_have_different_files(sink, msg, tree) -> None:
    ids = ["a:b", "a?b", "A:B", "a/b", "../../a", "con", "ns=2;s=Füller", "", "x" * 500, "x" * 501, "é", "e\u0301"]
    node = await sink(path="o/")
    assert await node.write([msg(i, id=i) for i in ids]) is None
    names = [name.removeprefix("o/") for name in tree()]
    assert len({name.lower() for name in names}) == len(ids)
    assert all(safe_name(name) == name for name in names)


async def test_a_path_without_slash_names_the_file_and_the_last_one_stays(sink, msg, tree) -> None:
    node = await sink(path="latest/{topic}.json")
    assert await node.write([msg(n, id=str(n)) for n in range(5)]) is None
    assert tree() == {"latest/t.json": b"4"}


# -- names and places


@pytest.mark.parametrize(
    ("name", "safe"),
    [("a:b", "a%3Ab"), ('<>"|?*\\', "%3C%3E%22%7C%3F%2A%5C"), ("100%", "100%25"), ("a\nb\x7f", "a%0Ab%7F"),
     ("CON", "%43ON"),
     ("nul.txt", "%6Eul.txt"), ("com1", "%63om1"), ("LPT¹.log", "%4CPT¹.log"), ("con1", "con1"), ("end.", "end%2E"),
     ("end ", "end%20"), (".hidden", "%2Ehidden"), ("Füllung 1", "Füllung 1")],
)  # fmt: skip
def test_names_every_system_keeps(name, safe) -> None:
    assert safe_name(name) == safe


def test_names_that_no_system_keeps() -> None:
    with pytest.raises(MessageError, match="longer than"):
        safe_name("ü" * 111)
    with pytest.raises(MessageError, match="no valid Unicode"):
        safe_name("\ud800")
    assert name_from("\ud800", ".json").endswith(".json")


@pytest.mark.parametrize(
    "value",
    ["../x", "a/../../x", "..", ".", "/etc/x", "\\\\host\\share", "C:\\x", "c:/x", "a//b", "", "a/./b", "x" * 300],
)
async def test_a_path_cannot_leave_the_data_folder(sink, msg, tree, tmp_path, value) -> None:
    node = await sink(path="{payload}", format="json")
    outcomes = await node.write([msg(value), msg("fine")])
    assert isinstance(outcomes[0], Reject)
    assert list(tree()) == ["fine"]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["data"]


async def test_a_link_cannot_lead_out_of_the_data_folder(sink, msg, data, tmp_path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (data / "out").symlink_to(tmp_path / "elsewhere")
    (data / "f.jsonl").symlink_to(tmp_path / "victim")
    for config in ({"path": "out/{key}.json"}, {"path": "f.jsonl", "mode": "append", "format": "jsonl"}):
        [outcome] = await (await sink(**config)).write([msg(1, key="k")])
        assert "leads out of the data folder through a link" in outcome.reason
    assert list((tmp_path / "elsewhere").iterdir()) == []
    assert not (tmp_path / "victim").exists()


async def test_a_folder_or_file_in_the_way_concerns_that_message(sink, msg, data) -> None:
    (data / "a.json").mkdir()
    (data / "b").write_text("")
    node = await sink(path="{payload}")
    outcomes = await node.write([msg("a.json"), msg("b/c.json"), msg("d.json")])
    assert [type(o) for o in outcomes] == [Reject, Reject, Ok]
    assert "cannot be a file here" in outcomes[0].reason
    assert sorted(f.name for f in data.iterdir()) == ["a.json", "b", "d.json"]


@pytest.mark.parametrize(
    ("config", "words"),
    [({"path": "out"}, "write 'out/'"), ({"path": "../x/"}, "leave the data folder"), ({"path": "/x/"}, "absolute"),
     ({"path": "a//b.json"}, "empty part"), ({"path": "o/", "columns": {"a": "topic"}}, "format csv"),
     ({"path": "o/", "mode": "append", "format": "jsonl"}, "needs a file"), ({"path": ""}, "empty"),
     ({"path": "o.txt", "mode": "append", "format": "text"}, "needs format jsonl or csv"),
     ({"path": "o/", "format": "csv", "columns": {"a": "topic"}, "content": "payload"}, "exclude each other")],
)  # fmt: skip
def test_wrong_settings_say_what_to_write(config, words) -> None:
    with pytest.raises(ValidationError, match=words):
        WriteConfig(**config)


# -- faults


async def test_a_full_disk_leaves_nothing_half_and_keeps_what_was_there(sink, msg, tree) -> None:
    node = await sink(path="{key}.txt", format="text")
    assert await node.write([msg("old", key="b")]) is None
    big = "x" * 200_000
    with files_at_most(100_000):
        outcomes = await node.write([msg("a", key="a"), msg(big, key="b"), msg("c", key="c")])
        assert [type(o) for o in outcomes] == [Ok, Retry, Retry]
        assert "is full (" in outcomes[1].reason
        assert "make room" in outcomes[1].reason
        with pytest.raises(TemporaryError, match="is full"):
            await node.write([msg(big, key="b")])
        assert tree() == {"a.txt": b"a", "b.txt": b"old"}
    assert await node.write([msg(big, key="b")]) is None
    assert tree()["b.txt"] == big.encode()


async def test_what_a_kill_left_beside_is_taken_away_by_the_next_try(sink, msg, data, tree) -> None:
    node = await sink(path="a.txt", format="text")
    with files_at_most(10), pytest.raises(TemporaryError):
        await node.write([msg("x" * 20)])
    import hashlib

    left = data / f".flowhost-{hashlib.sha256(b'a.txt').hexdigest()[:24]}.tmp"
    left.write_bytes(b"half of a much longer te")
    assert await node.write([msg("whole")]) is None
    assert tree() == {"a.txt": b"whole"}


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
async def test_a_folder_without_the_right_to_write(sink, msg, data) -> None:
    (data / "o").mkdir(mode=0o500)
    with pytest.raises(TemporaryError, match="give FlowHost the right"):
        await (await sink(path="o/")).write([msg(1)])


async def test_nothing_is_written_before_open_and_after_close(sink, msg) -> None:
    node = await sink(path="o/")
    await node.close()
    await node.close()
    with pytest.raises(PermanentError, match="only after it was opened"):
        await node.write([msg(1)])
    await node.open()
    assert await node.write([msg(1)]) is None


async def test_cancelling_finishes_the_file_at_hand_and_keeps_the_loop_free(sink, msg, tree, monkeypatch) -> None:
    import flowhost_files.batches as batches

    slow = batches.write_whole

    def slowly(target: Path, data: bytes) -> None:
        time.sleep(0.1)
        slow(target, data)

    monkeypatch.setattr(batches, "write_whole", slowly)
    node = await sink(path="{key}.json")
    work = asyncio.create_task(node.write([msg(n, key=str(n)) for n in range(50)]))
    ticks = 0
    async with asyncio.timeout(5):
        while len(tree()) < 2:
            await asyncio.sleep(0.005)
            ticks += 1
    assert ticks > 10
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    written = len(tree())
    assert written < 10
    assert not [name for name in tree() if name.endswith(".tmp")]
    await asyncio.sleep(0.15)
    assert len(tree()) == written
