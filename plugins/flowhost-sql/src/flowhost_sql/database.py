"""The database as one thread sees it: opened, written in transactions, closed. Nothing here knows asyncio."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa

from flowhost.errors import FlowHostError
from flowhost.sdk import NotConnectedError, TemporaryError, UnknownOutcomeError
from flowhost_sql.dialects import Dialect, Fault, FaultKind, Target, dialect_of

DRIVER_ERRORS = (sa.exc.SQLAlchemyError, OverflowError, UnicodeError)
"""What executing a statement may raise: the driver's own errors, and values it cannot hand over."""


class AbandonedError(FlowHostError):
    """Nobody waits for this transaction any more; it was rolled back."""


class Job:
    """One piece of work for the database thread; `abandoned` is set by the loop, read before the commit."""

    def __init__(self) -> None:
        self.abandoned = False


class Database:
    """One open connection; every method but `interrupt` and `look` is called in the thread that opened it."""

    def __init__(self, target: Target) -> None:
        self.dialect = dialect_of(target.url)
        self.where = self.dialect.where(target)
        self.lost = ""
        """Why the link broke, in words; empty while it stands."""
        self._target = target
        self._engine: sa.Engine | None = None
        self._connection: sa.Connection | None = None
        self._driver: Any = None
        self._job: Job | None = None
        self._silence = ""

    @property
    def is_open(self) -> bool:
        """Whether it was opened, not closed, and has not lost its link."""
        return self._connection is not None

    def open(self) -> None:
        """Connect. Raises `NotConnectedError` or `AuthenticationError` with the reason."""
        self.close()
        self._silence = ""
        try:
            self._engine = self.dialect.engine(self._target)
            # known before its first statement, so that a server that falls silent then can be noticed, too
            sa.event.listen(self._engine, "connect", self._connected, insert=True)
            self._connection = self._engine.connect()
        except DRIVER_ERRORS as error:
            self.close()
            raise self.dialect.cannot_open(self._target, error) from error
        self.lost = ""

    def _connected(self, driver: Any, _record: Any) -> None:
        self._driver = driver

    def close(self) -> None:
        """Disconnect; an open transaction is rolled back."""
        connection, self._connection = self._connection, None
        engine, self._engine = self._engine, None
        self._driver = None
        if connection:
            connection.close()
        if engine:
            engine.dispose()

    @contextmanager
    def transaction(self, *, reading: bool = False) -> Iterator[sa.Connection]:
        """All or nothing: commit at the end, roll back at an error or if nobody waits any more.

        Args:
            reading: the transaction cannot write, and holds up no writer.

        Raises:
            NotConnectedError: not open.
            DriverError: the database refused to begin or to commit.
            UnknownOutcomeError: the link was lost at the commit.
        """
        connection = self._connection
        if connection is None:
            msg = f"{self.where} is not connected{': it ' + self.lost if self.lost else ''}"
            raise NotConnectedError(msg)
        try:
            with refusals(self.dialect):
                self.dialect.before_begin(connection, reading=reading)
                transaction = connection.begin()
            yield connection
            self._stop_if_abandoned()
            self._commit(transaction, reading=reading)
        except BaseException as error:
            self._undo(connection, error)
            raise

    def _commit(self, transaction: sa.Transaction, *, reading: bool) -> None:
        try:
            with refusals(self.dialect):
                transaction.commit()
        except DriverError as error:
            if reading or error.fault.kind is not FaultKind.LOST:
                raise
            self._lose(error.fault)
            msg = f"{self.where} {self.lost} while committing; the rows may be there"
            raise UnknownOutcomeError(msg) from error

    def _undo(self, connection: sa.Connection, error: BaseException) -> None:
        """Roll back; a link that is gone has done so by itself."""
        if isinstance(error, DriverError) and error.fault.kind is FaultKind.LOST:
            self._lose(error.fault)
        if not self.is_open:
            return
        try:
            with refusals(self.dialect):
                self._roll_back_driver(connection)
                connection.rollback()
        except DriverError as refusal:
            self._lose(refusal.fault)

    def _roll_back_driver(self, connection: sa.Connection) -> None:
        """In the driver itself, for a refused commit leaves the transaction open there."""
        refusals_of_driver = connection.dialect.loaded_dbapi.Error
        try:
            connection.connection.rollback()
        except refusals_of_driver:
            # an interruption meant for what ran before has come late; whatever else it is comes again
            try:
                connection.connection.rollback()
            except refusals_of_driver as error:
                raise DriverError(self.dialect.fault(error)) from error

    def _lose(self, fault: Fault) -> None:
        self.lost = self._silence or fault.text
        if self._connection is not None:
            self._connection.invalidate()
        self.close()

    def _stop_if_abandoned(self) -> None:
        if self._job and self._job.abandoned:
            msg = f"{self.where}: the node was stopped; its transaction was rolled back"
            raise AbandonedError(msg)

    @contextmanager
    def work(self, job: Job) -> Iterator[None]:
        """Name the job that is running, so that it can be abandoned."""
        self._job = job
        try:
            yield
        finally:
            self._job = None

    def interrupt(self, job: Job) -> None:
        """Make the running statement of an abandoned job fail; called from another thread."""
        driver = self._driver
        if self._job is job and driver is not None:
            self.dialect.interrupt(driver)

    def look(self, job: Job) -> None:
        """End the link of a job that waits for a server that is not there any more; called from another thread."""
        driver = self._driver
        if self._job is not job or driver is None or self.dialect.answers(driver):
            return
        if self._job is job and self._driver is driver:
            self._silence = "does not answer any more"
            self.dialect.cut(driver)

    def later(self, fault: Fault) -> TemporaryError:
        """The error for a fault that is not the data's."""
        kind = NotConnectedError if fault.kind is FaultKind.LOST else TemporaryError
        return kind(f"{self.where} {(self._silence if kind is NotConnectedError else '') or fault.text}")


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
