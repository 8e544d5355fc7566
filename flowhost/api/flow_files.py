"""`/api/v1/flow-files`: flows in and out as files."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from flowhost.api.answers import Caller, authorized_route
from flowhost.services.flow_files import (
    Conflicts,
    ExportedFlow,
    FlowSource,
    ImportChoices,
    ImportedFlow,
    ImportItem,
    OfConnections,
)
from flowhost.services.host import Host

MOST_FILES = 1000


class File(BaseModel):
    """A flow file."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    name: str
    """As people know it; it appears in messages."""
    text: str
    """YAML."""


class Files(BaseModel):
    """Flow files to look at."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    files: list[File] = Field(max_length=MOST_FILES)
    """Each holds one flow."""

    def sources(self) -> list[FlowSource]:
        """As services take them."""
        return [FlowSource(name=file.name, text=file.text) for file in self.files]


class Import(Files):
    """Flow files to import, all or none."""

    conflicts: Conflicts = "refuse"
    """What becomes of flows that are here already with other content: `refuse`, `replace`, `copy` or `skip`."""
    connections: OfConnections = "own"
    """Whose connection a flow uses where it brings one and this host has another of that name: `own` or `host`."""
    missing_ok: bool = False
    """Import although plugins are missing: their nodes keep their settings and cannot run."""
    confirm: bool = False
    """Messages that wait before nodes a replaced flow has no more may become dead letters."""

    def choices(self) -> ImportChoices:
        """As services take them."""
        return ImportChoices(**self.model_dump(exclude={"files"}))


def flow_files_router(host: Host) -> APIRouter:
    """Look at files, import them, export flows."""
    router = APIRouter(prefix="/api/v1/flow-files", tags=["flow files"], route_class=authorized_route(host))

    @router.post("/plan")
    async def plan(caller: Caller, files: Files) -> list[ImportItem]:
        return list(await host.files.plan(caller, files.sources()))

    @router.post("/import")
    async def import_(caller: Caller, wanted: Import) -> list[ImportedFlow]:
        return list(await host.files.take(caller, wanted.sources(), wanted.choices()))

    @router.get("")
    async def export(
        caller: Caller, flow: Annotated[list[str] | None, Query()] = None, *, draft: bool = False
    ) -> list[ExportedFlow]:
        return list(await host.files.export(caller, flow, draft=draft))

    return router
