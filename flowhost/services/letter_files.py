"""Where dead letters lie and who may change them: the worker that runs their flow, else whoever holds the folder."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol, TypeVar
from urllib.parse import unquote

from flowhost.engine.outbox.letter_desk import ColdReplay, LetterDesk
from flowhost.engine.outbox.letter_requests import LetterAnswer, LetterRequest
from flowhost.engine.outbox.letters import LetterReader, OlderFileError, letters_in
from flowhost.engine.outbox.outbox import Outbox
from flowhost.errors import HostError
from flowhost.fleet import Fleet, RunGoneError
from flowhost.graph.document import FlowDocument
from flowhost.graph.library import NodeLibrary
from flowhost.services.keeper import FlowKeeper
from flowhost.services.live import LiveFlow
from flowhost.services.pictures import kind_of

log = logging.getLogger(__name__)
T = TypeVar("T")
OUTBOX_FOLDER = "outbox"
RUN_FILE = "outbox.db"
OWNER_S = 60.0
"""How long a change waits for a flow that is being started or stopped, seconds."""
OWNER_AGAIN_S = 0.05


@dataclass(frozen=True)
class LetterFile:
    """An outbox file.

    Attributes:
        path: the file.
        flow: whose letters it holds; empty for that of `flowhost run`, which may hold those of several flows.
    """

    path: Path
    flow: str = ""


@dataclass(frozen=True, kw_only=True)
class NodeFacts:
    """A node as letters need to know it."""

    title: str
    kind: Literal["source", "transform", "sink", "unknown"]


@dataclass(frozen=True, kw_only=True)
class FlowFacts:
    """A flow as letters need to know it.

    Attributes:
        name: for people.
        nodes: by id; None where they are not known.
        runs: it is running or just being started.
    """

    name: str
    nodes: Mapping[str, NodeFacts] | None = field(default_factory=dict)
    runs: bool = False


class LetterPlace(Protocol):
    """The outbox files of a host or of a folder."""

    async def files(self) -> list[LetterFile]:
        """All of them, by flow."""
        ...

    def file_of(self, flow: str) -> LetterFile:
        """The file of a flow that is there, or the one to be made."""
        ...

    def facts(self, flow: str) -> FlowFacts | None:
        """What is known of a flow; None if it is gone."""
        ...

    async def read(self, file: LetterFile, job: Callable[[LetterReader], T]) -> T:
        """Read in a file. Raises `HostError`."""
        ...

    async def change(self, file: LetterFile, flow: str, request: LetterRequest) -> LetterAnswer:
        """Have the owner of a file change letters of a flow. Raises as `LetterDesk.handle` does."""
        ...


class HostLetters:
    """The letters of a host (`LetterPlace`): asks the worker where the flow runs, does it itself where it does not.

    Args:
        keeper: holds the flows.
        fleet: runs them.
        library: the installed types.
        data_dir: of the host.
    """

    def __init__(self, keeper: FlowKeeper, fleet: Fleet, library: NodeLibrary, data_dir: Path) -> None:
        self._keeper = keeper
        self._fleet = fleet
        self._library = library
        self._folder = data_dir / OUTBOX_FOLDER
        self._without_flow = asyncio.Lock()
        self._counting: asyncio.Task[None] | None = None

    def open(self) -> None:
        """Begin to count the letters of flows that do not run, in the background."""
        self._counting = asyncio.create_task(self._count_all(), name="count dead letters")

    async def close(self) -> None:
        """Break off the counting."""
        if self._counting is not None:
            self._counting.cancel()
            await asyncio.gather(self._counting, return_exceptions=True)

    def number_open(self) -> int:
        """Open letters of all flows, as far as is known now."""
        return sum(live.dead_letters for live in self._keeper.flows.values())

    async def files(self) -> list[LetterFile]:
        """All of them, by flow."""
        return await asyncio.to_thread(files_of_host, self._folder)

    def file_of(self, flow: str) -> LetterFile:
        """The file of a flow that is there, or the one to be made."""
        return LetterFile(self._keeper.outbox(flow), flow)

    def facts(self, flow: str) -> FlowFacts | None:
        """What is known of a flow; None if it is gone."""
        live = self._keeper.flows.get(flow)
        return None if live is None else facts_of(live.document, self._library, runs=live.run is not None)

    async def read(self, file: LetterFile, job: Callable[[LetterReader], T]) -> T:
        """Read in a file; one of an older version is brought up to date first."""
        try:
            return await asyncio.to_thread(read_in, file.path, job)
        except OlderFileError:
            live = self._keeper.flows.get(file.flow)
            async with self._lock(live):
                if live is None or live.run is None:
                    await bring_up_to_date(file.path)
        # a worker that has it open has brought it up to date itself
        return await asyncio.to_thread(read_in, file.path, job)

    async def change(self, file: LetterFile, flow: str, request: LetterRequest) -> LetterAnswer:
        """Have the owner of a file change letters of a flow."""
        live = self._keeper.flows.get(flow)
        deadline = asyncio.get_running_loop().time() + OWNER_S
        while asyncio.get_running_loop().time() < deadline:
            if live is not None and live.run is not None:
                try:
                    return await self._fleet.ask(live.run, request)
                except RunGoneError:
                    pass  # it is being started or stopped: the lock below waits for that
            answer = await self._change_myself(file, live, request)
            if answer is not None:
                return answer
            await asyncio.sleep(OWNER_AGAIN_S)
        raise HostError(f"flow {flow} neither runs nor stands still for {OWNER_S:g} s: try again later")

    async def _change_myself(
        self, file: LetterFile, live: LiveFlow | None, request: LetterRequest
    ) -> LetterAnswer | None:
        """Change letters of a flow that does not run; None if it does after all."""
        async with self._lock(live):
            if live is not None and live.run is not None:
                return None
            answer = await change_in(file.path, None if live is None else list(live.document.nodes), request)
        await self._count(file, live)
        return answer

    def _lock(self, live: LiveFlow | None) -> asyncio.Lock:
        return self._without_flow if live is None else live.lock

    async def _count_all(self) -> None:
        for file in await self.files():
            live = self._keeper.flows.get(file.flow)
            try:
                await self._count(file, live)
            except HostError as error:
                log.warning("dead letters of flow %s cannot be counted: %s", file.flow, error)

    async def _count(self, file: LetterFile, live: LiveFlow | None) -> None:
        if live is not None:
            live.kept_letters = await self.read(file, lambda reader: reader.open_of(live.id))


async def change_in(path: Path, nodes: Sequence[str] | None, request: LetterRequest) -> LetterAnswer:
    """Change letters in a file nobody else has open. Raises as `LetterDesk.handle` does.

    Args:
        path: the file; made if it is missing.
        nodes: ids of the flow's nodes; None where they are not known.
        request: what to change.
    """
    box = Outbox(path, _said_by_the_change)
    await box.open()
    try:
        return await LetterDesk(box, ColdReplay(box, nodes)).handle(request)
    finally:
        await box.close()


async def bring_up_to_date(path: Path) -> None:
    """Bring a file nobody has open to this version. Raises `HostError`."""
    box = Outbox(path, _said_by_the_change)
    await box.open()
    await box.close()


def read_in(path: Path, job: Callable[[LetterReader], T]) -> T:
    """Read in a file; blocks. Raises `HostError`."""
    with letters_in(path) as reader:
        return job(reader)


def files_of_host(folder: Path) -> list[LetterFile]:
    """The files of a host's flows, also of those that are gone; blocks."""
    return sorted((LetterFile(path, unquote(path.stem)) for path in folder.glob("*.db")), key=lambda file: file.flow)


def facts_of(document: FlowDocument, library: NodeLibrary, *, runs: bool) -> FlowFacts:
    """A flow as letters need to know it."""
    nodes = {}
    for node_id, entry in document.nodes.items():
        nodes[node_id] = NodeFacts(title=entry.name or node_id, kind=kind_of(entry.type, library))
    return FlowFacts(name=document.name or document.id, nodes=nodes, runs=runs)


def _said_by_the_change(_: HostError) -> None:
    """The change that fails raises it."""
