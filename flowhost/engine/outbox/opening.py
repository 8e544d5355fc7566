"""Opens an outbox file: everything that has to be seen to before its first transaction."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import apsw

from flowhost.engine.outbox.schema import check_sqlite, connect, prepare
from flowhost.errors import HostError

_LEFT = "SELECT flow, node FROM edge WHERE appended > position OR id IN (SELECT edge FROM parked)"


class Opened(NamedTuple):
    """An open file.

    Attributes:
        connection: the writing one.
        tails: highest id ever given, by edge.
        left: flow and node of the edges that hold messages.
        parked: highest number of a parked message.
    """

    connection: apsw.Connection
    tails: dict[int, int]
    left: frozenset[tuple[str, str]]
    parked: int


def open_file(path: Path, give_room: Callable[[], None]) -> Opened:
    """Open or make the file.

    Args:
        path: the file.
        give_room: called if the disk is full; the file is tried once more then.

    Raises:
        HostError: it cannot be read or written.
    """
    check_sqlite()
    try:
        try:
            return _opened(path)
        except apsw.Error as error:
            if not is_full(error):
                raise
            give_room()
            return _opened(path)
    except apsw.Error as error:
        raise HostError(f"the outbox {path} cannot be opened: {error}") from error


def is_full(error: Exception) -> bool:
    """Whether the disk has no room left; all other failures leave it unknown what the disk holds."""
    if isinstance(error, apsw.FullError):
        return True
    # the index of the log lies in a file of its own, and says so in its own way
    return isinstance(error, apsw.IOError) and getattr(error, "extendedresult", 0) == apsw.SQLITE_IOERR_SHMSIZE


def _opened(path: Path) -> Opened:
    connection = connect(path)
    try:
        prepare(connection, path)
        tails = dict(connection.execute("SELECT id, appended FROM edge"))
        parked = connection.execute("SELECT coalesce(max(id), 0) FROM parked").get
        return Opened(connection, tails, frozenset(connection.execute(_LEFT)), parked)
    except BaseException:
        connection.close()
        raise
