"""The data folder belongs to one host, or one run, at a time."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path

from flowhost.engine.file_lock import FileLock, HeldError
from flowhost.errors import SettingsError

LOCK_FILE = "flowhost.lock"
ADDRESS_FILE = "host.json"


class HeldFolderError(SettingsError):
    """Another process works in the data folder."""


@dataclass(frozen=True)
class HostAddress:
    """Where the host of a folder answers."""

    address: str
    token: str = field(repr=False)


def host_of(folder: Path) -> HostAddress | None:
    """The host that holds a folder; None if none has said that it answers."""
    try:
        facts = json.loads((folder / ADDRESS_FILE).read_text(encoding="utf-8"))
        return HostAddress(str(facts["address"]), str(facts["token"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


class DataFolder:
    """Exclusive hold on a data folder; the system lets go of it however this process ends.

    folder = DataFolder(Path("data"))
    folder.take()
    folder.announce("http://127.0.0.1:8470", token)
    folder.release()
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = FileLock(path / LOCK_FILE)

    def refuse_if_held(self) -> None:
        """Look whether the folder could be taken, before anything that takes time. Raises as `take` does."""
        if self.path.is_dir() and not self._lock.held:
            self.take()
            self._lock.release()

    def take(self) -> None:
        """Take the folder, creating it where missing; taking it twice is fine.

        Raises:
            HeldFolderError: another process holds it; says which and what to do.
            SettingsError: it cannot be written.
        """
        if self._lock.held:
            return
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock.take()
            # of a host that was killed: nobody answers there
            (self.path / ADDRESS_FILE).unlink(missing_ok=True)
        except OSError as error:
            msg = f"data folder {self.path} cannot be used: choose another with --data or FLOWHOST_DATA_DIR ({error})"
            raise SettingsError(msg, "data_dir") from error
        except HeldError as error:
            msg = (
                f"data folder {self.path} is in use by {error}: stop it, "
                "or give this one another folder with --data or FLOWHOST_DATA_DIR"
            )
            raise HeldFolderError(msg, "data_dir") from None

    def announce(self, address: str, token: str) -> None:
        """Write down where this host answers, and what proves to it that a command of this machine asks.

        Readable for this user only.
        """
        self._lock.note({"pid": os.getpid(), "address": address})
        path = self.path / ADDRESS_FILE
        part = path.with_suffix(".part")
        part.unlink(missing_ok=True)
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
            json.dump({"pid": os.getpid(), "address": address, "token": token}, out)
        part.replace(path)

    def release(self) -> None:
        """Let go. Safe at any time, any number of times."""
        if self._lock.held:
            (self.path / ADDRESS_FILE).unlink(missing_ok=True)
        self._lock.release()
