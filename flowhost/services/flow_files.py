"""Flow files in and out: what an import would meet is listed first, and it is done as a whole or not at all."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol

from flowhost.errors import ConfigError, ConflictError, FlowFileError, NotFoundError
from flowhost.graph.comments import has_comments
from flowhost.graph.diff import Change, diff
from flowhost.graph.document import ConnectionEntry, FlowDocument
from flowhost.graph.emit import dump_flow
from flowhost.graph.jsonform import from_json, same, to_json
from flowhost.graph.library import NodeLibrary
from flowhost.graph.lint import examine
from flowhost.graph.shared import against_host, with_shared, without
from flowhost.graph.text import FlowFile, read_flow
from flowhost.services.access import Principal, demand
from flowhost.services.drafts import DraftService
from flowhost.services.flows import FlowService
from flowhost.services.shared_connections import SharedConnections

Conflicts = Literal["refuse", "replace", "copy", "skip"]
"""What becomes of a file whose flow is there already: nothing is imported at all, the flow gets a new version, the file
becomes a flow of another id, or the file is left out."""

OfConnections = Literal["own", "host"]
"""Whose connection a flow uses where it brings one and the host has another of that name."""


@dataclass(frozen=True, kw_only=True)
class ImportChoices:
    """What was decided about what an import meets.

    Attributes:
        conflicts: what becomes of flows that are here already with other content.
        connections: whose connection a flow uses where both have one of a name and they differ.
        missing_ok: import although plugins are missing.
        confirm: messages that wait before nodes a replaced flow has no more may become dead letters.
    """

    conflicts: Conflicts = "refuse"
    connections: OfConnections = "own"
    missing_ok: bool = False
    confirm: bool = False


@dataclass(frozen=True, kw_only=True)
class FlowSource:
    """A file: its name as people know it, and its text."""

    name: str
    text: str


@dataclass(frozen=True, kw_only=True)
class ImportItem:
    """What is to be known of a file before it is imported.

    Attributes:
        source: name of the file.
        flow: id of its flow; empty where that cannot be read.
        title: the flow's name.
        nodes: how many it has.
        state: `new`, `same` as what is deployed here, or `exists` here with other content.
        running: the flow that is here runs, and goes on with what is imported.
        edited: the flow that is here has edits that were not deployed; replaced, they stay among its versions.
        differing: connections it brings that this host has under the same name with another type or settings.
        missing: types no installed plugin brings; their nodes keep their settings and cannot run.
        missing_at: where each of them stands first in the file, such as `line 7, column 12`.
        comments: it has comments; a host keeps none.
        changes: of one that `exists`: differences from what is deployed here.
        errors: what keeps it from being started, in words with line and column; it can be imported all the same.
        refused: why it cannot be imported at all; empty if it can.
    """

    source: str
    flow: str = ""
    title: str = ""
    nodes: int = 0
    state: Literal["new", "same", "exists"] = "new"
    running: bool = False
    edited: bool = False
    differing: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    missing_at: tuple[str, ...] = ()
    comments: bool = False
    changes: tuple[Change, ...] = ()
    errors: tuple[str, ...] = ()
    refused: str = ""


@dataclass(frozen=True, kw_only=True)
class ImportedFlow:
    """What became of a file: `made`, `replaced`, `copied` under another id, or `left out`."""

    source: str
    flow: str
    done: Literal["made", "replaced", "copied", "left out"]


@dataclass(frozen=True, kw_only=True)
class ExportedFlow:
    """A flow as a file."""

    flow: str
    text: str


@dataclass(frozen=True, kw_only=True)
class KeptFlow:
    """A flow that is here: what is deployed, and what is being edited; None where nobody edits it."""

    document: Mapping[str, Any]
    draft: Mapping[str, Any] | None = None
    running: bool = False


class FlowPlace(Protocol):
    """Where flows are: a host, or the folder of one that does not run."""

    async def kept(self) -> Mapping[str, KeptFlow]:
        """All flows by id."""
        ...

    def shared(self) -> Mapping[str, ConnectionEntry]:
        """The host's connections by name."""
        ...

    async def take(self, principal: Principal, documents: Sequence[FlowDocument], *, confirm: bool) -> None:
        """Make each the deployed revision of its flow, all or none."""
        ...


