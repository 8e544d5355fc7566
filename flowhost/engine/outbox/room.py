"""Whether an outbox may take messages in, and what a run says about it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from flowhost.engine.outbox.space import FULL, OPEN, STOP, URGE, WARN, FolderSpace
from flowhost.engine.snapshot import DiskSnapshot

LIMIT_BACK = 0.03
"""A mark of the size limit is left once the file is so much smaller, as a share of the limit."""

Say = Callable[[str, str, str], None]
"""Takes kind and text of an event and the node it concerns, empty for the whole file."""


class Room:
    """The room of one outbox file: that of its folder's disk, and its own limit if it has one.

    Args:
        path: the file.
        space: of its folder.
        loop: where waiting is done.
        say: called on the loop once for each mark that is crossed, in either direction.

    Attributes:
        space: of its folder.
        log_bytes: what lies in the log and still has to be copied into the file.
    """

    def __init__(self, path: Path, space: FolderSpace, loop: asyncio.AbstractEventLoop, say: Say) -> None:
        self.space = space
        self._path = path
        self._loop = loop
        self._say = say
        self._limit = space.rules.limit_bytes
        self.log_bytes = 0
        self._size = self._grown = 0
        # each grows on one thread only
        self._submitted = self._written = 0
        self._size_mark = OPEN
        self._told = OPEN
        self._changed = asyncio.Event()
        space.join(self)

    @property
    def open(self) -> bool:
        """Messages may be taken in."""
        if self._limit is not None and (self._size_mark >= STOP or self._size + self._grown > self._limit):
            return False
        return self.space.open

    @property
    def mark(self) -> int:
        """The highest mark reached, as in `flowhost.engine.outbox.space`."""
        return max(self.space.mark, self._size_mark)

    async def wait(self) -> None:
        """Returns when messages may be taken in."""
        while not self.open:
            self._changed.clear()
            await self._changed.wait()

    async def wait_while_full(self) -> None:
        """Returns when the system lets us write."""
        while self.mark >= FULL:
            self._changed.clear()
            await self._changed.wait()

    def spend(self, size: int) -> None:
        """So many bytes of messages are on their way to the file."""
        self._submitted += size
        self._grown += size
        self.space.spend(size)

    def written(self, size: int, log_bytes: int) -> None:
        """So many of them are in the file, or will never be; what its log holds now. On the thread that writes."""
        self._written += size
        self.log_bytes = log_bytes

    @property
    def in_flight(self) -> int:
        """Bytes of messages on their way to the file."""
        return self._submitted - self._written

    def exhausted(self) -> None:
        """The system has refused to write. On any thread."""
        self.space.exhausted()

    def measured(self, size: int, log_bytes: int) -> None:
        """What the file holds now takes so many bytes, and what its log holds. On the thread that writes."""
        self.log_bytes = log_bytes
        self._size, self._grown = size, self.in_flight
        if self._limit is not None and (mark := self._mark_of(size, self._limit)) != self._size_mark:
            self._size_mark = mark
            self.hear()

    def close(self) -> None:
        """Hear of the disk no more."""
        self.space.leave(self)

    def snapshot(self) -> DiskSnapshot:
        """The figures at this moment."""
        space = self.space
        return DiskSnapshot(
            mark=self.mark,
            text=self._text(self.mark) if self.mark else "",
            free_bytes=space.free,
            total_bytes=space.total,
            floor_bytes=space.floor,
            ballast_bytes=space.ballast,
            file_bytes=self._size,
            limit_bytes=self._limit,
        )

    def _mark_of(self, size: int, limit: int) -> int:
        for mark in (STOP, URGE, WARN):
            back = LIMIT_BACK if self._size_mark >= mark else 0.0
            if size >= limit * (mark / 100 - back):
                return mark
        return OPEN

    def hear(self) -> None:
        """The disk has more or less room. On any thread."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._refresh)

    def _refresh(self) -> None:
        self._changed.set()
        before, self._told = self._told, self.mark
        if self._told == before:
            return
        if self._told > before:
            self._say("error" if self._told >= STOP else "warning", self._text(self._told), "")
        elif before >= STOP > self._told:
            self._say("restored", f"messages are taken in again: {self._figures()}", "")
        elif self._told == OPEN:
            self._say("restored", f"there is room enough again: {self._figures()}", "")

    def _text(self, mark: int) -> str:
        stays = "no messages are taken in, what is here goes on being delivered"
        if mark >= FULL:
            return f"the disk is full, the system refuses to write; {stays}; free some room on it: {self._figures()}"
        if mark >= STOP:
            return f"{self._cause()}; {stays}; {self._remedy()}: {self._figures()}"
        return f"{self._cause()}; at the last mark no more messages are taken in; {self._remedy()}: {self._figures()}"

    def _cause(self) -> str:
        if self._size_mark > self.space.mark:
            return f"the outbox has reached {self._size_mark} % of the size it may have"
        return f"the disk has little room left (mark {self.space.mark})"

    def _remedy(self) -> str:
        if self._size_mark > self.space.mark:
            return "see to the targets that do not take their messages"
        return "free some room on it"

    def _figures(self) -> str:
        space = self.space
        parts = [f"{_size(space.free)} of {_size(space.total)} free, {_size(space.floor)} stay free of messages"]
        if self._limit is not None:
            parts.append(f"{_size(self._size)} of {_size(self._limit)} in {self._path.name}")
        return ", ".join(parts)


def _size(number: float) -> str:
    for unit in ("bytes", "kB", "MB"):
        if number < 1000:
            return f"{number:.0f} {unit}"
        number /= 1000
    return f"{number:.1f} GB"
