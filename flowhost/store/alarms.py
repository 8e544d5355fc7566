"""Alarms: what is wrong now, who knows of it, and what was wrong before."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal, TypeVar

from sqlmodel import Session, col, delete, select, update

from flowhost.store.database import Database, DatabaseThread
from flowhost.store.history_tables import AlarmRow

T = TypeVar("T")
Severity = Literal["warning", "error", "critical"]

CLEARED_KEPT = 1_000
"""Alarms that are over and still kept."""
NOT_KEPT = frozenset({"id", "reason", "waiting"})


@dataclass(frozen=True, kw_only=True)
class AlarmRecord:
    """One alarm.

    Attributes:
        id: unique on this host; 0 before it was kept.
        kind: what sort of trouble, e.g. `connection_down`.
        flow_id: flow it is about; empty for the host itself.
        flow_name: its name when the alarm was raised.
        subject: node or connection it is about, or empty.
        severity: how bad it is, at its worst.
        text: what is wrong, in words.
        past: what was wrong, once it is over; empty where `text` tells of something that has happened.
        advice: what to do.
        since: when the trouble began, UTC.
        raised_at: when the alarm was raised, UTC.
        cleared_at: when it was over, UTC; None while it is not.
        acknowledged_by: who knows of it; empty if nobody said so.
        acknowledged_at: when they said so, UTC.
        reason: why, in words; known while it stands, not kept.
        waiting: messages that wait for it; likewise.
    """

    id: int = 0
    kind: str
    flow_id: str
    flow_name: str
    subject: str
    severity: Severity
    text: str
    past: str = ""
    advice: str
    since: datetime
    raised_at: datetime
    cleared_at: datetime | None = None
    acknowledged_by: str = ""
    acknowledged_at: datetime | None = None
    reason: str = ""
    waiting: int = 0

    @property
    def key(self) -> tuple[str, str, str]:
        """What makes two alarms the same one."""
        return self.kind, self.flow_id, self.subject

    @property
    def words(self) -> str:
        """What is wrong; once it is over, what was."""
        return self.past or self.text if self.cleared_at is not None else self.text


class AlarmStore:
    """Alarms in `history.db`. A power cut may cost the last moments; what is still wrong is then raised again."""

    def __init__(self, database: Database, thread: DatabaseThread) -> None:
        self._database = database
        self._thread = thread

    async def standing(self) -> list[AlarmRecord]:
        """Alarms that are not over, oldest first."""

        def job(session: Session) -> list[AlarmRecord]:
            query = select(AlarmRow).where(col(AlarmRow.cleared_at).is_(None)).order_by(col(AlarmRow.id))
            return [_record(row) for row in session.exec(query)]

        return await self._run(job)

    async def recent(self, limit: int) -> list[AlarmRecord]:
        """Alarms, over or not, newest first."""

        def job(session: Session) -> list[AlarmRecord]:
            query = select(AlarmRow).order_by(col(AlarmRow.id).desc()).limit(limit)
            return [_record(row) for row in session.exec(query)]

        return await self._run(job)

    async def over(self, since: datetime, limit: int) -> list[AlarmRecord]:
        """Alarms that were over at this moment or later, the last first."""

        def job(session: Session) -> list[AlarmRecord]:
            ended = col(AlarmRow.cleared_at)
            query = select(AlarmRow).where(ended >= since).order_by(ended.desc(), col(AlarmRow.id).desc()).limit(limit)
            return [_record(row) for row in session.exec(query)]

        return await self._run(job)

    async def add(self, alarms: Sequence[AlarmRecord]) -> list[AlarmRecord]:
        """Keep new alarms; the same ones with their ids. Of those that are over, the oldest go."""

        def job(session: Session) -> list[AlarmRecord]:
            rows = [AlarmRow(**_values(alarm)) for alarm in alarms]
            session.add_all(rows)
            session.flush()
            over = select(AlarmRow.id).where(col(AlarmRow.cleared_at).is_not(None))
            kept = over.order_by(col(AlarmRow.id).desc()).limit(CLEARED_KEPT)
            session.exec(delete(AlarmRow).where(col(AlarmRow.cleared_at).is_not(None), col(AlarmRow.id).not_in(kept)))
            return [replace(alarm, id=row.id or 0) for alarm, row in zip(alarms, rows, strict=True)]

        return await self._run(job)

    async def change(self, alarms: Sequence[AlarmRecord]) -> None:
        """Keep what has changed of alarms kept before."""

        def job(session: Session) -> None:
            for alarm in alarms:
                session.exec(update(AlarmRow).where(col(AlarmRow.id) == alarm.id).values(**_values(alarm)))

        await self._run(job)

    async def _run(self, job: Callable[[Session], T]) -> T:
        return await self._thread.call(lambda: self._database.work(job))


def _values(alarm: AlarmRecord) -> dict[str, Any]:
    return {name: value for name, value in vars(alarm).items() if name not in NOT_KEPT}


def _record(row: AlarmRow) -> AlarmRecord:
    return AlarmRecord(
        id=row.id or 0,
        kind=row.kind,
        flow_id=row.flow_id,
        flow_name=row.flow_name,
        subject=row.subject,
        severity=row.severity,  # type: ignore[arg-type]  # written by this module only
        text=row.text,
        past=row.past,
        advice=row.advice,
        since=row.since,
        raised_at=row.raised_at,
        cleared_at=row.cleared_at,
        acknowledged_by=row.acknowledged_by,
        acknowledged_at=row.acknowledged_at,
    )
