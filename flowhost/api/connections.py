"""`/api/v1/connections`."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from flowhost.api.answers import Caller, authorized_route
from flowhost.services.connection_views import ConnectionChanged, ConnectionView, TestView
from flowhost.services.host import Host


class NewConnection(BaseModel):
    """A connection to make."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    name: str
    """As flows will name it."""
    type: str
    """Connection type id, such as `mqtt.broker`."""
    config: dict[str, Any] = Field(default_factory=dict)
    """Secrets as references: `{"secret": "name"}`."""


class OtherConfig(BaseModel):
    """Another config for a connection."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    config: dict[str, Any]
    """All of it; secrets as references."""
    version: int = Field(ge=1)
    """The version this was made from; 409 if somebody changed it meanwhile."""


def connections_router(host: Host) -> APIRouter:
    """List, make, change, delete and test the host's connections."""
    router = APIRouter(prefix="/api/v1/connections", tags=["connections"], route_class=authorized_route(host))

    @router.get("")
    async def list_connections(caller: Caller) -> list[ConnectionView]:
        return list(await host.connections.list(caller))

    @router.post("", status_code=201)
    async def create(caller: Caller, new: NewConnection) -> ConnectionView:
        return await host.connections.create(caller, new.name, new.type, new.config)

    @router.get("/{name}")
    async def show(caller: Caller, name: str) -> ConnectionView:
        return await host.connections.show(caller, name)

    @router.put("/{name}")
    async def change(caller: Caller, name: str, other: OtherConfig) -> ConnectionChanged:
        return await host.connections.change(caller, name, other.config, other.version)

    @router.delete("/{name}", status_code=204)
    async def delete(caller: Caller, name: str) -> None:
        await host.connections.delete(caller, name)

    @router.post("/{name}/test")
    async def test(caller: Caller, name: str) -> TestView:
        return await host.connections.test(caller, name)

    return router
