"""Where databases differ: one object per kind of database, chosen by the URL."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import sqlalchemy as sa

from flowhost.sdk import NodeError, NotConnectedError
from flowhost_sql.config import ColumnType


class FaultKind(Enum):
    """What a database's refusal means for the batch."""

    ROW = "row"
    """This row is at fault."""
    STATEMENT = "statement"
    """All rows with these columns are at fault."""
    NO_TABLE = "no table"
    NO_COLUMN = "no column"
    NO_UNIQUE_INDEX = "no unique index"
    LATER = "later"
    """Not the data: locked, disk full, file not readable. Trying again may help."""
    FORBIDDEN = "forbidden"
    """Our user has no right to do this; it works as soon as somebody grants it."""
    LOST = "lost"
    """The link to the server is gone."""


class Fault(NamedTuple):
    """A refusal in words.

    Attributes:
        kind: what it means for the batch.
        text: for people.
        quotes: what the database quotes of the row it refused, to find it by; never shown.
        empty: name of the column that must have a value and has none, where that is the fault.
    """

    kind: FaultKind
    text: str
    quotes: str = ""
    empty: str = ""

    @property
    def of_the_data(self) -> bool:
        """Whether rows or their table are at fault; else nothing was written and trying again may help."""
        return self.kind not in (FaultKind.LATER, FaultKind.FORBIDDEN, FaultKind.LOST)


class Target(NamedTuple):
    """Which database.

    Attributes:
        url: as configured; holds no password.
        base_dir: what a relative file is relative to.
        password: in clear; never logged.
        busy_timeout_s: how long to wait for a lock, seconds.
        schemas: where tables are looked for, first the one in which new ones are made; empty: as the server says.
    """

    url: sa.URL
    base_dir: Path
    password: str | None
    busy_timeout_s: float
    schemas: Sequence[str] = ()


class InboxSql(NamedTuple):
    """Statements on the table `flowhost_inbox`.

    Attributes:
        claim: flow, node, moment, ids: writes the keys that are not there and returns their ids.
        release: flow, node, ids: deletes keys.
        purge: flow, node, moment, how many: deletes keys older than the moment.
    """

    claim: str
    release: str
    purge: str


class Insert(NamedTuple):
    """How rows get into a table.

    Attributes:
        table: its name.
        columns: of every row, in this order.
        keys: columns that identify a row to be updated; none: rows are added.
        text: the statement for one row, its values bound in the order of the columns.
    """

    table: str
    columns: tuple[str, ...]
    keys: tuple[str, ...]
    text: str


