"""Brings rows of edges back that SQLite does not see, out of the bytes of a file and its log."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping

import apsw

from flowhost.engine.outbox.page_scan import raw_rows
from flowhost.engine.outbox.seal import is_intact

_FARTHEST = 1 << 63
Gaps = list[tuple[int, int]]
"""First and last numbers of rows an edge should have and has not, in order."""


def gaps_of(connection: apsw.Connection, edge: int, position: int, appended: int) -> Gaps:
    """What is missing of an edge behind its position, up to the last row there was."""
    gaps, before = [], position
    rows = connection.execute(f"SELECT id FROM m_{edge:d} WHERE id > ? AND id <= ? ORDER BY id", (position, appended))  # noqa: S608 - a number
    for (number,) in rows:
        if number > before + 1:
            gaps.append((before + 1, number - 1))
        before = number
    return [*gaps, (before + 1, appended)] if before < appended else gaps


def find_again(connection: apsw.Connection, missing: Mapping[int, Gaps], file: bytes, log: bytes) -> int:
    """Put rows back that are missing, if they are still somewhere.

    Args:
        connection: of the file they are put into.
        missing: gaps by edge.
        file: bytes they may lie in.
        log: bytes of the log that belongs to them.

    Returns:
        How many were found.
    """
    found = 0
    for row in raw_rows(file, log, lambda number: any(_has(gaps, number) for gaps in missing.values())):
        for edge, gaps in missing.items():
            if _has(gaps, row.number) and is_intact(edge, *row):
                connection.execute(insert_row(edge), row)
                found += connection.changes()
    return found


def _has(gaps: Gaps, number: int) -> bool:
    place = bisect_right(gaps, (number, _FARTHEST)) - 1
    return place >= 0 and number <= gaps[place][1]


def insert_row(edge: int) -> str:
    """The statement that adds a row to an edge, unless it has one of this number."""
    return f"INSERT OR IGNORE INTO m_{edge:d}(id, at_ms, b, seal) VALUES (?, ?, ?, ?)"  # noqa: S608 - a number
