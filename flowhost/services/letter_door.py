"""How commands reach dead letters: in a folder nobody holds themselves, else through the host that holds it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol, TypeVar
from urllib.parse import quote

import msgspec

from flowhost.catalog import load_catalog
from flowhost.graph.library import NodeLibrary
from flowhost.services.access import LOCAL_USER
from flowhost.services.data_folder import DataFolder, HeldFolderError, HostAddress, host_of
from flowhost.services.dead_letters import STEP, DeadLetterService
from flowhost.services.folder_letters import check_folder, is_of_host, open_folder
from flowhost.services.host_rest import HostRest
from flowhost.services.letter_views import STATES, LetterQuery

T = TypeVar("T")
Plain = dict[str, Any]


class LetterDoor(Protocol):
    """What commands do with dead letters. Answers are plain data, as REST gives them."""

    def list(self, query: LetterQuery, after: str, limit: int) -> Plain:
        """As `DeadLetterService.list`."""
        ...

    def count(self, query: LetterQuery) -> int:
        """How many letters there are."""
        ...

    def show(self, id: str) -> Plain:  # noqa: A002 - as in the views
        """As `DeadLetterService.show`."""
        ...

    def edit(self, id: str, revision: int, text: str) -> Plain:  # noqa: A002 - as above
        """As `DeadLetterService.edit`."""
        ...

    def retry(self, query: LetterQuery, after: str) -> Plain:
        """One step, as `DeadLetterService.retry`: done, skipped, reasons, left, next, waiting."""
        ...

    def discard(self, query: LetterQuery, reason: str, after: str) -> Plain:
        """One step, as `DeadLetterService.discard`."""
        ...

    def export(self, query: LetterQuery) -> Iterator[str]:
        """As `DeadLetterService.export`."""
        ...

    def import_(self, text: str) -> Plain:
        """As `DeadLetterService.import_`."""
        ...


@contextmanager
def open_letters(folder: Path, *, to_change: bool) -> Iterator[LetterDoor]:
    """Reach the letters of a folder.

    Args:
        folder: data folder of a host, or that of a run.
        to_change: what a run is working in can be read, but not changed.

    Raises:
        ConfigError: it is no data folder.
        SettingsError: a run, or a host that does not answer, holds it; says which.
    """
    check_folder(folder)
    of_host = is_of_host(folder)
    # loading it takes a while, in which a host that is started shall find the folder free
    library = load_catalog() if of_host else None
    held = DataFolder(folder)
    try:
        if to_change or of_host:
            held.take()
    except HeldFolderError:
        if (host := host_of(folder)) is None:
            raise
        yield HostDoor(host)
        return
    try:
        with FolderDoor(folder, library) as door:
            if not to_change:
                held.release()
            yield door
    finally:
        held.release()


class FolderDoor:
    """Letters of a folder, in this process (`LetterDoor`).

    Args:
        folder: the folder.
        library: the installed types, for the folder of a host; None for that of a run.
    """

    def __init__(self, folder: Path, library: NodeLibrary | None) -> None:
        self._folder = folder
        self._library = library
        self._runner = asyncio.Runner()

    def __enter__(self) -> FolderDoor:
        self._letters = DeadLetterService(self._run(open_folder(self._folder, self._library)))
        return self

    def __exit__(self, *_: object) -> None:
        self._runner.close()

    def list(self, query: LetterQuery, after: str, limit: int) -> Plain:
        """As `DeadLetterService.list`."""
        return _plain(self._run(self._letters.list(LOCAL_USER, query, after=after, limit=limit)))

    def count(self, query: LetterQuery) -> int:
        """How many letters there are."""
        return sum(count.number for count in self._run(self._letters.counts(LOCAL_USER, query)))

    def show(self, id: str) -> Plain:  # noqa: A002 - as in the views
        """As `DeadLetterService.show`."""
        return _plain(self._run(self._letters.show(LOCAL_USER, id)))

    def edit(self, id: str, revision: int, text: str) -> Plain:  # noqa: A002 - as above
        """As `DeadLetterService.edit`."""
        return _plain(self._run(self._letters.edit(LOCAL_USER, id, revision, text)))

    def retry(self, query: LetterQuery, after: str) -> Plain:
        """One step, as `DeadLetterService.retry`."""
        return _step(_plain(self._run(self._letters.retry(LOCAL_USER, query, after=after))))

    def discard(self, query: LetterQuery, reason: str, after: str) -> Plain:
        """One step, as `DeadLetterService.discard`."""
        return _step(_plain(self._run(self._letters.discard(LOCAL_USER, query, reason, after=after))))

    def export(self, query: LetterQuery) -> Iterator[str]:
        """As `DeadLetterService.export`."""
        parts = self._letters.export(LOCAL_USER, query)
        while (part := self._run(_next_of(parts))) is not None:
            yield part

    def import_(self, text: str) -> Plain:
        """As `DeadLetterService.import_`."""
        return _plain(self._run(self._letters.import_(LOCAL_USER, text)))

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(work)


class HostDoor:
    """Letters of a running host, over REST (`LetterDoor`)."""

    def __init__(self, host: HostAddress) -> None:
        self._host = HostRest(host)

    def list(self, query: LetterQuery, after: str, limit: int) -> Plain:
        """As `DeadLetterService.list`."""
        return self._ask("GET", "", {**_asked(query), "after": after, "limit": limit})

    def count(self, query: LetterQuery) -> int:
        """How many letters there are."""
        counts: Any = self._ask("GET", "/counts", _asked(query))
        return sum(count["number"] for count in counts)

    def show(self, id: str) -> Plain:  # noqa: A002 - as in the views
        """As `DeadLetterService.show`."""
        return self._ask("GET", f"/{quote(id, safe=':')}")

    def edit(self, id: str, revision: int, text: str) -> Plain:  # noqa: A002 - as above
        """As `DeadLetterService.edit`."""
        return self._ask("PATCH", f"/{quote(id, safe=':')}", body={"revision": revision, "text": text})

    def retry(self, query: LetterQuery, after: str) -> Plain:
        """One step, as `DeadLetterService.retry`."""
        return self._ask("POST", "/retry", body={**_which(query), "after": after, "limit": STEP})

    def discard(self, query: LetterQuery, reason: str, after: str) -> Plain:
        """One step, as `DeadLetterService.discard`."""
        return self._ask("POST", "/discard", body={**_which(query), "reason": reason, "after": after, "limit": STEP})

    def export(self, query: LetterQuery) -> Iterator[str]:
        """As `DeadLetterService.export`."""
        asked = _asked(query) if query.ids is None else {"id": list(query.ids)}
        with self._open("GET", "/export", asked, None) as answer:
            while part := answer.read(1 << 16):
                yield part.decode("utf-8", "surrogateescape")

    def import_(self, text: str) -> Plain:
        """As `DeadLetterService.import_`."""
        return self._ask("POST", "/import", text=text)

    def _ask(
        self, method: str, path: str, asked: Mapping[str, Any] | None = None, body: Any = None, text: str | None = None
    ) -> Plain:
        content = text.encode() if text is not None else None if body is None else json.dumps(body).encode()
        with self._open(method, path, asked or {}, content) as answer:
            found: Plain = json.load(answer)
        return found

    def _open(self, method: str, path: str, asked: Mapping[str, Any], content: bytes | None) -> Any:
        return self._host.open(method, f"/api/v1/dead-letters{path}", asked, content)


def _asked(query: LetterQuery) -> Plain:
    """A query as parameters of a request; with ids there is another way."""
    return {**_filter(query), "state": list(query.states or STATES)}


def _which(query: LetterQuery) -> Plain:
    return {"filter": _filter(query)} if query.ids is None else {"ids": list(query.ids)}


def _filter(query: LetterQuery) -> Plain:
    times = {"since": query.since, "until": query.until}
    return {
        **{name: getattr(query, name) for name in ("flow", "node", "kind", "text")},
        **{name: moment.isoformat() for name, moment in times.items() if moment is not None},
    }


def _plain(view: Any) -> Plain:
    found: Plain = msgspec.to_builtins(view)
    return found


def _step(step: Plain) -> Plain:
    """A step as REST gives it."""
    return {**step, "skipped": len(step["skipped"]), "reasons": step["skipped"]}


async def _next_of(parts: AsyncIterator[str]) -> str | None:
    return await anext(parts, None)
