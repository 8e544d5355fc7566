"""Looks an outbox file over when it is opened: what no longer is what was written is set aside, counted and said."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import apsw

from flowhost.engine.outbox.marks import EdgeMark, Marks
from flowhost.engine.outbox.schema import add_function, make_edge_table
from flowhost.engine.outbox.seal import ROW, is_intact, is_sealed, is_whole

CHECK_S = 5.0
"""How long the structure of a file may be looked over before it is used; what that misses is found when it is read."""
_STEPS = 100_000
EDGE_ROWS = 200
"""Rows at either end of an edge that are looked at to find out where it begins and ends."""
_TEXTS = {
    "edge": ("flow", "node"),
    "state": ("flow", "node", "key"),
    "origin": ("flow", "node"),
    "dead": ("flow", "node", "kind", "reason", "state", "note", "topic", "key", "ident", "causes", "uid", "changed_by"),
    "dead_edit": ("by",),
    "parked": ("key", "kind", "reason"),
    "damaged": ("flow", "node", "origin", "reason"),
    "ledger": ("flow", "node"),
    "meta": ("key", "value"),
}
_SET_ASIDE = "INSERT INTO damaged(flow, node, origin, row, at_ns, reason, bytes) VALUES (?, ?, ?, ?, ?, ?, ?)"
_BAD_MESSAGE = "(NOT is_whole(CAST(message AS BLOB)) OR typeof(message) <> 'blob')"
_BROKEN = "it does not match its checksum"
SEE = "they are kept in table damaged; what the targets still need has to be sent again from where it came"


NEWEST_LETTER = "SELECT coalesce(max(id), 0) FROM dead"


class Finding(NamedTuple):
    """Something to be told: as an event of the run that opens the file.

    Attributes:
        kind: of the event.
        text: in words, with numbers and the next step.
        node: the node concerned, empty for the whole file.
    """

    kind: str
    text: str
    node: str = ""


def is_sound(connection: apsw.Connection) -> bool:
    """Whether the structure of the file is whole, as far as that can be seen in time."""
    until = time.monotonic() + CHECK_S
    connection.set_progress_handler(lambda: time.monotonic() > until, _STEPS)
    try:
        return bool(connection.execute("PRAGMA integrity_check(1)").get == "ok")
    except apsw.InterruptError:
        return True
    except (apsw.CorruptError, apsw.NotADBError):
        return False
    finally:
        connection.set_progress_handler(None)


class Inspection:
    """One look over a file whose structure is whole.

    Args:
        connection: the writing one; everything happens in the caller's transaction.
        marks: how far the file had got when it was written last; None if nobody knows.
    """

    def __init__(self, connection: apsw.Connection, marks: Marks | None) -> None:
        self._connection = connection
        self._marks = marks
        self._findings: list[Finding] = []
        self._now_ns = time.time_ns()
        for function in (_is_text, _as_text, is_whole, is_sealed):
            add_function(connection, function.__name__.lstrip("_"), function)

    def run(self) -> list[Finding]:
        """Look everything over. Raises `apsw.CorruptError` if the structure is not whole after all."""
        for table, columns in _TEXTS.items():
            self._mend_texts(table, columns)
        self._check_remembered()
        self._check_newest_letter()
        self._check_letters()
        self._check_parked()
        self._bring_back_edges()
        for number, flow, node, position, appended, dead, dropped in self._edges():
            self._check_edge(number, flow, node, position, appended)
            if not 0 <= dead + dropped <= appended or min(dead, dropped) < 0:
                self._execute("UPDATE edge SET dead = 0, dropped = 0 WHERE id = ?", number)
                self._say("how many of its messages were dead or dropped is not known any more", node)
        return self._findings

    # -- rows beside the edges

    def _mend_texts(self, table: str, columns: tuple[str, ...]) -> None:
        """Half characters become question marks: nobody could read the row otherwise."""
        joined = " || ".join(columns)
        mended = ", ".join(f"{column} = as_text(CAST({column} AS BLOB))" for column in columns)
        self._execute(f"UPDATE OR REPLACE {table} SET {mended} WHERE NOT is_text(CAST({joined} AS BLOB))")  # noqa: S608 - names from above
        if number := self._connection.changes():
            self._say(f"{number} texts in table {table} were damaged and are shown with question marks", kind="warning")

    def _check_letters(self) -> None:
        """They stay where they are: a person may look at what lies there, and put another message in its place."""
        for table in ("dead", "dead_edit"):
            self._execute(f"UPDATE {table} SET message = CAST(message AS BLOB) WHERE typeof(message) <> 'blob'")  # noqa: S608 - from above
        for number, node in self._all("SELECT id, node FROM dead WHERE NOT is_whole(message)"):
            self._say(f"dead letter {number} is damaged; it needs another message before it can be retried", node)

    def _check_parked(self) -> None:
        statement = f"""
            SELECT parked.id, edge.id, flow, node, CAST(message AS BLOB)
            FROM parked LEFT JOIN edge ON edge.id = edge WHERE {_BAD_MESSAGE} OR edge.id IS NULL
        """  # noqa: S608 - from above
        for number, edge, flow, node, data in self._all(statement):
            self._set_aside(flow or "", node or "", "parked", number, _BROKEN, data)
            self._execute("DELETE FROM parked WHERE id = ?", number)
            self._execute("UPDATE edge SET dropped = dropped + 1 WHERE id = ?", edge)
            self._say(f"a parked message (row {number}) is damaged and was set aside", node or "")

    def _check_remembered(self) -> None:
        # bytes that are damaged are found by the node that wanted them
        moved = (
            "SELECT flow, node, key, CAST(value AS BLOB) FROM state "
            "WHERE is_whole(CAST(value AS BLOB)) AND NOT is_sealed(seal, CAST(value AS BLOB), flow, node, key)"
        )
        for flow, node, key, data in self._all(moved):
            self._set_aside(flow, node, f"state {key}", 0, _BROKEN, data)
            self._execute("DELETE FROM state WHERE flow = ? AND node = ? AND key = ?", flow, node, key)
            self._say("what it remembered for a key lies under a damaged name; it is set aside and starts afresh", node)
        origins = (
            "SELECT flow, node, CAST(value AS BLOB) FROM origin "
            "WHERE NOT is_sealed(seal, CAST(value AS BLOB), flow, node) OR typeof(value) <> 'blob'"
        )
        for flow, node, data in self._all(origins):
            self._set_aside(flow, node, "origin", 0, _BROKEN, data)
            self._execute("DELETE FROM origin WHERE flow = ? AND node = ?", flow, node)
            self._say(
                "how far it had been read is damaged and was set aside; it is read as if for the first time", node
            )

    def _check_newest_letter(self) -> None:
        newest = self._connection.execute(NEWEST_LETTER).get
        if self._marks is not None and newest < self._marks.letters:
            self._say(f"the newest {self._marks.letters - newest} dead letters are missing from the file")

    # -- edges

    def _edges(self) -> list[tuple[Any, ...]]:
        statement = "SELECT id, flow, node, position, appended, dead, dropped FROM edge ORDER BY id"
        return self._all(statement)

    def _marked(self) -> dict[int, EdgeMark]:
        return self._marks.edges if self._marks is not None else {}

    def _bring_back_edges(self) -> None:
        """Edges that were there: their making was lost with the end of the log, or their name is not what it was."""
        for number, mark in self._marked().items():
            known = self._connection.execute("SELECT flow, node FROM edge WHERE id = ?", (number,)).fetchone()
            if known == (mark.flow, mark.node):
                continue
            if known is None:
                self._execute(
                    "INSERT OR IGNORE INTO edge(id, flow, node) VALUES (?, ?, ?)", number, mark.flow, mark.node
                )
            else:
                statement = "UPDATE OR IGNORE edge SET flow = ?, node = ? WHERE id = ?"
                self._execute(statement, mark.flow, mark.node, number)

    def _check_edge(self, edge: int, flow: str, node: str, position: int, appended: int) -> None:
        """Where it begins and ends must fit the rows that are there, and what had been written down of it."""
        make_edge_table(self._connection, edge)
        mark = self._marked().get(edge)
        first = next(self._intact(edge, "ASC"), None)
        last = next(self._intact(edge, "DESC"), None)
        begins, ends = position, max(appended, mark.appended if mark is not None else 0)
        if first is not None and last is not None:
            begins, ends = _fit(begins, ends, first, last, mark)
        elif mark is not None and position != appended and not self._has_rows(edge):
            begins, ends = _fit_empty(position, appended, mark)
        begins = max(0, min(begins, ends))
        if (begins, ends) != (position, appended):
            self._execute("UPDATE edge SET position = ?, appended = ? WHERE id = ?", begins, ends, edge)
            if begins != position or ends < appended:
                self._say("the cursor of the queue was damaged and was found again from its rows", node, "warning")
        outside = f"SELECT id, CAST(b AS BLOB) FROM m_{edge:d} WHERE id <= ? OR id > ?"  # noqa: S608 - a number
        for number, data in self._all(outside, begins, ends):
            self._set_aside(flow, node, "edge", number, "its number is not one of those that wait", data)
            self._connection.execute(f"DELETE FROM m_{edge:d} WHERE id = ?", (number,))  # noqa: S608 - a number

    def _has_rows(self, edge: int) -> bool:
        return bool(self._all(f"SELECT 1 FROM m_{edge:d} LIMIT 1"))  # noqa: S608 - a number

    def _intact(self, edge: int, direction: str) -> Iterator[int]:
        """Numbers of rows that are what was written, from one end."""
        statement = f"SELECT {ROW} FROM m_{edge:d} ORDER BY id {direction} LIMIT {EDGE_ROWS}"  # noqa: S608 - a number
        for number, at_ms, data, seal in self._connection.execute(statement):
            if is_intact(edge, number, at_ms, data, seal):
                yield number

    def _set_aside(self, flow: str, node: str, origin: str, row: int, reason: str, data: Any) -> None:
        self._execute(_SET_ASIDE, flow, node, origin, row, self._now_ns, reason, _as_bytes(data))

    def _say(self, text: str, node: str = "", kind: str = "error") -> None:
        self._findings.append(Finding(kind, text, node))

    def _execute(self, statement: str, *values: Any) -> None:
        self._connection.execute(statement, values)

    def _all(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        return self._connection.execute(statement, values).fetchall()


def _fit(begins: int, ends: int, first: int, last: int, mark: EdgeMark | None) -> tuple[int, int]:
    """Position and end of an edge that has intact rows from `first` to `last`."""
    if begins >= first:
        begins = mark.position if mark is not None and mark.position < first else first - 1
    elif mark is not None and mark.position == first - 1:
        begins = first - 1
    if ends < last or (mark is not None and mark.appended == last):
        ends = last
    return begins, ends


def _fit_empty(position: int, appended: int, mark: EdgeMark) -> tuple[int, int]:
    """The same without rows, where both should be equal: rows are missing, or one of the two is wrong."""
    if appended == mark.appended:
        return mark.position, appended
    return (position, mark.appended) if position == mark.position else (position, max(appended, mark.appended))


def _is_text(data: Any) -> bool:
    try:
        bytes(data or b"").decode()
    except (UnicodeDecodeError, TypeError):
        return False
    return True


def _as_text(data: Any) -> str:
    return bytes(data or b"").decode("utf-8", "replace")


def _as_bytes(data: Any) -> bytes:
    return data if isinstance(data, bytes) else str(data).encode()
