"""Finds files that are there and that nobody writes any more."""

from __future__ import annotations

import stat
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from flowhost_files.atomic import make_folder
from flowhost_files.config_read import ANYWHERE, ReadConfig


class Seen(NamedTuple):
    """A file as it was seen.

    Attributes:
        name: its path below the data folder, with `/`.
        size: bytes.
        mtime_ns: when it was last written, by the clock of its disk or share.
    """

    name: str
    size: int
    mtime_ns: int

    @property
    def stamp(self) -> list[int]:
        """Tells this file from another one that takes its name later."""
        return [self.size, self.mtime_ns]


class Folder:
    """The folder that is looked at.

    Args:
        config: which files.
        base: the data folder.
    """

    def __init__(self, config: ReadConfig, base: Path) -> None:
        self._config = config
        self._base = base
        self._since: dict[Seen, float] = {}

    def make(self) -> None:
        """The folder that others put files into has to be there for them. Raises `OSError`."""
        parts = PurePosixPath(self._config.path).parts[:-1]
        fixed = next((at for at, part in enumerate(parts) if ANYWHERE.search(part)), len(parts))
        make_folder(self._base.joinpath(*parts[:fixed]))

    def look(self) -> list[Seen]:
        """Files there are now, the oldest first, then by name. Raises `OSError`."""
        aside = {self._config.done_folder, self._config.error_folder}
        root = self._base.resolve()
        found = []
        for file in self._base.glob(self._config.path):
            below = file.relative_to(self._base)
            if file.name.startswith(".") or aside.intersection(below.parts[:-1]) or not _is_below(file, root):
                continue
            try:
                facts = file.stat()
            except FileNotFoundError:
                continue
            if stat.S_ISREG(facts.st_mode):
                found.append(Seen(below.as_posix(), facts.st_size, facts.st_mtime_ns))
        return sorted(found, key=lambda seen: (seen.mtime_ns, seen.name))

    def settled(self, found: Sequence[Seen], now_s: float) -> list[Seen]:
        """Those that have stayed as they are for long enough."""
        known: Mapping[Seen, float] = self._since
        self._since = {seen: known.get(seen, now_s) for seen in found}
        return [seen for seen in found if now_s - self._since[seen] >= self._config.settle_ms / 1000]

    def place(self, name: str) -> Path:
        """Where a file is."""
        return self._base / name

    def now(self, name: str) -> Seen | None:
        """The file as it is now; None if it is gone. Raises `OSError`."""
        try:
            facts = self.place(name).stat()
        except FileNotFoundError:
            return None
        return Seen(name, facts.st_size, facts.st_mtime_ns)


def _is_below(file: Path, root: Path) -> bool:
    return not file.is_symlink() or file.resolve().is_relative_to(root)
