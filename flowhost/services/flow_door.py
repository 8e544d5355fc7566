"""How commands bring flows in and out: in a folder nobody holds themselves, else through the host that holds it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol

from flowhost.catalog import load_catalog
from flowhost.graph.document import ConnectionEntry, FlowDocument
from flowhost.graph.library import NodeLibrary
from flowhost.services.access import LOCAL_USER, Principal
from flowhost.services.deploy import find_orphans, refuse_orphans
from flowhost.services.flow_files import (
    ExportedFlow,
    FlowFileService,
    FlowSource,
    ImportChoices,
    ImportedFlow,
    ImportItem,
    KeptFlow,
)
from flowhost.services.flows import new_revision
from flowhost.services.folder_door import open_folder_of_host
from flowhost.services.host_rest import HostRest
from flowhost.services.keeper import outbox_file
from flowhost.services.shared_connections import SharedConnections
from flowhost.store import Store

PATH = "/api/v1/flow-files"


class FlowDoor(Protocol):
    """What commands do with flow files; see `FlowFileService`."""

    def plan(self, files: Sequence[FlowSource]) -> tuple[ImportItem, ...]:
        """As `FlowFileService.plan`."""
        ...

    def take(self, files: Sequence[FlowSource], choices: ImportChoices) -> tuple[ImportedFlow, ...]:
        """As `FlowFileService.take`."""
        ...

    def export(self, flow_ids: Sequence[str] | None, *, draft: bool) -> tuple[ExportedFlow, ...]:
        """As `FlowFileService.export`."""
        ...


def open_flows(folder: Path, *, create: bool) -> AbstractContextManager[FlowDoor]:
    """Reach the flows of a data folder, see `open_folder_of_host`."""
    return open_folder_of_host(folder, create=create, by_host=HostFlowDoor, by_hand=FolderFlowDoor)


class HostFlowDoor:
    """Flows of a running host, over REST (`FlowDoor`)."""

    def __init__(self, rest: HostRest) -> None:
        self._rest = rest

    def plan(self, files: Sequence[FlowSource]) -> tuple[ImportItem, ...]:
        """As `FlowFileService.plan`."""
        found = self._rest.ask("POST", f"{PATH}/plan", body={"files": [asdict(file) for file in files]})
        return tuple(_item(item) for item in found)

    def take(self, files: Sequence[FlowSource], choices: ImportChoices) -> tuple[ImportedFlow, ...]:
        """As `FlowFileService.take`."""
        body = {"files": [asdict(file) for file in files], **asdict(choices)}
        return tuple(ImportedFlow(**one) for one in self._rest.ask("POST", f"{PATH}/import", body=body))

    def export(self, flow_ids: Sequence[str] | None, *, draft: bool) -> tuple[ExportedFlow, ...]:
        """As `FlowFileService.export`."""
        asked = {"flow": list(flow_ids) if flow_ids is not None else None, "draft": "true" if draft else None}
        return tuple(ExportedFlow(**one) for one in self._rest.ask("GET", PATH, asked))


class FolderFlowDoor:
    """Flows of a folder whose host does not run, in this process (`FlowDoor`)."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._runner = asyncio.Runner()

    def __enter__(self) -> FolderFlowDoor:
        self._store = self._runner.run(Store.open(self._folder))
        library = load_catalog()
        shared = SharedConnections()
        shared.load(self._runner.run(self._store.connections.all()))
        self._files = FlowFileService(FolderPlace(self._folder, self._store, shared, library), library)
        return self

    def __exit__(self, *_: object) -> None:
        self._runner.run(self._store.close())
        self._runner.close()

    def plan(self, files: Sequence[FlowSource]) -> tuple[ImportItem, ...]:
        """As `FlowFileService.plan`."""
        return self._runner.run(self._files.plan(LOCAL_USER, files))

    def take(self, files: Sequence[FlowSource], choices: ImportChoices) -> tuple[ImportedFlow, ...]:
        """As `FlowFileService.take`."""
        return self._runner.run(self._files.take(LOCAL_USER, files, choices))

    def export(self, flow_ids: Sequence[str] | None, *, draft: bool) -> tuple[ExportedFlow, ...]:
        """As `FlowFileService.export`."""
        return self._runner.run(self._files.export(LOCAL_USER, flow_ids, draft=draft))


class FolderPlace:
    """The flows of a folder whose host does not run (`FlowPlace`)."""

    def __init__(self, folder: Path, store: Store, shared: SharedConnections, library: NodeLibrary) -> None:
        self._folder = folder
        self._store = store
        self._shared = shared
        self._library = library

    async def kept(self) -> Mapping[str, KeptFlow]:
        """As `FlowPlace.kept`; what shall run with the host's next start counts as not running now."""
        drafts = await self._store.drafts.all()
        documents = {flow_id: record.document for flow_id, record in drafts.items()}
        return {
            one.id: KeptFlow(document=one.document, draft=documents.get(one.id))
            for one in await self._store.flows.all()
        }

    def shared(self) -> Mapping[str, ConnectionEntry]:
        """As `FlowPlace.shared`."""
        return self._shared.entries

    async def take(self, principal: Principal, documents: Sequence[FlowDocument], *, confirm: bool) -> None:
        """As `FlowPlace.take`."""
        here = {record.id: record for record in await self._store.flows.all()}
        for document in documents:
            if not confirm and document.id in here:
                outbox = outbox_file(self._folder, document.id)
                refuse_orphans(await find_orphans(document, self._library, outbox, None))
        bases = {flow_id: record.base_dir for flow_id, record in here.items()}
        new = [new_revision(document, bases.get(document.id, ""), principal.name) for document in documents]
        await self._store.flows.save_all(new)


def _item(found: Mapping[str, Any]) -> ImportItem:
    values: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in found.items()}
    return ImportItem(**values)
