"""The threads that write the outbox files of one process, and the clock that has them tidied."""

from __future__ import annotations

import logging
import threading
from queue import SimpleQueue
from typing import Protocol

log = logging.getLogger(__name__)

THREADS = 4
"""So many files are flushed at once; a disk gains little from more."""
TICK_S = 1.0


class Written(Protocol):
    """A file that is written by whichever thread is free."""

    def turn(self) -> None:
        """Do what waits. Never called by two threads at once, and only after `WriterPool.ready`."""
        ...

    def tick(self) -> None:
        """About a second has passed. Called on a thread of its own; must not block."""
        ...


class WriterPool:
    """Threads shared by all outbox files of a process: a thousand idle flows cost no thread each.

    Threads begin with the first file that is open and end with the last.

    Args:
        threads: how many files may be written at the same time.
    """

    def __init__(self, threads: int = THREADS) -> None:
        self._number = threads
        self._lock = threading.Lock()
        self._files: set[Written] = set()
        self._ready: SimpleQueue[Written | None] = SimpleQueue()
        self._over = threading.Event()

    def add(self, file: Written) -> None:
        """Serve this file from now on."""
        with self._lock:
            self._files.add(file)
            if len(self._files) == 1:
                self._begin()

    def remove(self, file: Written) -> None:
        """The file is closed. Safe to call again."""
        with self._lock:
            if file in self._files:
                self._files.remove(file)
                if not self._files:
                    self._end()

    def ready(self, file: Written) -> None:
        """The file has something to do; the caller sees to it that this is said once for each turn."""
        self._ready.put(file)

    def _begin(self) -> None:
        self._ready, self._over = SimpleQueue(), threading.Event()
        for number in range(self._number):
            name = f"outbox writer {number + 1}"
            threading.Thread(target=self._write, args=(self._ready,), name=name, daemon=True).start()
        threading.Thread(target=self._tick, args=(self._over,), name="outbox clock", daemon=True).start()

    def _end(self) -> None:
        self._over.set()
        for _ in range(self._number):
            self._ready.put(None)

    @staticmethod
    def _write(ready: SimpleQueue[Written | None]) -> None:
        while (file := ready.get()) is not None:
            try:
                file.turn()
            except Exception:
                # a file sees to its own faults; this one could not, and must not take the others with it
                log.exception("an outbox file could not be served")

    def _tick(self, over: threading.Event) -> None:
        while not over.wait(TICK_S):
            with self._lock:
                files = list(self._files)
            for file in files:
                file.tick()
