"""A file that one process holds at a time; the system lets go of it however that process ends."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

_LOCKED_BYTE = 1 << 30
"""Far behind the text: Windows does not let others read a locked byte."""
_ASK_AGAIN_S = 0.05


class HeldError(Exception):
    """Another process holds the file; the text says which, as it described itself."""


class FileLock:
    """An exclusive hold on a file.

        lock = FileLock(Path("data/flowhost.lock"))
        lock.take()
        lock.note({"pid": 4711})
        lock.release()

    Args:
        path: the file; made if it is missing and never removed, so that nobody holds a file that is no longer there.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: int | None = None

    @property
    def held(self) -> bool:
        """Whether this object holds the file."""
        return self._file is not None

    @property
    def file(self) -> int:
        """Descriptor of the held file."""
        assert self._file is not None
        return self._file

    def take(self, wait_s: float = 0.0) -> None:
        """Take the file and write down who did; taking it twice is fine.

        Args:
            wait_s: how long a holder is given to let go, seconds.

        Raises:
            HeldError: another process, or another object of this one, holds it.
            OSError: it cannot be made or written.
        """
        if self._file is not None:
            return
        file = os.open(self._path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o600)
        try:
            _take(file, time.monotonic() + wait_s)
        except BaseException:
            os.close(file)
            raise
        self._file = file
        self.note({"pid": os.getpid()})

    def note(self, facts: dict[str, Any]) -> None:
        """Write down what others read of the holder: its process id, and the address it answers at if it has one."""
        text = json.dumps(facts).encode() + b"\n"
        os.lseek(self.file, 0, os.SEEK_SET)
        # one call, and no shorter than an earlier note: whoever reads meanwhile finds one or the other
        os.write(self.file, text.ljust(_NOTE_BYTES))

    def release(self) -> None:
        """Let go. Safe at any time, any number of times."""
        file, self._file = self._file, None
        if file is not None:
            os.close(file)


_NOTE_BYTES = 256


def _take(file: int, deadline: float) -> None:
    while not _lock(file):
        if time.monotonic() >= deadline:
            raise HeldError(_holder(file))
        time.sleep(_ASK_AGAIN_S)


def _holder(file: int) -> str:
    try:
        os.lseek(file, 0, os.SEEK_SET)
        facts = json.loads(os.read(file, _NOTE_BYTES))
        address = f" at {facts['address']}" if "address" in facts else ""
        return f"the FlowHost with process id {facts['pid']}{address}"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"


if sys.platform == "win32":
    import msvcrt

    def _lock(file: int) -> bool:
        os.lseek(file, _LOCKED_BYTE, os.SEEK_SET)
        try:
            msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _lock(file: int) -> bool:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
