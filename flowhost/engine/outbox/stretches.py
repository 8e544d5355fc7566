"""Sorts rows read from an edge into what can be delivered and what is lost between it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from flowhost.engine.outbox.codec import DamagedRowError, decode_message
from flowhost.engine.outbox.seal import is_intact
from flowhost.sdk import Message

TOGETHER_MS = 1_000
"""Messages that came within this time are as old as the first of them, where nothing is decided by their age."""


class Row(NamedTuple):
    """A row as it was read; what it holds need not be what was written.

    Attributes:
        number: its id.
        at_ms: when it came, milliseconds UTC.
        data: encoded message.
        seal: see `flowhost.engine.outbox.seal`.
    """

    number: int
    at_ms: int
    data: bytes
    seal: int


class Good(NamedTuple):
    """Messages that follow each other.

    Attributes:
        messages: in order.
        first: number of the first one.
        last: number of the last one.
        size: bytes on disk.
        at_ms: when the first one came, milliseconds UTC.
    """

    messages: Sequence[Message]
    first: int
    last: int
    size: int
    at_ms: int


class Lost(NamedTuple):
    """Numbers whose messages are gone.

    Attributes:
        first: number of the first one.
        last: number of the last one.
        damaged: rows that were found in their place.
    """

    first: int
    last: int
    damaged: Sequence[Row]

    @property
    def number(self) -> int:
        """How many messages."""
        return self.last - self.first + 1

    def words(self) -> str:
        """What happened, and what to do."""
        which = f"number {self.first}" if self.number == 1 else f"numbers {self.first} to {self.last}"
        found = min(len(self.damaged), self.number)
        parts = [f"{found:,} damaged rows were set aside"] if found else []
        parts += [f"{self.number - found:,} rows are missing"] if found < self.number else []
        return (
            f"{self.number:,} messages of its queue ({which}) are lost: {' and '.join(parts)}; "
            "what the target still needs has to be sent again from where it came"
        )


def sort_rows(
    edge: int, rows: Sequence[Row], after: int, end: int | None, together_ms: int = TOGETHER_MS
) -> list[Good | Lost]:
    """What was read of an edge behind a number.

    Args:
        edge: number of the edge.
        rows: in order of their number.
        after: number of the message before them.
        end: number of the last message there should be; None if more rows follow that were not read yet.
        together_ms: messages that came within this time are one stretch.
    """
    sorted_rows: list[Good | Lost] = []
    run: list[tuple[Row, Message]] = []
    damaged: list[Row] = []
    last = after

    def close_run() -> None:
        if run:
            messages = [message for _, message in run]
            size = sum(len(row.data) for row, _ in run)
            sorted_rows.append(Good(messages, run[0][0].number, run[-1][0].number, size, run[0][0].at_ms))
            run.clear()

    def lose(until: int) -> None:
        if until > last:
            close_run()
            sorted_rows.append(Lost(last + 1, until, list(damaged)))
            damaged.clear()

    for row in rows:
        message = _message(edge, row)
        if message is None:
            damaged.append(row)
            continue
        lose(row.number - 1)
        if run and abs(row.at_ms - run[0][0].at_ms) > together_ms:
            close_run()
        run.append((row, message))
        last = row.number
    close_run()
    if end is not None:
        lose(end)
    return sorted_rows


def _message(edge: int, row: Row) -> Message | None:
    if not is_intact(edge, row.number, row.at_ms, row.data, row.seal):
        return None
    try:
        return decode_message(row.data)
    except DamagedRowError:
        return None