class HostPlace:
    """The flows of a running host."""

    def __init__(self, flows: FlowService, drafts: DraftService, shared: SharedConnections) -> None:
        self._flows = flows
        self._drafts = drafts
        self._shared = shared

    async def kept(self) -> Mapping[str, KeptFlow]:
        """As `FlowPlace.kept`."""
        drafts = await self._drafts.all_documents()
        return {
            live.id: KeptFlow(document=live.record.document, draft=drafts.get(live.id), running=live.run is not None)
            for live in self._flows.all_live()
        }

    def shared(self) -> Mapping[str, ConnectionEntry]:
        """As `FlowPlace.shared`."""
        return self._shared.entries

    async def take(self, principal: Principal, documents: Sequence[FlowDocument], *, confirm: bool) -> None:
        """As `FlowPlace.take`; who has one of them open in the editor sees it at once."""
        await self._flows.take_all(principal, documents, confirm=confirm)


class FlowFileService:
    """Imports and exports. Every method raises `ForbiddenError` for a caller without the role."""

    def __init__(self, place: FlowPlace, library: NodeLibrary) -> None:
        self._place = place
        self._library = library

    async def plan(self, principal: Principal, files: Sequence[FlowSource]) -> tuple[ImportItem, ...]:
        """What an import of these files would meet; nothing is changed."""
        demand(principal, "flow.edit")
        return tuple(item for item, _ in await self._look(files))

    async def take(
        self,
        principal: Principal,
        files: Sequence[FlowSource],
        choices: ImportChoices = ImportChoices(),
    ) -> tuple[ImportedFlow, ...]:
        """Import files, all or none; new flows are stopped, running ones go on with what came.

        Args:
            principal: the caller.
            files: what to import.
            choices: what was decided about what they meet.

        Raises:
            FlowFileError: a file is no flow, or two are the same one.
            ConflictError: a flow is here already, and `conflicts` is `refuse`.
            ConfigError: a plugin is missing, or a running flow could not run so.
            ConfirmationError: messages wait before nodes that go.
        """
        demand(principal, "flow.edit")
        found = await self._look(files)
        conflicts = choices.conflicts
        _refuse([item for item, _ in found], conflicts, missing_ok=choices.missing_ok)
        taken = set(await self._place.kept()) | {item.flow for item, _ in found}
        done, documents = [], []
        for item, document in found:
            if document is not None and choices.connections == "host":
                document = without(document, item.differing)
            outcome, one = _decided(item, document, conflicts, taken)
            done.append(ImportedFlow(source=item.source, flow=one.id if one is not None else item.flow, done=outcome))
            documents += [one] if one is not None else []
        await self._place.take(principal, documents, confirm=choices.confirm)
        return tuple(done)

    async def export(
        self, principal: Principal, flow_ids: Sequence[str] | None = None, *, draft: bool = False
    ) -> tuple[ExportedFlow, ...]:
        """Flows as files, complete: connections of the host that a flow uses stand in its file.

        Args:
            principal: the caller.
            flow_ids: which; all if None.
            draft: as they are being edited instead of as deployed.

        Raises:
            NotFoundError: there is no flow of an id; nothing is exported.
        """
        demand(principal, "flow.read")
        kept = await self._place.kept()
        unknown = [flow_id for flow_id in flow_ids or () if flow_id not in kept]
        if unknown:
            raise NotFoundError(f"there is no flow {', '.join(map(repr, unknown))} here")
        chosen = sorted(kept) if flow_ids is None else list(dict.fromkeys(flow_ids))
        flows = {flow_id: kept[flow_id] for flow_id in chosen}
        return await asyncio.to_thread(_written, flows, self._place.shared(), draft)

    async def duplicate(self, principal: Principal, flow_id: str) -> str:
        """A copy of a flow under another id and name, stopped; as it is being edited, else as deployed.

        Returns:
            The id of the copy.

        Raises:
            NotFoundError: there is no flow of this id.
        """
        demand(principal, "flow.edit")
        kept = await self._place.kept()
        if (found := kept.get(flow_id)) is None:
            raise NotFoundError(f"there is no flow {flow_id!r} here")
        document = from_json(found.draft or found.document)
        copy = _renamed(document, set(kept))
        await self._place.take(principal, [copy], confirm=False)
        return copy.id

    async def _look(self, files: Sequence[FlowSource]) -> list[tuple[ImportItem, FlowDocument | None]]:
        kept = await self._place.kept()
        shared = self._place.shared()
        found = await asyncio.to_thread(lambda: [_read(file, kept, self._library, shared) for file in files])
        seen: dict[str, str] = {}
        for index, (item, document) in enumerate(found):
            if item.flow and (first := seen.setdefault(item.flow, item.source)) != item.source:
                refused = f"the flow {item.flow!r} stands in {first} too"
                found[index] = (replace(item, refused=item.refused or refused), document)
        return found


