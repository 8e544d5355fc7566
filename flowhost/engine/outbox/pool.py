"""The threads that write the outbox files of one process, and the clock that has them tidied."""

from __future__ import annotations

import logging
import threading
import time
from pathlib import Path
from queue import SimpleQueue
from typing import Protocol

from flowhost.engine.outbox.space import FolderSpace, SpaceRules

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
        self._files: dict[Written, FolderSpace] = {}
        self._ready: SimpleQueue[Written | None] = SimpleQueue()
        # told to look at the disk now, or that all is over
        self._bell = threading.Event()
        self._open = False

    def space(self, folder: Path, rules: SpaceRules) -> FolderSpace:
        """The room under the files of a folder; the rules are those of the first file there."""
        with self._lock:
            known = next((space for space in self._files.values() if space.folder == folder), None)
        return known or FolderSpace(folder, rules, self._ring)

    def add(self, file: Written, space: FolderSpace) -> None:
        """Serve this file from now on, and watch its room."""
        with self._lock:
            self._files[file] = space
            if len(self._files) == 1:
                self._begin()

    def remove(self, file: Written) -> None:
        """The file is closed. Safe to call again."""
        with self._lock:
            if self._files.pop(file, None) is not None and not self._files:
                self._end()

    def ready(self, file: Written) -> None:
        """The file has something to do; the caller sees to it that this is said once for each turn."""
        self._ready.put(file)

    def _begin(self) -> None:
        self._ready, self._bell, self._open = SimpleQueue(), threading.Event(), True
        for number in range(self._number):
            name = f"outbox writer {number + 1}"
            threading.Thread(target=self._write, args=(self._ready,), name=name, daemon=True).start()
        threading.Thread(target=self._keep_time, args=(self._bell,), name="outbox clock", daemon=True).start()

    def _end(self) -> None:
        self._open = False
        self._bell.set()
        for _ in range(self._number):
            self._ready.put(None)

    def _ring(self) -> None:
        self._bell.set()

    @staticmethod
    def _write(ready: SimpleQueue[Written | None]) -> None:
        while (file := ready.get()) is not None:
            try:
                file.turn()
            except Exception:
                # a file sees to its own faults; this one could not, and must not take the others with it
                log.exception("an outbox file could not be served")

    def _keep_time(self, bell: threading.Event) -> None:
        ticked = time.monotonic()
        while True:
            bell.wait(max(0.0, ticked + TICK_S - time.monotonic()))
            bell.clear()
            with self._lock:
                if bell is not self._bell or not self._open:
                    return
                files, spaces = list(self._files), set(self._files.values())
            for space in spaces:
                space.look()
            if time.monotonic() - ticked >= TICK_S:
                ticked = time.monotonic()
                for file in files:
                    file.tick()
