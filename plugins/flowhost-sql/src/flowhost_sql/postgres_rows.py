"""Many rows in one statement for PostgreSQL: every column travels as one list of texts.

A statement per row, even in a pipeline, costs the server twice as much, and this process a switch between its threads
for each: while the event loop is busy, such a batch takes many times as long.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from flowhost_sql.dialects import Dialect, Insert

FEW = 4
"""So many rows are as fast one by one."""

TYPES = (
    # without their length or precision: a cast to varchar(3) would cut what an assignment refuses
    "SELECT attname::text, format_type(atttypid, -1) FROM pg_attribute WHERE attrelid = to_regclass(%s) "
    "AND attnum > 0 AND NOT attisdropped"
)


def fit_together(insert: Insert, rows: Sequence[tuple[Any, ...]]) -> bool:
    """Whether one statement can write these rows: all values are texts, and none is updated twice."""
    if len(rows) <= FEW or any(value.__class__ is bytes for row in rows for value in row):
        return False
    places = [insert.columns.index(key) for key in insert.keys]
    return not places or len({tuple([row[place] for place in places]) for row in rows}) == len(rows)


def types_of(connection: sa.Connection, regclass: str) -> dict[str, str]:
    """Types of a table's columns by name."""
    return {row[0]: row[1] for row in connection.exec_driver_sql(TYPES, (regclass,))}


def at_once(dialect: Dialect, insert: Insert, types: Mapping[str, str]) -> str | None:
    """The statement, a list bound per column; None where the table lacks a column.

    The column's own type reads each text, as it reads a value that is bound alone. The caller's transaction holds the
    table, or somebody may change a type before the statement runs.
    """
    if any(name not in types for name in insert.columns):
        return None
    reads = ", ".join(f"c{place}::{types[name].replace('%', '%%')}" for place, name in enumerate(insert.columns))
    lists = ", ".join(["%s::text[]"] * len(insert.columns))
    names = ", ".join(f"c{place}" for place in range(len(insert.columns)))
    rows = f"SELECT {reads} FROM unnest({lists}) AS given({names})"  # noqa: S608 - types are the server's, names our own
    return dialect.insert(insert.table, insert.columns, insert.keys, rows)
