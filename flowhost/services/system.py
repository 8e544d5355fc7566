"""The host itself, as its status page shows it."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from flowhost import __version__
from flowhost.fleet import Fleet
from flowhost.services.access import Principal, demand
from flowhost.services.host_views import HostStatus, WorkerView


class HostService:
    """What can be known of the host. Every method raises `ForbiddenError` for a caller without the role."""

    def __init__(
        self,
        host_id: str,
        data_dir: Path,
        fleet: Fleet,
        not_ready: Callable[[], Awaitable[tuple[str, ...]]],
        dead_letters: Callable[[], int],
        started: float,
    ) -> None:
        self._host_id = host_id
        self._data_dir = data_dir
        self._fleet = fleet
        self._not_ready = not_ready
        self._dead_letters = dead_letters
        self._started = started

    async def status(self, principal: Principal) -> HostStatus:
        """State of host and workers."""
        demand(principal, "host.read")
        reasons = await self._not_ready()
        return HostStatus(
            host_id=self._host_id,
            version=__version__,
            uptime_s=time.monotonic() - self._started,
            ready=not reasons,
            not_ready=reasons,
            workers=tuple(
                WorkerView(
                    name=worker.name,
                    state=worker.state,
                    pid=worker.pid,
                    heartbeat_age_s=worker.heartbeat_age_s,
                    flows=worker.runs,
                    restarts=worker.restarts,
                )
                for worker in self._fleet.workers()
            ),
            data_dir=str(self._data_dir),
            dead_letters=self._dead_letters(),
        )
