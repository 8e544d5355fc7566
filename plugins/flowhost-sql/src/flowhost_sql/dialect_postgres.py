"""PostgreSQL through psycopg 3. Values travel as text and the column's own type reads them: nothing is rounded."""

from __future__ import annotations

import os
import re
import socket
import struct
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from typing_extensions import override

from flowhost.sdk import AuthenticationError, NodeError, NotConnectedError, PermanentError
from flowhost_sql.config import ColumnType
from flowhost_sql.dialects import Dialect, Fault, InboxSql, Insert, Target
from flowhost_sql.postgres_faults import fault_of
from flowhost_sql.postgres_rows import at_once, fit_together, types_of
from flowhost_sql.values import AS_TEXT, stored

if TYPE_CHECKING:
    import psycopg

TYPES: dict[ColumnType, str] = {
    "text": "text",
    "integer": "bigint",
    "real": "double precision",
    "boolean": "boolean",
    "timestamp": "timestamptz",
    "json": "jsonb",
    "decimal": "numeric",
    "blob": "bytea",
}

INBOX_TABLES = (
    "CREATE TABLE IF NOT EXISTS flowhost_inbox (flow text NOT NULL, node text NOT NULL, id text NOT NULL, "
    "at timestamptz NOT NULL, PRIMARY KEY (flow, node, id))",
    "CREATE INDEX IF NOT EXISTS flowhost_inbox_age ON flowhost_inbox (flow, node, at)",
)
INBOX = InboxSql(
    claim="INSERT INTO flowhost_inbox (flow, node, at, id) SELECT %s::text, %s::text, %s::timestamptz, "
    "unnest(%s::text[]) ON CONFLICT (flow, node, id) DO NOTHING RETURNING id",
    release="DELETE FROM flowhost_inbox WHERE flow = %s AND node = %s AND id = ANY(%s::text[])",
    purge="DELETE FROM flowhost_inbox WHERE ctid = ANY(ARRAY(SELECT ctid FROM flowhost_inbox "
    "WHERE flow = %s AND node = %s AND at < %s::timestamptz ORDER BY at LIMIT %s))",
)

URL_OPTIONS = {
    "host",
    "sslmode",
    "sslrootcert",
    "sslcert",
    "sslkey",
    "sslcrl",
    "channel_binding",
    "target_session_attrs",
}
"""What may stand behind `?` in the URL (libpq's parameters of these names); none of them is secret."""

CONNECT_TIMEOUT_S = 5
CANCEL_TIMEOUT_S = 2.0
PING_TIMEOUT_S = 5
SSL_REQUEST = struct.pack(">ii", 8, 80877103)
"""Asks whether TLS may be spoken, before any log-in; a server that is there answers with one byte."""
LINK = {
    "keepalives": 1,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
}
"""A link that is cut without a word is noticed within 25 s even while nothing is written."""

SESSION = (
    # a transaction whose FlowHost has lost its power must not hold its locks for hours
    "SET tcp_keepalives_idle = 10",
    "SET tcp_keepalives_interval = 5",
    "SET tcp_keepalives_count = 3",
    "SET idle_in_transaction_session_timeout = '60s'",
    "SET timezone = 'UTC'",
    "SET datestyle = 'ISO'",
    "SET bytea_output = 'hex'",
    # a commit that was confirmed survives a power cut, whatever the server's default
    "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'",
)

HELD = "flowhost_held"
"""What a transaction has learnt about the table it holds, kept with the connection."""
REFUSED = re.compile(r"pg_hba\.conf|authenti[ckfsz]|autenti|role .* does not exist", re.IGNORECASE)
"""How a refused log-in reads: the server sends its text in its own language, and libpq keeps no code of it."""