class Dialect(ABC):
    """What the rest of the plugin needs of a kind of database.

    Attributes:
        inbox: statements on the table of keys.
        mark: place of a bound value in SQL text.
        types: how the column types are called.
        untyped: type of a column of which nothing is known.
        longest_name: bytes a name may have; None where there is no limit. Some databases cut longer ones.
    """

    inbox: ClassVar[InboxSql]
    mark: ClassVar[str]
    types: ClassVar[Mapping[ColumnType, str]]
    untyped: ClassVar[str]
    longest_name: ClassVar[int | None] = None

    @abstractmethod
    def check(self, url: sa.URL) -> None:
        """Raise `ValueError`, with the fix, if the URL cannot work."""

    @abstractmethod
    def where(self, target: Target) -> str:
        """The database in words, without secrets."""

    @abstractmethod
    def engine(self, target: Target) -> sa.Engine:
        """An engine whose connections are safe for business data: durable at commit, foreign keys checked."""

    @abstractmethod
    def before_begin(self, connection: sa.Connection, *, reading: bool) -> None:
        """The next transaction only reads and cannot write, or writes."""

    @abstractmethod
    def probe(self, target: Target) -> str:
        """Look at the database without changing anything; what was found, in one sentence."""

    @abstractmethod
    def interrupt(self, driver: Any) -> None:
        """Make the driver's running statement fail; called from another thread, may take seconds."""

    def answers(self, driver: Any) -> bool:  # noqa: ARG002 - a file does
        """Whether the server is there; called from another thread, may take seconds."""
        return True

    def cut(self, driver: Any) -> None:
        """End the driver's link without a word, so that whoever waits on it fails; called from another thread."""
        self.interrupt(driver)

    @abstractmethod
    def stored(self, name: str, value: Any) -> Any:
        """A payload's value as the driver takes it. Raises `MessageError`."""

    @abstractmethod
    def has_table(self, connection: sa.Connection, table: str) -> bool:
        """Whether the table is there."""

    @abstractmethod
    def inbox_tables(self, connection: sa.Connection) -> Sequence[str]:
        """SQL texts that make `flowhost_inbox` unless it is there."""

    @abstractmethod
    def moment(self, value: datetime) -> Any:
        """A moment, UTC, as a parameter that compares with column `at` of the inbox."""

    @abstractmethod
    def several(self, values: Sequence[str]) -> Any:
        """Texts as one parameter."""

    @abstractmethod
    def columns(self, connection: sa.Connection, table: str) -> list[str]:
        """Columns of a table as they are now."""

    @abstractmethod
    def same_name(self, name: str) -> str:
        """A name in the form in which the database compares names."""

    @abstractmethod
    def fault(self, error: Exception) -> Fault:
        """What the driver's error means."""

    @abstractmethod
    def exact(self, column: str) -> str:
        """SQL text of a column in a form that, bound later, compares as the column itself does."""

    def plain_text(self, text: str) -> str:
        """SQL as the user wrote it, in a form the driver takes no mark in it for a bound value."""
        return text

    def cannot_open(self, target: Target, error: Exception) -> NodeError:
        """The error for a connection that could not be made."""
        return NotConnectedError(f"{self.where(target)} {self.fault(error).text}")

    def quoted(self, name: str) -> str:
        """A name, whatever is in it, that the database takes for nothing but a name."""
        return '"' + name.replace('"', '""') + '"'

    def hold(self, connection: sa.Connection, table: str) -> None:
        """The caller's transaction will write this table in many small parts: learn once what each would ask."""
        del connection, table  # nothing to learn here

    def write(self, connection: sa.Connection, insert: Insert, rows: Sequence[tuple[Any, ...]]) -> None:
        """Write rows with the same columns, in order, within the caller's transaction. Raises the driver's errors."""
        connection.exec_driver_sql(insert.text, list(rows))

    def insert(self, table: str, columns: Sequence[str], keys: Sequence[str], rows: str = "") -> str:
        """SQL text that inserts a row or, where keys are given, updates the row with the same keys.

        Names are quoted; values are bound, in the order of the columns.

        Args:
            table: its name.
            columns: their names.
            keys: columns that identify the row.
            rows: SQL text that gives the rows, instead of one that is bound.
        """
        rows = rows or f"VALUES ({', '.join([self.mark] * len(columns))})"
        text = f"INSERT INTO {self.quoted(table)} ({self.listed(columns)}) {rows}"
        if not keys:
            return text
        changes = ", ".join(
            f"{self.quoted(name)} = excluded.{self.quoted(name)}" for name in columns if name not in keys
        )
        return f"{text} ON CONFLICT ({self.listed(keys)}) DO " + (f"UPDATE SET {changes}" if changes else "NOTHING")

    def create_table(self, table: str, types: Mapping[str, ColumnType | None], keys: Sequence[str]) -> str:
        """SQL text that makes a table unless there is one; a type of None: nothing is known of the values."""
        parts = [
            f"{self.quoted(name)} {self.types[kind] if kind else self.untyped}{' NOT NULL' if name in keys else ''}"
            for name, kind in types.items()
        ]
        if keys:
            parts.append(f"PRIMARY KEY ({self.listed(keys)})")
        return f"CREATE TABLE IF NOT EXISTS {self.quoted(table)} ({', '.join(parts)})"

    def listed(self, names: Sequence[str]) -> str:
        """Names, quoted, with commas between."""
        return ", ".join(map(self.quoted, names))


LATER_DIALECTS = {
    "mysql": "PyMySQL",
    "mariadb": "PyMySQL",
    "mssql": "mssql-python",
    "oracle": "oracledb",
}
"""Databases this version cannot use yet, with the driver they will need."""


def check_url(text: str) -> sa.URL:
    """Parse and check a database URL. Raises `ValueError` with the fix; the text holds no password."""
    try:
        url = sa.make_url(text)
    except sa.exc.ArgumentError:
        msg = "this is not a database URL; write e.g. sqlite:///line1.db"
        raise ValueError(msg) from None
    if url.password is not None:
        msg = "the URL holds a password; take it out and write `password: {secret: name}` beside it"
        raise ValueError(msg)
    dialect_of(url).check(url)
    return url


def dialect_of(url: sa.URL) -> Dialect:
    """The dialect of a URL. Raises `ValueError` that names what there is."""
    from flowhost_sql.dialect_postgres import PostgresDialect
    from flowhost_sql.dialect_sqlite import SqliteDialect

    name = url.get_backend_name()
    if name == "sqlite":
        return SqliteDialect()
    if name in ("postgresql", "postgres"):
        return PostgresDialect()
    driver = LATER_DIALECTS.get(name)
    if driver:
        msg = f"{name} needs a later version of flowhost-sql, with the driver {driver}; here are postgresql and sqlite"
    else:
        msg = f"{name!r} is no kind of database known here; there are postgresql and sqlite"
    raise ValueError(msg)
