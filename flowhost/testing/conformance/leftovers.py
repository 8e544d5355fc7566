"""What is still there after everything was closed: tasks, threads, open files."""

from __future__ import annotations

import asyncio
import threading
import time
from pathlib import Path

_DESCRIPTORS = Path("/proc/self/fd")
LOOP_POOL = "asyncio_"
"""Threads of the loop's own executor (`asyncio.to_thread`) belong to the loop."""


class Leftovers:
    """Compares now with the moment it was made."""

    def __init__(self) -> None:
        self._tasks = asyncio.all_tasks()
        self._threads = set(threading.enumerate())
        self._files = _open_files()

    async def found(self, seconds: float = 2.0) -> list[str]:
        """Tasks and threads that do not go away within that time, in words."""
        deadline = time.monotonic() + seconds
        while (left := self._left()) and time.monotonic() < deadline:  # noqa: ASYNC110 - threads set no event
            await asyncio.sleep(0.02)
        return left

    def more_files(self) -> int:
        """How many more files and sockets are open; 0 where the system does not tell."""
        return _open_files() - self._files

    def _left(self) -> list[str]:
        tasks = [task for task in asyncio.all_tasks() - self._tasks if not task.done()]
        threads = [
            thread
            for thread in set(threading.enumerate()) - self._threads
            if thread.is_alive() and not thread.name.startswith(LOOP_POOL)
        ]
        current = asyncio.current_task()
        return [
            *(f"task {task.get_name()!r}: {_coroutine(task)}" for task in tasks if task is not current),
            *(f"thread {thread.name!r}" for thread in threads),
        ]


def _coroutine(task: asyncio.Task[object]) -> str:
    return getattr(task.get_coro(), "__qualname__", repr(task.get_coro()))


def _open_files() -> int:
    return sum(1 for _ in _DESCRIPTORS.iterdir()) if _DESCRIPTORS.exists() else 0
