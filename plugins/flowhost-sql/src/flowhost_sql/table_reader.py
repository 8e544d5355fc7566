"""New rows of a table, in the order of its cursor, never past a bound. Runs in the database thread."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import pairwise
from typing import Any, NamedTuple, TypeAlias

from flowhost.sdk import PermanentError, TemporaryError
from flowhost_sql.config import PollConfig
from flowhost_sql.database import Database, DriverError, refusals
from flowhost_sql.dialects import Dialect, Fault, FaultKind

Place: TypeAlias = tuple[Any, ...]
"""Where a row stands: its cursor, and its tie where there is one; compares in the database as the columns do."""


class FoundRow(NamedTuple):
    """A row and where it stands."""

    place: Place
    columns: Mapping[str, Any]


class Found(NamedTuple):
    """What one look brought.

    Attributes:
        rows: in order.
        more: there are further ones already.
    """

    rows: Sequence[FoundRow]
    more: bool


class TableReader:
    """Reads the configured table or query. Names are quoted and values bound; the transaction cannot write."""

    def __init__(self, config: PollConfig) -> None:
        self._config = config
        self._order = [config.cursor] if config.tie is None else [config.cursor, config.tie]

    def rows(self, database: Database, after: Place | None, up_to: Place | None) -> Found:
        """Rows behind one place and not behind another.

        Raises:
            TemporaryError: not now.
            PermanentError: the table does not fit the config.
        """
        limit = self._config.max_rows
        text = f"{self._select(database.dialect, after, up_to, everything=True)} LIMIT {limit + 1}"
        with self._reading(database) as connection:
            result = connection.exec_driver_sql(text, (*(after or ()), *(up_to or ())))
            names = list(result.keys())[len(self._order) :]
            self._check_names(names)
            found = [self._row(tuple(values), names) for values in result]
        self._check_ties(found)
        return Found(found[:limit], more=len(found) > limit)

    def last(self, database: Database, after: Place | None) -> Place | None:
        """The place of the last row there is behind a place; None if there is none."""
        text = f"{self._select(database.dialect, after, None, everything=False)} LIMIT 1"
        with self._reading(database) as connection:
            values = connection.exec_driver_sql(text, tuple(after or ())).first()
        return tuple(values) if values is not None else None

    def _select(self, dialect: Dialect, after: Place | None, up_to: Place | None, *, everything: bool) -> str:
        config = self._config
        source = dialect.quoted(config.table) if config.table is not None else f"(\n{_inner(dialect, config.query)}\n)"
        order = [f"q.{dialect.quoted(name)}" for name in self._order]
        wanted = [dialect.exact(column) for column in order] + ["q.*"] * everything
        marks = ", ".join([dialect.mark] * len(order))
        conditions = [f"{column} IS NOT NULL" for column in order]
        conditions += [f"({', '.join(order)}) > ({marks})"] * (after is not None)
        conditions += [f"({', '.join(order)}) <= ({marks})"] * (up_to is not None)
        ordered = ", ".join(column if everything else f"{column} DESC" for column in order)
        return f"SELECT {', '.join(wanted)} FROM {source} AS q WHERE {' AND '.join(conditions)} ORDER BY {ordered}"  # noqa: S608 - names are quoted, values bound

    def _row(self, values: tuple[Any, ...], names: Sequence[str]) -> FoundRow:
        width = len(self._order)
        return FoundRow(values[:width], dict(zip(names, values[width:], strict=True)))

    def _check_names(self, names: Sequence[str]) -> None:
        for name in (self._config.key, self._config.time):
            if name is not None and name not in names:
                msg = f"{self._what} has no column {name!r}; it has {', '.join(names)}"
                raise PermanentError(msg)

    def _check_ties(self, rows: Sequence[FoundRow]) -> None:
        """Rows that stand at the same place could be lost or doubled between two batches: rather stop."""
        for first, second in pairwise(rows):
            if first.place == second.place:
                where = " and ".join(map(repr, self._order))
                msg = (
                    f"two rows of {self._what} have the same {where} ({first.place[0]}): "
                    "name a column as `tie` that tells them apart, such as the primary key"
                )
                raise PermanentError(msg)

    @contextmanager
    def _reading(self, database: Database) -> Iterator[Any]:
        try:
            with database.transaction(reading=True) as connection, refusals(database.dialect):
                yield connection
        except DriverError as error:
            raise self._in_words(database, error.fault) from error

    def _in_words(self, database: Database, fault: Fault) -> Exception:
        if not fault.of_the_data:
            return database.later(fault)
        if fault.kind is FaultKind.NO_TABLE:
            return TemporaryError(f"{self._what} cannot be read yet: {fault.text}; make the table, or correct the name")
        return PermanentError(f"{self._what} cannot be read: {fault.text}")

    @property
    def _what(self) -> str:
        return f"table {self._config.table!r}" if self._config.table is not None else "the query"


def _inner(dialect: Dialect, query: str | None) -> str:
    return dialect.plain_text((query or "").strip().rstrip(";"))
