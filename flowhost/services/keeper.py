"""Desired becomes actual: starts, stops and brings back flows, and hears what becomes of their runs."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

from typing_extensions import override

from flowhost.engine.outbox.space import SpaceRules
from flowhost.engine.snapshot import FlowSnapshot, RunEvent
from flowhost.errors import ConfigError, FlowHostError, HostError
from flowhost.fleet import Fleet, FleetListener, FlowOrder, RunOutcome
from flowhost.services.access import in_words
from flowhost.services.history import HistoryWriter
from flowhost.services.known_secrets import KnownSecrets
from flowhost.services.live import LiveFlow
from flowhost.services.pictures import event_record, event_view
from flowhost.services.shared_connections import SharedConnections
from flowhost.services.views import Desired, FlowState
from flowhost.store import EventRecord, Outcome, Store

log = logging.getLogger(__name__)

BRING_BACK_S = (0.0, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0)
"""Pauses before the attempts to bring a flow back whose worker went away."""
PROGRESS_S = 5.0


class FlowKeeper(FleetListener):
    """Holds every flow of the host and keeps it doing what was asked for.

    Attributes:
        flows: by id.
        reconciled: set once every flow that was running has been started again, or could not be.
    """

    def __init__(
        self, store: Store, fleet: Fleet, history: HistoryWriter, host_id: str, data_dir: Path, space: SpaceRules,
        shared: SharedConnections, secrets: KnownSecrets,
    ) -> None:  # fmt: skip
        self.flows: dict[str, LiveFlow] = {}
        self.reconciled = asyncio.Event()
        self._store = store
        self._fleet = fleet
        self._history = history
        self._host_id = host_id
        self._data_dir = data_dir
        self._space = space
        self._shared = shared
        self._secrets = secrets
        self._by_run: dict[int, LiveFlow] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._returning: dict[str, asyncio.Task[None]] = {}
        self._closing = False

    async def open(self) -> None:
        """Bring the fleet up and, in the background, the flows that were running."""
        await self._fleet.open(self)
        self._background(self._reconcile(), "reconcile")
        self._background(self._note_progress(), "progress of runs")

    async def close(self, drain_s: float) -> None:
        """Stop every run; what was asked for stays asked for."""
        self._closing = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._fleet.close(drain_s)
        for live in list(self._by_run.values()):
            self._run_over(live, "stopped", "stopped", "the host was stopped", None)

    async def start(self, live: LiveFlow, by: str) -> None:
        """Run a flow now and after every restart of the host. The caller holds the flow's lock.

        Raises:
            ConfigError: the flow is wrong; it is not started and not asked for.
            HostError: no worker took it; it stays asked for and is tried again.
        """
        if live.run is not None:
            return
        await self._desire(live, running=True)
        try:
            run = await self._begin(live, by)
        except ConfigError:
            await self._desire(live, running=False)
            raise
        except HostError:
            self._bring_back_soon(live, first=1)
            raise
        self._note(live, _event(run, "info", f"started by {in_words(by)}"))

    async def stop(self, live: LiveFlow, by: str, drain_s: float) -> None:
        """Stop a flow, also for the time after a restart; returns once it has. The caller holds the flow's lock."""
        await self._desire(live, running=False)
        if live.run is not None:
            live.leaving = f"stopped by {in_words(by)}"
            self._note(live, _event(live.run, "info", live.leaving))
            live.drain_until = datetime.now(UTC) + timedelta(seconds=drain_s)
            await self._fleet.stop(live.run, drain_s)
        else:
            live.finish("stopped", "", None)

    async def restart(self, live: LiveFlow, by: str, drain_s: float, why: str = "") -> None:
        """Go on with the revision deployed now. The caller holds the flow's lock. Raises as `start` does."""
        if live.run is not None:
            why = why or f"revision {live.record.revision} deployed by"
            live.leaving = f"{why} {in_words(by)}"
            self._note(live, _event(live.run, "info", live.leaving))
            live.drain_until = datetime.now(UTC) + timedelta(seconds=drain_s)
            await self._fleet.stop(live.run, drain_s)
        await self.start(live, by)

    def outbox(self, flow_id: str) -> Path:
        """Where a flow's queues and dead letters lie."""
        return outbox_file(self._data_dir, flow_id)

    def tell(self, flow_id: str, kind: str, text: str) -> None:
        """Keep a line with the flow's newest run; one about an unknown flow, or one that never ran, is left out."""
        live = self.flows.get(flow_id)
        if live is not None and live.last_run is not None:
            self._note(live, _event(live.last_run, kind, text))

    def revised(self, live: LiveFlow, by: str) -> None:
        """Another revision is the deployed one, and no run had to end for it."""
        goes_on = "; nothing starts anew" if live.run is not None else ""
        event = _event(
            live.last_run or 0, "info", f"revision {live.record.revision} deployed by {in_words(by)}{goes_on}"
        )
        if live.last_run is None:
            live.note(event_view(event))  # there is no run whose history would keep it
        else:
            self._note(live, event)

    def watch(self, live: LiveFlow, change: int) -> None:
        """One more (1) or one less (-1) page looks at the flow's last values."""
        before, live.watchers = live.watchers, live.watchers + change
        if live.run is not None and (before > 0) != (live.watchers > 0):
            self._fleet.watch(live.run, live.watchers > 0)

    # -- what the fleet tells

    @override
    def run_status(self, run: int, snapshot: FlowSnapshot, at_ns: int) -> None:
        if (live := self._by_run.get(run)) is not None:
            live.take(snapshot, at_ns)

    @override
    def run_happened(self, run: int, events: Sequence[RunEvent], skipped: int) -> None:
        live = self._by_run.get(run)
        if live is None:
            return
        for event in events:
            self._note(live, event_record(run, event))
        if skipped:
            self._history.left_out(run, skipped)

    @override
    def run_ended(self, run: int, outcome: RunOutcome, reason: str, snapshot: FlowSnapshot) -> None:
        live = self._by_run.get(run)
        if live is None:
            return
        if outcome == "stopped" and self._closing:
            reason = reason or "the host was stopped"
        self._run_over(live, outcome, outcome, reason, snapshot)
        if outcome == "ended" and not self._closing:
            # a flow that came to its end was not running when the host stops: it does not run again by itself
            self._background(self._desire_stopped_unless_run_again(live), f"{live.id} ended")

    @override
    def runs_lost(self, runs: Sequence[int], reason: str) -> None:
        for run in runs:
            live = self._by_run.get(run)
            if live is None:
                continue
            self._note(live, _event(run, "error", f"interrupted: {reason}"))
            self._run_over(live, "interrupted", "starting", reason, None)
            if not self._closing:
                self._bring_back_soon(live)

    # -- one run

    async def _begin(self, live: LiveFlow, by: str) -> int:
        """A new run; its number."""
        record = await self._store.runs.begin(live.id, live.document.name or live.id, live.record.revision, by)
        live.begin(record)
        self._by_run[record.id] = live
        document = self._shared.complete(live.document)
        try:
            await self._secrets.look_again()
            order = FlowOrder(
                run=record.id,
                document=document,
                base_dir=Path(live.record.base_dir) if live.record.base_dir else self._data_dir,
                host_id=self._host_id,
                secrets=self._secrets.of_flow(document),
                watch=live.watchers > 0,
                revision=live.record.revision,
                outbox=self.outbox(live.id),
                space=self._space,
            )
            await self._fleet.start(order)
        except FlowHostError as error:
            self._note(live, _event(record.id, "error", f"not started: {error}"))
            self._run_over(live, "failed", "failed", str(error), None)
            raise
        except asyncio.CancelledError:
            self._run_over(live, "interrupted", "stopped", "the start was broken off", None)
            raise
        if live.run == record.id and live.snapshot is None:
            live.state = "running"
        # a page that came or went meanwhile
        self._fleet.watch(record.id, live.watchers > 0)
        return record.id

    def _run_over(
        self, live: LiveFlow, outcome: Outcome, state: FlowState, reason: str, snapshot: FlowSnapshot | None
    ) -> None:
        run = live.run
        if run is None:
            return
        why = reason or live.leaving
        live.finish(state, reason, snapshot)
        self._by_run.pop(run, None)
        self._history.end(run, outcome, why, live.figures_to_keep())

    def _bring_back_soon(self, live: LiveFlow, first: int = 0) -> None:
        """Begin to bring a flow back, unless that is going on already."""
        going_on = self._returning.get(live.id)
        if going_on is None or going_on.done():
            task = asyncio.create_task(self._bring_back(live, first), name=f"bring back {live.id}")
            self._returning[live.id] = task
            self._keep(task)

    async def _bring_back(self, live: LiveFlow, first: int = 0) -> None:
        """Start a flow again until it runs, is no longer asked for, or proves wrong."""
        attempt = first
        while True:
            await asyncio.sleep(BRING_BACK_S[min(attempt, len(BRING_BACK_S) - 1)])
            attempt += 1
            async with live.lock:
                if live.desired != "running" or live.run is not None:
                    return
                try:
                    run = await self._begin(live, "host")
                except ConfigError as error:
                    log.warning("flow %s is not started: %s", live.id, error)
                    return
                except HostError as error:
                    log.warning("flow %s is not started, trying again: %s", live.id, error)
                    continue
                self._note(live, _event(run, "info", "started again by the host"))
                return

    async def _reconcile(self) -> None:
        wanted = [live for live in self.flows.values() if live.desired == "running"]
        for live in wanted:
            live.state, live.text = "starting", "the host starts"
            self._bring_back_soon(live)
        if wanted:
            await asyncio.wait([self._returning[live.id] for live in wanted], timeout=BRING_BACK_S[-1])
        self.reconciled.set()

    async def _desire_stopped_unless_run_again(self, live: LiveFlow) -> None:
        async with live.lock:
            if live.run is None:
                await self._desire(live, running=False)

    async def _desire(self, live: LiveFlow, *, running: bool) -> None:
        desired: Desired = "running" if running else "stopped"
        if live.desired != desired:
            await self._store.flows.desire(live.id, desired)
            live.desired = desired

    async def _note_progress(self) -> None:
        while True:
            await asyncio.sleep(PROGRESS_S)
            figures = {run: done for run, live in self._by_run.items() if (done := live.figures_to_keep()) is not None}
            try:
                await self._store.runs.progress(figures)
            except Exception:
                log.exception("figures of runs cannot be kept")

    def _note(self, live: LiveFlow, event: EventRecord) -> None:
        live.note(event_view(event))
        self._history.event(event)

    def _background(self, work: Coroutine[Any, Any, None], name: str) -> None:
        self._keep(asyncio.create_task(work, name=name))

    def _keep(self, task: asyncio.Task[None]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(_log_fault)


def _log_fault(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("%s failed", task.get_name(), exc_info=error)


def _event(run: int, kind: str, text: str) -> EventRecord:
    return EventRecord(run_id=run, time=datetime.now(UTC), kind=kind, text=text)


def outbox_file(data_dir: Path, flow_id: str) -> Path:
    """Where a flow's queues and dead letters lie; the id is made fit for a file name of any system."""
    return data_dir / "outbox" / f"{quote(flow_id, safe='')}.db"
