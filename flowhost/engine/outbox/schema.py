"""Tables of an outbox file, and what is checked before one is used."""

from __future__ import annotations

from pathlib import Path

import apsw

from flowhost.errors import HostError

VERSION = 1
OLDEST_SQLITE = (3, 51, 3)
"""Older ones can lose or damage data when a log is reset (fixed in 3.51.3, 3.50.7 and 3.44.6)."""

_TABLES = """
CREATE TABLE meta(key TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE edge(
  id INTEGER PRIMARY KEY, flow TEXT NOT NULL, node TEXT NOT NULL, position INTEGER NOT NULL DEFAULT 0,
  appended INTEGER NOT NULL DEFAULT 0, UNIQUE(flow, node));
CREATE TABLE state(flow TEXT, node TEXT, key TEXT, value BLOB NOT NULL, PRIMARY KEY(flow, node, key)) WITHOUT ROWID;
CREATE TABLE origin(flow TEXT, node TEXT, value BLOB NOT NULL, PRIMARY KEY(flow, node)) WITHOUT ROWID;
CREATE TABLE dead(
  id INTEGER PRIMARY KEY, flow TEXT NOT NULL, node TEXT NOT NULL, at_ns INTEGER NOT NULL, revision INTEGER NOT NULL,
  kind TEXT NOT NULL, reason TEXT NOT NULL, attempts INTEGER NOT NULL, message BLOB NOT NULL, edited BLOB,
  state TEXT NOT NULL DEFAULT 'dead', note TEXT NOT NULL DEFAULT '');
CREATE INDEX dead_by_flow ON dead(state, flow, node);
"""


def check_sqlite() -> None:
    """Refuse a SQLite that may lose what it confirmed. Raises `HostError`."""
    version = tuple(int(part) for part in apsw.sqlite_lib_version().split("."))
    if version < OLDEST_SQLITE:
        wanted = ".".join(map(str, OLDEST_SQLITE))
        raise HostError(
            f"SQLite {apsw.sqlite_lib_version()} may lose data; reinstall apsw with SQLite {wanted} or newer"
        )


def connect(path: Path) -> apsw.Connection:
    """The writing connection: write-ahead log, flushed to disk at every commit."""
    connection = apsw.Connection(str(path))
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "wal_autocheckpoint=1000", "busy_timeout=5000"):
        connection.execute(f"PRAGMA {pragma}")
    return connection


def prepare(connection: apsw.Connection, path: Path) -> None:
    """Make the tables of a new file; check those of an old one. Raises `HostError`."""
    found = connection.execute("PRAGMA user_version").get
    if found == VERSION:
        return
    if found != 0:
        raise HostError(f"{path} was written by another version of FlowHost (schema {found}, this one knows {VERSION})")
    with connection:
        connection.execute(_TABLES)
        connection.execute(f"PRAGMA user_version={VERSION}")
