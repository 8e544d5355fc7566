"""Runs and their events."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal, TypeVar

from sqlmodel import Session, col, delete, func, insert, select, update

from flowhost.errors import NotFoundError
from flowhost.store.database import Database, DatabaseThread
from flowhost.store.history_tables import RunEventRow, RunRow

T = TypeVar("T")
Outcome = Literal["running", "stopped", "ended", "failed", "interrupted"]

EVENTS_PER_RUN = 1_000
"""Events kept of each run; older ones are counted in `events_left_out`."""
RUNS_PER_FLOW = 200
"""Runs kept of each flow; the oldest go when a new one begins."""


@dataclass(frozen=True, kw_only=True)
class RunFigures:
    """What a run has done so far; `nodes` holds the counters per node as plain JSON data."""

    messages_in: int = 0
    messages_out: int = 0
    errors: int = 0
    dead: int = 0
    dropped: int = 0
    nodes: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class RunRecord:
    """One life of a deployed revision.

    Attributes:
        ended_at: for an interrupted run the last moment it was seen alive.
        events_left_out: events no longer kept.
    """

    id: int
    flow_id: str
    flow_name: str
    revision: int
    outcome: Outcome
    reason: str
    started_at: datetime
    ended_at: datetime | None
    events_left_out: int
    figures: RunFigures


@dataclass(frozen=True, kw_only=True)
class EventRecord:
    """A line of a run's history; `count` equal ones in a row are kept as one."""

    run_id: int
    time: datetime
    kind: str
    text: str
    node: str = ""
    topic: str = ""
    count: int = 1


class RunStore:
    """Runs in `history.db`. A power cut may cost the last moments, never the file."""

    def __init__(self, database: Database, thread: DatabaseThread) -> None:
        self._database = database
        self._thread = thread

    async def begin(self, flow_id: str, flow_name: str, revision: int, started_by: str) -> RunRecord:
        """A run starts now; runs of this flow beyond `RUNS_PER_FLOW` are forgotten."""

        def job(session: Session) -> RunRecord:
            now = datetime.now(UTC)
            row = RunRow(
                flow_id=flow_id, flow_name=flow_name, revision=revision, outcome="running", started_by=started_by,
                started_at=now, seen_at=now,
            )  # fmt: skip
            session.add(row)
            _forget_old_runs(session, flow_id)
            session.flush()
            return _record(row)

        return await self._run(job)

    async def progress(self, figures: dict[int, RunFigures]) -> None:
        """Note what the runs have done so far, so that an interrupted one has figures close to its end."""

        def job(session: Session) -> None:
            now = datetime.now(UTC)
            for run_id, done in figures.items():
                session.exec(
                    update(RunRow)
                    .where(col(RunRow.id) == run_id, col(RunRow.outcome) == "running")
                    .values(seen_at=now, **_columns(done))
                )

        if figures:
            await self._run(job)

    async def end(self, run_id: int, outcome: Outcome, reason: str, figures: RunFigures | None) -> None:
        """A run is over; `figures` None keeps those noted last. A run already ended stays as it is."""

        def job(session: Session) -> None:
            now = datetime.now(UTC)
            values = {} if figures is None else _columns(figures)
            session.exec(
                update(RunRow)
                .where(col(RunRow.id) == run_id, col(RunRow.outcome) == "running")
                .values(outcome=outcome, reason=reason, ended_at=now, seen_at=now, **values)
            )

        await self._run(job)

    async def interrupt_open(self, reason: str) -> list[int]:
        """Close the runs a crash left open, as of the moment they were last seen. Returns their ids."""

        def job(session: Session) -> list[int]:
            rows = session.exec(select(RunRow).where(RunRow.outcome == "running")).all()
            for row in rows:
                row.outcome, row.reason, row.ended_at = "interrupted", reason, row.seen_at
                session.add(row)
            return [row.id for row in rows if row.id is not None]

        return await self._run(job)

    async def add_events(self, events: Sequence[EventRecord], left_out: dict[int, int] | None = None) -> None:
        """Append events; beyond `EVENTS_PER_RUN` the oldest of a run go.

        Args:
            events: in order.
            left_out: events per run that never came this far because there were too many.
        """

        def job(session: Session) -> None:
            if events:
                session.exec(insert(RunEventRow), params=[vars(event) for event in events])
            for run_id, lost in (left_out or {}).items():
                _count_left_out(session, run_id, lost)
            for run_id in {event.run_id for event in events}:
                _forget_old_events(session, run_id)

        if events or left_out:
            await self._run(job)

    async def recent(self, flow_id: str | None, limit: int) -> list[RunRecord]:
        """Runs, newest first."""

        def job(session: Session) -> list[RunRecord]:
            query = select(RunRow).order_by(col(RunRow.started_at).desc(), col(RunRow.id).desc()).limit(limit)
            if flow_id is not None:
                query = query.where(RunRow.flow_id == flow_id)
            return [_record(row) for row in session.exec(query)]

        return await self._run(job)

    async def latest(self) -> dict[str, RunRecord]:
        """The newest run of each flow."""

        def job(session: Session) -> dict[str, RunRecord]:
            newest = select(func.max(RunRow.id)).group_by(RunRow.flow_id)
            return {row.flow_id: _record(row) for row in session.exec(select(RunRow).where(col(RunRow.id).in_(newest)))}

        return await self._run(job)

    async def get(self, run_id: int) -> tuple[RunRecord, list[EventRecord]]:
        """A run with its events, oldest first. Raises `NotFoundError`."""

        def job(session: Session) -> tuple[RunRecord, list[EventRecord]]:
            row = session.get(RunRow, run_id)
            if row is None:
                msg = f"run {run_id}: there is none of this number, or it is no longer kept"
                raise NotFoundError(msg)
            events = session.exec(select(RunEventRow).where(RunEventRow.run_id == run_id).order_by(col(RunEventRow.id)))
            return _record(row), [_event_record(event) for event in events]

        return await self._run(job)

    async def _run(self, job: Callable[[Session], T]) -> T:
        return await self._thread.call(lambda: self._database.work(job))


