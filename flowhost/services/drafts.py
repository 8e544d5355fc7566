"""Drafts: what is being edited, by several people at once, kept with every edit. The one way a flow is changed."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import secrets
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from flowhost.errors import ConfigError, ConflictError, FlowFileError, NotFoundError
from flowhost.graph.diff import Change, diff, restarts
from flowhost.graph.guarantee import PathGuarantee
from flowhost.graph.jsonform import from_json, same, to_json
from flowhost.graph.legal import check_legal
from flowhost.graph.library import NodeLibrary
from flowhost.graph.lint import examine
from flowhost.graph.ops import Op, OpError, apply, read_ops, write_ops
from flowhost.services.access import Principal, demand
from flowhost.services.flows import FlowService
from flowhost.services.shared_connections import SharedConnections
from flowhost.services.views import ProblemView
from flowhost.store import DraftRecord, DraftStore, FlowStore, RevisionRecord

log = logging.getLogger(__name__)

MAX_BYTES = 5 * 1024 * 1024
"""A draft larger than this is refused: no flow of people's making comes near it."""
CHECK_AFTER_S = 0.15
"""Edits that follow each other this closely are checked together."""


@dataclass(frozen=True, kw_only=True)
class DraftView:
    """A draft as those who edit it see it.

    Attributes:
        rev: counts its batches of edits.
        base: number of the revision it began from.
        deployed: number of the revision that is deployed now.
        changed: it differs from the deployed revision.
        problems: what lint says of it.
        guarantees: what each path promises; empty where there are errors.
        ports: outputs of each node besides `error`, as its config says.
    """

    flow_id: str
    rev: int
    base: int
    deployed: int
    document: dict[str, Any]
    changed: bool
    problems: tuple[ProblemView, ...]
    guarantees: tuple[PathGuarantee, ...] = ()
    ports: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class DraftEdited:
    """Somebody edited the draft; without `ops` it was replaced as a whole."""

    rev: int
    batch: str
    ops: list[dict[str, Any]]
    by: str


@dataclass(frozen=True, kw_only=True)
class DraftChecked:
    """Lint has looked at the draft again."""

    rev: int
    problems: tuple[ProblemView, ...]
    guarantees: tuple[PathGuarantee, ...] = ()
    ports: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class DraftDeployed:
    """A draft became the deployed revision."""

    rev: int
    revision: int
    by: str


@dataclass(frozen=True, kw_only=True)
class RevisionView:
    """A saved version of a flow.

    Attributes:
        changes: what differs from the version before; empty for the first.
        note: what its author said about it.
    """

    number: int
    author: str
    note: str
    created_at: datetime
    changes: tuple[Change, ...]


DraftNews = DraftEdited | DraftChecked | DraftDeployed
Listener = Callable[[DraftNews], None]


@dataclass(frozen=True, kw_only=True)
class DeployPlan:
    """What a deployment would do.

    Attributes:
        changes: differences from the deployed revision.
        problems: what lint says; with an error among them it is refused.
        moved: things stand elsewhere on the canvas, or something else nobody has to look at differs.
        restarts: a running flow starts anew.
        running: it runs now.
        orphans: messages by the node they wait before that would become dead letters; such a deployment has to be
            confirmed.
        empty: the deployed revision has no nodes.
    """

    rev: int
    deployed: int
    changes: tuple[Change, ...]
    problems: tuple[ProblemView, ...]
    restarts: bool
    running: bool
    moved: bool = False
    orphans: Mapping[str, int] = field(default_factory=dict)
    empty: bool = False


@dataclass
class _Session:
    """A draft in memory."""

    record: DraftRecord
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    listeners: set[Listener] = field(default_factory=set)
    problems: tuple[ProblemView, ...] = ()
    guarantees: tuple[PathGuarantee, ...] = ()
    ports: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    checked_rev: int = -1
    check: asyncio.Task[None] | None = None

    def tell(self, news: DraftNews) -> None:
        for listener in list(self.listeners):
            listener(news)


