"""Drafts: what is being edited, every edit kept as it is made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

from sqlmodel import Session, col, delete, select

from flowhost.errors import ConflictError, NotFoundError
from flowhost.store.app_tables import DraftBatchRow, DraftRow, FlowRow, RevisionRow
from flowhost.store.database import Database, DatabaseThread

T = TypeVar("T")

KEPT_BATCHES = 1000
"""Edits kept per draft; a browser that was away longer takes the whole draft again."""


@dataclass(frozen=True, kw_only=True)
class DraftRecord:
    """A draft as kept.

    Attributes:
        rev: how many batches of edits it has seen.
        base: number of the revision it began from.
        document: the flow as JSON.
    """

    flow_id: str
    rev: int
    base: int
    document: dict[str, Any]
    changed_by: str
    changed_at: datetime


@dataclass(frozen=True, kw_only=True)
class WayBack:
    """What undoes a batch that put another version on the canvas: one step, for everybody who edits the flow.

    Attributes:
        ops: edits that bring back what was there.
        put: number of the revision that was put there.
        given_up: it is the deployed one, put there to give up edits.
    """

    ops: list[dict[str, Any]]
    put: int
    given_up: bool = False


@dataclass(frozen=True, kw_only=True)
class BatchRecord:
    """Edits made together; without any the draft was replaced as a whole."""

    rev: int
    batch: str
    ops: list[dict[str, Any]]
    author: str
    at: datetime
    way_back: WayBack | None = None


class DraftStore:
    """Drafts in `app.db`. Every method is one transaction."""

    def __init__(self, database: Database, thread: DatabaseThread) -> None:
        self._database = database
        self._thread = thread

    async def open(self, flow_id: str) -> DraftRecord:
        """The draft of a flow, begun from its deployed revision if there is none. Raises `NotFoundError`."""

        def job(session: Session) -> DraftRecord:
            row = session.get(DraftRow, flow_id)
            if row is None:
                flow = _flow(session, flow_id)
                query = select(RevisionRow).where(RevisionRow.flow_id == flow_id, RevisionRow.number == flow.deployed)
                revision = session.exec(query).one()
                row = DraftRow(
                    flow_id=flow_id, rev=0, base=revision.number, document=revision.document,
                    changed_by=revision.author, changed_at=revision.created_at,
                )  # fmt: skip
                session.add(row)
            return _record(row)

        return await self._run(job)

    async def get(self, flow_id: str) -> DraftRecord | None:
        """The draft of a flow; None if nobody has begun one."""

        def job(session: Session) -> DraftRecord | None:
            row = session.get(DraftRow, flow_id)
            return None if row is None else _record(row)

        return await self._run(job)

    async def all(self) -> dict[str, DraftRecord]:
        """Every draft there is, by flow."""

        def job(session: Session) -> dict[str, DraftRecord]:
            return {row.flow_id: _record(row) for row in session.exec(select(DraftRow))}

        return await self._run(job)

    async def append(
        self, before: DraftRecord, batch: str, ops: list[dict[str, Any]], document: dict[str, Any], author: str,
        base: int | None = None, way_back: WayBack | None = None,
    ) -> DraftRecord:  # fmt: skip
        """Keep one batch of edits and the draft they led to.

        Args:
            before: the draft the edits were made on.
            batch: id of the batch, unique in the flow.
            ops: the edits.
            document: the draft after them.
            author: who made them.
            base: number of the revision the draft is one of from now on; None leaves that as it is.
            way_back: where they put another version on the canvas.

        Raises:
            ConflictError: the draft is another one by now.
        """

        def job(session: Session) -> DraftRecord:
            row = session.get(DraftRow, before.flow_id)
            if row is None or row.rev != before.rev:
                raise ConflictError(f"the draft of {before.flow_id} was changed by somebody else meanwhile")
            now = datetime.now(UTC)
            row.rev, row.document = before.rev + 1, document
            row.base = before.base if base is None else base
            row.changed_by, row.changed_at = author, now
            session.add(row)
            back = None if way_back is None else asdict(way_back)
            session.add(
                DraftBatchRow(
                    flow_id=row.flow_id, rev=row.rev, batch=batch, ops=ops, way_back=back, author=author, at=now
                )
            )
            old = col(DraftBatchRow.rev) <= row.rev - KEPT_BATCHES
            session.exec(delete(DraftBatchRow).where(col(DraftBatchRow.flow_id) == row.flow_id, old))
            return _record(row)

        return await self._run(job)

    async def newest(self, flow_id: str) -> BatchRecord | None:
        """The last edits of a draft; None where it has seen none."""

        def job(session: Session) -> BatchRecord | None:
            query = (
                select(DraftBatchRow).where(DraftBatchRow.flow_id == flow_id).order_by(col(DraftBatchRow.rev).desc())
            )
            row = session.exec(query.limit(1)).first()
            return None if row is None else _batch(row)

        return await self._run(job)

    async def rebase(self, flow_id: str, base: int) -> None:
        """Remember that the draft was deployed as this revision."""

        def job(session: Session) -> None:
            row = session.get(DraftRow, flow_id)
            if row is not None:
                row.base = base
                session.add(row)

        await self._run(job)

    async def since(self, flow_id: str, rev: int) -> list[BatchRecord] | None:
        """Batches after `rev`, oldest first; None where the edits kept do not reach back so far."""

        def job(session: Session) -> list[BatchRecord] | None:
            query = (
                select(DraftBatchRow)
                .where(DraftBatchRow.flow_id == flow_id, DraftBatchRow.rev > rev)
                .order_by(col(DraftBatchRow.rev))
            )
            found = [_batch(row) for row in session.exec(query)]
            draft = session.get(DraftRow, flow_id)
            newest = 0 if draft is None else draft.rev
            complete = len(found) == newest - rev and all(record.ops for record in found)
            return found if complete else None

        return await self._run(job)

    async def seen(self, flow_id: str, batch: str) -> int | None:
        """The number a batch was kept under; None if it never came."""

        def job(session: Session) -> int | None:
            query = select(DraftBatchRow.rev).where(DraftBatchRow.flow_id == flow_id, DraftBatchRow.batch == batch)
            return session.exec(query).first()

        return await self._run(job)

    async def _run(self, job: Callable[[Session], T]) -> T:
        return await self._thread.call(lambda: self._database.work(job))


def _flow(session: Session, flow_id: str) -> FlowRow:
    flow = session.get(FlowRow, flow_id)
    if flow is None:
        raise NotFoundError(f"flow {flow_id}: there is none of this id")
    return flow


def _record(row: DraftRow) -> DraftRecord:
    return DraftRecord(
        flow_id=row.flow_id, rev=row.rev, base=row.base, document=row.document, changed_by=row.changed_by,
        changed_at=row.changed_at,
    )  # fmt: skip


def _batch(row: DraftBatchRow) -> BatchRecord:
    back = None if row.way_back is None else WayBack(**row.way_back)
    return BatchRecord(rev=row.rev, batch=row.batch, ops=row.ops, author=row.author, at=row.at, way_back=back)
