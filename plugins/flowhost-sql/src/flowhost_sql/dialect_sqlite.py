"""SQLite through the sqlite3 of the standard library."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from typing_extensions import override

from flowhost.sdk import NotConnectedError
from flowhost_sql.config import ColumnType
from flowhost_sql.dialects import Dialect, Fault, FaultKind, InboxSql, Target
from flowhost_sql.values import stored

PRIMARY_CODE = 0xFF
"""Extended result codes carry the primary code in the low byte (sqlite.org/rescode.html)."""

TYPES: dict[ColumnType, str] = {
    "text": "TEXT",
    "integer": "INTEGER",
    "real": "REAL",
    "boolean": "BOOLEAN",
    "timestamp": "TEXT",  # declared as TIMESTAMP, JSON or DECIMAL, SQLite would turn text like 20260501 into a number
    "json": "TEXT",
    "decimal": "TEXT",
    "blob": "BLOB",
}

LATER = {
    sqlite3.SQLITE_BUSY: "is locked by another program; the batch is tried again",
    sqlite3.SQLITE_LOCKED: "is locked by another user of this connection; the batch is tried again",
    sqlite3.SQLITE_FULL: "cannot grow: the disk or a quota is full; make room",
    sqlite3.SQLITE_IOERR: "cannot be read or written: look at the disk and its mount",
    sqlite3.SQLITE_CANTOPEN: "cannot be opened: check that the folder exists and FlowHost may write there",
    sqlite3.SQLITE_READONLY: "is read-only: give FlowHost the right to write the file and its folder",
    sqlite3.SQLITE_PERM: "may not be accessed: give FlowHost the right to write the file",
    sqlite3.SQLITE_CORRUPT: "is damaged: stop the flow and restore the file from a backup",
    sqlite3.SQLITE_NOTADB: "is not a SQLite database: name another file",
    sqlite3.SQLITE_NOMEM: "ran out of memory",
    sqlite3.SQLITE_INTERRUPT: "was interrupted",
    sqlite3.SQLITE_PROTOCOL: "could not be locked: another program is in the way; the batch is tried again",
    sqlite3.SQLITE_SCHEMA: "changed its tables meanwhile; the batch is tried again",
}
"""Next step by primary result code, where not the data is at fault."""

ROW_CODES = {sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_MISMATCH, sqlite3.SQLITE_TOOBIG, sqlite3.SQLITE_RANGE}
"""Primary result codes for which a row is at fault; rejecting for any other would blame the data for the machine."""

TAKEN = "there is a row with the same key already"
CONSTRAINTS = {
    sqlite3.SQLITE_CONSTRAINT_UNIQUE: TAKEN,
    sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY: TAKEN,
    sqlite3.SQLITE_CONSTRAINT_ROWID: TAKEN,
    sqlite3.SQLITE_CONSTRAINT_NOTNULL: "a column that must have a value has none",
    sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY: "it refers to a row of another table that does not exist",
    sqlite3.SQLITE_CONSTRAINT_CHECK: "a value is outside what the table allows",
    sqlite3.SQLITE_CONSTRAINT | 12 << 8: "a value has the wrong type",  # SQLITE_CONSTRAINT_DATATYPE, not named in 3.11
    sqlite3.SQLITE_MISMATCH: "a value has the wrong type",
}
"""What a refused row has done, by extended result code."""

LOCK_PATIENCE_S = 1.0
"""A test waits no longer for the write lock; a transaction of our own is shorter."""

INBOX_TABLES = (
    "CREATE TABLE IF NOT EXISTS flowhost_inbox (flow TEXT NOT NULL, node TEXT NOT NULL, id TEXT NOT NULL, "
    "at TEXT NOT NULL, PRIMARY KEY (flow, node, id))",
    "CREATE INDEX IF NOT EXISTS flowhost_inbox_age ON flowhost_inbox (flow, node, at)",
)
INBOX = InboxSql(
    claim="INSERT INTO flowhost_inbox (flow, node, at, id) SELECT ?, ?, ?, value FROM json_each(?) WHERE true "
    "ON CONFLICT (flow, node, id) DO NOTHING RETURNING id",
    release="DELETE FROM flowhost_inbox WHERE flow = ? AND node = ? AND id IN (SELECT value FROM json_each(?))",
    purge="DELETE FROM flowhost_inbox WHERE rowid IN "
    "(SELECT rowid FROM flowhost_inbox WHERE flow = ? AND node = ? AND at < ? LIMIT ?)",
)


class SqliteDialect(Dialect):
    """A file; WAL, so that readers never wait, and synchronous=FULL: a commit survives a power cut."""

    inbox = INBOX
    mark = "?"
    types = TYPES
    untyped = ""

    @override
    def check(self, url: sa.URL) -> None:
        if url.drivername not in ("sqlite", "sqlite+pysqlite"):
            msg = f"write sqlite:/// instead of {url.drivername}:///"
            raise ValueError(msg)
        if url.host or url.username or url.query:
            msg = "a SQLite URL is sqlite:///file.db or sqlite:////absolute/path/file.db, without more"
            raise ValueError(msg)
        if not url.database or url.database == ":memory:":
            msg = "a database in memory would lose its rows at every stop: name a file, e.g. sqlite:///line1.db"
            raise ValueError(msg)

    @override
    def where(self, target: Target) -> str:
        return str(_file(target))

    @override
    def engine(self, target: Target) -> sa.Engine:
        engine = sa.create_engine(
            target.url.set(database=str(_file(target))),
            poolclass=sa.pool.NullPool,
            hide_parameters=True,  # values of messages do not belong into logs
            connect_args={"timeout": target.busy_timeout_s, "isolation_level": None},
        )
        sa.event.listen(engine, "connect", _set_up)
        sa.event.listen(engine, "begin", _begin)
        return engine

    @override
    def before_begin(self, connection: sa.Connection, *, reading: bool) -> None:
        connection.info["reading"] = reading

    @override
    def probe(self, target: Target) -> str:
        file = _file(target)
        if not file.parent.is_dir():
            msg = f"the folder {file.parent} does not exist: make it, or name another file"
            raise FileNotFoundError(msg)
        if not file.exists():
            return f"{file} does not exist yet; it is made at the first start"
        with _looking(file, "ro", target.busy_timeout_s) as connection:
            tables = connection.exec_driver_sql("SELECT count(*) FROM sqlite_master WHERE type = 'table'").scalar()
        if os.access(file, os.W_OK) and os.access(file.parent, os.W_OK):
            _try_write_lock(file, min(target.busy_timeout_s, LOCK_PATIENCE_S))
        return f"{file}: SQLite {sqlite3.sqlite_version}, {tables} tables"

    @override
    def interrupt(self, driver: Any) -> None:
        driver.interrupt()

    @override
    def stored(self, name: str, value: Any) -> Any:
        return stored(name, value)

    @override
    def has_table(self, connection: sa.Connection, table: str) -> bool:
        return bool(self.columns(connection, table))

    @override
    def inbox_tables(self, connection: sa.Connection) -> Sequence[str]:
        return INBOX_TABLES

    @override
    def moment(self, value: datetime) -> str:
        return value.strftime("%Y-%m-%dT%H:%M:%SZ")

    @override
    def several(self, values: Sequence[str]) -> str:
        return json.dumps(values, ensure_ascii=False)

    @override
    def columns(self, connection: sa.Connection, table: str) -> list[str]:
        return list(connection.exec_driver_sql("SELECT name FROM pragma_table_info(?)", (table,)).scalars())

    @override
    def same_name(self, name: str) -> str:
        return name.lower()

    @override
    def exact(self, column: str) -> str:
        return column

    @override
    def fault(self, error: Exception) -> Fault:
        cause = error.orig if isinstance(error, sa.exc.DBAPIError) and error.orig else error
        text = str(cause)
        code = getattr(cause, "sqlite_errorcode", None)
        if code is None:  # the driver could not even hand over a value; anything else is no fault of the data
            at_fault = isinstance(cause, sqlite3.Error | OverflowError | UnicodeError)
            return Fault(FaultKind.ROW, text) if at_fault else Fault(FaultKind.LATER, f"cannot be used: {text}")
        primary = code & PRIMARY_CODE
        if primary == sqlite3.SQLITE_ERROR:
            return Fault(_statement_kind(text), text)
        if primary not in ROW_CODES:
            return Fault(FaultKind.LATER, f"{LATER.get(primary, 'cannot be used')} ({text})")
        words = CONSTRAINTS.get(code, "")
        # the sentence ends with table.column
        empty = text.rpartition(".")[2] if code == sqlite3.SQLITE_CONSTRAINT_NOTNULL else ""
        return Fault(FaultKind.ROW, f"{words} ({text})" if words else text, empty=empty)


def _file(target: Target) -> Path:
    return target.base_dir / (target.url.database or "")


def _looking(file: Path, mode: str, timeout_s: float) -> sa.Connection:
    """A connection to a file that is there, for a test."""

    def connect() -> sqlite3.Connection:
        return sqlite3.connect(f"{file.as_uri()}?mode={mode}", uri=True, timeout=timeout_s, isolation_level=None)

    return sa.create_engine("sqlite://", creator=connect, poolclass=sa.pool.NullPool).connect()


def _try_write_lock(file: Path, timeout_s: float) -> None:
    """Take the write lock and give it back: a file can be read while nothing can be written."""
    with _looking(file, "rw", timeout_s) as connection:
        try:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        except sa.exc.OperationalError as error:
            code = getattr(error.orig, "sqlite_errorcode", 0) & PRIMARY_CODE
            if code == sqlite3.SQLITE_READONLY:
                return  # the mount is read-only; reading works all the same
            if code != sqlite3.SQLITE_BUSY:
                raise
            msg = f"{file} can be read, but another program holds the write lock: nothing is written until it lets go"
            raise NotConnectedError(msg) from error
        connection.exec_driver_sql("ROLLBACK")


def _set_up(driver: sqlite3.Connection, _record: Any) -> None:
    with closing(driver.cursor()) as cursor:
        cursor.execute("PRAGMA journal_mode = WAL")
        cursor.execute("PRAGMA synchronous = FULL")
        cursor.execute("PRAGMA foreign_keys = ON")


def _begin(connection: sa.Connection) -> None:
    """Take the write lock at once: waiting for it later would end in a deadlock that no time-out helps."""
    reading = connection.info.get("reading", False)
    if reading is not connection.info.get("query_only", False):
        connection.exec_driver_sql(f"PRAGMA query_only = {'ON' if reading else 'OFF'}")
        connection.info["query_only"] = reading
    connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")


def _statement_kind(text: str) -> FaultKind:
    if text.startswith("no such table"):
        return FaultKind.NO_TABLE
    if "has no column named" in text or text.startswith("no such column"):
        return FaultKind.NO_COLUMN
    if text.startswith("ON CONFLICT clause"):
        return FaultKind.NO_UNIQUE_INDEX
    return FaultKind.STATEMENT
