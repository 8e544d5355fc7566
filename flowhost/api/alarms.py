"""`/api/v1/alarms`."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from flowhost.api.answers import Caller, authorized_route
from flowhost.services.host import Host
from flowhost.services.host_views import AlarmView

MOST_RECENT = 1000


def alarms_router(host: Host) -> APIRouter:
    """What is wrong now, what was, and saying that one knows."""
    router = APIRouter(prefix="/api/v1/alarms", tags=["alarms"], route_class=authorized_route(host))

    @router.get("")
    async def list_alarms(caller: Caller) -> list[AlarmView]:
        return list(await host.alarms.list(caller))

    @router.get("/recent")
    async def recent(caller: Caller, limit: Annotated[int, Query(ge=1, le=MOST_RECENT)] = 100) -> list[AlarmView]:
        return list(await host.alarms.recent(caller, limit))

    @router.post("/{id}/acknowledge")
    async def acknowledge(caller: Caller, id: int) -> AlarmView:  # noqa: A002 - the name in the path
        return await host.alarms.acknowledge(caller, id)

    return router
