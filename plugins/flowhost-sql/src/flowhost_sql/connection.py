"""A database as flows see it: one dedicated thread, so that nothing blocks the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, ClassVar, TypeVar

from typing_extensions import override

from flowhost.sdk import Connection, ConnectionContext, ConnectionSpec, NotConnectedError, PermanentError
from flowhost_sql.config import DatabaseConfig

if TYPE_CHECKING:
    from flowhost_sql.database import Database
    from flowhost_sql.dialects import Target

T = TypeVar("T")


class DatabaseConnection(Connection[DatabaseConfig]):
    """A database, used by one thread.

    Nodes that share the connection take turns, a whole transaction each. Cancelling a node that waits rolls its
    transaction back; it never ends half.
    """

    spec: ClassVar[ConnectionSpec] = ConnectionSpec(
        id="sql.database",
        title="SQL database",
        summary="A database that tables are written to and read from.",
        icon="database",
        keywords=("sql", "sqlite", "database", "table"),
    )
    Config: ClassVar[type[DatabaseConfig]] = DatabaseConfig

    def __init__(self, config: DatabaseConfig, context: ConnectionContext) -> None:
        super().__init__(config, context)
        self._thread: ThreadPoolExecutor | None = None
        self._database: Database | None = None

    @override
    async def open(self) -> None:
        """Open the database, make the file if there is none. Raises `NotConnectedError` with the reason."""
        from flowhost_sql.database import Database  # SQLAlchemy takes time to import

        await self.close()
        self._database = Database(self._target())
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"sql-{self.context.name}")
        await self.run(Database.open)

    @override
    async def close(self) -> None:
        """Wait for a running transaction to end, then close."""
        thread, self._thread = self._thread, None
        database, self._database = self._database, None
        if thread is None or database is None:
            return
        closing = thread.submit(database.close)
        await asyncio.to_thread(thread.shutdown)  # joining the thread here would hold up the loop
        closing.result()

    @override
    def health(self) -> str:
        """The open database, without secrets."""
        return f"open: {self._database.where}" if self._database and self._database.is_open else ""

    async def test(self) -> str:
        """Look at the database without changing it, and without making the file."""
        from flowhost_sql.database import DRIVER_ERRORS
        from flowhost_sql.dialects import dialect_of

        target = self._target()
        dialect = dialect_of(target.url)
        try:
            return await asyncio.to_thread(dialect.probe, target)
        except FileNotFoundError as error:
            raise PermanentError(str(error)) from error
        except DRIVER_ERRORS as error:
            msg = f"{dialect.where(target)} {dialect.fault(error).text}"
            raise NotConnectedError(msg) from error

    async def run(self, work: Callable[[Database], T]) -> T:
        """Do work in the database's thread and give back its result.

        Cancelling waits until the work has been undone or, where the commit came first, is done.
        Raises `NotConnectedError` if the connection is not open.
        """
        from flowhost_sql.database import Job

        database, thread = self._database, self._thread
        if database is None or thread is None:
            msg = f"{self.context.name} is not open"
            raise NotConnectedError(msg)
        job = Job()

        def do() -> T:
            with database.work(job):
                return work(database)

        future = thread.submit(do)
        result = asyncio.wrap_future(future)
        try:
            return await asyncio.shield(result)
        except asyncio.CancelledError:
            if not future.cancel():
                database.abandon(job)
                await asyncio.wait([result])
                result.exception()  # the outcome of abandoned work interests nobody
            raise

    def _target(self) -> Target:
        from flowhost_sql.dialects import Target, check_url

        password = self.config.password
        return Target(
            check_url(self.config.url),
            self.context.base_dir,
            password.get_secret_value() if password else None,
            self.config.busy_timeout_s,
        )
