"""`/api/v1/secrets`: names only; values go in and never come out."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, SecretStr

from flowhost.api.answers import Caller, authorized_route
from flowhost.services.host import Host
from flowhost.services.secret_views import SecretChanged, SecretView


class NewValue(BaseModel):
    """A value for a secret."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True, hide_input_in_errors=True)

    value: SecretStr
    """As it is; it is stored encrypted and never shown again."""


def secrets_router(host: Host) -> APIRouter:
    """List, store and delete the host's secrets."""
    router = APIRouter(prefix="/api/v1/secrets", tags=["secrets"], route_class=authorized_route(host))

    @router.get("")
    async def list_secrets(caller: Caller) -> list[SecretView]:
        return list(await host.secrets.list(caller))

    @router.put("/{name}")
    async def put(caller: Caller, name: str, new: NewValue) -> SecretChanged:
        return await host.secrets.put(caller, name, new.value.get_secret_value())

    @router.delete("/{name}", status_code=204)
    async def delete(caller: Caller, name: str) -> None:
        await host.secrets.delete(caller, name)

    return router