def _read(
    source: FlowSource, kept: Mapping[str, KeptFlow], library: NodeLibrary, shared: Mapping[str, ConnectionEntry]
) -> tuple[ImportItem, FlowDocument | None]:
    try:
        file = read_flow(source.text)
    except FlowFileError as error:
        where = f"line {error.place.strip(':').replace(':', ', column ')}: " if error.place else ""
        return ImportItem(source=source.name, refused=f"{where}{error.message}"), None
    document = file.document
    item = ImportItem(
        source=source.name, flow=document.id, title=document.name or document.id, nodes=len(document.nodes),
        comments=has_comments(file.text, file.tree),
    )  # fmt: skip
    if file.problems:
        first, more = file.problems[0], len(file.problems) - 1
        text = f"{_at(first.line, first.column)}: {first.message}{f' (and {more} more)' if more else ''}"
        return replace(item, refused=text), None
    types = {name: entry.type for name, entry in shared.items()}
    errors = [problem for problem in examine(file, library, os.environ, types).problems if problem.severity == "error"]
    here = kept.get(document.id)
    own = here.document.get("connections", {}) if here is not None else {}
    document, differing = against_host(document, shared, own)
    item = replace(item, differing=differing)
    if here is not None:
        state: Literal["same", "exists"] = "same" if same(to_json(document), here.document) else "exists"
        edited = here.draft is not None and not same(here.draft, here.document)
        changes = () if state == "same" else tuple(diff(here.document, to_json(document)))
        item = replace(item, state=state, running=here.running, edited=edited, changes=changes)
    said = tuple(f"{_at(one.line, one.column)}: {one.place}: {one.message}" for one in errors)
    missing = _missing(file, library)
    return replace(item, errors=said, missing=tuple(missing), missing_at=tuple(missing.values())), document


def _at(line: int | None, column: int | None) -> str:
    return f"line {line}, column {column}"


def _missing(file: FlowFile, library: NodeLibrary) -> dict[str, str]:
    """Types nobody brings, in order, and where each stands first."""
    found: dict[str, str] = {}
    document = file.document
    for root, entries, known in (
        ("connections", document.connections, library.connections),
        ("nodes", document.nodes, library.nodes),
    ):
        for name, entry in entries.items():
            if entry.type not in known:
                found.setdefault(entry.type, _at(*file.nearest((root, name, "type"))))
    return dict(sorted(found.items()))


def _refuse(items: Sequence[ImportItem], conflicts: Conflicts, *, missing_ok: bool) -> None:
    """Nothing is imported unless all can be."""
    broken = [f"{item.source}: {item.refused}" for item in items if item.refused]
    if broken:
        raise FlowFileError("nothing was imported: " + "; ".join(broken))
    there = [item.flow for item in items if item.state == "exists"]
    if there and conflicts == "refuse":
        raise ConflictError(
            f"nothing was imported: {', '.join(there)} {'is' if len(there) == 1 else 'are'} here already with other "
            "content: replace, import as a copy, or leave out"
        )
    missing = [
        f"{kind} ({item.source}, {where})"
        for item in items
        for kind, where in zip(item.missing, item.missing_at, strict=True)
    ]
    if missing and not missing_ok:
        raise ConfigError(f"nothing was imported: no installed plugin brings {', '.join(missing)}")


def _decided(
    item: ImportItem, document: FlowDocument | None, conflicts: Conflicts, taken: set[str]
) -> tuple[Literal["made", "replaced", "copied", "left out"], FlowDocument | None]:
    """What becomes of a file, and the flow to keep; ids given to copies are taken from then on."""
    if document is None or item.state == "same" or (item.state == "exists" and conflicts == "skip"):
        return "left out", None
    if item.state == "new":
        return "made", document
    if conflicts == "replace":
        return "replaced", document
    copy = _renamed(document, taken)
    taken.add(copy.id)
    return "copied", copy


def _renamed(document: FlowDocument, taken: Collection[str]) -> FlowDocument:
    """The flow under an id nobody has."""
    number = 2
    while f"{document.id}-{number}" in taken:
        number += 1
    return replace(document, id=f"{document.id}-{number}", name=f"{document.name or document.id} ({number})")


def _written(
    kept: Mapping[str, KeptFlow], shared: Mapping[str, ConnectionEntry], draft: bool
) -> tuple[ExportedFlow, ...]:
    chosen = {flow_id: one.draft if draft and one.draft is not None else one.document for flow_id, one in kept.items()}
    return tuple(
        ExportedFlow(flow=flow_id, text=dump_flow(with_shared(from_json(one), shared)))
        for flow_id, one in chosen.items()
    )