class PostgresDialect(Dialect):
    """A server; commits are durable whatever its default, and a silent link is noticed."""

    inbox = INBOX
    mark = "%s"
    types = TYPES
    untyped = "text"
    longest_name = 63

    @override
    def check(self, url: sa.URL) -> None:
        if url.drivername != "postgresql":
            msg = f"write postgresql:// instead of {url.drivername}://"
            raise ValueError(msg)
        if not url.database:
            msg = "name the database: postgresql://user@host:5432/database"
            raise ValueError(msg)
        unknown = sorted(set(url.query) - URL_OPTIONS)
        if unknown:
            msg = f"{unknown[0]!r} cannot be set in the URL; possible are {', '.join(sorted(URL_OPTIONS))}"
            raise ValueError(msg)

    @override
    def where(self, target: Target) -> str:
        return target.url.set(query={}).render_as_string(hide_password=True)

    @override
    def engine(self, target: Target) -> sa.Engine:
        _need_driver()
        engine = sa.create_engine(
            target.url.set(drivername="postgresql+psycopg", password=target.password),
            poolclass=sa.pool.NullPool,
            hide_parameters=True,  # values of messages do not belong into logs
            use_native_hstore=False,
            connect_args={"connect_timeout": CONNECT_TIMEOUT_S, "application_name": "flowhost", **LINK},
        )
        settings = [*SESSION, f"SET lock_timeout = {int(target.busy_timeout_s * 1000)}"]
        if target.schemas:
            settings.append(f"SET search_path = {', '.join(map(self.quoted, target.schemas))}".replace("%%", "%"))

        def set_up(driver: psycopg.Connection[Any], _record: Any) -> None:
            for text in settings:
                driver.execute(text.encode())
            driver.commit()

        sa.event.listen(engine, "connect", set_up)
        return engine

    @override
    def before_begin(self, connection: sa.Connection, *, reading: bool) -> None:
        driver: Any = connection.connection.driver_connection
        if bool(driver.read_only) is not reading:
            driver.read_only = reading or None

    @override
    def probe(self, target: Target) -> str:
        engine = self.engine(target)
        with engine.connect() as connection:
            facts = connection.exec_driver_sql(
                "SELECT current_setting('server_version'), pg_is_in_recovery(), (SELECT count(*) FROM pg_tables "
                "WHERE schemaname = ANY(current_schemas(false)))"
            ).one()
        engine.dispose()
        version, standby, tables = facts
        read_only = "; it is a standby and takes no rows" if standby else ""
        return f"{self.where(target)}: PostgreSQL {version.split()[0]}, {tables} tables{read_only}"

    @override
    def interrupt(self, driver: Any) -> None:
        import psycopg

        try:
            driver.cancel_safe(timeout=CANCEL_TIMEOUT_S)
        except psycopg.Error:  # nobody answers
            self.cut(driver)

    @override
    def answers(self, driver: Any) -> bool:
        import psycopg

        try:
            address = (driver.info.host, driver.info.port)
        except psycopg.Error:
            return True  # it has just been closed, and whoever waits on it knows
        if address[0].startswith("/"):
            return True  # a socket of this machine
        try:  # libpq's own ping would hold up all threads meanwhile
            with socket.create_connection(address, PING_TIMEOUT_S) as link:
                link.sendall(SSL_REQUEST)
                return bool(link.recv(1))
        except OSError:
            return False

    @override
    def cut(self, driver: Any) -> None:
        import psycopg

        with suppress(OSError, psycopg.Error), socket.socket(fileno=os.dup(driver.fileno())) as link:
            link.shutdown(socket.SHUT_RDWR)

    @override
    def stored(self, name: str, value: Any) -> Any:
        return stored(name, value, AS_TEXT)

    @override
    def hold(self, connection: sa.Connection, table: str) -> None:
        if connection.info.get(HELD, (None,))[0] is connection.get_transaction():
            return
        savepoint = connection.begin_nested()
        try:
            connection.exec_driver_sql(f"LOCK TABLE {self.quoted(table)} IN ROW EXCLUSIVE MODE")
        except sa.exc.DBAPIError:
            # no such table, or one that cannot be locked: each part finds out by itself
            savepoint.rollback()
            return
        savepoint.commit()
        types = types_of(connection, _regclass(table))
        connection.info[HELD] = (connection.get_transaction(), table, types)

    @override
    def write(self, connection: sa.Connection, insert: Insert, rows: Sequence[tuple[Any, ...]]) -> None:
        together = None
        if fit_together(insert, rows):
            transaction, table, types = connection.info.get(HELD, (None, "", {}))
            if transaction is not connection.get_transaction() or table != insert.table:
                # the first row takes the table's lock: from here on nobody changes the columns' types
                super().write(connection, insert, rows[:1])
                rows = rows[1:]
                types = types_of(connection, _regclass(insert.table))
            together = at_once(self, insert, types)
        if together is None:
            super().write(connection, insert, rows)
        else:
            connection.exec_driver_sql(together, tuple(map(list, zip(*rows, strict=True))))

    @override
    def has_table(self, connection: sa.Connection, table: str) -> bool:
        # asked first: IF NOT EXISTS needs the right to make tables even where there is nothing to make
        return connection.exec_driver_sql("SELECT to_regclass(%s)", (_regclass(table),)).scalar() is not None

    @override
    def inbox_tables(self, connection: sa.Connection) -> Sequence[str]:
        return () if self.has_table(connection, "flowhost_inbox") else INBOX_TABLES

    @override
    def moment(self, value: datetime) -> str:
        return value.isoformat()

    @override
    def several(self, values: Sequence[str]) -> list[str]:
        return list(values)

    @override
    def columns(self, connection: sa.Connection, table: str) -> list[str]:
        text = (
            "SELECT attname::text FROM pg_attribute WHERE attrelid = to_regclass(%s) AND attnum > 0 "
            "AND NOT attisdropped ORDER BY attnum"
        )
        return list(connection.exec_driver_sql(text, (_regclass(table),)).scalars())

    @override
    def same_name(self, name: str) -> str:
        return name

    @override
    def quoted(self, name: str) -> str:
        return super().quoted(name).replace("%", "%%")

    @override
    def exact(self, column: str) -> str:
        return f"{column}::text"

    @override
    def plain_text(self, text: str) -> str:
        return text.replace("%", "%%")

    @override
    def fault(self, error: Exception) -> Fault:
        return fault_of(error)

    @override
    def cannot_open(self, target: Target, error: Exception) -> NodeError:
        text = " ".join(str(getattr(error, "orig", None) or error).split())
        driver = getattr(getattr(error, "orig", None), "pgconn", None)
        if driver is not None and (driver.needs_password or REFUSED.search(text)):
            missing = "; it wants a password: write `password: {secret: name}`" if driver.needs_password else ""
            return AuthenticationError(f"{self.where(target)} refused the log-in{missing}: {text}")
        return NotConnectedError(f"{self.where(target)} cannot be reached: {text}")


def _need_driver() -> None:
    try:
        import psycopg  # noqa: F401 - looked for only
    except ImportError as error:
        msg = "PostgreSQL needs its driver: pip install 'flowhost-sql[postgres]'"
        raise PermanentError(msg) from error


def _regclass(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
