"""Positions of a source whose batches bring something about on disk."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Any

from flowhost.engine.journal import Journal
from flowhost.engine.token import Token


class KeptPositions:
    """Positions that may be told once what follows from their batches is on disk (`Positions`).

    Args:
        journal: of the run.
        told: False for a source that is not told: its positions are taken by themselves.

    Attributes:
        origin: the source as the place its batches come from.
    """

    def __init__(self, journal: Journal, *, told: bool) -> None:
        self.origin = journal.origin(lambda _: (), self._left)
        self._outbox = journal.outbox
        self._told = told
        self._under_way: deque[Token] = deque()
        self._settled: deque[Any] = deque()
        self._ready = asyncio.Event()
        self._empty = asyncio.Event()
        self._over = False

    async def room(self) -> None:
        """Returns when another batch may be let in: few enough are on their way to disk, and the disk takes them."""
        await self._outbox.room.wait_while_full()
        await self.origin.room()

    def open(self, position: Any) -> Token:
        """A token for a batch at this position."""
        token = self.origin.open(position)
        self._under_way.append(token)
        return token

    def _left(self, tokens: Sequence[Token]) -> None:
        if self._over:
            return
        for token in tokens:
            self._under_way.popleft()
            if self._told:
                self._settled.append(token.position)
        self._ready.set()
        self._tell_if_empty()

    async def ready(self) -> None:
        """Returns when there is something to tell."""
        while not self._settled:
            self._ready.clear()
            await self._ready.wait()

    def take_settled(self) -> list[Any]:
        """Positions that are on disk with all before them."""
        taken = list(self._settled)
        self._settled.clear()
        self._tell_if_empty()
        return taken

    def take_open(self) -> list[Any]:
        """Positions that are not, even if they are on their way; nothing is ready after that."""
        self._over = True
        taken = [token.position for token in self._under_way]
        self._under_way.clear()
        self._tell_if_empty()
        return taken

    async def empty(self) -> None:
        """Returns when every position has been taken."""
        while self._under_way or self._settled:
            self._empty.clear()
            await self._empty.wait()

    def _tell_if_empty(self) -> None:
        if not self._under_way and not self._settled:
            self._empty.set()
