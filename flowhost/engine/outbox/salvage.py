"""Saves what can be read of an outbox file whose structure is broken, row by row, into a new one."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import apsw

from flowhost.engine.outbox.inspection import NEWEST_LETTER, Finding
from flowhost.engine.outbox.marks import Marks
from flowhost.engine.outbox.page_scan import read_log
from flowhost.engine.outbox.refinding import Gaps, find_again, gaps_of, insert_row
from flowhost.engine.outbox.schema import connect, make_edge_table, prepare
from flowhost.engine.outbox.seal import is_intact, is_whole, row_seal

RESCUE = ".rescue"
DAMAGED = ".damaged-"
_ROWS = 2000
_FARTHEST = 1 << 62
_BY_NUMBER = ("edge", "dead", "parked", "damaged")
_BY_NAME = ("state", "origin", "ledger", "dead_edit")
_SET_ASIDE = "INSERT INTO damaged(flow, node, origin, row, at_ns, reason, bytes) VALUES (?, ?, ?, ?, ?, ?, ?)"
_UNREADABLE = (apsw.CorruptError, apsw.NotADBError, apsw.SQLError, apsw.IOError, apsw.CantOpenError)


def finish_rescue(path: Path) -> None:
    """Bring a rescue to its end that a kill interrupted, or take back one that had not come far enough."""
    rescue = _beside(path, RESCUE)
    if path.exists() or not rescue.exists():
        _remove(rescue)
        return
    _put_in_place(path, rescue, _aside(path))


def salvage(path: Path, marks: Marks | None) -> list[Finding]:
    """Put a new file in the place of a broken one, with all that could still be read; the broken one is kept beside it.

    A kill at any moment leaves the broken file or the new one in place.

    Args:
        path: the file; nobody has it open.
        marks: how far it had got; None if nobody knows.

    Raises:
        apsw.Error: the new file cannot be written.
        OSError: files cannot be renamed.
    """
    rescue, aside = _beside(path, RESCUE), _aside(path)
    _remove(rescue)
    new = connect(rescue)
    try:
        prepare(new, rescue)
        found = Rescue(path, new, marks).run()
    finally:
        new.close()
    _put_in_place(path, rescue, aside)
    text = f"the file was damaged; {found}. The damaged file is kept as {aside.name}; check the disk and its memory"
    return [Finding("error", text)]


class Rescue:
    """Copies from a broken file into a new one.

    Args:
        path: the broken file.
        new: the new one, its tables made.
        marks: how far the broken one had got.
    """

    def __init__(self, path: Path, new: apsw.Connection, marks: Marks | None) -> None:
        self._path = path
        self._new = new
        self._marks = marks or Marks()
        self._old = _open_as_it_is(path)
        self._saved: dict[str, int] = {}
        self._aside = 0
        self._now_ns = time.time_ns()

    def run(self) -> str:
        """Copy everything; what came of it, in words."""
        try:
            with self._new:
                for table in _BY_NUMBER:
                    self._saved[table] = sum(1 for row in self._numbered(table) if self._put(table, row))
                for table in _BY_NAME:
                    self._saved[table] = sum(1 for row in self._named(table) if self._put(table, row))
                for row in self._named("meta"):
                    self._put("meta", row)
                edges = self._edges()
                self._saved["messages"] = sum(self._copy_edge(edge) for edge in edges)
                self._saved["messages"] += self._look_in_pages(edges)
        finally:
            if self._old is not None:
                self._old.close()
        return self._words()

    def _words(self) -> str:
        saved = self._saved
        text = (
            f"{saved['messages']:,} waiting and {saved['parked']:,} parked messages, {saved['dead']:,} dead letters "
            f"and {saved['state']:,} states could be read and go on from a new file"
        )
        if missing := self._letters_missing():
            text += f", {missing:,} dead letters could not be read"
        if self._aside:
            text += f", {self._aside:,} rows that are not what was written were set aside in table damaged"
        return f"{text}; each queue tells what it misses when it gets there"

    def _letters_missing(self) -> int:
        newest: int = max(self._marks.letters, self._new.execute(NEWEST_LETTER).get)
        return max(0, newest - self._saved["dead"])

    # -- edges

    def _edges(self) -> list[int]:
        """Numbers of all edges there were, by what is left of them and by what was written down elsewhere."""
        for number, mark in self._marks.edges.items():
            self._new.execute(
                "INSERT OR IGNORE INTO edge(id, flow, node, position, appended) VALUES (?, ?, ?, ?, ?)",
                (number, mark.flow, mark.node, mark.position, mark.appended),
            )
        return [row[0] for row in self._new.execute("SELECT id FROM edge ORDER BY id")]

    def _edge(self, edge: int) -> tuple[Any, ...]:
        statement = "SELECT flow, node, position, appended FROM edge WHERE id = ?"
        rows: list[tuple[Any, ...]] = self._new.execute(statement, (edge,)).fetchall()
        return rows[0]

    def _copy_edge(self, edge: int) -> int:
        make_edge_table(self._new, edge)
        columns = self._columns(f"m_{edge:d}")
        sealed = "seal" in columns
        at_ms = "at_ms" if "at_ms" in columns else "0"
        shown = f"id, {at_ms}, CAST(b AS BLOB), {'seal' if sealed else '0'}"
        good: list[tuple[Any, ...]] = []
        for row in self._walk(f"m_{edge:d}", shown) if columns else ():
            if sealed and is_intact(edge, *row):
                good.append(row)
            elif not sealed and is_whole(row[2]):
                good.append((*row[:3], row_seal(edge, *row[:3])))
            else:
                self._set_aside(edge, row[0], row[2])
            if len(good) >= _ROWS:
                self._insert(edge, good)
        self._insert(edge, good)
        statement = f"SELECT count(*) FROM m_{edge:d}"  # noqa: S608 - a number
        number: int = self._new.execute(statement).get
        return number

    def _insert(self, edge: int, rows: list[tuple[Any, ...]]) -> None:
        self._new.executemany(insert_row(edge), rows)
        rows.clear()

    def _look_in_pages(self, edges: list[int]) -> int:
        """Rows that are still missing, wherever they lie in the file; how many were found."""
        missing = {edge: gaps for edge in edges if (gaps := self._gaps(edge))}
        return find_again(self._new, missing, self._path.read_bytes(), read_log(self._path)) if missing else 0

    def _gaps(self, edge: int) -> Gaps:
        position, appended = self._edge(edge)[2:]
        mark = self._marks.edges.get(edge)
        if mark is not None:
            position, appended = min(position, mark.position), max(mark.appended, min(appended, mark.appended))
        return gaps_of(self._new, edge, position, appended)

    def _set_aside(self, edge: int, row: int, data: Any) -> None:
        flow, node = self._edge(edge)[:2]
        reason = "it is not what was written"
        values = (flow, node, "edge", row, self._now_ns, reason, data if isinstance(data, bytes) else b"")
        self._new.execute(_SET_ASIDE, values)
        self._aside += 1

    # -- other tables

    def _put(self, table: str, row: dict[str, Any]) -> bool:
        columns = [column for column in row if column in _columns(self._new, table)]
        marks = ", ".join("?" * len(columns))
        statement = f"INSERT OR IGNORE INTO {table}({', '.join(columns)}) VALUES ({marks})"  # noqa: S608 - our own columns
        try:
            self._new.execute(statement, [row[column] for column in columns])
        except apsw.ConstraintError:
            return False
        return self._new.changes() > 0

    def _numbered(self, table: str) -> Iterator[dict[str, Any]]:
        columns = self._columns(table)
        if not columns:
            return
        shown = ", ".join(["id", *(_shown(column, kind) for column, kind in columns.items() if column != "id")])
        names = ["id", *(column for column in columns if column != "id")]
        for row in self._walk(table, shown):
            yield dict(zip(names, map(_readable, row, [columns[name] for name in names]), strict=True))

    def _named(self, table: str) -> Iterator[dict[str, Any]]:
        """Rows of a table without numbers: from the beginning to the first that cannot be read, then from the end."""
        columns = self._columns(table)
        if not columns:
            return
        keys = _keys(self._old, table)
        shown = ", ".join(_shown(column, kind) for column, kind in columns.items())
        for direction in ("ASC", "DESC"):
            order = ", ".join(f"{key} {direction}" for key in keys)
            rows = self._select(f"SELECT {shown} FROM {table} ORDER BY {order}")  # noqa: S608 - names from the file's own schema
            try:
                for row in rows:
                    yield dict(zip(columns, map(_readable, row, columns.values()), strict=True))
            except _UNREADABLE:
                continue
            return

    def _columns(self, table: str) -> dict[str, str]:
        if self._old is None:
            return {}
        try:
            return _columns(self._old, table)
        except _UNREADABLE:
            return {}

    def _walk(self, table: str, shown: str) -> Iterator[tuple[Any, ...]]:
        """Rows in order of their number, over whatever cannot be read."""
        after, limit = -_FARTHEST, _ROWS
        while True:
            statement = f"SELECT {shown} FROM {table} WHERE id > ? ORDER BY id LIMIT ?"  # noqa: S608 - our own tables
            try:
                rows = list(self._select(statement, (after, limit)))
            except _UNREADABLE:
                if limit > 1:
                    limit = 1
                    continue
                further = self._further(statement, after)
                if further is None:
                    return
                after, limit = further, _ROWS
                continue
            if not rows:
                return
            yield from rows
            after = rows[-1][0]
            limit = min(_ROWS, limit * 2)

    def _further(self, statement: str, after: int) -> int | None:
        """The nearest number behind which there is something that can be read; None if there is none."""
        after, width = max(after, -1), 1
        while not self._works(statement, after + width):
            width *= 2
            if after + width > _FARTHEST:
                return None
        bad, good = after + width // 2, after + width
        while good - bad > 1:
            middle = (good + bad) // 2
            if self._works(statement, middle):
                good = middle
            else:
                bad = middle
        return good

    def _works(self, statement: str, after: int) -> bool:
        try:
            list(self._select(statement, (after, 1)))
        except _UNREADABLE:
            return False
        return True

    def _select(self, statement: str, values: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
        assert self._old is not None
        return iter(self._old.execute(statement, values))


def _open_as_it_is(path: Path) -> apsw.Connection | None:
    """The broken file, to be read only; None if nothing can be read of it."""
    try:
        connection = apsw.Connection(str(path))
        connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
        connection.execute("PRAGMA query_only=1; PRAGMA cell_size_check=1").fetchall()
        connection.execute("SELECT count(*) FROM sqlite_schema").fetchall()
    except _UNREADABLE:
        return None
    return connection


def _columns(connection: apsw.Connection, table: str) -> dict[str, str]:
    return {row[1]: row[2].upper() for row in connection.execute(f"PRAGMA table_info({table})")}


def _keys(connection: apsw.Connection | None, table: str) -> list[str]:
    assert connection is not None
    rows: list[tuple[Any, ...]] = connection.execute(f"PRAGMA table_info({table})").fetchall()
    return [row[1] for row in sorted(rows, key=lambda row: int(row[5])) if row[5]]


def _shown(column: str, kind: str) -> str:
    return column if kind == "INTEGER" else f"CAST({column} AS BLOB)"


def _readable(value: Any, kind: str) -> Any:
    if kind == "INTEGER":
        return value if isinstance(value, int) else 0
    if kind == "BLOB":
        return value if isinstance(value, bytes) else b""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


# -- files


def _put_in_place(path: Path, rescue: Path, aside: Path) -> None:
    with suppress(FileNotFoundError):
        path.rename(aside)
    _sync_folder(path.parent)
    with suppress(FileNotFoundError):
        log = _beside(path, "-wal")
        if log.stat().st_size:
            log.rename(_beside(aside, "-wal"))
        else:
            log.unlink()
    with suppress(FileNotFoundError):
        _beside(path, "-shm").unlink()
    rescue.rename(path)
    _sync_folder(path.parent)


def _remove(path: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        with suppress(FileNotFoundError):
            _beside(path, suffix).unlink()


def _aside(path: Path) -> Path:
    return _beside(path, DAMAGED + datetime.now(UTC).strftime("%Y%m%dT%H%M%S%f"))


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)


def _sync_folder(folder: Path) -> None:
    """Renames reach the disk in their order; Windows has no such call and needs none."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
