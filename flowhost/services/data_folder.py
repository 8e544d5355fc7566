"""The data folder belongs to one host at a time."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from flowhost.errors import SettingsError

LOCK_FILE = "flowhost.lock"
ADDRESS_FILE = "host.json"
_LOCKED_BYTE = 1 << 30
"""Far behind the text: Windows does not let others read a locked byte."""


class DataFolder:
    """Exclusive hold on a data folder; the system lets go of it however this process ends.

    folder = DataFolder(Path("data"))
    folder.take()
    folder.announce("http://127.0.0.1:8470")
    folder.release()
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: int | None = None

    def take(self) -> None:
        """Take the folder, creating it where missing; taking it twice is fine.

        Raises:
            SettingsError: another process holds it, or it cannot be written; says which and what to do.
        """
        if self._file is not None:
            return
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            file = os.open(self.path / LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            msg = f"data folder {self.path} cannot be used: choose another with --data or FLOWHOST_DATA_DIR ({error})"
            raise SettingsError(msg, "data_dir") from error
        if not _lock(file):
            holder = _holder(file)
            os.close(file)
            msg = (
                f"data folder {self.path} is in use by {holder}: stop it, "
                "or give this one another folder with --data or FLOWHOST_DATA_DIR"
            )
            raise SettingsError(msg, "data_dir")
        self._file = file
        self._note({"pid": os.getpid()})

    def announce(self, address: str) -> None:
        """Write down where this host answers, for commands on this machine; readable for this user only."""
        self._note({"pid": os.getpid(), "address": address})
        path = self.path / ADDRESS_FILE
        part = path.with_suffix(".part")
        part.unlink(missing_ok=True)
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
            json.dump({"pid": os.getpid(), "address": address}, out)
        part.replace(path)

    def release(self) -> None:
        """Let go. Safe at any time, any number of times."""
        if self._file is not None:
            (self.path / ADDRESS_FILE).unlink(missing_ok=True)
            os.close(self._file)
            self._file = None

    def _note(self, facts: dict[str, Any]) -> None:
        assert self._file is not None
        os.lseek(self._file, 0, os.SEEK_SET)
        os.ftruncate(self._file, 0)
        os.write(self._file, json.dumps(facts).encode())


def _holder(file: int) -> str:
    """Whoever holds the lock, as it described itself."""
    try:
        os.lseek(file, 0, os.SEEK_SET)
        facts = json.loads(os.read(file, 4096))
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
        except OSError:
            return False
        return True
