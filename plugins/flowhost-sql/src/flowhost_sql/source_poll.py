"""`sql.poll`: new rows of a table become messages."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from typing_extensions import override

from flowhost.sdk import Emit, Message, Meta, NodeContext, NodeSpec, PermanentError, Rejected, Settlement, Source
from flowhost_sql.config import PollConfig, zone_of
from flowhost_sql.connection import DatabaseConnection
from flowhost_sql.row_values import payload_of, time_ns_of

if TYPE_CHECKING:
    from flowhost_sql.table_reader import Found, FoundRow, Place, TableReader


class SqlPoll(Source[PollConfig]):
    """Reads rows in the order of a cursor column, each once, a batch at a time.

    The cursor is kept when everything up to it has been delivered, so after a crash the rows behind it are read
    again, with the same ids. Rows are never changed. Updates are seen where the cursor moves with them.
    """

    spec: ClassVar[NodeSpec] = NodeSpec(
        id="sql.poll",
        title="SQL poll",
        summary="Reads new rows of a table or query.",
        category="business",
        icon="database",
        connection="sql.database",
        keywords=("sql", "select", "query", "database", "table", "row", "cursor", "interface table", "cdc"),
    )
    Config: ClassVar[type[PollConfig]] = PollConfig
    replayable: ClassVar[bool] = True
    stable_ids: ClassVar[bool] = True

    def __init__(self, config: PollConfig, context: NodeContext) -> None:
        super().__init__(config, context)
        self._zone = zone_of(config.zone)
        self._topic = config.topic or config.table or context.node
        self._of = f"{config.table or config.query}|{config.cursor}|{config.tie or ''}"
        self._settling = Settling(config.settle_ms / 1000)
        self._begun = False
        self._after: Place | None = None

    @override
    async def run(self, emit: Emit) -> None:
        """Look for rows until cancelled. Raises `TemporaryError` when the database cannot be asked."""
        from flowhost_sql.table_reader import TableReader  # SQLAlchemy takes time to import

        connection = self._connection()
        reader = TableReader(self.config)
        if not self._begun:
            await self._begin(connection, reader)
        while True:
            started = time.monotonic()
            found = await self._look(connection, reader)
            if found is not None and found.rows:
                await self._hand_over(found.rows, emit)
            if found is None or not found.more:
                spent_s = time.monotonic() - started
                await self.context.clock.sleep(max(0.0, self.config.period_ms / 1000 - spent_s))

    @override
    async def on_outcome(self, position: Any, settlement: Settlement) -> None:
        """Keep the cursor of a batch that was delivered."""
        if settlement is Settlement.CONFIRMED:
            await self.context.checkpoint.save(position)

    async def _begin(self, connection: DatabaseConnection, reader: TableReader) -> None:
        """Go on where the last run was confirmed, else as configured; from then on the place is this object's."""
        saved = await self.context.checkpoint.load()
        if saved is not None and saved["of"] != self._of:
            told = f"it reads something else than before and begins again at the {self.config.start}"
            self.context.board.notice("warning", told.replace("the now", "what comes now"))
            saved = None
        if saved is not None:
            self._after = tuple(saved["after"]) or None
        elif self.config.start == "now":
            self._after = await connection.run(lambda database: reader.last(database, None))
            # kept at once: a run that ends before its first row must not skip what came meanwhile
            await self.context.checkpoint.save(self._position(self._after or ()))
        self._begun = True

    async def _look(self, connection: DatabaseConnection, reader: TableReader) -> Found | None:
        after = self._after
        up_to = None
        if self.config.settle_ms:
            last = await connection.run(lambda database: reader.last(database, after))
            up_to = self._settling.settled(last, time.monotonic())
            if last is None or up_to is None:
                return None
        return await connection.run(lambda database: reader.rows(database, after, up_to))

    async def _hand_over(self, rows: Sequence[FoundRow], emit: Emit) -> None:
        messages: list[Message] = []
        rejected: list[Rejected] = []
        for row in rows:
            try:
                messages.append(self._message(row, self._time_ns(row)))
            except (ValueError, OverflowError, ArithmeticError) as error:
                reason = f"column {self.config.time!r} holds no time: {error}"
                rejected.append(Rejected(self._message(row, self.context.clock.now_ns()), reason))
        await emit(messages, self._position(rows[-1].place), rejected=rejected)
        self._after = rows[-1].place

    def _message(self, row: FoundRow, time_ns: int) -> Message:
        config = self.config
        key = row.columns[config.key] if config.key is not None else None
        place = "/".join(map(str, row.place))
        meta = Meta(
            topic=self._topic,
            time_ns=time_ns,
            key="" if key is None else str(key),
            id=f"{self.context.flow}/{self.context.node}/{place}",
        )
        return Message(payload_of(row.columns), meta)

    def _time_ns(self, row: FoundRow) -> int:
        if self.config.time is None:
            return self.context.clock.now_ns()
        return time_ns_of(row.columns[self.config.time], self._zone)

    def _position(self, place: Sequence[Any]) -> dict[str, Any]:
        return {"of": self._of, "after": list(place)}

    def _connection(self) -> DatabaseConnection:
        connection = self.context.connection
        if not isinstance(connection, DatabaseConnection):
            msg = f"{self.context.node} needs a connection of type sql.database: name one in `connection`"
            raise PermanentError(msg)
        return connection


class Settling:
    """How far it is safe to read: up to the last row that was there a while ago.

    A row that becomes visible late, but within that while, stands before that place and is read with it. Works for
    numbers and times alike, and needs no clock of the database.

    Args:
        settle_s: the while, seconds.
    """

    def __init__(self, settle_s: float) -> None:
        self._settle_s = settle_s
        self._seen: deque[tuple[float, Place]] = deque()
        self._settled: Place | None = None

    def settled(self, last: Place | None, now_s: float) -> Place | None:
        """Note the last row there is now; the last one that was there a while ago."""
        if last is not None and (not self._seen or self._seen[-1][1] != last):
            self._seen.append((now_s, last))
        while self._seen and self._seen[0][0] <= now_s - self._settle_s:
            self._settled = self._seen.popleft()[1]
        return self._settled
