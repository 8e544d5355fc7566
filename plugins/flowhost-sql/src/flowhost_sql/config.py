"""What can be set: the database, the table, how payloads become rows."""

from __future__ import annotations

from datetime import UTC, tzinfo
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import ConfigDict, StringConstraints, field_validator, model_validator

from flowhost.sdk import Config, Expression, Secret, setting

ColumnType = Literal["text", "integer", "real", "boolean", "timestamp", "json", "decimal", "blob"]


def zone_of(name: str) -> tzinfo:
    """A time zone by name. Raises `ValueError` or `ZoneInfoNotFoundError`."""
    return UTC if name == "UTC" else ZoneInfo(name)


Name = Annotated[str, StringConstraints(min_length=1, pattern=r"^[^\x00]+$")]
"""Name of a table or column: any text; it is always quoted, never taken as SQL."""


class DatabaseConfig(Config):
    """A database."""

    model_config = ConfigDict(hide_input_in_errors=True)  # a refused URL may hold a password

    url: str = setting(example="sqlite:///line1.db")
    """Where the database is. `postgresql://user@host:5432/mes` is a server. `sqlite:///line1.db` is a file in the data
    folder, `sqlite:////var/lib/line1.db` an absolute path."""

    password: Secret | None = setting(None)
    """Password, as a reference such as `{secret: db_password}`; SQLite has none."""

    schemas: tuple[Name, ...] = setting(default_factory=tuple, advanced=True)
    """PostgreSQL: where tables are looked for, new ones are made in the first; left out, as the server says."""

    busy_timeout_s: float = setting(5.0, ge=0, le=60, unit="s", advanced=True)
    """How long to wait for another program that holds the database or a row locked, before the batch is tried again
    later."""

    @field_validator("url")
    @classmethod
    def _is_usable(cls, value: str) -> str:
        from flowhost_sql.dialects import check_url  # SQLAlchemy takes time to import

        check_url(value)
        return value


class WriteConfig(Config):
    """Writes each message as a row."""

    table: Name = setting(example="measurements", choices_from="tables")
    """Table to write into; taken as one name, exactly as written."""

    mode: Literal["insert", "upsert"] = setting("insert")
    """`insert` adds a row per message; `upsert` updates the row with the same keys, or adds it."""

    keys: tuple[Name, ...] = setting(
        default_factory=tuple, choices_from="columns", only_if=[{"mode": "upsert"}, {"create_table": True}]
    )
    """Columns that identify a row: needed by `upsert`, primary key of a table made by `create_table`."""

    columns: dict[Name, Expression] | None = setting(
        None, example={"tag": "topic", "value": "payload.value"}, choices_from="columns"
    )
    """Value of each column, as an expression. Left out, the payload's fields are the columns."""

    create_table: bool | dict[Name, ColumnType] = setting(False, widget="column_types")
    """Make the table if there is none: `true` takes the types from the first messages, or name them per column."""

    inbox: bool = setting(True, advanced=True)
    """Write each message's id into table `flowhost_inbox` together with its row, so that a message that is sent again
    after a crash or a lost answer counts once. Off for plain telemetry, where a doubled row does no harm."""

    inbox_days: float = setting(30.0, ge=1, le=3660, unit="d", advanced=True, only_if={"inbox": True})
    """How long ids are remembered; longer than anything may wait before it is sent again."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.mode == "upsert" and not self.keys:
            msg = "upsert needs `keys`: the columns that identify a row"
            raise ValueError(msg)
        if len({name.casefold() for name in self.keys}) < len(self.keys):
            msg = "each of `keys` is named once"
            raise ValueError(msg)
        for field, names in (("columns", self.columns), ("create_table", self.create_table)):
            if isinstance(names, dict):
                self._check_columns(field, list(names))
        return self

    def _check_columns(self, field: str, names: list[str]) -> None:
        if not names:
            msg = f"`{field}` names no column: leave it out or name some"
            raise ValueError(msg)
        if len({name.casefold() for name in names}) < len(names):
            msg = f"`{field}` names a column twice; databases take upper and lower case for the same"
            raise ValueError(msg)
        missing = [key for key in self.keys if key not in names]
        if missing:
            msg = f"keys {', '.join(missing)} are missing in `{field}`"
            raise ValueError(msg)


class PollConfig(Config):
    """Reads new rows, in the order of a column that only grows."""

    table: Name | None = setting(None, example="orders", choices_from="tables")
    """Table or view to read; one of `table` and `query`."""

    query: str | None = setting(None, min_length=1, widget="code")
    """A SELECT instead of a table, such as `SELECT * FROM orders WHERE line = 1`: without ORDER BY and LIMIT, with the
    cursor among its columns."""

    cursor: Name = setting(example="id", choices_from="columns")
    """Column that only grows: an increasing number, or the time at which the row was written."""

    tie: Name | None = setting(None, example="id", choices_from="columns")
    """Column that tells rows with the same `cursor` apart, such as the primary key; needed where the cursor is a
    time."""

    period_ms: float = setting(1000, ge=10, le=86_400_000, unit="ms")
    """How often to look for new rows. A full batch is followed by the next one at once."""

    max_rows: int = setting(1000, ge=1, le=10_000, advanced=True)
    """Rows in a batch."""

    start: Literal["beginning", "now"] = setting("beginning")
    """Where the first run begins; later ones go on where the last row was delivered."""

    settle_ms: float = setting(1000, ge=0, le=3_600_000, unit="ms")
    """How long a row waits before it is read, so that rows of a lower cursor that become visible late (a transaction
    that began earlier and ended later) are read before it. Longer than the longest writing transaction; 0 where one
    program writes, one row after the other."""

    topic: str = setting("")
    """Topic of the messages; left out, the table's name, or the node's for a query."""

    key: Name | None = setting(None, example="machine", choices_from="columns")
    """Column that orders messages further on: those of one key stay in order."""

    time: Name | None = setting(None, example="at", choices_from="columns")
    """Column with the time of the row; left out, the time of reading."""

    zone: str = setting("UTC", example="Europe/Berlin", advanced=True)
    """Time zone of times that name none."""

    @field_validator("zone")
    @classmethod
    def _is_a_zone(cls, value: str) -> str:
        try:
            zone_of(value)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            msg = f"{value!r} is no time zone; write one like Europe/Berlin"
            raise ValueError(msg) from None
        return value

    @model_validator(mode="after")
    def _reads_one(self) -> Self:
        if (self.table is None) == (self.query is None):
            msg = "name either a `table` or a `query`"
            raise ValueError(msg)
        if self.tie == self.cursor:
            msg = "`tie` is another column than `cursor`: one that tells rows with the same cursor apart"
            raise ValueError(msg)
        return self
