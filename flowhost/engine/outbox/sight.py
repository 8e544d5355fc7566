"""Finds the messages of retried dead letters in the queues of a file, when a run begins."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator

import apsw

from flowhost.engine.outbox.changes import Change
from flowhost.engine.outbox.codec import MARKED_ROW, DamagedRowError, decode_message
from flowhost.engine.outbox.letter_changes import CountBranches, Reopen
from flowhost.engine.outbox.outbox import Outbox
from flowhost.engine.outbox.trail import letters_of
from flowhost.sdk import Clock, Message

LOST_FROM_SIGHT = "LostFromSight"
_FOLLOWED = "SELECT id, state, branches FROM dead WHERE flow = ? AND (state = 'retried' OR branches > 0)"


async def look_for_retried(outbox: Outbox, flow: str, revision: int, clock: Clock) -> bool:
    """Count anew how many messages of each retried letter lie in queues, before anything is taken from them.

    A letter none of whose messages is found left the queues in a way that did not say so (its row was damaged, or a
    limit dropped it): it is open again, since nobody knows that it was delivered.

    Returns:
        Whether there are retried letters to follow.
    """
    followed = await outbox.query(_FOLLOWED, (flow,))
    if not followed:
        return False
    found = await asyncio.to_thread(_count, outbox, flow)
    changes: list[Change] = []
    for letter, state, branches in followed:
        if found[letter] != branches:
            changes.append(CountBranches(letter, found[letter]))
        if state == "retried" and not found[letter]:
            reason = (
                "it was retried, but is in no queue any more, and nothing says that it was delivered: its row was "
                "damaged or dropped. Look at the target before you retry it again"
            )
            changes.append(Reopen(letter, clock.now_ns(), revision, LOST_FROM_SIGHT, reason))
    if changes:
        await outbox.change(*changes)
    return True


def _count(outbox: Outbox, flow: str) -> Counter[int]:
    connection = apsw.Connection(str(outbox.path))
    try:
        connection.execute("PRAGMA busy_timeout=5000; PRAGMA query_only=1")
        return letters_of(_marked(connection, flow))
    finally:
        connection.close()


def _marked(connection: apsw.Connection, flow: str) -> Iterator[Message]:
    edges = connection.execute("SELECT id, position FROM edge WHERE flow = ?", (flow,)).fetchall()
    for edge, position in edges:
        marked = MARKED_ROW.format(column="b")
        yield from _messages(connection.execute(f"SELECT b FROM m_{edge:d} WHERE id > ? AND {marked}", (position,)))  # noqa: S608 - a number
        marked = MARKED_ROW.format(column="message")
        yield from _messages(connection.execute(f"SELECT message FROM parked WHERE edge = ? AND {marked}", (edge,)))  # noqa: S608 - text from above


def _messages(rows: apsw.Cursor) -> Iterator[Message]:
    for (row,) in rows:
        try:
            yield decode_message(row)
        except DamagedRowError:
            continue  # set aside when its turn comes
