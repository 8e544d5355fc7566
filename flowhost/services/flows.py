"""Flows: list, look, start, stop, bring in, delete."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from flowhost.errors import ConfigError, ConflictError, FlowFileError, NotFoundError
from flowhost.graph.diff import diff, restarts
from flowhost.graph.document import FlowDocument
from flowhost.graph.jsonform import to_json
from flowhost.graph.library import NodeLibrary
from flowhost.graph.lint import lint
from flowhost.graph.problem import Problem
from flowhost.graph.text import load_flow, read_flow
from flowhost.services.access import Principal, demand
from flowhost.services.keeper import FlowKeeper
from flowhost.services.live import LiveFlow
from flowhost.services.pictures import detail, ends_of, overview
from flowhost.services.views import FlowDetail, FlowOverview, ProblemView
from flowhost.store import FlowRecord, FlowStore


class FlowService:
    """What a caller may do with flows. Every method raises `ForbiddenError` for a caller without the role.

    Attributes:
        on_delete: told the id of a flow that is gone.
    """

    on_delete: Callable[[str], None]

    def __init__(self, keeper: FlowKeeper, store: FlowStore, library: NodeLibrary, drain_s: float) -> None:
        self._keeper = keeper
        self._store = store
        self._library = library
        self._drain_s = drain_s

    async def list(self, principal: Principal) -> tuple[FlowOverview, ...]:
        """Every flow, by area and name."""
        demand(principal, "flow.read")
        rows = (overview(live) for live in self._keeper.flows.values())
        return tuple(sorted(rows, key=lambda row: (row.area, row.name, row.id)))

    async def detail(self, principal: Principal, flow_id: str) -> FlowDetail:
        """A flow with live figures. Raises `NotFoundError`."""
        demand(principal, "flow.read")
        return detail(self._flow(flow_id), self._library)

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
            await self._keeper.stop(live, principal.name, self._drain_s)
        return overview(live)

    async def import_file(self, principal: Principal, source: Path | str, base_dir: Path | None = None) -> FlowOverview:
        """Bring in a flow file and make it the deployed revision; a running flow goes on with it.

        Args:
            principal: the caller.
            source: path of the file, or its text.
            base_dir: what relative paths in its configs are relative to; the data folder if None.

        Raises:
            FlowFileError: it is not a flow; nothing was changed.
            ConfigError: the flow is running and the new revision could not; nothing was changed.
        """
        demand(principal, "flow.edit")
        document = await asyncio.to_thread(_read, source)
        return overview(await self._take(document, base_dir, principal.name, ""))

    async def deploy(self, principal: Principal, document: FlowDocument, note: str = "") -> int:
        """Make a document the deployed revision of its flow; a running flow goes on with it.

        Returns:
            Number of the revision.

        Raises:
            ConfigError: lint finds an error; nothing was changed.
        """
        demand(principal, "flow.edit")
        await _refuse_faulty(document, self._library)
        base_dir = Path(kept) if (kept := self._flow(document.id).record.base_dir) else None
        live = await self._take(document, base_dir, principal.name, note)
        return live.record.revision

    async def _take(self, document: FlowDocument, base_dir: Path | None, by: str, note: str) -> LiveFlow:
        """The document as the deployed revision of its flow, running if the flow was."""
        known = self._keeper.flows.get(document.id)
        if known is None:
            return await self._save(document, base_dir, by, note)
        async with known.lock:
            was_running = known.run is not None
            if was_running:
                await _refuse_faulty(document, self._library)
            # moving a node on the canvas or giving it another name restarts nothing
            anew = restarts(diff(known.record.document, to_json(document)))
            live = await self._save(document, base_dir, by, note)
            if was_running and anew:
                await self._keeper.restart(live, by, self._drain_s)
        return live

    def is_running(self, flow_id: str) -> bool:
        """Whether a run of the flow is on."""
        return self._flow(flow_id).run is not None

    def deployed_revision(self, flow_id: str) -> int:
        """Number of the deployed revision. Raises `NotFoundError`."""
        return self._flow(flow_id).record.revision

    async def delete(self, principal: Principal, flow_id: str) -> None:
        """Forget a flow; its runs stay in the history.

        Raises:
            NotFoundError: no such flow.
            ConflictError: it runs, or shall run: stop it first.
        """
        demand(principal, "flow.edit")
        live = self._flow(flow_id)
        async with live.lock:
            if live.run is not None or live.desired == "running":
                msg = f"flow {flow_id} is running: stop it, then delete it"
                raise ConflictError(msg)
            await self._store.delete(flow_id)
            del self._keeper.flows[flow_id]
            self.on_delete(flow_id)

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

    async def _save(self, document: FlowDocument, base_dir: Path | None, by: str, note: str) -> LiveFlow:
        record = await self._store.save(
            document.id,
            to_json(document),
            name=document.name or document.id,
            area=document.area,
            base_dir=_absolute(base_dir),
            author=by,
            note=note,
        )
        live = self.adopt(record, document)
        await self._look_over(live)
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

    async def _look_over(self, live: LiveFlow) -> tuple[Problem, ...]:
        """Lint in a thread: a large flow with units takes a while."""
        problems = tuple(await asyncio.to_thread(lint, live.document, self._library, os.environ))
        live.problems = tuple(
            ProblemView(place=problem.place, message=problem.message, severity=problem.severity) for problem in problems
        )
        return problems

    async def _check(self, live: LiveFlow) -> None:
        errors = [problem for problem in await self._look_over(live) if problem.severity == "error"]
        if errors:
            more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
            raise ConfigError(errors[0].message + more, errors[0].place)


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


async def _refuse_faulty(document: FlowDocument, library: NodeLibrary) -> None:
    """A revision that cannot run must not take the place of one that does. Raises `ConfigError`."""
    found = await asyncio.to_thread(lint, document, library, os.environ)
    errors = [problem for problem in found if problem.severity == "error"]
    if errors:
        more = f" (and {len(errors) - 1} more; `flowhost lint` lists them)" if len(errors) > 1 else ""
        raise ConfigError(f"not taken, the running revision goes on: {errors[0].message}{more}", errors[0].place)