def _columns(figures: RunFigures) -> dict[str, Any]:
    return dict(vars(figures))


def _forget_old_runs(session: Session, flow_id: str) -> None:
    kept = select(RunRow.id).where(RunRow.flow_id == flow_id).order_by(col(RunRow.id).desc()).limit(RUNS_PER_FLOW)
    session.exec(delete(RunRow).where(col(RunRow.flow_id) == flow_id, col(RunRow.id).not_in(kept)))


def _forget_old_events(session: Session, run_id: int) -> None:
    """Cut to the limit once a tenth over it: deleting at each insert would double the writes."""
    count = session.exec(select(func.count()).select_from(RunEventRow).where(RunEventRow.run_id == run_id)).one()
    surplus = count - EVENTS_PER_RUN
    if surplus < EVENTS_PER_RUN // 10:
        return
    oldest = select(RunEventRow.id).where(RunEventRow.run_id == run_id).order_by(col(RunEventRow.id)).limit(surplus)
    session.exec(delete(RunEventRow).where(col(RunEventRow.id).in_(oldest)))
    _count_left_out(session, run_id, surplus)


def _count_left_out(session: Session, run_id: int, count: int) -> None:
    session.exec(
        update(RunRow).where(col(RunRow.id) == run_id).values(events_left_out=col(RunRow.events_left_out) + count)
    )


def _record(row: RunRow) -> RunRecord:
    assert row.id is not None
    return RunRecord(
        id=row.id,
        flow_id=row.flow_id,
        flow_name=row.flow_name,
        revision=row.revision,
        outcome=row.outcome,  # type: ignore[arg-type]  # written by this module only
        reason=row.reason,
        started_at=row.started_at,
        ended_at=row.ended_at,
        events_left_out=row.events_left_out,
        figures=RunFigures(
            messages_in=row.messages_in,
            messages_out=row.messages_out,
            errors=row.errors,
            dead=row.dead,
            dropped=row.dropped,
            nodes=row.nodes,
        ),
    )


def _event_record(row: RunEventRow) -> EventRecord:
    return EventRecord(
        run_id=row.run_id,
        time=row.time,
        kind=row.kind,
        text=row.text,
        node=row.node,
        topic=row.topic,
        count=row.count,
    )
