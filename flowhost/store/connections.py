"""Connections of the host: named links that flows share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

from sqlmodel import Session, col, select

from flowhost.errors import ConflictError, NotFoundError
from flowhost.store.app_tables import ConnectionRow
from flowhost.store.database import Database, DatabaseThread

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class ConnectionRecord:
    """A connection as kept.

    Attributes:
        config: as written, secrets as references.
        version: counts its changes; given back with a change, so that nobody overwrites another's unseen.
    """

    name: str
    type: str
    config: dict[str, Any]
    version: int
    changed_by: str
    changed_at: datetime


class ConnectionStore:
    """Connections in `app.db`. Every method is one transaction."""

    def __init__(self, database: Database, thread: DatabaseThread) -> None:
        self._database = database
        self._thread = thread

    async def all(self) -> list[ConnectionRecord]:
        """Every connection, by name."""

        def job(session: Session) -> list[ConnectionRecord]:
            return [_record(row) for row in session.exec(select(ConnectionRow).order_by(col(ConnectionRow.name)))]

        return await self._run(job)

    async def add(self, name: str, type_id: str, config: dict[str, Any], author: str) -> ConnectionRecord:
        """A new connection. Raises `ConflictError` if there is one of this name."""

        def job(session: Session) -> ConnectionRecord:
            if session.get(ConnectionRow, name) is not None:
                raise ConflictError(f"there is a connection {name!r} already: choose another name, or use that one")
            row = ConnectionRow(
                name=name, type=type_id, config=config, version=1, changed_by=author, changed_at=datetime.now(UTC)
            )
            session.add(row)
            return _record(row)

        return await self._run(job)

    async def change(self, name: str, config: dict[str, Any], version: int, author: str) -> ConnectionRecord:
        """Give a connection another config. Raises `NotFoundError`, or `ConflictError` if `version` is not the last."""

        def job(session: Session) -> ConnectionRecord:
            row = _row(session, name)
            if row.version != version:
                raise ConflictError(f"connection {name!r} was changed by {row.changed_by} meanwhile: look at it again")
            row.config, row.version = config, version + 1
            row.changed_by, row.changed_at = author, datetime.now(UTC)
            session.add(row)
            return _record(row)

        return await self._run(job)

    async def delete(self, name: str) -> None:
        """Forget a connection. Raises `NotFoundError`."""

        def job(session: Session) -> None:
            session.delete(_row(session, name))

        await self._run(job)

    async def _run(self, job: Callable[[Session], T]) -> T:
        return await self._thread.call(lambda: self._database.work(job))


def _row(session: Session, name: str) -> ConnectionRow:
    row = session.get(ConnectionRow, name)
    if row is None:
        raise NotFoundError(f"there is no connection {name!r} on this host")
    return row


def _record(row: ConnectionRow) -> ConnectionRecord:
    return ConnectionRecord(
        name=row.name, type=row.type, config=row.config, version=row.version, changed_by=row.changed_by,
        changed_at=row.changed_at,
    )  # fmt: skip
