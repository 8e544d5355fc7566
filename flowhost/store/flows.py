"""Flows, their revisions and what shall run."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, TypeVar

from sqlmodel import Session, col, func, select

from flowhost.errors import ConflictError, NotFoundError
from flowhost.store.app_tables import DraftBatchRow, DraftRow, FlowRow, HostFactRow, RevisionRow
from flowhost.store.database import Database, DatabaseThread

T = TypeVar("T")
Desired = Literal["running", "stopped"]


@dataclass(frozen=True, kw_only=True)
class FlowRecord:
    """A flow as kept: its deployed revision and what was asked for last.

    Attributes:
        base_dir: what relative paths in the flow's configs are relative to.
        revision: number of the deployed revision.
        document: the deployed document as plain JSON data.
        created_at: when it came here; tells it from an earlier flow of this id that was deleted.
    """

    id: str
    name: str
    area: str
    base_dir: str
    revision: int
    desired: Desired
    document: dict[str, Any]
    changed_at: datetime
    created_at: datetime


@dataclass(frozen=True, kw_only=True)
class RevisionRecord:
    """An immutable saved version of a flow."""

    flow_id: str
    number: int
    content_hash: str
    document: dict[str, Any]
    author: str
    note: str
    created_at: datetime


@dataclass(frozen=True, kw_only=True)
class NewRevision:
    """A version of a flow to be kept; `base_dir` as in `FlowRecord`."""

    flow_id: str
    document: dict[str, Any]
    name: str
    area: str
    base_dir: str
    author: str
    note: str = ""


class FlowStore:
    """Flows in `app.db`. Every method is one transaction; what it returned for survives a power cut."""

    def __init__(self, database: Database, thread: DatabaseThread) -> None:
        self._database = database
        self._thread = thread

    async def save(
        self, flow_id: str, document: dict[str, Any], *, name: str, area: str, base_dir: str, author: str,
        note: str = "",
    ) -> FlowRecord:  # fmt: skip
        """Make `document` the deployed revision; the same content again makes no new one.

        Args:
            flow_id: the flow, made if it is new.
            document: the flow as JSON.
            name: for lists.
            area: folder of flows.
            base_dir: what relative paths are relative to; empty for the data folder.
            author: who made it.
            note: what the author says about it.
        """
        new = NewRevision(
            flow_id=flow_id, document=document, name=name, area=area, base_dir=base_dir, author=author, note=note
        )
        return await self._run(lambda session: _save(session, new))

    async def save_all(self, revisions: Sequence[NewRevision]) -> list[FlowRecord]:
        """Make each the deployed revision of its flow and its draft, all in one transaction.

        What a draft held that was not deployed is kept as a revision of its own before it, never lost.
        """

        def job(session: Session) -> list[FlowRecord]:
            saved = []
            for new in revisions:
                draft = session.get(DraftRow, new.flow_id)
                if draft is not None:
                    _keep_edits(session, draft, new)
                record = _save(session, new)
                if draft is not None:
                    _follow(session, draft, record, new.author)
                saved.append(record)
            return saved

        return await self._run(job)

    async def deploy(self, flow_id: str, number: int, base_dir: str | None = None) -> FlowRecord:
        """Make a kept revision the deployed one again.

        Args:
            flow_id: the flow.
            number: of the revision.
            base_dir: what relative paths are relative to; None leaves that as it is.

        Raises:
            NotFoundError: no such flow, or no such revision of it.
        """

        def job(session: Session) -> FlowRecord:
            flow, revision = _flow(session, flow_id), _revision(session, flow_id, number)
            if revision is None:
                msg = f"flow {flow_id}: there is no revision {number}, or it is no longer kept"
                raise NotFoundError(msg)
            flow.deployed, flow.changed_at = number, datetime.now(UTC)
            flow.name, flow.area = revision.document.get("name") or flow_id, revision.document.get("area") or ""
            flow.base_dir = flow.base_dir if base_dir is None else base_dir
            session.add(flow)
            return _flow_record(flow, revision)

        return await self._run(job)

    async def all(self) -> list[FlowRecord]:
        """Every flow with its deployed revision, by area and name."""

        def job(session: Session) -> list[FlowRecord]:
            rows = session.exec(
                select(FlowRow, RevisionRow)
                .where(RevisionRow.flow_id == FlowRow.id, RevisionRow.number == FlowRow.deployed)
                .order_by(FlowRow.area, FlowRow.name, FlowRow.id)
            ).all()
            return [_flow_record(flow, revision) for flow, revision in rows]

        return await self._run(job)

    async def revisions(self, flow_id: str) -> list[RevisionRecord]:
        """All versions of a flow, newest first; empty for an unknown flow."""

        def job(session: Session) -> list[RevisionRecord]:
            newest_first = col(RevisionRow.number).desc()
            query = select(RevisionRow).where(RevisionRow.flow_id == flow_id).order_by(newest_first)
            return [_revision_record(row) for row in session.exec(query)]

        return await self._run(job)

    async def revision(self, flow_id: str, number: int) -> RevisionRecord | None:
        """One version of a flow, or None where it is no longer kept."""

        def job(session: Session) -> RevisionRecord | None:
            row = _revision(session, flow_id, number)
            return None if row is None else _revision_record(row)

        return await self._run(job)

    async def desire(self, flow_id: str, desired: Desired) -> None:
        """Keep what was asked for, so that it is done again after a restart. Raises `NotFoundError`."""

        def job(session: Session) -> None:
            flow = _flow(session, flow_id)
            flow.desired = desired
            session.add(flow)

        await self._run(job)

    async def delete(self, flow_id: str) -> None:
        """Forget a flow and its revisions. Raises `NotFoundError`, or `ConflictError` while it shall run."""

        def job(session: Session) -> None:
            flow = _flow(session, flow_id)
            if flow.desired == "running":
                msg = f"flow {flow_id} is running: stop it, then delete it"
                raise ConflictError(msg)
            session.delete(flow)

        await self._run(job)

    async def fact(self, name: str, default: str) -> str:
        """A fact about this host; `default` is kept when there was none."""

        def job(session: Session) -> str:
            row = session.get(HostFactRow, name)
            if row is None:
                row = HostFactRow(name=name, value=default)
                session.add(row)
            return row.value

        return await self._run(job)

    async def _run(self, job: Callable[[Session], T]) -> T:
        return await self._thread.call(lambda: self._database.work(job))


def _save(session: Session, new: NewRevision) -> FlowRecord:
    now = datetime.now(UTC)
    flow = session.get(FlowRow, new.flow_id)
    if flow is None:
        flow = FlowRow(
            id=new.flow_id, name=new.name, area=new.area, base_dir=new.base_dir, deployed=0, desired="stopped",
            created_at=now, changed_at=now,
        )  # fmt: skip
        session.add(flow)
        session.flush()
    current = _revision(session, new.flow_id, flow.deployed)
    if current is None or current.content_hash != content_hash(new.document):
        current = _add_revision(session, new.flow_id, new.document, new.author, new.note)
    flow.name, flow.area, flow.base_dir = new.name, new.area, new.base_dir
    flow.deployed, flow.changed_at = current.number, now
    session.add(flow)
    return _flow_record(flow, current)


def _add_revision(session: Session, flow_id: str, document: dict[str, Any], author: str, note: str) -> RevisionRow:
    newest = session.exec(select(func.max(RevisionRow.number)).where(RevisionRow.flow_id == flow_id)).one()
    made = RevisionRow(
        flow_id=flow_id, number=(newest or 0) + 1, content_hash=content_hash(document), document=document,
        author=author, note=note, created_at=datetime.now(UTC),
    )  # fmt: skip
    session.add(made)
    session.flush()
    return made


def _keep_edits(session: Session, draft: DraftRow, new: NewRevision) -> None:
    flow = _flow(session, draft.flow_id)
    deployed = _revision(session, draft.flow_id, flow.deployed)
    held = content_hash(draft.document)
    if deployed is None or held not in (deployed.content_hash, content_hash(new.document)):
        note = "edits that were not deployed, kept before another version took their place"
        _add_revision(session, draft.flow_id, draft.document, draft.changed_by, note)


def _follow(session: Session, draft: DraftRow, record: FlowRecord, author: str) -> None:
    """The draft is the deployed revision again; browsers that have it open take it as a whole."""
    now = datetime.now(UTC)
    draft.rev, draft.base, draft.document = draft.rev + 1, record.revision, record.document
    draft.changed_by, draft.changed_at = author, now
    session.add(draft)
    batch = f"import-{draft.rev}-{record.revision}"
    session.add(DraftBatchRow(flow_id=record.id, rev=draft.rev, batch=batch, ops=[], author=author, at=now))


def content_hash(document: dict[str, Any]) -> str:
    """SHA-256 of the document in one canonical spelling; the order of keys counts, it is the order of nodes."""
    canonical = json.dumps(document, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


def _flow(session: Session, flow_id: str) -> FlowRow:
    flow = session.get(FlowRow, flow_id)
    if flow is None:
        msg = f"flow {flow_id}: there is none of this id"
        raise NotFoundError(msg)
    return flow


def _revision(session: Session, flow_id: str, number: int) -> RevisionRow | None:
    query = select(RevisionRow).where(RevisionRow.flow_id == flow_id, RevisionRow.number == number)
    return session.exec(query).first()


def _flow_record(flow: FlowRow, revision: RevisionRow) -> FlowRecord:
    return FlowRecord(
        id=flow.id,
        name=flow.name,
        area=flow.area,
        base_dir=flow.base_dir,
        revision=revision.number,
        desired="running" if flow.desired == "running" else "stopped",
        document=revision.document,
        changed_at=flow.changed_at,
        created_at=flow.created_at,
    )


def _revision_record(row: RevisionRow) -> RevisionRecord:
    return RevisionRecord(
        flow_id=row.flow_id,
        number=row.number,
        content_hash=row.content_hash,
        document=row.document,
        author=row.author,
        note=row.note,
        created_at=row.created_at,
    )
