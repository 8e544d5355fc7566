"""Drafts: what is being edited, by several people at once, kept with every edit. The one way a flow is changed."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import secrets
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from flowhost.errors import ConfigError, ConflictError, FlowFileError, NotFoundError
from flowhost.graph.diff import diff, restarts
from flowhost.graph.guarantee import PathGuarantee
from flowhost.graph.jsonform import from_json, same, to_json
from flowhost.graph.legal import check_legal
from flowhost.graph.library import NodeLibrary
from flowhost.graph.lint import examine
from flowhost.graph.ops import Op, OpError, apply, read_ops, write_ops
from flowhost.graph.steps import steps
from flowhost.services.access import Principal, demand
from flowhost.services.draft_views import (
    DeployPlan,
    DraftChecked,
    DraftDeployed,
    DraftEdited,
    DraftNews,
    DraftView,
    Listener,
    RevisionView,
)
from flowhost.services.flows import FlowService
from flowhost.services.shared_connections import SharedConnections
from flowhost.services.views import ProblemView
from flowhost.store import BatchRecord, DraftRecord, DraftStore, FlowStore, RevisionRecord, WayBack

log = logging.getLogger(__name__)

MAX_BYTES = 5 * 1024 * 1024
"""A draft larger than this is refused: no flow of people's making comes near it."""
CHECK_AFTER_S = 0.15
"""Edits that follow each other this closely are checked together."""


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
        newest = await self._drafts.newest(flow_id)
        put = newest if newest is not None and newest.rev == record.rev and newest.way_back else None
        return DraftView(
            flow_id=flow_id, rev=record.rev, base=record.base, deployed=deployed.number, document=record.document,
            changed=_differs(record.document, deployed.document), problems=session.problems,
            guarantees=session.guarantees, ports=session.ports, last_put=None if put is None else _edited(put),
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

    async def restore(self, principal: Principal, flow_id: str, number: int, rev: int, tab: str = "") -> int:
        """Make an older revision the draft, as one step that can be undone.

        Args:
            principal: the caller.
            flow_id: the flow.
            number: of the revision.
            rev: number of the draft the caller saw.
            tab: that asks for it.

        Raises:
            NotFoundError: no such flow, or no such revision of it.
            ConflictError: the draft is no longer number `rev`.
            OpError: the revision is no sound draft, such as one with wires in a circle.
        """
        demand(principal, "flow.edit")
        revision = await self._revision(flow_id, number)
        return await self._put(principal, flow_id, revision.document, WayBack(ops=[], put=number), rev, tab)

    async def discard(self, principal: Principal, flow_id: str, rev: int, tab: str = "") -> int:
        """Give the edits up: the draft is the deployed revision again. Raises as `restore` does."""
        demand(principal, "flow.edit")
        deployed = await self._deployed(flow_id)
        back = WayBack(ops=[], put=deployed.number, given_up=True)
        return await self._put(principal, flow_id, deployed.document, back, rev, tab)

    async def roll_back(
        self, principal: Principal, flow_id: str, number: int, *, canvas: bool, confirm: bool = False, tab: str = ""
    ) -> None:
        """Make a kept revision the deployed one again; a running flow goes on with it.

        Args:
            principal: the caller.
            flow_id: the flow.
            number: of the revision.
            canvas: it becomes the draft, too, as one step that can be undone.
            confirm: as in `deploy`.
            tab: that asks for it.

        Raises:
            NotFoundError: no such flow, or no such revision of it.
            OpError: it cannot become the draft, see `restore`; nothing was changed.
            ConfigError: the flow is running and that revision could not; the present one goes on.
            ConfirmationError: as `deploy`.
        """
        demand(principal, "flow.edit")
        revision = await self._revision(flow_id, number)
        session = await self._session(flow_id)
        async with session.lock:
            if canvas:
                _steps(session.record.document, revision.document)
            await self._flows.roll_back(principal, flow_id, number, confirm=confirm)
            if canvas:
                await self._take_on(session, principal, revision.document, WayBack(ops=[], put=number), tab)
            changed = _differs(session.record.document, revision.document)
            session.tell(DraftDeployed(rev=session.record.rev, revision=number, by=principal.name, changed=changed))
        self._check_soon(session)

    async def since(self, principal: Principal, flow_id: str, rev: int) -> list[DraftEdited] | None:
        """Edits after a number, for one who was away; None where the whole draft has to be taken again."""
        demand(principal, "flow.read")
        found = await self._drafts.since(flow_id, rev)
        if found is None:
            return None
        return [_edited(one) for one in found]

    async def plan(self, principal: Principal, flow_id: str) -> DeployPlan:
        """What a deployment of the draft would do."""
        demand(principal, "flow.read")
        session = await self._session(flow_id)
        await self._checked(session)
        deployed = await self._deployed(flow_id)
        changes = diff(deployed.document, _as_file(session.record.document))
        return DeployPlan(
            rev=session.record.rev, deployed=deployed.number, changes=tuple(changes), problems=session.problems,
            restarts=restarts(changes), running=self._flows.is_running(flow_id), orphans=await self._orphans(session),
            moved=_differs(session.record.document, deployed.document), empty=not deployed.document.get("nodes"),
            drain_s=self._flows.drain_s,
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
        deployed = await self._deployed(flow_id)
        return [_revision_view(one, before, deployed) for one, before in zip(kept, [*kept[1:], None], strict=True)]

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

    async def changed(self, principal: Principal, flow_id: str) -> bool:
        """Whether a flow has edits that are not deployed. Raises `NotFoundError`."""
        demand(principal, "flow.read")
        draft = await self.document(flow_id)
        return draft is not None and _differs(draft, (await self._deployed(flow_id)).document)

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

    async def _put(
        self, principal: Principal, flow_id: str, document: Mapping[str, Any], back: WayBack, rev: int, tab: str = ""
    ) -> int:
        session = await self._session(flow_id)
        async with session.lock:
            _same_rev(session.record, rev)
            await self._take_on(session, principal, document, back, tab)
        self._check_soon(session)
        return session.record.rev

    async def _take_on(
        self, session: _Session, principal: Principal, document: Mapping[str, Any], back: WayBack, tab: str
    ) -> None:
        """Make the draft another document, with edits like all others; the caller holds the session's lock."""
        before = session.record
        after, ops, inverse = _steps(before.document, document)
        base = back.put or before.base
        if not ops:
            await self._drafts.rebase(before.flow_id, base)
            session.record = await self._drafts.open(before.flow_id)
            return
        batch, written = secrets.token_hex(8), write_ops(ops)
        back = replace(back, ops=write_ops(inverse))
        session.record = await self._drafts.append(before, batch, written, after, principal.name, base, back)
        session.tell(
            DraftEdited(rev=session.record.rev, batch=batch, ops=written, by=principal.name, way_back=back, tab=tab)
        )

    async def _revision(self, flow_id: str, number: int) -> RevisionRecord:
        revision = await self._store.revision(flow_id, number)
        if revision is None:
            raise NotFoundError(f"flow {flow_id}: there is no revision {number}")
        return revision

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
    return not same(_as_file(draft), deployed)


def _as_file(draft: Mapping[str, Any]) -> Mapping[str, Any]:
    """The draft as its file would say it: without parts left empty. As it is, where it is no sound flow yet."""
    try:
        return to_json(from_json(draft))
    except FlowFileError:
        return draft


def _revision_view(one: RevisionRecord, before: RevisionRecord | None, deployed: RevisionRecord) -> RevisionView:
    changes = () if before is None else tuple(diff(before.document, one.document))
    return RevisionView(
        number=one.number, author=one.author, note=one.note, created_at=one.created_at, changes=changes,
        from_deployed=tuple(diff(deployed.document, one.document)),
    )  # fmt: skip


def _edited(batch: BatchRecord) -> DraftEdited:
    return DraftEdited(rev=batch.rev, batch=batch.batch, ops=batch.ops, by=batch.author, way_back=batch.way_back)


def _steps(before: dict[str, Any], after: Mapping[str, Any]) -> tuple[dict[str, Any], list[Op], list[Op]]:
    """The draft as another document, the edits that lead there, and those that lead back. Raises `OpError`."""
    ops = steps(before, after)
    document, back = apply(before, ops)
    return document, ops, back


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
