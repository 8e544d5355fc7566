"""One worker process in reserve: it has loaded every plugin, so that a flow whose worker died goes on sooner."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress

from flowhost.fleet.process import WorkerProcess, describe_exit

log = logging.getLogger(__name__)

REFILL_S = 2.0
"""After one was taken: flows that come back have the machine for themselves."""
AGAIN_S = 30.0
"""After one ended by itself."""


class Spare:
    """Gives out processes that nobody works with yet.

    Args:
        kept: have one ready. Otherwise each is started when it is asked for.
    """

    def __init__(self, *, kept: bool) -> None:
        self._kept = kept
        self._process: WorkerProcess | None = None
        self._task: asyncio.Task[None] | None = None
        self._taken = asyncio.Event()

    def open(self) -> None:
        """Begin to keep one."""
        if self._kept:
            self._task = asyncio.create_task(self._keep(), name="keep a spare worker")

    async def close(self) -> None:
        """End the one in reserve."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if (process := self._give()) is not None:
            process.kill()
            await process.gone()

    async def take(self, port: int, token: str) -> WorkerProcess:
        """A process that calls a host at this port and shows this token. Raises `OSError` where none can be started."""
        if (ready := self._give()) is not None:
            # where it has just died another one is started, as if there had been none
            with suppress(OSError):
                return await _hired(ready, port, token)
        return await _hired(await WorkerProcess.start(), port, token)

    def _give(self) -> WorkerProcess | None:
        process, self._process = self._process, None
        if process is not None:
            self._taken.set()
        return process

    async def _keep(self) -> None:
        pause_s = REFILL_S
        while True:
            await asyncio.sleep(pause_s)
            self._taken.clear()
            try:
                process = self._process = await WorkerProcess.start()
            except OSError as error:
                log.warning("no spare worker, the system does not start a process: %s", error)
                pause_s = AGAIN_S
                continue
            pause_s = await self._stand_by(process)

    async def _stand_by(self, process: WorkerProcess) -> float:
        """Until it was taken or has ended; how long to wait for the next one."""
        end = asyncio.create_task(process.gone(), name="end of the spare worker")
        taken = asyncio.create_task(self._taken.wait(), name="spare worker taken")
        try:
            await asyncio.wait({end, taken}, return_when=asyncio.FIRST_COMPLETED)
            if self._taken.is_set():
                return REFILL_S
            self._process = None
            log.warning("the spare worker %s; the next one comes in %g s", describe_exit(end.result()), AGAIN_S)
            return AGAIN_S
        finally:
            for task in (end, taken):
                task.cancel()
            await asyncio.gather(end, taken, return_exceptions=True)


async def _hired(process: WorkerProcess, port: int, token: str) -> WorkerProcess:
    try:
        await process.hire(port, token)
    except BaseException:
        process.kill()
        raise
    return process
