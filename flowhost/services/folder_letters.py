"""The dead letters of a data folder without a running host: that of a host, or the `--data` folder of a run."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

from flowhost.engine.outbox.letter_requests import LetterAnswer, LetterRequest
from flowhost.engine.outbox.letters import LetterReader, OlderFileError
from flowhost.errors import ConfigError, FlowFileError
from flowhost.graph.jsonform import from_json
from flowhost.graph.library import NodeLibrary
from flowhost.services.keeper import outbox_file
from flowhost.services.letter_files import (
    OUTBOX_FOLDER,
    RUN_FILE,
    FlowFacts,
    LetterFile,
    bring_up_to_date,
    change_in,
    facts_of,
    files_of_host,
    read_in,
)
from flowhost.store import Store

T = TypeVar("T")
HOST_FILE = "app.db"


class FolderLetters:
    """The letters of a folder nobody else works in (`flowhost.services.letter_files.LetterPlace`).

    Made by `open_folder`.
    """

    def __init__(self, folder: Path, flows: Mapping[str, FlowFacts] | None) -> None:
        self._folder = folder
        self._flows = flows

    async def files(self) -> list[LetterFile]:
        """All of them, by flow."""
        if self._flows is None:
            return [LetterFile(self._folder / RUN_FILE)]
        return await asyncio.to_thread(files_of_host, self._folder / OUTBOX_FOLDER)

    def file_of(self, flow: str) -> LetterFile:
        """The file of a flow that is there, or the one to be made."""
        if self._flows is None:
            return LetterFile(self._folder / RUN_FILE)
        return LetterFile(outbox_file(self._folder, flow), flow)

    def facts(self, flow: str) -> FlowFacts | None:
        """What is known of a flow; None if it is gone. The folder of a run knows no flows: the next run will."""
        return FlowFacts(name=flow, nodes=None) if self._flows is None else self._flows.get(flow)

    async def read(self, file: LetterFile, job: Callable[[LetterReader], T]) -> T:
        """Read in a file; one of an older version is brought up to date first."""
        try:
            return await asyncio.to_thread(read_in, file.path, job)
        except OlderFileError:
            await bring_up_to_date(file.path)
        return await asyncio.to_thread(read_in, file.path, job)

    async def change(self, file: LetterFile, flow: str, request: LetterRequest) -> LetterAnswer:
        """Change letters of a flow."""
        facts = self.facts(flow)
        nodes = None if facts is None or facts.nodes is None else list(facts.nodes)
        return await change_in(file.path, nodes, request)


def is_of_host(folder: Path) -> bool:
    """Whether it is the data folder of a host."""
    return (folder / HOST_FILE).is_file()


def check_folder(folder: Path) -> None:
    """Whether the folder can hold dead letters. Raises `ConfigError`."""
    of_host = is_of_host(folder)
    of_run = (folder / RUN_FILE).is_file()
    if not of_host and not of_run:
        raise ConfigError(
            f"{folder} is no data folder: it has neither {HOST_FILE} of a host nor {RUN_FILE} of a run; name one with "
            "--data or FLOWHOST_DATA_DIR",
            "data",
        )
    if of_host and of_run:
        raise ConfigError(
            f"{folder} is the folder of a host and of a run, and their letters have the same ids: move {RUN_FILE} to a "
            "folder of its own",
            "data",
        )


async def open_folder(folder: Path, library: NodeLibrary | None) -> FolderLetters:
    """The letters of a folder.

    Args:
        folder: the folder; the caller holds it if it is a host's.
        library: the installed types, for the folder of a host; None for that of a run.

    Raises:
        HostError: its database cannot be opened.
    """
    if library is None:
        return FolderLetters(folder, None)
    store = await Store.open(folder)
    try:
        records = await store.flows.all()
    finally:
        await store.close()
    flows: dict[str, FlowFacts] = {}
    for record in records:
        try:
            flows[record.id] = facts_of(from_json(record.document), library, runs=False)
        except FlowFileError:
            # of a version whose flows looked different: its letters show, what its nodes are is not known
            flows[record.id] = FlowFacts(name=record.name, nodes=None)
    return FolderLetters(folder, flows)
