"""How a message that failed becomes a dead letter, or the one it was retried from is open again."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import apsw

if TYPE_CHECKING:
    from flowhost.engine.outbox.changes import Bury

CAUSES_KEPT = 100
"""Earlier failures kept with a letter: the first, and the newest of the others."""

_INSERT = """
INSERT INTO dead(flow, node, at_ns, revision, kind, reason, attempts, message, topic, key, ident, causes, uid)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, lower(hex(randomblob(16))))
"""
_REOPEN = """
UPDATE dead SET state = 'dead', at_ns = ?, revision = ?, kind = ?, reason = ?, attempts = attempts + ?, causes = ?,
  note = '' WHERE id = ?
"""
_KNOWN = """
SELECT flow, node, at_ns, revision, kind, reason, attempts, causes,
  coalesce((SELECT message FROM dead_edit WHERE letter = dead.id ORDER BY revision DESC LIMIT 1), message)
FROM dead WHERE id = ?
"""


def bury(connection: apsw.Connection, failure: Bury) -> None:
    """Keep a message that failed.

    One that was retried and failed again at the same node, unchanged, is the same letter, open again. If it came
    further and failed elsewhere, or in another form, it is a letter of its own that knows its earlier failures: several
    branches of one retry may fail, and none of them may be lost.
    """
    known = connection.execute(_KNOWN, (failure.letter,)).fetchone() if failure.letter else None
    if known is None or known[0] != failure.flow:
        _insert(connection, failure, _causes(failure.causes))
        return
    chain = [*_chain(known), *_causes(failure.causes)]
    if (known[1], known[8]) != (failure.node, failure.message):
        _insert(connection, failure, chain)
        return
    values = (failure.at_ns, failure.revision, failure.kind, failure.reason, failure.attempts, _text(chain))
    connection.execute(_REOPEN, (*values, failure.letter))


def reopen(connection: apsw.Connection, letter: int, at_ns: int, revision: int, kind: str, reason: str) -> None:
    """A retried letter did not come into the flow, or was lost from sight there: it is open again."""
    known = connection.execute(_KNOWN, (letter,)).fetchone()
    if known is not None:
        connection.execute(_REOPEN, (at_ns, revision, kind, reason, 0, _text(_chain(known)), letter))


def _insert(connection: apsw.Connection, failure: Bury, causes: list[Any]) -> None:
    connection.execute(
        _INSERT,
        (
            failure.flow, failure.node, failure.at_ns, failure.revision, failure.kind, failure.reason, failure.attempts,
            failure.message, failure.topic, failure.key, failure.ident, _text(causes),
        ),
    )  # fmt: skip


def _chain(known: tuple[Any, ...]) -> list[Any]:
    """The failures of a letter so far."""
    _, node, at_ns, revision, kind, reason, attempts, causes, _ = known
    last = {"at": at_ns, "node": node, "kind": kind, "reason": reason, "attempts": attempts, "revision": revision}
    return [*_causes(causes), last]


def _causes(text: str) -> list[Any]:
    try:
        return list(json.loads(text))
    except ValueError:
        return []  # a damaged list of causes must not keep the letter itself from disk


def _text(causes: list[Any]) -> str:
    if len(causes) > CAUSES_KEPT:
        causes = [causes[0], *causes[-(CAUSES_KEPT - 1) :]]
    return json.dumps(causes)
