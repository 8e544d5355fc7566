"""The database as one thread sees it: opened, written in transactions, closed. Nothing here knows asyncio."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa

from flowhost.errors import FlowHostError
from flowhost.sdk import NotConnectedError, TemporaryError
from flowhost_sql.dialects import Dialect, Fault, Target, dialect_of

DRIVER_ERRORS = (sa.exc.SQLAlchemyError, OverflowError, UnicodeError)
"""What executing a statement may raise: the driver's own errors, and values it cannot hand over."""


class AbandonedError(FlowHostError):
    """Nobody waits for this transaction any more; it was rolled back."""


class Job:
    """One piece of work for the database thread; `abandoned` is set by the loop, read before the commit."""

    def __init__(self) -> None:
        self.abandoned = False


class Database:
    """One open connection; every method but `abandon` is called in the thread that opened it."""

    def __init__(self, target: Target) -> None:
        self.dialect = dialect_of(target.url)
        self.where = self.dialect.where(target)
        self._target = target
        self._engine: sa.Engine | None = None
        self._connection: sa.Connection | None = None
        self._job: Job | None = None

    @property
    def is_open(self) -> bool:
        """Whether it was opened and not closed."""
        return self._connection is not None

    def open(self) -> None:
        """Connect. Raises `NotConnectedError` with the reason."""
        self.close()
        self._engine = self.dialect.engine(self._target)
        try:
            self._connection = self._engine.connect()
        except DRIVER_ERRORS as error:
            self.close()
            msg = f"{self.where} {self.dialect.fault(error).text}"
            raise NotConnectedError(msg) from error

    def close(self) -> None:
        """Disconnect; an open transaction is rolled back."""
        connection, self._connection = self._connection, None
        engine, self._engine = self._engine, None
        if connection:
            connection.close()
        if engine:
            engine.dispose()

    @contextmanager
    def transaction(self) -> Iterator[sa.Connection]:
        """All or nothing: commit at the end, roll back at an error or if nobody waits any more.

        Raises:
            NotConnectedError: not open.
            DriverError: the database refused to begin or to commit.
        """
        if self._connection is None:
            msg = f"{self.where} is not open"
            raise NotConnectedError(msg)
        with refusals(self.dialect):
            transaction = self._connection.begin()
        try:
            yield self._connection
            if self._job and self._job.abandoned:
                msg = f"{self.where}: the writing node was stopped; its batch was rolled back"
                raise AbandonedError(msg)
            with refusals(self.dialect):
                transaction.commit()
        except BaseException:
            self._connection.connection.rollback()  # a refused commit leaves it open in the driver
            self._connection.rollback()
            raise

    @contextmanager
    def work(self, job: Job) -> Iterator[None]:
        """Name the job that is running, so that it can be abandoned."""
        self._job = job
        try:
            yield
        finally:
            self._job = None

    def abandon(self, job: Job) -> None:
        """Stop a job from another thread: a running statement fails, and nothing is committed."""
        job.abandoned = True
        if self._job is job and self._connection is not None:
            self.dialect.interrupt(self._connection)

    def later(self, fault: Fault) -> TemporaryError:
        """The error for a fault that is not the data's."""
        return TemporaryError(f"{self.where} {fault.text}")


@contextmanager
def refusals(dialect: Dialect) -> Iterator[None]:
    """What the driver raises inside becomes a `DriverError` with its meaning."""
    try:
        yield
    except DRIVER_ERRORS as error:
        raise DriverError(dialect.fault(error)) from error


class DriverError(Exception):
    """A refusal on its way to the one who knows what to do; never leaves the plugin."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.text)
        self.fault = fault
