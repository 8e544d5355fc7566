"""`sql.write`: each message becomes a row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from typing_extensions import override

from flowhost.sdk import Message, NodeContext, NodeSpec, Ok, PermanentError, Reject, Sink, WriteOutcome
from flowhost_sql.config import WriteConfig
from flowhost_sql.connection import DatabaseConnection

if TYPE_CHECKING:
    from flowhost_sql.table_writer import TableWriter


class SqlWrite(Sink[WriteConfig]):
    """Writes the payload's fields into a table, a batch per transaction.

    A row the database refuses is rejected with the database's reason, the others of its batch are committed. A
    locked database or a full disk commits nothing and the batch is tried again. Upsert is safe to repeat; insert
    adds a row again when a batch is repeated after a crash.
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

    def __init__(self, config: WriteConfig, context: NodeContext) -> None:
        super().__init__(config, context)
        self._writer: TableWriter | None = None

    @override
    async def open(self) -> None:
        """Get ready; the table is looked at by the first batch."""
        from flowhost_sql.table_writer import TableWriter  # SQLAlchemy takes time to import

        self._connection()
        self._writer = TableWriter(self.config)

    @override
    async def write(self, messages: Sequence[Message]) -> Sequence[WriteOutcome] | None:
        """Write a batch in one transaction.

        Raises `TemporaryError` when nothing was committed and trying again may help.
        """
        writer = self._writer
        if writer is None:
            msg = "sql.write writes only after it was opened"
            raise PermanentError(msg)
        rejected = await self._connection().run(lambda database: writer.write(database, messages))
        if not rejected:
            return None
        return [Reject(rejected[i]) if i in rejected else Ok() for i in range(len(messages))]

    def _connection(self) -> DatabaseConnection:
        connection = self.context.connection
        if not isinstance(connection, DatabaseConnection):
            msg = f"{self.context.node} needs a connection of type sql.database: name one in `connection`"
            raise PermanentError(msg)
        return connection
