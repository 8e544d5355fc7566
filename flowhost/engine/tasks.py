"""Tasks of a run: named, kept, awaited; a fault that nobody handles reaches the run."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any


async def first_of(*works: Coroutine[Any, Any, Any]) -> None:
    """Returns when one of them is done, and calls the others off; raises what that one raised."""
    tasks = [asyncio.get_running_loop().create_task(work, name="first of several") for work in works]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class TaskKeeper:
    """Starts tasks and sees them to their end.

    Args:
        on_fault: called with the exception of a task that failed unexpectedly.
    """

    def __init__(self, on_fault: Callable[[BaseException], None]) -> None:
        self._on_fault = on_fault
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, work: Coroutine[Any, Any, None], name: str) -> None:
        """Run the coroutine as a task."""
        self._tasks.add(self.task(work, name))

    def task(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        """As `start`, for those who wait for the task."""
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    async def cancel_all(self) -> None:
        """Cancel what still runs and wait for it."""
        tasks = [task for task in self._tasks if not task.done()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._on_fault(error)
