"""Puts right what must stand in every outbox file: its head, and the names and columns of its tables."""

from __future__ import annotations

import os
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import NamedTuple

import apsw

from flowhost.engine.outbox.schema import VERSION, edge_table, prepare

_FEWEST_PAGES = 8
_OLDER = tuple(version.to_bytes(4, "big") for version in range(1, VERSION))
_FEW = 4
"""So many wrong bytes are a damage; more are another file."""
_CONSTANT = {
    0: b"SQLite format 3\0\x10\x00\x02\x02\x00\x40\x20\x20",
    44: b"\x00\x00\x00\x04" + bytes(4),
    56: b"\x00\x00\x00\x01" + VERSION.to_bytes(4, "big") + b"\x00\x00\x00\x01" + bytes(24),
}
"""By place: magic text, page size, versions of the format and fractions; format of the schema; encoding, our version,
giving back of free pages, and what is not used."""


_DECLARED = """
SELECT CAST(type AS BLOB), CAST(name AS BLOB), CAST(tbl_name AS BLOB), CAST(sql AS BLOB)
FROM sqlite_schema WHERE sql IS NOT NULL
"""


class _Entry(NamedTuple):
    kind: bytes
    name: bytes
    table: bytes
    sql: bytes


def mend_head(path: Path) -> bool:
    """Rewrite what is the same in every file of ours. True if something was wrong. Raises `OSError`."""
    with path.open("r+b") as file:
        head = bytearray(file.read(100))
        file.seek(0, os.SEEK_END)
        # while it is that small, all of it may still lie in the log
        if file.tell() < _FEWEST_PAGES * 4096 or bytes(head[60:64]) in _OLDER:
            return False
        whole = bytearray(head)
        for place, data in _CONSTANT.items():
            whole[place : place + len(data)] = data
        wrong = sum(a != b for a, b in zip(head, whole, strict=True))
        if not 0 < wrong <= _FEW:
            return False
        file.seek(0)
        file.write(whole)
    return True


def are_tables_there(connection: apsw.Connection, edges: Iterable[int]) -> bool:
    """Whether a file of this version declares what it must. Raises `apsw.CorruptError` if it cannot be read."""
    if connection.execute("PRAGMA user_version").get != VERSION:
        return True
    found = set(connection.execute(_DECLARED))
    names = {name for _, name, _, _ in found}
    return found.issuperset(_always()) and all(f"m_{edge:d}".encode() in names for edge in edges)


def mend_tables(path: Path, edges: Iterable[int]) -> bool:
    """Rewrite declarations of tables that are no longer what they were. True if something was wrong.

    Args:
        path: the file; nobody has it open.
        edges: numbers of the edges it is known to have.

    Raises:
        apsw.Error: it cannot be read that far.
    """
    connection = apsw.Connection(str(path))
    try:
        connection.execute("PRAGMA writable_schema=ON")
        if connection.execute("PRAGMA user_version").get != VERSION:
            return False
        found = {row[0]: _Entry(*row[1:]) for row in connection.execute(_DECLARED.replace("SELECT", "SELECT rowid,"))}
        wrong = _wrong(found, _expected(edges))
        with connection:
            for number, entry in wrong.items():
                values = [value.decode() for value in entry]
                update = "UPDATE sqlite_schema SET type = ?, name = ?, tbl_name = ?, sql = ? WHERE rowid = ?"
                connection.execute(update, (*values, number))
        return bool(wrong)
    finally:
        connection.close()


def _wrong(found: dict[int, _Entry], expected: list[_Entry]) -> dict[int, _Entry]:
    """What stands there, by row, and should read otherwise."""
    missing = [entry for entry in expected if entry not in found.values()]
    known = set(expected)
    odd = {number: entry for number, entry in found.items() if entry not in known}
    return {number: wanted for wanted in missing for number, entry in odd.items() if _distance(entry, wanted) <= _FEW}


def _distance(entry: _Entry, wanted: _Entry) -> int:
    if [len(value or b"") for value in entry] != [len(value) for value in wanted]:
        return _FEW + 1
    return sum(a != b for have, want in zip(entry, wanted, strict=True) for a, b in zip(have, want, strict=True))


def _expected(edges: Iterable[int]) -> list[_Entry]:
    made = [(b"table", f"m_{edge:d}".encode(), edge_table(edge).replace(" IF NOT EXISTS", "")) for edge in edges]
    return [*_always(), *(_Entry(kind, name, name, sql.encode()) for kind, name, sql in made)]


@cache
def _always() -> tuple[_Entry, ...]:
    """What every file declares."""
    template = apsw.Connection(":memory:")
    try:
        prepare(template, Path(":memory:"))
        statement = "SELECT type, name, tbl_name, sql FROM sqlite_schema WHERE sql IS NOT NULL"
        return tuple(_Entry(*(value.encode() for value in row)) for row in template.execute(statement))
    finally:
        template.close()
