"""Alarms: what is wrong now, looked for every second, kept, told, acknowledged."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from flowhost.engine.outbox.census import take_census
from flowhost.errors import ConflictError, HostError, NotFoundError
from flowhost.fleet import Fleet
from flowhost.graph.document import FlowDocument
from flowhost.services.access import Principal, demand
from flowhost.services.alarm_book import LATCHED, AlarmBook
from flowhost.services.alarm_causes import causes, connection_of
from flowhost.services.alarm_rules import (
    Condition,
    Thresholds,
    disk_conditions,
    flow_conditions,
    host_conditions,
    lost_host_conditions,
    worker_conditions,
)
from flowhost.services.host_views import AlarmView
from flowhost.services.keeper import FlowKeeper
from flowhost.services.live import LiveFlow
from flowhost.services.shared_connections import SharedConnections
from flowhost.store import AlarmRecord, AlarmStore

log = logging.getLogger(__name__)

LOOK_S = 0.5
HOST_EVERY = 10
"""Looks between two questions to the host itself."""
LATELY, LATELY_MOST = timedelta(hours=24), 20
"""How far back, and how many alarms at most, a page shows of those that are over."""
COUNT_AGAIN_S = 5.0
"""How old a count of a stopped flow's dead letters may be, seconds."""


class AlarmService:
    """Watches flows, workers and the host. Every method raises `ForbiddenError` for a caller without the role."""

    def __init__(
        self,
        keeper: FlowKeeper,
        store: AlarmStore,
        fleet: Fleet,
        limits: Thresholds,
        faults: Callable[[], Awaitable[Sequence[str]]],
        shared: SharedConnections,
        interrupted: int = 0,
    ) -> None:
        self._keeper = keeper
        self._store = store
        self._fleet = fleet
        self._limits = limits
        self._faults = faults
        self._shared = shared
        self._interrupted = interrupted
        self._book = AlarmBook()
        self._letters = LetterCounts(keeper)
        self._known_faults: Sequence[str] = ()
        self._unkept: list[AlarmRecord] = []
        self._refused = False
        self._looks = 0
        self._task: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Take up the alarms that stood when the host ended, and begin to watch."""
        standing = await self._store.standing()
        # the workers of the host before went with it
        over = [replace(alarm, cleared_at=datetime.now(UTC)) for alarm in standing if alarm.kind == "worker_lost"]
        if over:
            await self._store.change(over)
        self._book = AlarmBook([alarm for alarm in standing if alarm.kind != "worker_lost"])
        self._task = asyncio.create_task(self._watch(), name="alarms")

    async def close(self) -> None:
        """Stop watching; what stands stays."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def list(self, principal: Principal) -> tuple[AlarmView, ...]:
        """Alarms that stand: worst first, then those nobody knows of, then the newest.

        One that was just raised is listed once it is written down, which gives it its number; if it cannot be written
        down it is listed with number 0.
        """
        demand(principal, "alarm.read")
        standing = self._book.standing()
        found = causes(standing, self._document)
        return tuple(self._view(alarm, found.get(alarm.key)) for alarm in standing if alarm.id or self._refused)

    async def recent(self, principal: Principal, limit: int = 100) -> tuple[AlarmView, ...]:
        """Alarms, over or not, newest first; those that are over in the past tense."""
        demand(principal, "alarm.read")
        return tuple(_view(alarm) for alarm in await self._store.recent(limit))

    async def lately(self, principal: Principal) -> tuple[AlarmView, ...]:
        """Alarms that ended within the last day, the last first; in the past tense."""
        demand(principal, "alarm.read")
        ended = await self._store.over(datetime.now(UTC) - LATELY, LATELY_MOST)
        return tuple(_view(alarm) for alarm in ended)

    async def acknowledge(self, principal: Principal, alarm_id: int) -> AlarmView:
        """Say that one knows of it; one about what cannot be undone is over with that.

        Raises:
            NotFoundError: no such alarm stands.
            ConflictError: it has no number yet.
        """
        demand(principal, "alarm.acknowledge")
        if not alarm_id:
            raise ConflictError("this alarm is not written down yet, because the disk does not take it: try again then")
        alarm = next((one for one in self._book.standing() if one.id == alarm_id), None)
        if alarm is None:
            raise NotFoundError(f"alarm {alarm_id}: it is over, or there never was one of this number")
        alarm = self._book.acknowledge(alarm, principal.name, datetime.now(UTC))
        await self._store.change([alarm])
        return self._view(alarm, causes(self._book.standing(), self._document).get(alarm.key))

    def _view(self, alarm: AlarmRecord, cause: AlarmRecord | None) -> AlarmView:
        live = self._keeper.flows.get(alarm.flow_id)
        name = connection_of(alarm, live.document) if live is not None else ""
        # one a flow brings itself is looked at in the flow
        own = live is None or name in live.document.connections or name not in self._shared.entries
        return _view(alarm, cause, "" if own else name)

    def _document(self, flow_id: str) -> FlowDocument | None:
        live = self._keeper.flows.get(flow_id)
        return self._shared.complete(live.document) if live is not None else None

    # -- watching

    async def _watch(self) -> None:
        while True:
            try:
                await self._look()
            except Exception:
                log.exception("alarms cannot be worked out")
            await asyncio.sleep(LOOK_S)

    async def _look(self) -> None:
        if self._looks % HOST_EVERY == 0:
            self._known_faults = await self._faults()
        self._looks += 1
        await self._letters.renew()
        news = self._book.look(self._conditions(), self._is_over, time.monotonic(), datetime.now(UTC))
        for alarm in news.raised:
            self._keeper.tell(alarm.flow_id, "error" if alarm.severity != "warning" else "warning", _whole(alarm))
        for alarm in news.cleared:
            self._keeper.tell(alarm.flow_id, "restored", f"over: {alarm.words}")
        await self._keep(news.raised, news.changed)

    def _conditions(self) -> Iterator[Condition]:
        for live in list(self._keeper.flows.values()):
            yield from flow_conditions(live, self._limits, self._letters.of(live))
        yield from disk_conditions(self._keeper.flows.values())
        yield from worker_conditions(self._fleet.workers())
        yield from lost_host_conditions(self._interrupted)
        yield from host_conditions(self._known_faults)

    def _is_over(self, alarm: AlarmRecord) -> bool:
        """An alarm stands until it is known to be over, not until nothing is known."""
        if not alarm.flow_id:
            return alarm.kind not in LATCHED
        live = self._keeper.flows.get(alarm.flow_id)
        if live is None:
            return True
        if alarm.kind in LATCHED:
            return False
        if alarm.kind == "dead_letters":
            return self._letters.known(live)
        return live.snapshot is not None or live.desired == "stopped" or alarm.kind == "flow_failed"

    async def _keep(self, raised: Sequence[AlarmRecord], changed: Sequence[AlarmRecord]) -> None:
        """Write down what changed; what the disk does not take now is tried again at the next look."""
        self._unkept += raised
        try:
            if self._unkept:
                waiting, self._unkept = self._unkept, []
                try:
                    self._book.kept(await self._store.add(waiting))
                    self._refused = False
                except BaseException:
                    self._unkept, self._refused = [*waiting, *self._unkept], True
                    raise
            if changed:
                await self._store.change([alarm for alarm in changed if alarm.id])
        except Exception:
            log.exception("alarms cannot be kept")


