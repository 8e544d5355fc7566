"""Rows into one table: batches in a transaction, the culprit found, the rest committed. Runs in the database thread."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any, NamedTuple

import sqlalchemy as sa

from flowhost.sdk import Message, MessageError, PermanentError
from flowhost_sql.config import ColumnType, WriteConfig
from flowhost_sql.database import Database, DriverError, refusals
from flowhost_sql.dialects import Dialect, Fault, FaultKind, Insert
from flowhost_sql.inbox import Inbox, key_of
from flowhost_sql.values import row_of, type_of

CARE_ROWS = 20_000
"""After a refusal, so many rows are written behind a savepoint from the start; bad rows seldom come alone."""
CACHED_INSERTS = 200
"""SQL statements kept, one per set of columns; payloads with ever new fields must not fill the memory."""


MOST_ODD = 3
"""So many rows that look like culprits are tried by themselves."""
FEW = 8
"""Of so few rows, the culprit is found as fast by halving."""
_WORD = re.compile(r"""[^\s(),="']+""")


class Row(NamedTuple):
    """One message as a row.

    Attributes:
        place: the message's place in the batch.
        columns: names, in the payload's order.
        values: as the driver takes them, in the order of the columns.
        raw: as they came, by column.
        key: of the inbox; empty where the message has none.
    """

    place: int
    columns: tuple[str, ...]
    values: tuple[Any, ...]
    raw: Mapping[str, Any]
    key: str


class Written(NamedTuple):
    """What became of a batch, by place in it; all messages that are in neither were committed now.

    Attributes:
        rejected: why messages were refused.
        repeated: messages whose rows were there already.
    """

    rejected: Mapping[int, str]
    repeated: Collection[int]


