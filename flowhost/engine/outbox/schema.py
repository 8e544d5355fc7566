"""Tables of an outbox file, and what is checked before one is used."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import apsw

from flowhost.engine.outbox.seal import named_seal, row_seal
from flowhost.engine.outbox.upkeep import LOG_BYTES_KEPT
from flowhost.errors import HostError

VERSION = 4
_INCREMENTAL = 2
_SYNCHRONOUS = "FULL"
"""A commit is on the disk when it returns; with NORMAL a power cut takes the last of them back."""
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

_UPGRADE_1 = """
ALTER TABLE edge ADD COLUMN dead INTEGER NOT NULL DEFAULT 0;
ALTER TABLE edge ADD COLUMN dropped INTEGER NOT NULL DEFAULT 0;
CREATE TABLE parked(
  id INTEGER PRIMARY KEY, edge INTEGER NOT NULL, key TEXT NOT NULL, at_ms INTEGER NOT NULL, attempts INTEGER NOT NULL,
  kind TEXT NOT NULL, reason TEXT NOT NULL, message BLOB NOT NULL);
CREATE INDEX parked_by_key ON parked(edge, key, id);
CREATE TABLE damaged(
  id INTEGER PRIMARY KEY, flow TEXT NOT NULL, node TEXT NOT NULL, origin TEXT NOT NULL, row INTEGER NOT NULL,
  at_ns INTEGER NOT NULL, reason TEXT NOT NULL, bytes BLOB NOT NULL);
CREATE TABLE ledger(flow TEXT, node TEXT, figures BLOB NOT NULL, PRIMARY KEY(flow, node)) WITHOUT ROWID;
ALTER TABLE dead ADD COLUMN topic TEXT NOT NULL DEFAULT '';
ALTER TABLE dead ADD COLUMN key TEXT NOT NULL DEFAULT '';
ALTER TABLE dead ADD COLUMN ident TEXT NOT NULL DEFAULT '';
ALTER TABLE dead ADD COLUMN causes TEXT NOT NULL DEFAULT '[]';
ALTER TABLE dead ADD COLUMN changed_ns INTEGER NOT NULL DEFAULT 0;
CREATE TABLE dead_edit(
  letter INTEGER NOT NULL, revision INTEGER NOT NULL, at_ns INTEGER NOT NULL, by TEXT NOT NULL, message BLOB NOT NULL,
  PRIMARY KEY(letter, revision)) WITHOUT ROWID;
"""
"""What version 2 adds: when a row came, counters of an edge, parked and damaged rows, more about dead letters.

`edge`: `appended` and `position` are ids: all messages up to `position` have left, and those behind it that `meta`
names (`progress`); with none named, `appended = position + rows`. Of the messages that left, `dead` and `dropped` did
not reach the node's target. `parked`: messages of a key that waits, in order of id. `damaged`:
rows that no longer match their checksum. `ledger`: counters of nodes. `dead.causes`: earlier failures of the same
message, JSON, oldest first. `dead_edit`: revisions of a dead letter's message; `dead.message` stays the original.
"""

_UPGRADE_2 = """
ALTER TABLE dead DROP COLUMN edited;
ALTER TABLE dead ADD COLUMN uid TEXT NOT NULL DEFAULT '';
ALTER TABLE dead ADD COLUMN branches INTEGER NOT NULL DEFAULT 0;
ALTER TABLE dead ADD COLUMN changed_by TEXT NOT NULL DEFAULT '';
UPDATE dead SET uid = lower(hex(randomblob(16)));
CREATE UNIQUE INDEX dead_by_uid ON dead(uid);
CREATE INDEX dead_by_time ON dead(at_ns, flow, id);
"""
"""What version 3 adds, for repairing dead letters.

`dead.uid`: names the letter in every file it is brought into. `branches`: how many messages of its retry lie in queues
of this file; the letter is delivered when the last of them has left. `changed_by`: who changed it last.
"""


_UPGRADE_3 = """
ALTER TABLE state ADD COLUMN seal INTEGER NOT NULL DEFAULT 0;
ALTER TABLE origin ADD COLUMN seal INTEGER NOT NULL DEFAULT 0;
UPDATE state SET seal = named_seal(value, flow, node, key);
UPDATE origin SET seal = named_seal(value, flow, node);
"""
"""What version 4 adds: seals (`flowhost.engine.outbox.seal`) of rows of edges, states and origins."""


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
    for pragma in ("busy_timeout=5000", "auto_vacuum=INCREMENTAL", "journal_mode=WAL"):
        connection.execute(f"PRAGMA {pragma}")
    connection.execute(f"PRAGMA synchronous={_SYNCHRONOUS}")
    connection.execute(f"PRAGMA journal_size_limit={LOG_BYTES_KEPT}")
    return connection


def prepare(connection: apsw.Connection, path: Path) -> None:
    """Make the tables of a new file; bring those of an older one up to date. Raises `HostError`."""
    found = connection.execute("PRAGMA user_version").get
    if found == VERSION:
        return
    if found > VERSION:
        raise HostError(
            f"{path} was written by a newer FlowHost (schema {found}, this one knows {VERSION}); install that again"
        )
    if found and connection.execute("PRAGMA auto_vacuum").get != _INCREMENTAL:
        # an older file learns to give free pages back
        connection.execute("VACUUM")
    add_function(connection, "named_seal", named_seal)
    add_function(connection, "row_seal", row_seal)
    with connection:
        if found == 0:
            connection.execute(_TABLES)
        edges = [row[0] for row in connection.execute("SELECT id FROM edge")]
        if found < 2:
            for number in edges:
                connection.execute(f"ALTER TABLE m_{number:d} ADD COLUMN at_ms INTEGER NOT NULL DEFAULT 0")
            connection.execute(_UPGRADE_1)
        if found < 3:
            connection.execute(_UPGRADE_2)
        connection.execute(_UPGRADE_3)
        for number in edges:
            connection.execute(f"ALTER TABLE m_{number:d} ADD COLUMN seal INTEGER NOT NULL DEFAULT 0")
            connection.execute(f"UPDATE m_{number:d} SET seal = row_seal({number:d}, id, at_ms, b)")  # noqa: S608 - a number
        connection.execute(f"PRAGMA user_version={VERSION}")


def add_function(connection: apsw.Connection, name: str, function: Callable[..., Any]) -> None:
    """Let statements of this connection call a function."""
    connection.create_scalar_function(name, function, -1, deterministic=True)


def make_edge_table(connection: apsw.Connection, number: int) -> None:
    """The rows of one edge."""
    connection.execute(edge_table(number))


def edge_table(number: int) -> str:
    """Declares the rows of one edge: id, when it came (milliseconds UTC), encoded message, seal."""
    return (
        f"CREATE TABLE IF NOT EXISTS m_{number:d}"
        "(id INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL DEFAULT 0, b BLOB NOT NULL, seal INTEGER NOT NULL DEFAULT 0)"
    )
