"""Opens an outbox file: everything that has to be seen to before its first transaction."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Collection
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import apsw

from flowhost.engine.outbox.inspection import NEWEST_LETTER, Finding, Inspection, is_sound
from flowhost.engine.outbox.marks import EdgeMark, Marks, MarksFile
from flowhost.engine.outbox.mending import are_tables_there, mend_head, mend_tables
from flowhost.engine.outbox.page_scan import read_log
from flowhost.engine.outbox.refinding import find_again
from flowhost.engine.outbox.salvage import finish_rescue, salvage
from flowhost.engine.outbox.schema import check_sqlite, connect, make_edge_table, prepare
from flowhost.errors import HostError

log = logging.getLogger(__name__)

_LEFT = "SELECT flow, node FROM edge WHERE appended > position OR id IN (SELECT edge FROM parked)"
_BROKEN = (apsw.CorruptError, apsw.NotADBError)


class Opened(NamedTuple):
    """An open file.

    Attributes:
        connection: the writing one.
        marks: how far it has got.
        left: flow and node of the edges that hold messages.
        parked: highest number of a parked message.
        findings: what was wrong with it.
    """

    connection: apsw.Connection
    marks: Marks
    left: frozenset[tuple[str, str]]
    parked: int
    findings: list[Finding]


def open_file(path: Path, marks_file: MarksFile, give_room: Callable[[], None]) -> Opened:
    """Open or make the file; one that is damaged is mended as far as that can be done, and said to be.

    Args:
        path: the file; held by this process.
        marks_file: how far it had got, written down beside it.
        give_room: called if the disk is full; the file is tried once more then.

    Raises:
        HostError: it cannot be read or written.
    """
    check_sqlite()
    try:
        try:
            return _Opening(path, marks_file).run()
        except apsw.Error as error:
            if not is_full(error):
                raise
            give_room()
            return _Opening(path, marks_file).run()
    except (apsw.Error, OSError) as error:
        raise HostError(f"the outbox {path} cannot be opened: {error}") from error


def is_full(error: Exception) -> bool:
    """Whether the disk has no room left; all other failures leave it unknown what the disk holds."""
    if isinstance(error, apsw.FullError):
        return True
    # the index of the log lies in a file of its own, and says so in its own way
    return isinstance(error, apsw.IOError) and getattr(error, "extendedresult", 0) == apsw.SQLITE_IOERR_SHMSIZE


def read_marks(connection: apsw.Connection, marks: Marks) -> None:
    """Bring marks up to date with the file."""
    rows = connection.execute("SELECT id, flow, node, position, appended FROM edge")
    marks.edges = {number: EdgeMark(*rest) for number, *rest in rows}
    marks.letters = connection.execute(NEWEST_LETTER).get


class _Opening:
    """One try to open a file."""

    def __init__(self, path: Path, marks_file: MarksFile) -> None:
        self._path = path
        self._marks_file = marks_file
        self._marks = marks_file.read()
        self._findings: list[Finding] = []
        self._log = b""

    def run(self) -> Opened:
        """Open it. Raises `apsw.Error`, `OSError` or `HostError`."""
        finish_rescue(self._path)
        # SQLite stops at the first damage in its log and writes over the rest
        self._log = read_log(self._path)
        if self._path.exists() and mend_head(self._path):
            self._findings.append(Finding("warning", "the head of the file was damaged and was put right"))
        connection = self._sound_connection()
        try:
            return self._inspected(connection)
        except _BROKEN:
            connection.close()
            connection = self._rescued()
            return self._inspected(connection)
        except BaseException:
            connection.close()
            raise

    def _sound_connection(self) -> apsw.Connection:
        edges = self._marks.edges if self._marks is not None else {}
        if (connection := self._if_sound(edges)) is not None:
            return connection
        with suppress(apsw.Error):
            if mend_tables(self._path, edges):
                self._findings.append(Finding("warning", "names of tables were damaged and were put right"))
                if (connection := self._if_sound(edges)) is not None:
                    return connection
        return self._rescued()

    def _if_sound(self, edges: Collection[int]) -> apsw.Connection | None:
        """The file opened; None if its structure is broken."""
        connection = None
        try:
            connection = connect(self._path)
            if are_tables_there(connection, edges) and is_sound(connection):
                return connection
        except _BROKEN:
            log.warning("the structure of %s is broken", self._path)
        if connection is not None:
            connection.close()
        return None

    def _rescued(self) -> apsw.Connection:
        self._findings += salvage(self._path, self._marks)
        return connect(self._path)

    def _inspected(self, connection: apsw.Connection) -> Opened:
        prepare(connection, self._path)
        file = self._name(connection)
        with connection:
            self._find_end_of_log(connection)
            self._findings += Inspection(connection, self._marks).run()
        marks = Marks(file, self._marks.turn if self._marks is not None else 0)
        read_marks(connection, marks)
        self._marks_file.write(marks)
        left = frozenset(connection.execute(_LEFT))
        parked = connection.execute("SELECT coalesce(max(id), 0) FROM parked").get
        return Opened(connection, marks, left, parked, self._findings)

    def _find_end_of_log(self, connection: apsw.Connection) -> None:
        """Messages that had been appended, and of which the file knows nothing any more."""
        marks = self._marks.edges if self._marks is not None else {}
        ends = dict(connection.execute("SELECT id, appended FROM edge"))
        lost = {edge: (ends.get(edge, 0) + 1, mark.appended) for edge, mark in marks.items()}
        missing = {edge: [(first, last)] for edge, (first, last) in lost.items() if first <= last}
        if not missing:
            return
        for edge in missing:
            make_edge_table(connection, edge)
        number = sum(last - first + 1 for ((first, last),) in missing.values())
        found = find_again(connection, missing, b"", self._log)
        text = (
            f"the end of the file's log was damaged: {found:,} of {number:,} messages behind that place were found "
            "again; messages that had left may be delivered once more"
        )
        self._findings.append(Finding("error", text))

    def _name(self, connection: apsw.Connection) -> str:
        """The file's own name. Marks that belong to another file are not taken for its own."""
        name = connection.execute("SELECT value FROM meta WHERE key = 'file'").get
        if self._marks is not None and not _belong(self._marks, name, connection):
            self._findings += _replaced(self._marks)
            self._marks = None
        name = (self._marks.file if self._marks is not None else name) or secrets.token_hex(8)
        connection.execute("INSERT OR REPLACE INTO meta VALUES ('file', ?)", (name,))
        return str(name)


def _belong(marks: Marks, name: str | None, connection: apsw.Connection) -> bool:
    """Whether marks are those of this file: by its name, or by its edges should the name be damaged."""
    edges = {number: (flow, node) for number, flow, node in connection.execute("SELECT id, flow, node FROM edge")}
    marked = {number: (mark.flow, mark.node) for number, mark in marks.edges.items()}
    return marks.file == name or (bool(marked) and marked.items() <= edges.items())


def _replaced(marks: Marks) -> list[Finding]:
    waiting = sum(mark.appended - mark.position for mark in marks.edges.values())
    if not waiting:
        return []
    text = f"this is not the outbox file that was here before, in which {waiting:,} messages waited; where is it?"
    return [Finding("error", text)]
