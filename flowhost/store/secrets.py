"""Secrets of the host: passwords and keys, encrypted in `app.db`, the key in a file outside it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TypeVar

from sqlmodel import Session, col, select

from flowhost.errors import ConflictError, FlowHostError, NotFoundError
from flowhost.store.app_tables import SecretRow
from flowhost.store.database import Database, DatabaseThread
from flowhost.store.secret_key import SecretKey

T = TypeVar("T")

REMEDY = "put the key back that was there before, or enter the secrets again"


@dataclass(frozen=True, kw_only=True)
class SecretRecord:
    """A secret as kept.

    Attributes:
        value: in clear, never printed; None where the key does not open it.
        problem: why it cannot be read and what to do; empty where it can.
    """

    name: str
    value: str | None = field(repr=False)
    changed_by: str
    changed_at: datetime
    problem: str = ""


class SecretStore:
    """Secrets in `app.db`. Every method is one transaction."""

    def __init__(self, database: Database, thread: DatabaseThread, key: SecretKey) -> None:
        self._database = database
        self._thread = thread
        self._key = key

    async def all(self) -> list[SecretRecord]:
        """Every secret, by name; also those the key does not open, which say so."""

        def job(session: Session) -> list[SecretRecord]:
            return [self._record(row) for row in session.exec(select(SecretRow).order_by(col(SecretRow.name)))]

        return await self._run(job)

    async def put(self, name: str, value: str, author: str) -> SecretRecord:
        """Keep a secret, in the place of one of this name.

        Raises:
            ConflictError: the key is missing while there are secrets, and this is none of them: with a new key the
                others would stay closed for good, which nobody has asked for.
            HostError: the key cannot be read or written.
        """

        def job(session: Session) -> SecretRecord:
            row = session.get(SecretRow, name)
            if not self._key.path.exists():
                if row is None and session.exec(select(SecretRow.name)).first() is not None:
                    raise ConflictError(f"the key file {self._key.path} is missing: {REMEDY}")
                self._key.make()
            encrypted, now = self._key.encrypt(value), datetime.now(UTC)
            if row is None:
                row = SecretRow(name=name, encrypted=encrypted, changed_by=author, changed_at=now)
            row.encrypted, row.changed_by, row.changed_at = encrypted, author, now
            session.add(row)
            return SecretRecord(name=name, value=value, changed_by=author, changed_at=now)

        return await self._run(job)

    async def delete(self, name: str) -> None:
        """Forget a secret. Raises `NotFoundError`."""

        def job(session: Session) -> None:
            row = session.get(SecretRow, name)
            if row is None:
                raise NotFoundError(f"there is no secret {name!r} in the store of this host")
            session.delete(row)

        await self._run(job)

    def _record(self, row: SecretRow) -> SecretRecord:
        value, problem = None, ""
        try:
            value = self._key.decrypt(row.encrypted)
        except FlowHostError as error:
            problem = f"secret {row.name!r} cannot be read: {error}; {REMEDY}"
        return SecretRecord(
            name=row.name, value=value, changed_by=row.changed_by, changed_at=row.changed_at, problem=problem
        )

    async def _run(self, job: Callable[[Session], T]) -> T:
        return await self._thread.call(lambda: self._database.work(job))
