"""How far a folder was read and delivered, as it is kept over a restart."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from flowhost_files.looking import Seen

MOST_KEPT = 10_000
"""Files that are left where they are and have to be remembered one by one."""


class Progress:
    """What is known of files by name.

    Attributes:
        at: the position confirmed last of a file that is not at its end.
        ends: files that were delivered to their end and wait to be taken away: stamp and fault.
        read: files that stay where they are: stamp.
    """

    def __init__(self, saved: Any = None) -> None:
        saved = saved or {}
        self.at: dict[str, Any] | None = saved.get("at")
        self.ends: dict[str, list[Any]] = dict(saved.get("ends", {}))
        self.read: dict[str, list[int]] = dict(saved.get("read", {}))

    def saved(self) -> dict[str, Any]:
        """What to keep."""
        return {"at": self.at, "ends": self.ends, "read": self.read}

    def confirmed(self, position: dict[str, Any]) -> None:
        """Everything up to this position was delivered."""
        if not position["end"]:
            self.at = position
            return
        self.at = None
        if not position["changed"]:
            self.ends[position["file"]] = [*position["stamp"], position["fault"]]

    def tidied(self, seen: Seen, *, stays: bool) -> None:
        """A file was taken away, or stays and is remembered."""
        self.ends.pop(seen.name, None)
        if stays:
            self.read[seen.name] = seen.stamp

    def has_room(self, there: Collection[Seen]) -> bool:
        """Whether more files can be remembered.

        Those that are gone are forgotten only when there are too many: a share that is not mounted has no files, and
        all would be read again once it is back.
        """
        if len(self.read) > MOST_KEPT:
            names = {seen.name for seen in there}
            self.read = {name: stamp for name, stamp in self.read.items() if name in names}
        return len(self.read) <= MOST_KEPT

    def knows(self, seen: Seen) -> bool:
        """Whether this very file was delivered."""
        ended = self.ends.get(seen.name)
        return self.read.get(seen.name) == seen.stamp or (ended is not None and ended[:2] == seen.stamp)

    def rows_of(self, seen: Seen) -> int:
        """How many of its records were delivered by an earlier run."""
        at = self.at
        return at["rows"] if at is not None and at["file"] == seen.name and at["stamp"] == seen.stamp else 0