class TableWriter:
    """Writes batches of messages into the configured table.

    Order is kept: neighbouring rows with the same columns go to the database together. Names are always quoted and
    values always bound, so nothing in a message is ever taken as SQL.
    """

    def __init__(self, config: WriteConfig, inbox: Inbox | None = None) -> None:
        self._config = config
        self._inbox = inbox
        self._inserts: dict[tuple[str, ...], Insert] = {}
        self._care = 0
        self._repeated: set[int] = set()
        self._table_made = config.create_table is False

    def check(self, dialect: Dialect) -> None:
        """Raise `PermanentError` if the database would cut the table's name."""
        longest = dialect.longest_name
        if longest and len(self._config.table.encode()) > longest:
            msg = f"table {self._config.table!r}: the name is too long, this database takes {longest} bytes"
            raise PermanentError(msg)

    def write(self, database: Database, messages: Sequence[Message]) -> Written:
        """Write a batch in one transaction.

        Raises:
            TemporaryError: not everything was committed, the batch may be tried again.
        """
        rejected: dict[int, str] = {}
        self._repeated = set()
        rows = list(self._rows(database.dialect, messages, rejected))
        firsts, copies = _without_copies(rows, rejected)
        if firsts:
            self._commit(database, firsts, rejected)
        for copy, first in copies.items():
            if first in rejected:
                rejected[copy] = rejected[first]
            else:
                self._repeated.add(copy)
        return Written(rejected, self._repeated)

    def _commit(self, database: Database, rows: Sequence[Row], rejected: dict[int, str]) -> None:
        """First all at once; if the database refuses a row, again with savepoints around ever smaller parts."""
        if self._care > 0:
            self._care -= len(rows)
            self._commit_carefully(database, rows, rejected)
            return
        try:
            with database.transaction() as connection:
                fresh = self._not_written(database.dialect, connection, rows)
                self._make_table(database.dialect, connection, fresh)
                for group in _groups(fresh):
                    self._execute(database.dialect, connection, group)
            self._made(fresh, rows)
        except DriverError as error:
            if not error.fault.of_the_data:
                raise database.later(error.fault) from error
            if error.fault.kind is FaultKind.NO_TABLE:
                self._table_made = self._config.create_table is False  # somebody dropped it
            self._commit_carefully(database, rows, rejected)

    def _commit_carefully(self, database: Database, rows: Sequence[Row], rejected: dict[int, str]) -> None:
        found: dict[int, str] = {}
        try:
            with database.transaction() as connection:
                fresh = self._not_written(database.dialect, connection, rows)
                self._make_table(database.dialect, connection, fresh)
                for group in _groups(fresh):
                    for part in _apart(group, _odd(group)):
                        self._find_culprits(database.dialect, connection, part, found)
                self._forget(database.dialect, connection, [row.key for row in fresh if row.key and row.place in found])
        except DriverError as error:
            if not error.fault.of_the_data:
                raise database.later(error.fault) from error
            self._split_commit(database, rows, rejected, error.fault)
            return
        self._made(fresh, rows)
        if found:
            self._care = CARE_ROWS
        rejected.update(found)

    def _split_commit(self, database: Database, rows: Sequence[Row], rejected: dict[int, str], fault: Fault) -> None:
        """Only the commit itself was refused (a deferred constraint): halves, in transactions of their own."""
        if len(rows) == 1:
            rejected[rows[0].place] = f"table {self._config.table!r}: {fault.text}"
            return
        middle = len(rows) // 2
        self._commit(database, rows[:middle], rejected)
        self._commit(database, rows[middle:], rejected)

    def _not_written(self, dialect: Dialect, connection: sa.Connection, rows: Sequence[Row]) -> Sequence[Row]:
        """Rows whose keys are not in the inbox; the keys are there from now on, if the transaction is committed."""
        keys = [row.key for row in rows if row.key]
        if self._inbox is None or not keys:
            return rows
        fresh = self._inbox.claim(dialect, connection, keys)
        return rows if len(fresh) == len(keys) else [row for row in rows if not row.key or row.key in fresh]

    def _made(self, written: Sequence[Row], rows: Sequence[Row]) -> None:
        """The transaction was committed, and the tables it made with it."""
        self._table_made = self._table_made or bool(written)
        if len(written) < len(rows):
            self._repeated |= {row.place for row in rows} - {row.place for row in written}
        if self._inbox is not None and any(row.key for row in rows):
            self._inbox.committed()

    def _forget(self, dialect: Dialect, connection: sa.Connection, keys: Sequence[str]) -> None:
        if self._inbox is not None and keys:
            self._inbox.release(dialect, connection, keys)

    def _find_culprits(
        self, dialect: Dialect, connection: sa.Connection, group: Sequence[Row], found: dict[int, str]
    ) -> None:
        fault = self._attempt(dialect, connection, group)
        if fault is not None:
            self._halve(dialect, connection, group, fault, found)

    def _halve(
        self, dialect: Dialect, connection: sa.Connection, group: Sequence[Row], fault: Fault, found: dict[int, str]
    ) -> None:
        """At least one row of the group is refused: find it, write the others, in order."""
        if fault.kind is not FaultKind.ROW or len(group) == 1:
            reason = self._in_words(fault, dialect, connection, group[0])
            found.update((row.place, reason) for row in group)
            return
        if suspects := _suspects(fault, group):
            for part in _apart(group, suspects):
                self._find_culprits(dialect, connection, part, found)
            return
        dialect.hold(connection, self._config.table)
        middle = len(group) // 2
        left, right = group[:middle], group[middle:]
        left_fault = self._attempt(dialect, connection, left)
        if left_fault is not None:
            self._halve(dialect, connection, left, left_fault, found)
            self._find_culprits(dialect, connection, right, found)
        elif len(right) > 1:
            # then it is in the other half, which need not be tried as a whole
            self._halve(dialect, connection, right, fault, found)
        else:
            self._find_culprits(dialect, connection, right, found)

    def _attempt(self, dialect: Dialect, connection: sa.Connection, group: Sequence[Row]) -> Fault | None:
        """Write rows behind a savepoint; why they were refused, None if they were not."""
        savepoint = connection.begin_nested()
        try:
            self._execute(dialect, connection, group)
        except DriverError as error:
            if not error.fault.of_the_data:
                raise
            savepoint.rollback()
            return error.fault
        savepoint.commit()
        return None

    def _execute(self, dialect: Dialect, connection: sa.Connection, group: Sequence[Row]) -> None:
        """Rows with the same columns go together."""
        with refusals(dialect):
            dialect.write(connection, self._insert(dialect, group[0].columns), [row.values for row in group])

    def _insert(self, dialect: Dialect, columns: tuple[str, ...]) -> Insert:
        insert = self._inserts.get(columns)
        if insert is None:
            if len(self._inserts) >= CACHED_INSERTS:
                self._inserts.clear()
            table, keys = self._config.table, self._config.keys if self._config.mode == "upsert" else ()
            insert = self._inserts[columns] = Insert(table, columns, keys, dialect.insert(table, columns, keys))
        return insert

    def _make_table(self, dialect: Dialect, connection: sa.Connection, rows: Sequence[Row]) -> None:
        if self._table_made or not rows:
            return
        text = dialect.create_table(self._config.table, self._column_types(rows), self._config.keys)
        with refusals(dialect):
            if not dialect.has_table(connection, self._config.table):
                connection.exec_driver_sql(text)

    def _column_types(self, rows: Sequence[Row]) -> dict[str, ColumnType | None]:
        """Types as configured, or from the first value of each field in this batch."""
        if isinstance(self._config.create_table, dict):
            return dict(self._config.create_table)
        types: dict[str, ColumnType | None] = {}
        for row in rows:
            for name, value in row.raw.items():
                if types.get(name) is None:
                    types[name] = type_of(value)
        return types

    def _rows(self, dialect: Dialect, messages: Sequence[Message], rejected: dict[int, str]) -> Iterator[Row]:
        stored = dialect.stored
        keyed = self._inbox is not None
        for place, message in enumerate(messages):
            try:
                raw = row_of(message, self._config.columns)
                self._check_row(raw, dialect.longest_name)
                values = tuple([stored(name, value) for name, value in raw.items()])
            except MessageError as error:
                rejected[place] = str(error)
            else:
                yield Row(place, tuple(raw), values, raw, key_of(message.meta.id) if keyed else "")

    def _check_row(self, row: Mapping[Any, Any], longest: int | None) -> None:
        """Raise `MessageError` for a row without its keys, or with names that no table can have."""
        for key in self._config.keys:
            if row.get(key) is None:
                what = "is null" if key in row else "is missing"
                msg = f"key {key!r} {what}: it identifies the row"
                raise MessageError(msg)
        if tuple(row) in self._inserts:
            return
        for name in row:
            if not isinstance(name, str) or not name or "\0" in name:
                msg = f"{name!r} cannot be the name of a column"
                raise MessageError(msg)
            if longest and len(name.encode("utf-8", "replace")) > longest:
                msg = f"{name!r} is too long for the name of a column: this database takes {longest} bytes"
                raise MessageError(msg)
        if len({name.casefold() for name in row}) < len(row):
            msg = "two fields differ in upper and lower case only; databases take them for the same column"
            raise MessageError(msg)

    def _in_words(self, fault: Fault, dialect: Dialect, connection: sa.Connection, row: Row) -> str:
        table = self._config.table
        if fault.kind is FaultKind.NO_TABLE:
            return f"there is no table {table!r}: make it, or switch on Create table (`create_table: true`)"
        if fault.kind is FaultKind.NO_UNIQUE_INDEX:
            keys = ", ".join(self._config.keys)
            return f"table {table!r} has no unique index on {keys}: upsert needs one"
        if fault.kind is FaultKind.NO_COLUMN:
            there = dialect.columns(connection, table)
            known = {dialect.same_name(name) for name in there}
            missing = ", ".join(repr(name) for name in row.columns if dialect.same_name(name) not in known)
            return f"table {table!r} has no column {missing}; it has {', '.join(there)}"
        return f"table {table!r}: {fault.text}"


