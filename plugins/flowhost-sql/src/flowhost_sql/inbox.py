"""The inbox: which messages were written already, kept in the database itself. Runs in the database thread.

A key is written in the transaction that writes the message's row. Either both are there or neither, so a batch that is
sent again after a crash, a cut link or an answer that never came counts once.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import NamedTuple

import sqlalchemy as sa

from flowhost.sdk import Clock
from flowhost_sql.database import DRIVER_ERRORS, Database, DriverError, refusals
from flowhost_sql.dialects import Dialect, Fault, FaultKind

PURGED_AT_ONCE = 500
"""Keys deleted in one transaction: few enough that a batch waiting for its turn does not notice."""
LONGEST_ID = 500
"""Characters of an id kept as they are; databases cannot index much longer ones."""


class Owner(NamedTuple):
    """Whose keys: the sink within its flow."""

    flow: str
    node: str


class Inbox:
    """Keys of the messages one sink has written.

    Args:
        owner: the sink.
        clock: dates the keys.
        days: how long a key is kept.
    """

    def __init__(self, owner: Owner, clock: Clock, days: float) -> None:
        self._owner = owner
        self._clock = clock
        self._keep = timedelta(days=days)
        self._made = False

    def claim(self, dialect: Dialect, connection: sa.Connection, keys: Sequence[str]) -> set[str]:
        """Write keys, within the caller's transaction.

        Returns:
            Those that were not there: only their messages are to be written.

        Raises:
            DriverError: the database refused; never the messages' fault.
        """
        try:
            if not self._made:
                for text in dialect.inbox_tables(connection):
                    connection.exec_driver_sql(text)
            values = (*self._owner, dialect.moment(self._now()), dialect.several(keys))
            return set(connection.exec_driver_sql(dialect.inbox.claim, values).scalars())
        except DRIVER_ERRORS as error:
            self._made = False
            raise DriverError(_no_fault_of_the_data(dialect.fault(error))) from error

    def committed(self) -> None:
        """The transaction of the last claim was committed: the table is there to stay."""
        self._made = True

    def release(self, dialect: Dialect, connection: sa.Connection, keys: Sequence[str]) -> None:
        """Take back keys whose rows were refused: mended and sent again, they must count."""
        try:
            connection.exec_driver_sql(dialect.inbox.release, (*self._owner, dialect.several(keys)))
        except DRIVER_ERRORS as error:
            raise DriverError(_no_fault_of_the_data(dialect.fault(error))) from error

    def purge(self, database: Database) -> int:
        """Delete the oldest keys past their time, a few; how many.

        Raises:
            TemporaryError: not possible now.
        """
        values = (*self._owner, database.dialect.moment(self._now() - self._keep), PURGED_AT_ONCE)
        try:
            with database.transaction() as connection, refusals(database.dialect):
                return connection.exec_driver_sql(database.dialect.inbox.purge, values).rowcount
        except DriverError as error:
            if error.fault.kind is FaultKind.NO_TABLE:
                return 0  # nothing was written yet
            raise database.later(error.fault) from error

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock.now_ns() // 1_000_000_000, UTC)


def key_of(message_id: str) -> str:
    """The id as a database can keep and index it: as it is, or its digest where it is long or no clean text."""
    if len(message_id) <= LONGEST_ID and message_id.isascii() and "\0" not in message_id:
        return message_id
    raw = message_id.encode("utf-8", "surrogatepass")
    clean = "\0" not in message_id and not any("\ud800" <= char <= "\udfff" for char in message_id)
    return message_id if clean and len(raw) <= LONGEST_ID else f"sha256:{sha256(raw).hexdigest()}"


def _no_fault_of_the_data(fault: Fault) -> Fault:
    if fault.kind in (FaultKind.LATER, FaultKind.LOST):
        return fault
    text = (
        f"refuses the table flowhost_inbox, which makes sure that each message counts once: {fault.text}; "
        "grant the right to make and write it, or set `inbox: false`"
    )
    return Fault(FaultKind.LATER, text)
