"""A database as flows see it: one dedicated thread, so that nothing blocks the event loop."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from typing_extensions import override

from flowhost.sdk import (
    BrowseRequest,
    Choices,
    Connection,
    ConnectionContext,
    ConnectionSpec,
    NodeError,
    NotConnectedError,
    PermanentError,
    TemporaryError,
)
from flowhost_sql.config import DatabaseConfig

if TYPE_CHECKING:
    from flowhost_sql.database import Database
    from flowhost_sql.dialects import Dialect, Target

T = TypeVar("T")

FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 3.0
SILENCE_S = 10.0
"""Work that takes longer makes us look whether the server is still there; if it is, the work may go on."""


class DatabaseConnection(Connection[DatabaseConfig]):
    """A database, used by one thread.

    Nodes that share the connection take turns, a whole transaction each. Cancelling a node that waits rolls its
    transaction back; it never ends half. A link that breaks is made again by one task, however many nodes wait; one on
    which nothing comes any more is noticed within about 15 s of use.
    """

    spec: ClassVar[ConnectionSpec] = ConnectionSpec(
        id="sql.database",
        title="SQL database",
        summary="A database that tables are written to and read from.",
        icon="database",
        keywords=("sql", "sqlite", "postgresql", "postgres", "database", "table"),
    )
    Config: ClassVar[type[DatabaseConfig]] = DatabaseConfig

    def __init__(self, config: DatabaseConfig, context: ConnectionContext) -> None:
        super().__init__(config, context)
        self._thread: ThreadPoolExecutor | None = None
        self._database: Database | None = None
        self._mending: asyncio.Task[None] | None = None
        self._refusal: PermanentError | None = None

    @override
    async def open(self) -> None:
        """Connect; a SQLite file is made if there is none. Raises `NotConnectedError` or `AuthenticationError`."""
        from flowhost_sql.database import Database  # SQLAlchemy takes time to import

        await self.close()
        self._refusal = None
        self._database = Database(self._target())
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"sql-{self.context.name}")
        await self._in_thread(self._database, self._thread, Database.open)

    @override
    async def close(self) -> None:
        """Wait for a running transaction to end, then close."""
        mending, self._mending = self._mending, None
        if mending is not None:
            mending.cancel()
            await asyncio.wait([mending])
        thread, self._thread = self._thread, None
        database, self._database = self._database, None
        if thread is None or database is None:
            return
        closing = thread.submit(database.close)
        thread.shutdown(wait=False)  # ends after its last work, even if the wait for that is cut short
        await asyncio.to_thread(thread.shutdown)  # joining the thread here would hold up the loop
        closing.result()

    @override
    def health(self) -> str:
        """The open database, without secrets."""
        return f"connected to {self._database.where}" if self._database and self._database.is_open else ""

    @property
    def dialect(self) -> Dialect:
        """What is special about this kind of database."""
        from flowhost_sql.dialects import check_url, dialect_of

        return dialect_of(check_url(self.config.url))

    async def test(self) -> str:
        """Look at the database without changing it, and without making the file."""
        from flowhost_sql.database import DRIVER_ERRORS

        target = self._target()
        dialect = self.dialect
        try:
            return await asyncio.to_thread(dialect.probe, target)
        except FileNotFoundError as error:
            raise PermanentError(str(error)) from error
        except DRIVER_ERRORS as error:
            raise dialect.cannot_open(target, error) from error

    async def browse(self, request: BrowseRequest) -> Choices:
        """Tables, or the columns of the table that is named."""
        from flowhost_sql.browsing import names

        return await self.run(lambda database: names(database, request))

    async def run(self, work: Callable[[Database], T]) -> T:
        """Do work in the database's thread and give back its result.

        Cancelling waits until the work has been undone or, where the commit came first, is done.

        Raises:
            NotConnectedError: the connection is not open, or has lost its link and makes it again.
            AuthenticationError: making it again, the server no longer knew us.
        """
        database, thread = self._database, self._thread
        if database is None or thread is None:
            msg = f"{self.context.name} is not open"
            raise NotConnectedError(msg)
        if self._refusal is not None:
            raise self._refusal
        try:
            return await self._in_thread(database, thread, work)
        finally:
            if database.lost and self._mending is None and database is self._database:
                self.context.board.notice("lost", f"{database.where} {database.lost}")
                self._mending = asyncio.create_task(self._mend(database, thread), name=f"mend-{self.context.name}")

    async def _in_thread(self, database: Database, thread: ThreadPoolExecutor, work: Callable[[Database], T]) -> T:
        from flowhost_sql.database import Job

        job = Job()

        def do() -> T:
            with database.work(job):
                return work(database)

        future = thread.submit(do)
        result = asyncio.wrap_future(future)
        try:
            while not (await asyncio.wait([result], timeout=SILENCE_S))[0]:
                await asyncio.to_thread(database.look, job)
            return result.result()
        except asyncio.CancelledError:
            if not future.cancel():
                job.abandoned = True
                # the outcome of abandoned work interests nobody, also when a second cancel cuts the wait for it short
                result.add_done_callback(_take_note)
                await asyncio.to_thread(database.interrupt, job)
                await asyncio.wait([result])
            raise

    async def _mend(self, database: Database, thread: ThreadPoolExecutor) -> None:
        """Connect again, as long as it takes; a refused log-in ends it, for more attempts could lock the account."""
        from flowhost_sql.database import Database

        pause_s = FIRST_PAUSE_S
        while True:
            await asyncio.sleep(pause_s * random.uniform(0.5, 1))  # noqa: S311 - spreads attempts, no secret
            pause_s = min(pause_s * 2, LONGEST_PAUSE_S)
            try:
                await self._in_thread(database, thread, Database.open)
            except TemporaryError as error:
                self.context.log.debug("still not connected: %s", error)
            except NodeError as error:
                self._refusal = error if isinstance(error, PermanentError) else PermanentError(str(error))
                self.context.board.notice("error", str(error))
                return
            else:
                break
        self._mending = None
        self.context.board.notice("restored", f"connected again to {database.where}")

    def _target(self) -> Target:
        from flowhost_sql.dialects import Target, check_url

        password = self.config.password
        return Target(
            check_url(self.config.url),
            self.context.base_dir,
            password.get_secret_value() if password else None,
            self.config.busy_timeout_s,
            self.config.schemas,
        )


def _take_note(done: asyncio.Future[Any]) -> None:
    """Retrieve the exception, so that nobody is told of it."""
    if not done.cancelled():
        done.exception()
