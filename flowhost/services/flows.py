"""Flows: list, look, start, stop, bring in, roll back, delete."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import MappingProxyType

from flowhost.engine.outbox.ledger import read_ledger
from flowhost.engine.snapshot import LedgerSnapshot
from flowhost.errors import ConfigError, ConflictError, FlowFileError, HostError, NotFoundError
from flowhost.graph.diff import diff, restarts
from flowhost.graph.document import FlowDocument
from flowhost.graph.jsonform import from_json, to_json
from flowhost.graph.library import NodeLibrary
from flowhost.graph.lint import examine
from flowhost.graph.problem import Problem
from flowhost.graph.text import load_flow, read_flow
from flowhost.services.access import Principal, demand
from flowhost.services.deploy import (
    DeletePlan,
    RollBackPlan,
    find_orphans,
    has_to_restart,
    plan_delete,
    refuse_faulty,
    refuse_orphans,
    remove_outbox,
)
from flowhost.services.keeper import FlowKeeper
from flowhost.services.live import LiveFlow
from flowhost.services.pictures import detail, ends_of, overview
from flowhost.services.shared_connections import SharedConnections
from flowhost.services.views import FlowDetail, FlowOverview, ProblemView
from flowhost.store import FlowRecord, FlowStore, NewRevision, RevisionRecord

log = logging.getLogger(__name__)


class FlowService:
    """What a caller may do with flows. Every method raises `ForbiddenError` for a caller without the role.

    Attributes:
        drain_s: how long stopping a flow waits at most for what is on its way, seconds.
        on_delete: told the id of a flow that is gone.
        hold_drafts: while open, nobody edits the drafts of these flows; given their ids and who asks for it.
    """

    on_delete: Callable[[str], None]
    hold_drafts: Callable[[Iterable[str], str], AbstractAsyncContextManager[None]]

    def __init__(
        self, keeper: FlowKeeper, store: FlowStore, library: NodeLibrary, drain_s: float, shared: SharedConnections
    ) -> None:
        self._keeper = keeper
        self._shared = shared
        self._store = store
        self._library = library
        self.drain_s = drain_s

    async def list(self, principal: Principal) -> tuple[FlowOverview, ...]:
        """Every flow, by area and name."""
        demand(principal, "flow.read")
        rows = (overview(live) for live in self._keeper.flows.values())
        return tuple(sorted(rows, key=lambda row: (row.area, row.name, row.id)))

    async def detail(self, principal: Principal, flow_id: str) -> FlowDetail:
        """A flow with live figures. Raises `NotFoundError`."""
        demand(principal, "flow.read")
        live = self._flow(flow_id)
        if live.guarantees is None:
            await self._look_over(live)
        if live.ledger is None and live.run is None:
            live.kept_ledger = await self._read_ledger(live)
        return detail(live, self._library)

    async def start(self, principal: Principal, flow_id: str) -> FlowOverview:
        """Run a flow, now and after each restart of the host; returns once a worker has taken it.

        Raises:
            NotFoundError: no such flow.
            ConfigError: the flow is wrong; it was not started.
            HostError: no worker could take it; the host goes on trying.
        """
        demand(principal, "flow.operate")
        live = self._flow(flow_id)
        async with live.lock:
            await self._check(live)
            await self._keeper.start(live, principal.name)
        return overview(live)

    async def stop(self, principal: Principal, flow_id: str) -> FlowOverview:
        """Stop a flow; returns once what was on its way has been delivered, or the drain time is over.

        Raises:
            NotFoundError: no such flow.
        """
        demand(principal, "flow.operate")
        live = self._flow(flow_id)
        async with live.lock:
            await self._keeper.stop(live, principal.name, self.drain_s)
        return overview(live)

    async def import_file(
        self, principal: Principal, source: Path | str, base_dir: Path | None = None, *, confirm: bool = False
    ) -> FlowOverview:
        """Bring in a flow file and make it the deployed revision and the draft; a running flow goes on with it.

        Args:
            principal: the caller.
            source: path of the file, or its text.
            base_dir: what relative paths in its configs are relative to; the data folder if None.
            confirm: messages that wait before nodes the revision has no more may become dead letters.

        Raises:
            FlowFileError: it is not a flow; nothing was changed.
            ConfigError: the flow is running and the new revision could not; the one before goes on.
            ConfirmationError: messages wait before nodes the revision has no more; nothing was changed.
        """
        demand(principal, "flow.edit")
        document = await asyncio.to_thread(_read, source)
        await self.take_all(principal, [document], {document.id: _absolute(base_dir)}, confirm=confirm)
        return overview(self._flow(document.id))

    async def create(self, principal: Principal, flow_id: str, name: str, area: str = "") -> FlowOverview:
        """A new, empty flow.

        Raises:
            FlowFileError: the id is not one.
            ConflictError: there is a flow of this id.
        """
        demand(principal, "flow.edit")
        document = from_json({"flowhost": 1, "id": flow_id, "name": name, "area": area, "nodes": {}, "wires": []})
        self._refuse_known(flow_id)
        return overview(await self._take(document, None, principal.name, "", confirm=False))

    async def add(self, principal: Principal, document: FlowDocument) -> FlowOverview:
        """A new flow that can run.

        Raises:
            ConfigError: lint finds an error; names the place. Nothing was made.
            ConflictError: there is a flow of this id.
        """
        demand(principal, "flow.edit")
        self._refuse_known(document.id)
        found = await asyncio.to_thread(examine, document, self._library, os.environ, self._shared.types)
        errors = [problem for problem in found.problems if problem.severity == "error"]
        if errors:
            raise ConfigError(errors[0].message, errors[0].place)
        return overview(await self._take(document, None, principal.name, "", confirm=False))

    def _refuse_known(self, flow_id: str) -> None:
        if flow_id in self._keeper.flows:
            raise ConflictError(f"there is a flow {flow_id!r} already: choose another name")

    async def deploy(
        self, principal: Principal, document: FlowDocument, note: str = "", *, confirm: bool = False
    ) -> int:
        """Make a document the deployed revision of its flow; a running flow goes on with it.

        Args:
            principal: the caller.
            document: the flow.
            note: what the caller says about it.
            confirm: messages that wait before nodes the revision has no more may become dead letters.

        Returns:
            Number of the revision.

        Raises:
            ConfigError: lint finds an error, or it did not start; the revision before goes on.
            ConfirmationError: messages wait before nodes the revision has no more; nothing was changed.
        """
        demand(principal, "flow.edit")
        await refuse_faulty(document, self._library, self._shared.types)
        base_dir = Path(kept) if (kept := self._flow(document.id).record.base_dir) else None
        live = await self._take(document, base_dir, principal.name, note, confirm=confirm)
        return live.record.revision

    async def roll_back(
        self, principal: Principal, flow_id: str, revision: int, *, confirm: bool = False
    ) -> FlowOverview:
        """Make a kept revision the deployed one again; a running flow goes on with it.

        Args:
            principal: the caller.
            flow_id: the flow.
            revision: number of the revision.
            confirm: as in `deploy`.

        Raises:
            NotFoundError: no such flow, or no such revision of it.
            ConfigError: the flow is running and that revision could not; the present one goes on.
            ConfirmationError: as `deploy`.
        """
        demand(principal, "flow.edit")
        live = self._flow(flow_id)
        async with live.lock:
            kept = await self._revision(flow_id, revision)
            save = partial(self._store.deploy, flow_id, revision)
            await self._take_on(live, from_json(kept.document), save, principal.name, confirm=confirm)
        return overview(live)

    async def plan_roll_back(self, principal: Principal, flow_id: str, revision: int) -> RollBackPlan:
        """What `roll_back` would do. Raises `NotFoundError`."""
        demand(principal, "flow.read")
        live = self._flow(flow_id)
        kept = await self._revision(flow_id, revision)
        changes = diff(live.record.document, kept.document)
        return RollBackPlan(
            revision=revision, deployed=live.record.revision, changes=tuple(changes), restarts=restarts(changes),
            running=live.run is not None, orphans=await self.orphans(from_json(kept.document)), drain_s=self.drain_s,
        )  # fmt: skip

    async def plan_delete(self, principal: Principal, flow_id: str) -> DeletePlan:
        """What would go with a flow. Raises `NotFoundError`."""
        demand(principal, "flow.read")
        still = _stands_still(self._flow(flow_id))
        plan = await plan_delete(self._keeper.outbox(flow_id), flow_id, stands_still=still)
        return plan if still else replace(plan, drain_s=self.drain_s)

    async def _revision(self, flow_id: str, number: int) -> RevisionRecord:
        kept = await self._store.revision(flow_id, number)
        if kept is None:
            raise NotFoundError(f"flow {flow_id}: there is no revision {number}, or it is no longer kept")
        return kept

    async def _take(
        self, document: FlowDocument, base_dir: Path | None, by: str, note: str, *, confirm: bool
    ) -> LiveFlow:
        """The document as the deployed revision of its flow, running if the flow was."""
        save = partial(
            self._store.save, document.id, to_json(document), name=document.name or document.id, area=document.area,
            base_dir=_absolute(base_dir), author=by, note=note,
        )  # fmt: skip
        known = self._keeper.flows.get(document.id)
        if known is None:
            live = self.adopt(await save(), document)
            await self._look_over(live)
            self._keeper.revised(live, by)
            return live
        async with known.lock:
            await self._take_on(known, document, save, by, confirm=confirm)
        return known

    async def _take_on(
        self,
        live: LiveFlow,
        document: FlowDocument,
        save: Callable[[], Awaitable[FlowRecord]],
        by: str,
        *,
        confirm: bool,
    ) -> None:
        """Put another revision in place of the present one; the caller holds the flow's lock."""
        before, document_before, runs = live.record, live.document, live.run is not None
        if runs:
            await refuse_faulty(document, self._library, self._shared.types)
        if not confirm:
            refuse_orphans(await self.orphans(document))
        self.adopt(await save(), document)
        await self._look_over(live)
        if not runs or not has_to_restart(before, live.record):
            self._keeper.revised(live, by)
            return
        try:
            await self._keeper.restart(live, by, self.drain_s)
        except ConfigError as error:
            failed = live.record.revision
            self.adopt(await self._store.deploy(live.id, before.revision, before.base_dir), document_before)
            await self._look_over(live)
            await self._keeper.start(live, by)
            text = f"revision {failed} did not start, revision {before.revision} runs again: {error.message}"
            raise ConfigError(text, error.place) from error

    async def take_all(
        self,
        principal: Principal,
        documents: Sequence[FlowDocument],
        base_dirs: Mapping[str, str] = MappingProxyType({}),
        *,
        confirm: bool = False,
    ) -> None:
        """Make each document the deployed revision and the draft of its flow, all or none; running flows go on with it.

        Args:
            principal: the caller.
            documents: one for each flow.
            base_dirs: what relative paths are relative to from now on, by flow; others stay as they are.
            confirm: as in `deploy`.

        Raises:
            ConfigError: a running flow could not run so; all is as it was.
            ConfirmationError: as `deploy`.
        """
        demand(principal, "flow.edit")
        known = sorted(
            (live for one in documents if (live := self._keeper.flows.get(one.id))), key=lambda live: live.id
        )
        async with AsyncExitStack() as locks:
            await locks.enter_async_context(self.hold_drafts([one.id for one in documents], principal.name))
            for live in known:
                await locks.enter_async_context(live.lock)
            ran = [live for live in known if live.run is not None]
            for document in documents:
                if document.id in {live.id for live in ran}:
                    await refuse_faulty(document, self._library, self._shared.types)
                if not confirm and document.id in self._keeper.flows:
                    refuse_orphans(await self.orphans(document))
            before = [(live, live.record, live.document) for live in known]
            await self._adopt_all(documents, base_dirs, principal.name)
            await self._go_on(before, ran, documents, principal.name)

    async def _adopt_all(self, documents: Sequence[FlowDocument], base_dirs: Mapping[str, str], by: str) -> None:
        bases = {live.id: live.record.base_dir for live in self._keeper.flows.values()} | dict(base_dirs)
        saved = await self._store.save_all([new_revision(one, bases.get(one.id, ""), by) for one in documents])
        for record, document in zip(saved, documents, strict=True):
            await self._look_over(self.adopt(record, document))

    async def _go_on(
        self,
        before: Sequence[tuple[LiveFlow, FlowRecord, FlowDocument]],
        ran: Sequence[LiveFlow],
        documents: Sequence[FlowDocument],
        by: str,
    ) -> None:
        """Run what ran with its new revision; if one does not start, all is as it was."""
        records = {live.id: record for live, record, _ in before}
        anew = [live for live in ran if has_to_restart(records[live.id], live.record)]
        try:
            for live in anew:
                await self._keeper.restart(live, by, self.drain_s)
        except ConfigError as error:
            # one transaction again; edits that were not deployed stand among the versions
            old = [new_revision(doc, record.base_dir, by, "an import was taken back") for _, record, doc in before]
            saved = await self._store.save_all(old)
            for record, (_, _, document) in zip(saved, before, strict=True):
                await self._look_over(self.adopt(record, document))
            for new in {one.id for one in documents} - records.keys():
                await self._store.delete(new)
                del self._keeper.flows[new]
            for live in ran:
                await self._keeper.restart(live, by, self.drain_s)
            raise ConfigError(f"nothing was imported, what ran runs again: {error.message}", error.place) from error
        for one in {document.id for document in documents} - {live.id for live in anew}:
            self._keeper.revised(self._keeper.flows[one], by)

    async def restart(
        self, live: LiveFlow, by: str, *, start: bool = False, why: str = "a connection was changed by"
    ) -> None:
        """Go on with what is different outside the flow: a connection or secret of the host. Raises `ConfigError`.

        Args:
            live: the flow; one that is not to run stays so.
            by: who changed it.
            start: run it in any case: it ran before somebody's change.
            why: what was different, for the line in its history.
        """
        async with live.lock:
            await self._look_over(live)
            if live.desired != "running" and not start:
                return
            try:
                await self._keeper.restart(live, by, self.drain_s, why)
            except HostError as error:
                log.warning("flow %s is not started, the host goes on trying: %s", live.id, error)

    async def orphans(self, document: FlowDocument) -> dict[str, int]:
        """Messages that would become dead letters with this revision, by the node they wait before."""
        live = self._flow(document.id)
        running = live.snapshot if live.run is not None else None
        return await find_orphans(document, self._library, self._keeper.outbox(live.id), running)

    def all_live(self) -> Sequence[LiveFlow]:
        """Every flow, for the host itself."""
        return tuple(self._keeper.flows.values())

    def is_running(self, flow_id: str) -> bool:
        """Whether a run of the flow is on."""
        return self._flow(flow_id).run is not None

    def deployed_revision(self, flow_id: str) -> int:
        """Number of the deployed revision. Raises `NotFoundError`."""
        return self._flow(flow_id).record.revision

    async def delete(self, principal: Principal, flow_id: str, *, confirm: bool = False) -> Path | None:
        """Forget a flow; its runs stay in the history.

        Args:
            principal: the caller.
            flow_id: the flow.
            confirm: delete it although messages wait in it or dead letters are open.

        Returns:
            The file that keeps those messages; None if there were none.

        Raises:
            NotFoundError: no such flow.
            ConflictError: it runs, or shall run: stop it first.
            ConfirmationError: it holds messages; says how many. Nothing was changed.
        """
        demand(principal, "flow.edit")
        live = self._flow(flow_id)
        async with live.lock:
            if not _stands_still(live):
                msg = f"flow {flow_id} is running: stop it, then delete it"
                raise ConflictError(msg)
            kept = await remove_outbox(self._keeper.outbox(flow_id), flow_id, confirm=confirm)
            await self._store.delete(flow_id)
            del self._keeper.flows[flow_id]
            self.on_delete(flow_id)
        return kept

    @asynccontextmanager
    async def watch(self, principal: Principal, flow_id: str) -> AsyncIterator[None]:
        """While open, last values of this flow are collected: a page looks at them. Raises `NotFoundError`."""
        demand(principal, "flow.read")
        live = self._flow(flow_id)
        self._keeper.watch(live, 1)
        try:
            yield
        finally:
            self._keeper.watch(live, -1)

    def _flow(self, flow_id: str) -> LiveFlow:
        live = self._keeper.flows.get(flow_id)
        if live is None:
            msg = f"flow {flow_id}: there is none of this id on this host"
            raise NotFoundError(msg)
        return live

    def adopt(self, record: FlowRecord, document: FlowDocument) -> LiveFlow:
        """Hold a kept flow, or its new revision, in memory."""
        sources, sinks = ends_of(document, self._library)
        live = self._keeper.flows.get(record.id)
        if live is None:
            live = self._keeper.flows[record.id] = LiveFlow(record, document, sources, sinks)
        else:
            live.deploy(record, document, sources, sinks)
        return live

    async def _look_over(self, live: LiveFlow) -> Sequence[Problem]:
        """Lint in a thread: a large flow with units takes a while."""
        document = live.document
        found = await asyncio.to_thread(examine, document, self._library, os.environ, self._shared.types)
        if live.document is document:
            live.guarantees = found.guarantees
            live.problems = tuple(
                ProblemView(place=problem.place, message=problem.message, severity=problem.severity)
                for problem in found.problems
            )
        return found.problems

    async def _read_ledger(self, live: LiveFlow) -> LedgerSnapshot | None:
        try:
            return await asyncio.to_thread(read_ledger, self._keeper.outbox(live.id), live.id)
        except HostError as error:
            log.warning("totals of flow %s cannot be shown: %s", live.id, error)
            return LedgerSnapshot(since_ns=0)

    async def _check(self, live: LiveFlow) -> None:
        errors = [problem for problem in await self._look_over(live) if problem.severity == "error"]
        if errors:
            more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
            raise ConfigError(errors[0].message + more, errors[0].place)


def _stands_still(live: LiveFlow) -> bool:
    return live.run is None and live.desired != "running"


def new_revision(document: FlowDocument, base_dir: str, by: str, note: str = "imported") -> NewRevision:
    """A document as it is kept."""
    return NewRevision(
        flow_id=document.id, document=to_json(document), name=document.name or document.id, area=document.area,
        base_dir=base_dir, author=by, note=note,
    )  # fmt: skip


def _absolute(base_dir: Path | None) -> str:
    """Empty stands for the data folder, wherever that may be moved to."""
    return "" if base_dir is None else str(base_dir.absolute())


def _read(source: Path | str) -> FlowDocument:
    file = load_flow(source) if isinstance(source, Path) else read_flow(source)
    if file.problems:
        first = file.problems[0]
        where = f"line {first.line}: " if first.line is not None else ""
        more = f" (and {len(file.problems) - 1} more)" if len(file.problems) > 1 else ""
        raise FlowFileError(where + first.message + more, first.place)
    return file.document