@dataclass(frozen=True)
class _Count:
    number: int
    at_s: float
    run: int | None


class LetterCounts:
    """Open dead letters of each flow: told by its worker while it runs, counted in its file while it does not."""

    def __init__(self, keeper: FlowKeeper) -> None:
        self._keeper = keeper
        self._counted: dict[str, _Count] = {}

    def of(self, live: LiveFlow) -> int:
        """How many a flow has, as far as is known."""
        if live.run is not None and live.snapshot is not None:
            return live.snapshot.dead_letters
        counted = self._counted.get(live.id)
        return counted.number if counted is not None else 0

    def known(self, live: LiveFlow) -> bool:
        """Whether that is more than a guess."""
        return (live.run is not None and live.snapshot is not None) or live.id in self._counted

    async def renew(self) -> None:
        """Count what has to be counted: flows that stand still and have some, or have not been counted."""
        now = time.monotonic()
        for live in list(self._keeper.flows.values()):
            if live.run is not None:
                continue
            last = self._counted.get(live.id)
            # a run in between may have been too short to be seen
            if last is None or last.run != live.last_run or (last.number and now - last.at_s >= COUNT_AGAIN_S):
                self._counted[live.id] = _Count(await self._count(live.id), now, live.last_run)

    async def _count(self, flow_id: str) -> int:
        try:
            census = await asyncio.to_thread(take_census, self._keeper.outbox(flow_id), flow_id)
        except HostError as error:
            log.warning("dead letters of %s cannot be counted: %s", flow_id, error)
            return 0
        return census.dead_letters


def _view(alarm: AlarmRecord, cause: AlarmRecord | None = None, connection: str = "") -> AlarmView:
    said = {name: value for name, value in vars(alarm).items() if name != "past"}
    said["text"] = alarm.words
    return AlarmView(**said, cause=cause.id if cause is not None else 0, connection=connection)


def _whole(alarm: AlarmRecord) -> str:
    """What is wrong and why, in a line that stays."""
    return f"{alarm.text}: {alarm.reason}" if alarm.reason else alarm.text
