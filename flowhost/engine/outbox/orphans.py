"""The messages of a queue nobody serves any more, made dead letters within a transaction."""

from __future__ import annotations

import json
from collections.abc import Iterator

import apsw

from flowhost.engine.outbox.changes import Bury, Orphan
from flowhost.engine.outbox.codec import DamagedRowError, decode_message, encode_message
from flowhost.engine.outbox.letter_changes import Follow
from flowhost.engine.outbox.letter_rows import bury
from flowhost.engine.outbox.progress import key_of

_SET_ASIDE = "INSERT INTO damaged(flow, node, origin, row, at_ns, reason, bytes) VALUES (?, ?, ?, ?, ?, ?, ?)"


def bury_edge(connection: apsw.Connection, change: Orphan) -> None:
    """Make every message of a queue a dead letter; a damaged row is set aside as it is, never taken for a message."""
    number = 0
    for origin, row, message, attempts, causes in _rows(connection, change.edge):
        number += 1
        try:
            found = decode_message(message)
        except DamagedRowError as error:
            damaged = (change.flow, change.node, origin, row, change.at_ns, f"{change.reason}; {error}", message)
            connection.execute(_SET_ASIDE, damaged)
            continue
        meta = found.meta
        if meta.letter:
            # of a letter that was retried: it is no longer on its way
            Follow(meta.letter, -1).apply(connection)
            message = encode_message(found.with_meta(letter=0))
        letter = Bury(
            change.flow, change.node, change.at_ns, change.revision, change.kind, change.reason, attempts, message,
            meta.topic, meta.key, meta.id, meta.letter, causes,
        )  # fmt: skip
        bury(connection, letter)
    connection.execute(f"DELETE FROM m_{change.edge:d}")  # noqa: S608 - a number
    connection.execute("DELETE FROM parked WHERE edge = ?", (change.edge,))
    connection.execute("DELETE FROM meta WHERE key = ?", (key_of(change.edge),))
    connection.execute("UPDATE edge SET position = appended, dead = dead + ? WHERE id = ?", (number, change.edge))


def _rows(connection: apsw.Connection, edge: int) -> Iterator[tuple[str, int, bytes, int, str]]:
    """Where a row lies, its number, its bytes, how often it was tried and why that failed; parked ones came first."""
    parked = "SELECT id, message, attempts, kind, reason FROM parked WHERE edge = ? ORDER BY id"
    for row, message, attempts, kind, reason in connection.execute(parked, (edge,)):
        yield "parked", row, message, attempts, json.dumps([{"kind": kind, "reason": reason}])
    for row, message in connection.execute(f"SELECT id, b FROM m_{edge:d} ORDER BY id"):  # noqa: S608 - a number
        yield "edge", row, message, 0, "[]"
