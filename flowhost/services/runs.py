"""Runs: what happened, and when."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from flowhost.errors import FlowFileError
from flowhost.graph.document import FlowDocument
from flowhost.graph.jsonform import from_json
from flowhost.graph.library import NodeLibrary
from flowhost.services.access import Principal, demand
from flowhost.services.history import HistoryWriter
from flowhost.services.keeper import FlowKeeper
from flowhost.services.pictures import run_detail, run_summary
from flowhost.services.views import RunDetail, RunSummary
from flowhost.store import Store

MAX_RUNS = 500
FRESH_S = 1.0
"""How long a look at the history waits for what is just being written, seconds."""


class RunService:
    """The history of runs. Every method raises `ForbiddenError` for a caller without the role."""

    def __init__(self, keeper: FlowKeeper, store: Store, history: HistoryWriter, library: NodeLibrary) -> None:
        self._keeper = keeper
        self._store = store
        self._history = history
        self._library = library

    async def list(self, principal: Principal, flow_id: str | None = None, limit: int = 50) -> tuple[RunSummary, ...]:
        """Runs, newest first; of one flow, or of all."""
        demand(principal, "run.read")
        await self._fresh()
        records = await self._store.runs.recent(flow_id, max(1, min(limit, MAX_RUNS)))
        flows = self._keeper.flows
        return tuple(run_summary(record, flows.get(record.flow_id)) for record in records)

    async def detail(self, principal: Principal, run_id: int) -> RunDetail:
        """A run with its events and figures. Raises `NotFoundError`."""
        demand(principal, "run.read")
        await self._fresh()
        record, events = await self._store.runs.get(run_id)
        document = await self._document(record.flow_id, record.revision)
        return run_detail(record, events, document, self._library, self._keeper.flows.get(record.flow_id))

    async def _document(self, flow_id: str, number: int) -> FlowDocument | None:
        revision = await self._store.flows.revision(flow_id, number)
        if revision is None:
            return None
        try:
            return from_json(revision.document)
        except FlowFileError:
            return None  # written by a version whose flows looked different; the figures still show

    async def _fresh(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(FRESH_S):
                await self._history.flush()
