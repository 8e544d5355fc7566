"""Finds dead letters over the files of a place."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import NamedTuple

from flowhost.engine.outbox.letter import Letter
from flowhost.engine.outbox.letters import LetterFilter, LetterReader, Place
from flowhost.errors import ConfigError, HostError, NotFoundError
from flowhost.services.letter_files import LetterFile, LetterPlace
from flowhost.services.letter_views import LetterQuery

READ_AT_ONCE = 500
_ID = re.compile(r"([^:]+):([1-9][0-9]{0,17})")
_NEXT = re.compile(r"(-?[0-9]{1,20}):([^:]+):([0-9]{1,18})")


class Found(NamedTuple):
    """A letter and the file it lies in; None where there is no file for its flow."""

    file: LetterFile | None
    flow: str
    number: int


class LetterSearch:
    """Looks in every file of a place.

    Args:
        place: where the files are.
    """

    def __init__(self, place: LetterPlace) -> None:
        self._place = place

    async def wanted(self, query: LetterQuery) -> list[tuple[LetterFile, LetterFilter]]:
        """The files to look in, and what for. Raises `ConfigError` for a wrong query."""
        files = await self._place.files()
        if query.ids is None:
            return [(file, filter_of(query)) for file in files if not query.flow or file.flow in ("", query.flow)]
        flows: dict[str, list[int]] = {}
        for flow, number in map(parsed, query.ids):
            flows.setdefault(flow, []).append(number)
        return [
            (file, LetterFilter(flow=flow, numbers=numbers))
            for flow, numbers in flows.items()
            for file in files
            if file.flow in ("", flow)
        ]

    async def newest(self, query: LetterQuery, after: str, limit: int) -> tuple[list[Letter], list[str]]:
        """Letters behind a place in the list of all, the one that failed last first; and files that cannot be read."""
        before = _place_of(after)
        found: list[Letter] = []
        problems: list[str] = []

        async def look(file: LetterFile, wanted: LetterFilter) -> None:
            found.extend(await self._place.read(file, lambda reader: reader.newest(wanted, before, limit)))

        for file, wanted in await self.wanted(query):
            try:
                await look(file, wanted)
            except HostError as error:
                problems.append(str(error))
        found.sort(key=lambda letter: (letter.at_ns, letter.flow, letter.number), reverse=True)
        return found[:limit], problems

    async def one(self, id: str) -> tuple[LetterFile, Letter]:  # noqa: A002 - as in the views
        """A letter and its file. Raises `NotFoundError`."""
        flow, number = parsed(id)
        for file in await self._place.files():
            if file.flow in ("", flow):
                letters = await self._place.read(file, lambda reader: reader.some([number]))
                if letters and letters[0].flow == flow:
                    return file, letters[0]
        raise NotFoundError(f"dead letter {id}: there is none of this id")

    async def all(self, query: LetterQuery) -> AsyncIterator[Letter]:
        """Every letter, by flow and number. Raises `HostError` where a file cannot be read."""
        for file, wanted in await self.wanted(query):
            after = ("", 0)
            while letters := await self._some(file, wanted, after):
                for letter in letters:
                    yield letter
                after = (letters[-1].flow, letters[-1].number)

    async def behind(self, query: LetterQuery, after: str, limit: int) -> tuple[list[Found], int]:
        """Letters behind one of them, by flow and number; and how many more there are behind those."""
        cursor = parsed(after) if after else ("", 0)
        if query.ids is not None:
            return await self._named(query.ids, cursor, limit)
        found: list[Found] = []
        total = 0
        for file, wanted in await self.wanted(query):
            if not file.flow or file.flow >= cursor[0]:
                number, places = await self._count(file, wanted, cursor, limit - len(found))
                total += number
                found += [Found(file, *place) for place in places]
        return found, total - len(found)

    async def _count(
        self, file: LetterFile, wanted: LetterFilter, cursor: tuple[str, int], limit: int
    ) -> tuple[int, list[tuple[str, int]]]:
        def look(reader: LetterReader) -> tuple[int, list[tuple[str, int]]]:
            return reader.matching(wanted, cursor), reader.oldest(wanted, cursor, limit) if limit > 0 else []

        return await self._place.read(file, look)

    async def _some(self, file: LetterFile, wanted: LetterFilter, after: tuple[str, int]) -> list[Letter]:
        def look(reader: LetterReader) -> list[Letter]:
            places = reader.oldest(wanted, after, READ_AT_ONCE)
            letters = {letter.number: letter for letter in reader.some([number for _, number in places])}
            return [letters[number] for _, number in places]

        return await self._place.read(file, look)

    async def _named(self, ids: Sequence[str], cursor: tuple[str, int], limit: int) -> tuple[list[Found], int]:
        files = await self._place.files()
        wanted = [place for place in sorted(set(map(parsed, ids))) if place > cursor]
        found = []
        for flow, number in wanted[:limit]:
            file = next((file for file in files if file.flow in ("", flow)), None)
            found.append(Found(file, flow, number))
        return found, len(wanted) - len(found)


def parsed(id: str) -> tuple[str, int]:  # noqa: A002 - as above
    """Flow and number of a letter's id. Raises `NotFoundError` for what is none."""
    found = _ID.fullmatch(id)
    if found is None:
        raise NotFoundError(f"dead letter {id!r}: ids look like orders:17, a flow and a number")
    return found[1], int(found[2])


def filter_of(query: LetterQuery) -> LetterFilter:
    """A query as files know it. Raises `ConfigError`."""
    return LetterFilter(
        flow=query.flow, node=query.node, kind=query.kind, text=query.text, since_ns=_ns(query.since, "since"),
        until_ns=_ns(query.until, "until"), states=query.states,
    )  # fmt: skip


def next_of(letter: Letter) -> str:
    """Where a list goes on behind this letter."""
    return f"{letter.at_ns}:{letter.flow}:{letter.number}"


def _place_of(after: str) -> Place | None:
    if not after:
        return None
    found = _NEXT.fullmatch(after)
    if found is None:
        raise ConfigError(f"{after!r} is not the `next` of a page", "after")
    return int(found[1]), found[2], int(found[3])


def _ns(moment: datetime | None, place: str) -> int:
    if moment is None:
        return 0
    if moment.tzinfo is None:
        raise ConfigError("the time does not say its zone; add Z or an offset such as +02:00", place)
    return int(moment.timestamp() * 1_000_000) * 1000