class DraftService:
    """Edits, checks and deploys drafts. Every method raises `ForbiddenError` for a caller without the role."""

    def __init__(
        self,
        flows: FlowService,
        store: FlowStore,
        drafts: DraftStore,
        library: NodeLibrary,
        shared: SharedConnections,
    ) -> None:
        self._shared = shared
        self._flows = flows
        self._store = store
        self._drafts = drafts
        self._library = library
        self._sessions: dict[str, _Session] = {}

    async def close(self) -> None:
        """End the checks under way."""
        checks = [session.check for session in self._sessions.values() if session.check is not None]
        for check in checks:
            check.cancel()
        await asyncio.gather(*checks, return_exceptions=True)

    async def look(self, principal: Principal, flow_id: str) -> DraftView:
        """The draft of a flow; begun from the deployed revision if there is none. Raises `NotFoundError`."""
        demand(principal, "flow.read")
        session = await self._session(flow_id)
        await self._checked(session)
        deployed = await self._deployed(flow_id)
        record = session.record
        return DraftView(
            flow_id=flow_id, rev=record.rev, base=record.base, deployed=deployed.number, document=record.document,
            changed=_differs(record.document, deployed.document), problems=session.problems,
            guarantees=session.guarantees, ports=session.ports,
        )  # fmt: skip

    async def edit(self, principal: Principal, flow_id: str, batch: str, ops: Any) -> int:
        """Do a batch of edits, all or none.

        Args:
            principal: the caller.
            flow_id: the flow.
            batch: an id the caller made up; the same batch sent again is done once.
            ops: operations as JSON, see `flowhost.graph.ops`.

        Returns:
            The draft's number after it.

        Raises:
            NotFoundError: no such flow.
            OpError: an edit does not fit the draft as it is now; nothing was done.
        """
        demand(principal, "flow.edit")
        batch = _batch_id(batch)
        parsed = read_ops(ops)
        session = await self._session(flow_id)
        async with session.lock:
            if (seen := await self._drafts.seen(flow_id, batch)) is not None:
                return seen
            document = self._edited(session.record.document, parsed)
            written = write_ops(parsed)
            session.record = await self._drafts.append(session.record, batch, written, document, principal.name)
            session.tell(DraftEdited(rev=session.record.rev, batch=batch, ops=written, by=principal.name))
        self._check_soon(session)
        return session.record.rev

    async def replace(self, principal: Principal, flow_id: str, document: Mapping[str, Any], rev: int) -> int:
        """Put another document in the draft's place, as the YAML view and imports do.

        Raises:
            ConflictError: the draft is no longer number `rev`.
            FlowFileError: the document has not the shape of a flow, or another flow's id.
        """
        demand(principal, "flow.edit")
        from_json(document)
        if document["id"] != flow_id:
            raise FlowFileError(f"this is the flow {document['id']!r}: a flow's id stays what it is", "id")
        return await self._replace(principal, flow_id, dict(document), rev, None)

    async def restore(self, principal: Principal, flow_id: str, number: int, rev: int) -> int:
        """Make an older revision the draft. Raises `NotFoundError`, or `ConflictError` as `replace` does."""
        demand(principal, "flow.edit")
        revision = await self._store.revision(flow_id, number)
        if revision is None:
            raise NotFoundError(f"flow {flow_id}: there is no revision {number}")
        return await self._replace(principal, flow_id, revision.document, rev, number)

    async def discard(self, principal: Principal, flow_id: str, rev: int) -> int:
        """Give the edits up: the draft is the deployed revision again. Raises `ConflictError` as `replace` does."""
        demand(principal, "flow.edit")
        deployed = await self._deployed(flow_id)
        return await self._replace(principal, flow_id, deployed.document, rev, deployed.number)

    async def since(self, principal: Principal, flow_id: str, rev: int) -> list[DraftEdited] | None:
        """Edits after a number, for one who was away; None where the whole draft has to be taken again."""
        demand(principal, "flow.read")
        found = await self._drafts.since(flow_id, rev)
        if found is None:
            return None
        return [DraftEdited(rev=one.rev, batch=one.batch, ops=one.ops, by=one.author) for one in found]

    async def plan(self, principal: Principal, flow_id: str) -> DeployPlan:
        """What a deployment of the draft would do."""
        demand(principal, "flow.read")
        session = await self._session(flow_id)
        await self._checked(session)
        deployed = await self._deployed(flow_id)
        changes = diff(deployed.document, session.record.document)
        return DeployPlan(
            rev=session.record.rev, deployed=deployed.number, changes=tuple(changes), problems=session.problems,
            restarts=restarts(changes), running=self._flows.is_running(flow_id), orphans=await self._orphans(session),
            moved=_differs(session.record.document, deployed.document), empty=not deployed.document.get("nodes"),
        )  # fmt: skip

    async def deploy(
        self, principal: Principal, flow_id: str, rev: int, note: str = "", *, confirm: bool = False
    ) -> int:
        """Make the draft the deployed revision; a running flow goes on with it.

        Args:
            principal: the caller.
            flow_id: the flow.
            rev: number of the draft the caller saw.
            note: what the caller says about it.
            confirm: messages that wait before nodes the draft has no more may become dead letters.

        Returns:
            Number of the revision.

        Raises:
            ConfirmationError: messages wait before nodes the draft has no more; nothing was changed.
            ConflictError: the draft is no longer number `rev`: somebody else edited it.
            ConfigError: lint finds an error; nothing was changed.
        """
        demand(principal, "flow.edit")
        session = await self._session(flow_id)
        async with session.lock:
            _same_rev(session.record, rev)
            document = from_json(session.record.document)
            deployed = await self._flows.deploy(principal, document, note, confirm=confirm)
            await self._drafts.rebase(flow_id, deployed)
            session.record = await self._drafts.open(flow_id)
            session.tell(DraftDeployed(rev=rev, revision=deployed, by=principal.name))
        return deployed

    async def revisions(self, principal: Principal, flow_id: str) -> list[RevisionView]:
        """All versions of a flow, newest first."""
        demand(principal, "flow.read")
        kept = await self._store.revisions(flow_id)
        return [_revision_view(one, before) for one, before in zip(kept, [*kept[1:], None], strict=True)]

    async def listen(self, principal: Principal, flow_id: str, listener: Listener) -> Callable[[], None]:
        """Hear of every edit from now on; called on the loop, must not block. The result ends it."""
        demand(principal, "flow.read")
        session = await self._session(flow_id)
        session.listeners.add(listener)
        return lambda: session.listeners.discard(listener)

    def check_again(self) -> None:
        """Something outside the drafts that lint looks at is different: the host's connections."""
        for session in self._sessions.values():
            session.checked_rev = -1
            self._check_soon(session)

    async def users_of(self, connection: str) -> frozenset[str]:
        """Flows whose draft takes this connection from the host."""
        drafts = await self._drafts.all()
        return frozenset(flow_id for flow_id, draft in drafts.items() if _names_shared(draft.document, connection))

    @asynccontextmanager
    async def held(self, flow_ids: Iterable[str], by: str) -> AsyncIterator[None]:
        """Nobody edits these flows meanwhile; afterwards those who have them open see what is kept then."""
        sessions = [session for flow_id in sorted(flow_ids) if (session := self._sessions.get(flow_id))]
        async with AsyncExitStack() as locks:
            for session in sessions:
                await locks.enter_async_context(session.lock)
            try:
                yield
            finally:  # also what was taken back left the draft with another number
                for session in sessions:
                    await self._look_again(session, by)

    async def _look_again(self, session: _Session, by: str) -> None:
        """Take up a draft that was replaced in the store."""
        before = session.record.rev
        session.record = await self._drafts.open(session.record.flow_id)
        if session.record.rev != before:
            session.tell(DraftEdited(rev=session.record.rev, batch="", ops=[], by=by))
            self._check_soon(session)

    async def documents(self, principal: Principal) -> dict[str, dict[str, Any]]:
        """Every draft there is as JSON, by flow; a flow nobody opened in the editor has none."""
        demand(principal, "flow.read")
        return await self.all_documents()

    async def document(self, flow_id: str) -> dict[str, Any] | None:
        """The draft of one flow as it is kept; None if nobody has begun one."""
        if (session := self._sessions.get(flow_id)) is not None:
            return session.record.document
        record = await self._drafts.get(flow_id)
        return None if record is None else record.document

    async def all_documents(self) -> dict[str, dict[str, Any]]:
        """As `documents`, for the host itself."""
        kept = {flow_id: record.document for flow_id, record in (await self._drafts.all()).items()}
        return kept | {flow_id: session.record.document for flow_id, session in self._sessions.items()}

    def forget(self, flow_id: str) -> None:
        """The flow was deleted."""
        session = self._sessions.pop(flow_id, None)
        if session is not None and session.check is not None:
            session.check.cancel()

    # -- inside

    def _edited(self, document: dict[str, Any], ops: list[Op]) -> dict[str, Any]:
        for op in ops:
            document, _ = apply(document, [op])
            check_legal(document, op, self._library)
        if len(json.dumps(document)) > MAX_BYTES:
            raise OpError(f"the flow would be larger than {MAX_BYTES // 1024 // 1024} MB")
        return document

    async def _replace(
        self, principal: Principal, flow_id: str, document: dict[str, Any], rev: int, base: int | None
    ) -> int:
        session = await self._session(flow_id)
        async with session.lock:
            _same_rev(session.record, rev)
            batch = secrets.token_hex(8)
            based_on = session.record.base if base is None else base
            session.record = await self._drafts.replace(session.record, batch, document, principal.name, based_on)
            session.tell(DraftEdited(rev=session.record.rev, batch=batch, ops=[], by=principal.name))
        self._check_soon(session)
        return session.record.rev

    async def _session(self, flow_id: str) -> _Session:
        session = self._sessions.get(flow_id)
        if session is None:
            record = await self._drafts.open(flow_id)
            # somebody else may have opened it while we waited
            session = self._sessions.setdefault(flow_id, _Session(record))
        return session

    async def _deployed(self, flow_id: str) -> RevisionRecord:
        number = self._flows.deployed_revision(flow_id)
        revision = await self._store.revision(flow_id, number)
        if revision is None:
            raise NotFoundError(f"flow {flow_id}: revision {number} is gone")
        return revision

    async def _orphans(self, session: _Session) -> dict[str, int]:
        try:
            return await self._flows.orphans(from_json(session.record.document))
        except FlowFileError:
            return {}  # said among the problems

    def _check_soon(self, session: _Session) -> None:
        if session.check is None or session.check.done():
            name = f"check the draft of {session.record.flow_id}"
            session.check = asyncio.create_task(self._check_in_a_moment(session), name=name)
            session.check.add_done_callback(_log_fault)

    async def _check_in_a_moment(self, session: _Session) -> None:
        while session.checked_rev != session.record.rev:
            await asyncio.sleep(CHECK_AFTER_S)
            await self._checked(session)
            session.tell(
                DraftChecked(
                    rev=session.checked_rev, problems=session.problems, guarantees=session.guarantees,
                    ports=session.ports,
                )
            )  # fmt: skip

    async def _checked(self, session: _Session) -> None:
        """Lint in a thread: a large flow with units takes a while."""
        record = session.record
        if session.checked_rev == record.rev:
            return
        shared = self._shared.types
        found = await asyncio.to_thread(_examined, record.document, self._library, shared)
        session.problems, session.guarantees, session.ports = found
        session.checked_rev = record.rev if shared == self._shared.types else -1


