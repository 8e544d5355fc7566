"""What an outbox file holds, counted without opening it for writing; and its way out when its flow is deleted."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import apsw

from flowhost.engine.outbox.letter import REPLAY
from flowhost.engine.outbox.outbox import LOCK_SUFFIX, Outbox
from flowhost.engine.outbox.progress import COUNT_AHEAD
from flowhost.engine.outbox.states import HELD, count_held
from flowhost.engine.outbox.succession import types_key
from flowhost.errors import HostError

DELETED = "deleted"
"""Folder beside the files, for those of deleted flows that still held messages."""
BUSY_MS = 5_000


@dataclass(frozen=True, kw_only=True)
class Census:
    """What one flow has in a file.

    Attributes:
        waiting: messages by node, queued or parked before it; nodes without any are left out.
        dead_letters: open ones: neither replayed nor discarded.
        retried: dead letters that were retried and have not come back to their node yet.
        held: messages by node that came to it and are part of what it remembers, such as open windows.
        types: node type by node id, as the last run knew them.
    """

    waiting: Mapping[str, int] = field(default_factory=dict)
    dead_letters: int = 0
    retried: int = 0
    held: Mapping[str, int] = field(default_factory=dict)
    types: Mapping[str, str] = field(default_factory=dict)

    @property
    def empty(self) -> bool:
        """True when nothing would be lost with the file."""
        return not (self.waiting or self.dead_letters or self.retried or self.held)


def take_census(path: Path, flow: str) -> Census:
    """Count what a flow has in a file; blocks. A worker may have the file open meanwhile.

    Raises:
        HostError: the file cannot be read.
    """
    if not path.is_file():
        return Census()
    try:
        connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
        try:
            connection.set_busy_timeout(BUSY_MS)
            return _count(connection, flow)
        finally:
            connection.close()
    except apsw.Error as error:
        raise HostError(f"the outbox {path} cannot be read: {error}") from error


async def set_aside(path: Path) -> Path:
    """Move a file nobody has open away from the others; where it is now. Raises `HostError`."""
    box = Outbox(path, _nobody)
    # opening and closing takes the lock, brings an old file up to date and folds its log in
    await box.open()
    await box.close()
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%f")
    target = path.parent / DELETED / f"{path.stem}-{stamp}{path.suffix}"
    try:
        await asyncio.to_thread(_move, path, target)
    except OSError as error:
        raise HostError(f"the outbox {path} cannot be moved to {target}: {error}") from error
    return target


def erase(path: Path) -> None:
    """Remove a file that holds nothing, with what SQLite keeps beside it. Raises `HostError`."""
    try:
        for suffix in ("", "-wal", "-shm", LOCK_SUFFIX):
            path.with_name(path.name + suffix).unlink(missing_ok=True)
    except OSError as error:
        raise HostError(f"the outbox {path} cannot be removed: {error}") from error


def _move(path: Path, target: Path) -> None:
    target.parent.mkdir(exist_ok=True)
    path.rename(target)
    # what was written down of it goes with it: the next file of this name is another one
    path.with_name(path.name + LOCK_SUFFIX).rename(target.with_name(target.name + LOCK_SUFFIX))


def _count(connection: apsw.Connection, flow: str) -> Census:
    version = connection.execute("PRAGMA user_version").get
    if version == 0:
        return Census()
    # the first version had no parked messages
    parked = "(SELECT count(*) FROM parked WHERE parked.edge = edge.id)" if version > 1 else "0"
    waiting = f"SELECT node, appended - position - {COUNT_AHEAD} + {parked} FROM edge WHERE flow = ?"  # noqa: S608 - from above
    dead = "SELECT count(*) FROM dead WHERE flow = ? AND state = 'dead'"
    queues = {node: number for node, number in connection.execute(waiting, (flow,)) if number}
    return Census(
        waiting={node: number for node, number in queues.items() if not node.startswith(REPLAY)},
        dead_letters=connection.execute(dead, (flow,)).get,
        retried=sum(number for node, number in queues.items() if node.startswith(REPLAY)),
        held=count_held(connection.execute(HELD, (flow,))),
        types=json.loads(connection.execute("SELECT value FROM meta WHERE key = ?", (types_key(flow),)).get or "{}"),
    )


def _nobody(error: HostError) -> None:
    raise error