def _odd(group: Sequence[Row]) -> Sequence[int]:
    """Places of the few rows whose values are of other types than those of all others: a text among numbers."""
    kinds = [tuple(map(type, row.raw.values())) for row in group]
    usual = max(set(kinds), key=kinds.count)
    odd = [place for place, kind in enumerate(kinds) if kind != usual]
    return odd if len(odd) <= MOST_ODD else ()


def _suspects(fault: Fault, group: Sequence[Row]) -> Sequence[int]:
    """Places of the rows the database seems to mean; none if that cannot be told."""
    if fault.empty in group[0].columns:
        column = group[0].columns.index(fault.empty)
        return [place for place, row in enumerate(group) if row.values[column] is None][:MOST_ODD]
    quoted = set(_WORD.findall(fault.quotes))
    if not quoted or len(group) < FEW:
        return ()
    scores = [sum(str(value) in quoted for value in row.values) for row in group]
    most = max(scores)
    return [scores.index(most)] if most and scores.count(most) == 1 else ()


def _apart(group: Sequence[Row], places: Sequence[int]) -> Iterator[Sequence[Row]]:
    """The group in order, rows at these places by themselves."""
    start = 0
    for place in places:
        if place > start:
            yield group[start:place]
        yield group[place : place + 1]
        start = place + 1
    if start < len(group):
        yield group[start:]


def _without_copies(rows: Sequence[Row], rejected: dict[int, str]) -> tuple[Sequence[Row], dict[int, int]]:
    """Set aside what is in the batch twice.

    Returns:
        The rows to write, and the place of each copy with the place of the row it repeats.
    """
    firsts: dict[str, Row] = {}
    copies: dict[int, int] = {}
    for row in rows:
        first = firsts.setdefault(row.key, row) if row.key else row
        if first is row:
            continue
        if (first.columns, first.values) == (row.columns, row.values):
            copies[row.place] = first.place
        else:
            rejected[row.place] = (
                f"another message of the same batch has the same id {row.key!r} but other values: "
                "two branches of a flow that end here need ids of their own, or set `inbox: false`"
            )
    left = {*copies, *rejected}
    return [row for row in rows if row.place not in left], copies


def _groups(rows: Sequence[Row]) -> Iterator[Sequence[Row]]:
    for _, group in groupby(rows, key=lambda row: row.columns):
        yield list(group)