def _examined(
    document: dict[str, Any], library: NodeLibrary, shared: Mapping[str, str]
) -> tuple[tuple[ProblemView, ...], tuple[PathGuarantee, ...], Mapping[str, tuple[str, ...]]]:
    """What is wrong with a draft, what its paths promise, and the outputs of its nodes."""
    try:
        found = examine(from_json(document), library, os.environ, shared)
    except ConfigError as error:
        return (ProblemView(place=error.place, message=error.message, severity="error"),), (), {}
    problems = tuple(
        ProblemView(place=one.place, message=one.message, severity=one.severity, code=one.code)
        for one in found.problems
    )
    return problems, found.guarantees, found.ports


def _names_shared(document: Mapping[str, Any], connection: str) -> bool:
    own = document.get("connections") or {}
    return connection not in own and any(node.get("connection") == connection for node in document["nodes"].values())


def _differs(draft: Mapping[str, Any], deployed: Mapping[str, Any]) -> bool:
    """Whether the draft is another file than what is deployed; parts left empty are none."""
    try:
        return not same(to_json(from_json(draft)), deployed)
    except FlowFileError:
        return True


def _revision_view(one: RevisionRecord, before: RevisionRecord | None) -> RevisionView:
    changes = () if before is None else tuple(diff(before.document, one.document))
    return RevisionView(number=one.number, author=one.author, note=one.note, created_at=one.created_at, changes=changes)


def _same_rev(record: DraftRecord, rev: int) -> None:
    if record.rev != rev:
        raise ConflictError(f"the draft was changed by {record.changed_by} meanwhile: look at it again")


def _batch_id(batch: str) -> str:
    if not 0 < len(batch) <= 64:
        raise OpError("a batch of edits needs an id of 1 to 64 characters")
    return batch


def _log_fault(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("%s failed", task.get_name(), exc_info=error)
