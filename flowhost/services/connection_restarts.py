"""Flows start anew when a connection they use has changed, and go back where one of them cannot."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence

from flowhost.errors import ConfigError, FlowHostError
from flowhost.services.flows import FlowService
from flowhost.services.live import LiveFlow

log = logging.getLogger(__name__)


class ConnectionRestarts:
    """The flows of a running host, as the service for connections needs them.

    Attributes:
        going_on: ids of the flows that have not started anew yet, by connection.
    """

    def __init__(self, flows: FlowService) -> None:
        self._flows = flows
        self.going_on: dict[str, tuple[str, ...]] = {}

    async def __call__(
        self, name: str, by: str, users: Sequence[LiveFlow], take_back: Callable[[], Awaitable[None]]
    ) -> tuple[str, ...]:
        """Start the first one anew, then all others together: what the first cannot start with spares the others.

        Args:
            name: of the connection.
            by: who changed it.
            users: flows that have it open, or shall.
            take_back: puts the config before in force again.

        Returns:
            Ids of the flows that started anew.

        Raises:
            ConfigError: a flow does not start with it; all run as before.
        """
        self.going_on[name] = tuple(live.id for live in users)
        begun: list[LiveFlow] = []
        try:
            for some in (users[:1], users[1:]):
                begun += some
                await self._all(name, by, some)
        except ConfigError:
            await take_back()
            self.going_on[name] = tuple(live.id for live in begun)
            await asyncio.gather(*(self._as_before(name, by, live) for live in begun))
            raise
        finally:
            self.going_on.pop(name, None)
        return tuple(live.id for live in users)

    async def _all(self, name: str, by: str, users: Sequence[LiveFlow]) -> None:
        """Every one comes to its end before a fault of one of them is told."""
        for fault in await asyncio.gather(*(self._one(name, by, live) for live in users), return_exceptions=True):
            if fault is not None:
                raise fault

    async def _one(self, name: str, by: str, live: LiveFlow) -> None:
        try:
            await self._flows.restart(live, by)
        except ConfigError as error:
            text = f"flow {live.id} does not start with it, the version before is in force again"
            raise ConfigError(f"{text}: {error.message}", error.place) from error
        self._over(name, live)

    async def _as_before(self, name: str, by: str, live: LiveFlow) -> None:
        try:
            await self._flows.restart(live, by, start=True)
        except FlowHostError as error:
            log.warning("flow %s does not start again with connection %s: %s", live.id, name, error)
        self._over(name, live)

    def _over(self, name: str, live: LiveFlow) -> None:
        self.going_on[name] = tuple(one for one in self.going_on[name] if one != live.id)
