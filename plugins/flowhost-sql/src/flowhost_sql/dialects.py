"""Where databases differ: one object per kind of database, chosen by the URL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import sqlalchemy as sa

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
    LOST = "lost"
    """The link to the server is gone."""


class Fault(NamedTuple):
    """A refusal in words."""

    kind: FaultKind
    text: str

    @property
    def of_the_data(self) -> bool:
        """Whether rows or their table are at fault; else nothing was written and trying again may help."""
        return self.kind not in (FaultKind.LATER, FaultKind.LOST)


class Target(NamedTuple):
    """Which database.

    Attributes:
        url: as configured; holds no password.
        base_dir: what a relative file is relative to.
        password: in clear; never logged.
        busy_timeout_s: how long to wait for a lock, seconds.
    """

    url: sa.URL
    base_dir: Path
    password: str | None
    busy_timeout_s: float


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


class Dialect(Protocol):
    """What the rest of the plugin needs of a kind of database."""

    inbox: InboxSql

    def check(self, url: sa.URL) -> None:
        """Raise `ValueError`, with the fix, if the URL cannot work."""
        ...

    def where(self, target: Target) -> str:
        """The database in words, without secrets."""
        ...

    def engine(self, target: Target) -> sa.Engine:
        """An engine whose connections are safe for business data: durable at commit, foreign keys checked."""
        ...

    def probe(self, target: Target) -> str:
        """Look at the database without changing anything; what was found, in one sentence."""
        ...

    def interrupt(self, connection: sa.Connection) -> None:
        """Make a running statement fail; called from another thread."""
        ...

    def stored(self, name: str, value: Any) -> Any:
        """A payload's value as the driver takes it. Raises `MessageError`."""
        ...

    def insert(self, table: str, columns: Sequence[str], keys: Sequence[str]) -> str:
        """SQL text that inserts a row or, where keys are given, updates the row with the same keys.

        Names are quoted; values are bound, in the order of the columns.
        """
        ...

    def create_table(self, table: str, types: Mapping[str, ColumnType | None], keys: Sequence[str]) -> str:
        """SQL text that makes a table unless there is one; a type of None: nothing is known of the values."""
        ...

    def inbox_tables(self, connection: sa.Connection) -> Sequence[str]:
        """SQL texts that make `flowhost_inbox` unless it is there."""
        ...

    def moment(self, value: datetime) -> Any:
        """A moment, UTC, as a parameter that compares with column `at` of the inbox."""
        ...

    def several(self, values: Sequence[str]) -> Any:
        """Texts as one parameter."""
        ...

    def columns(self, connection: sa.Connection, table: str) -> list[str]:
        """Columns of a table as they are now."""
        ...

    def fault(self, error: Exception) -> Fault:
        """What the driver's error means."""
        ...


LATER_DIALECTS = {
    "postgresql": "psycopg",
    "mysql": "PyMySQL",
    "mariadb": "PyMySQL",
    "mssql": "mssql-python",
    "oracle": "oracledb",
}
"""Databases this version cannot write to yet, with the driver they will need."""


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
    from flowhost_sql.dialect_sqlite import SqliteDialect

    name = url.get_backend_name()
    if name == "sqlite":
        return SqliteDialect()
    driver = LATER_DIALECTS.get(name)
    if driver:
        msg = f"{name} needs a later version of flowhost-sql, with the driver {driver}: this one writes to sqlite only"
    else:
        msg = f"{name!r} is no kind of database known here; this version of flowhost-sql writes to sqlite"
    raise ValueError(msg)
