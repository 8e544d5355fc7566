"""`sql.write`: each message becomes a row."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

from typing_extensions import override

from flowhost.sdk import (
    Message,
    NodeContext,
    NodeError,
    NodeSpec,
    Ok,
    PermanentError,
    Reject,
    Sink,
    Unknown,
    UnknownOutcomeError,
    WriteOutcome,
)
from flowhost_sql.config import WriteConfig
from flowhost_sql.connection import DatabaseConnection

if TYPE_CHECKING:
    from flowhost_sql.inbox import Inbox
    from flowhost_sql.table_writer import TableWriter

PURGE_EVERY_S = 3600.0
PURGE_SHARE = 0.1
"""Part of the database thread's time that purging may take."""


class SqlWrite(Sink[WriteConfig]):
    """Writes the payload's fields into a table, a batch per transaction.

    A row the database refuses is rejected with the database's reason, the others of its batch are committed. A
    locked database or a full disk commits nothing and the batch is tried again. A message that has an id is written
    once, however often it is sent: its id is kept in table `flowhost_inbox`, written in the row's transaction.
    """

    spec: ClassVar[NodeSpec] = NodeSpec(
        id="sql.write",
        title="SQL write",
        summary="Inserts or updates a row per message.",
        category="business",
        icon="database",
        ports=(),
        connection="sql.database",
        keywords=("sql", "insert", "upsert", "database", "table", "row", "historian"),
        leaves_machine=True,
    )
    Config: ClassVar[type[WriteConfig]] = WriteConfig
    remedies: ClassVar[Mapping[str, str]] = {"is_idempotent": "take out `inbox: false`, or use `mode: upsert`"}

    @classmethod
    @override
    def is_idempotent(cls, config: WriteConfig) -> bool:
        """By the inbox, or because a row is written over by itself."""
        return config.inbox or config.mode == "upsert"

    @classmethod
    @override
    def goes_by_id(cls, config: WriteConfig) -> bool:
        """An upsert finds its row by `keys`, which may hold the message's id."""
        if config.mode != "upsert":
            return True
        columns = config.columns or {}
        return any("id" in columns[key].compiled.names for key in config.keys if key in columns)

    def __init__(self, config: WriteConfig, context: NodeContext) -> None:
        super().__init__(config, context)
        self._writer: TableWriter | None = None
        self._purging: asyncio.Task[None] | None = None

    @override
    async def open(self) -> None:
        """Get ready; the table is looked at by the first batch."""
        from flowhost_sql.inbox import Inbox, Owner  # SQLAlchemy takes time to import
        from flowhost_sql.table_writer import TableWriter

        await self.close()
        connection = self._connection()
        inbox = None
        if self.config.inbox:
            owner = Owner(self.context.flow, self.context.node)
            inbox = Inbox(owner, self.context.clock, self.config.inbox_days)
        writer = TableWriter(self.config, inbox)
        writer.check(connection.dialect)
        self._writer = writer
        if inbox is not None:
            self._purging = asyncio.create_task(self._purge(connection, inbox), name=f"purge-{self.context.node}")

    @override
    async def close(self) -> None:
        """Stop purging."""
        purging, self._purging = self._purging, None
        self._writer = None
        if purging is not None:
            purging.cancel()
            await asyncio.wait([purging])

    @override
    async def write(self, messages: Sequence[Message]) -> Sequence[WriteOutcome] | None:
        """Write a batch in one transaction.

        Raises:
            TemporaryError: not all of it was committed, and trying again may help.
            UnknownOutcomeError: the link was cut at the commit.
        """
        writer = self._writer
        if writer is None:
            msg = "sql.write writes only after it was opened"
            raise PermanentError(msg)
        try:
            rejected, repeated = await self._connection().run(lambda database: writer.write(database, messages))
        except UnknownOutcomeError as error:
            return self._unknown(messages, error)
        if not rejected and not repeated:
            return None
        return [
            Reject(rejected[place]) if place in rejected else Ok(repeated=place in repeated)
            for place in range(len(messages))
        ]

    def _unknown(self, messages: Sequence[Message], error: UnknownOutcomeError) -> Sequence[WriteOutcome]:
        """Messages with an id may be sent again; without one, an insert could add its row twice."""
        if self.config.mode == "upsert" or not self.config.inbox or all(message.meta.id for message in messages):
            raise error
        reason = f"{error}; without an id it is not written again: look whether its row is there"
        return [Unknown(str(error)) if message.meta.id else Reject(reason) for message in messages]

    async def _purge(self, connection: DatabaseConnection, inbox: Inbox) -> None:
        """Forget old keys, a few at a time, with pauses in which batches have the database for themselves."""
        while True:
            started = time.perf_counter()
            pause_s = PURGE_EVERY_S
            try:
                if await connection.run(inbox.purge):
                    pause_s = max(0.05, (time.perf_counter() - started) / PURGE_SHARE)
            except NodeError as error:
                self.context.log.info("old keys of the inbox are purged later: %s", error)
            await self.context.clock.sleep(pause_s)

    def _connection(self) -> DatabaseConnection:
        connection = self.context.connection
        if not isinstance(connection, DatabaseConnection):
            msg = f"{self.context.node} needs a connection of type sql.database: name one in `connection`"
            raise PermanentError(msg)
        return connection
