"""What the host clears away by itself: dead letters that were closed long ago."""

from __future__ import annotations

import asyncio
import logging
import time

from flowhost.engine.outbox.letter_requests import ForgetLetters
from flowhost.errors import HostError
from flowhost.services.letter_files import LetterFile, LetterPlace

log = logging.getLogger(__name__)

FIRST_S = 120.0
"""The host starts its flows first."""
EVERY_S = 3600.0
STEP = 500
"""Letters removed in one transaction; the flow's own wait behind it."""
DAY_NS = 86_400 * 10**9


class Housekeeping:
    """Removes letters that were delivered or discarded longer ago than they are kept; open ones never.

    Args:
        place: where the letters lie.
        keep_days: how long closed ones are kept; 0: for ever.
    """

    def __init__(self, place: LetterPlace, keep_days: int) -> None:
        self._place = place
        self._keep_days = keep_days
        self._task: asyncio.Task[None] | None = None

    def open(self) -> None:
        """Begin, in the background."""
        if self._keep_days:
            self._task = asyncio.create_task(self._go_on(), name="housekeeping")

    async def close(self) -> None:
        """Break off; what was removed is whole."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def tidy(self, now_ns: int) -> int:
        """Remove what is old enough, file by file; returns how many letters went.

        Args:
            now_ns: from when ages count, nanoseconds UTC.
        """
        removed = 0
        for file in await self._place.files():
            try:
                removed += await self._tidy(file, now_ns - self._keep_days * DAY_NS)
            except HostError as error:
                log.warning("closed dead letters of flow %s cannot be removed: %s", file.flow, error)
        return removed

    async def _tidy(self, file: LetterFile, until_ns: int) -> int:
        removed = 0
        # a file without such letters is only read
        while await self._place.read(file, lambda reader: reader.closed_before(until_ns, 1)):
            answer = await self._place.change(file, file.flow, ForgetLetters(until_ns=until_ns, most=STEP))
            if not answer.done:
                break
            removed += len(answer.done)
        if removed:
            log.info(
                "%d dead letters of flow %s were removed: closed more than %d days ago",
                removed, file.flow, self._keep_days,
            )  # fmt: skip
        return removed

    async def _go_on(self) -> None:
        await asyncio.sleep(FIRST_S)
        while True:
            try:
                await self.tidy(time.time_ns())
            except Exception:
                log.exception("housekeeping failed; it is tried again in an hour")
            await asyncio.sleep(EVERY_S)
