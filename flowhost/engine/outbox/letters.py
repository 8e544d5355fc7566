"""Dead letters as they lie on disk, read while their worker goes on writing."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import apsw
import msgspec

from flowhost.engine.outbox.letter import Cause, Letter, LetterEdit, LetterState
from flowhost.engine.outbox.schema import VERSION
from flowhost.errors import HostError


class OlderFileError(HostError):
    """An outbox file of an older version; opening it as an `Outbox` brings it up to date."""


class LetterCount(msgspec.Struct, frozen=True, kw_only=True):
    """How many letters of one flow, node, kind and state there are."""

    flow: str
    node: str
    kind: str
    state: LetterState
    number: int


class LetterFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which letters are meant; what is empty does not narrow.

    Attributes:
        flow: flow id.
        node: node id.
        kind: class of the error.
        text: part of reason, topic, key or id, in any case of letters a-z.
        since_ns: failed at this time or later, nanoseconds UTC.
        until_ns: failed before this time.
        states: letters in one of these states.
        numbers: these letters only.
    """

    flow: str = ""
    node: str = ""
    kind: str = ""
    text: str = ""
    since_ns: int = 0
    until_ns: int = 0
    states: Sequence[LetterState] = ()
    numbers: Sequence[int] = ()

    def where(self) -> tuple[str, list[Any]]:
        """The condition in SQL, and its values."""
        conditions = ["true"]
        values: list[Any] = []

        def narrow(condition: str, *more: Any) -> None:
            conditions.append(condition)
            values.extend(more)

        for column in ("flow", "node", "kind"):
            if value := getattr(self, column):
                narrow(f"{column} = ?", value)
        if self.since_ns:
            narrow("at_ns >= ?", self.since_ns)
        if self.until_ns:
            narrow("at_ns < ?", self.until_ns)
        if self.states:
            narrow(f"state IN ({_LISTED})", json.dumps(list(self.states)))
        if self.numbers:
            narrow(f"id IN ({_LISTED})", json.dumps(list(self.numbers)))
        if self.text:
            searched = ("reason", "topic", "key", "ident")
            found = " OR ".join(f"instr(lower({column}), lower(?))" for column in searched)
            narrow(f"({found})", *[self.text] * len(searched))
        return " AND ".join(conditions), values


_LISTED = "SELECT value FROM json_each(?)"
_COLUMNS = (
    "id, uid, flow, node, at_ns, revision, kind, reason, attempts, state, topic, key, ident, message, causes, note, "
    "changed_ns, changed_by"
)
Place = tuple[int, str, int]
"""Where a letter stands in a list that has the newest first: when it failed, flow, number."""


class LetterReader:
    """Reads letters over one connection; for a thread, not for the loop."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection

    def newest(self, wanted: LetterFilter, before: Place | None, limit: int) -> list[Letter]:
        """Letters, the one that failed last first, behind a place in that order."""
        condition, values = wanted.where()
        if before is not None:
            condition, values = f"{condition} AND (at_ns, flow, id) < (?, ?, ?)", [*values, *before]
        return self._letters(f"{condition} ORDER BY at_ns DESC, flow DESC, id DESC LIMIT ?", [*values, limit])

    def oldest(self, wanted: LetterFilter, after: tuple[str, int], limit: int) -> list[tuple[str, int]]:
        """Flow and number of letters, in that order, behind one of them."""
        condition, values = wanted.where()
        statement = f"SELECT flow, id FROM dead WHERE {condition} AND (flow, id) > (?, ?) ORDER BY flow, id LIMIT ?"  # noqa: S608 - columns and question marks
        return [(row[0], row[1]) for row in self._connection.execute(statement, [*values, *after, limit])]

    def some(self, numbers: Sequence[int]) -> list[Letter]:
        """These letters, in order of number; those that are not there are left out."""
        return self._letters(f"id IN ({_LISTED}) ORDER BY id", [json.dumps(list(numbers))])

    def of_uids(self, uids: Sequence[str]) -> list[Letter]:
        """Letters by the name they have in every file."""
        return self._letters(f"uid IN ({_LISTED}) ORDER BY id", [json.dumps(list(uids))])

    def matching(self, wanted: LetterFilter, after: tuple[str, int] = ("", 0)) -> int:
        """How many there are behind a flow and number."""
        condition, values = wanted.where()
        condition, values = f"{condition} AND (flow, id) > (?, ?)", [*values, *after]
        return int(self._connection.execute(f"SELECT count(*) FROM dead WHERE {condition}", values).get)  # noqa: S608 - as above

    def open_of(self, flow: str) -> int:
        """How many letters of a flow somebody has to look at."""
        return self.matching(LetterFilter(flow=flow, states=("dead",)))

    def closed_before(self, until_ns: int, limit: int) -> list[int]:
        """Numbers of letters that were delivered or discarded before a time and of which no message waits anywhere.

        The newest letter of the file is not among them: its number would be given once more.
        """
        statement = (
            "SELECT id FROM dead WHERE state IN ('delivered', 'discarded') AND changed_ns < ? AND branches = 0 "
            "AND id < (SELECT max(id) FROM dead) ORDER BY id LIMIT ?"
        )
        return [row[0] for row in self._connection.execute(statement, (until_ns, limit))]

    def counts(self, wanted: LetterFilter) -> list[LetterCount]:
        """How many there are by flow, node, kind and state."""
        condition, values = wanted.where()
        statement = f"SELECT flow, node, kind, state, count(*) FROM dead WHERE {condition} GROUP BY 1, 2, 3, 4"  # noqa: S608 - as above
        return [
            LetterCount(flow=flow, node=node, kind=kind, state=state, number=number)
            for flow, node, kind, state, number in self._connection.execute(statement, values)
        ]

    def _letters(self, tail: str, values: Sequence[Any]) -> list[Letter]:
        rows: list[Any] = self._connection.execute(f"SELECT {_COLUMNS} FROM dead WHERE {tail}", values).fetchall()  # noqa: S608 - as above
        edits = self._edits([row[0] for row in rows])
        return [_letter(row, edits.get(row[0], ())) for row in rows]

    def _edits(self, numbers: Sequence[int]) -> dict[int, list[LetterEdit]]:
        statement = f"SELECT * FROM dead_edit WHERE letter IN ({_LISTED}) ORDER BY letter, revision"  # noqa: S608 - as above
        found: dict[int, list[LetterEdit]] = {}
        for letter, revision, at_ns, by, message in self._connection.execute(statement, (json.dumps(list(numbers)),)):
            found.setdefault(letter, []).append(LetterEdit(revision=revision, at_ns=at_ns, by=by, message=message))
        return found


@contextmanager
def letters_in(path: Path) -> Iterator[LetterReader]:
    """Read the letters of an outbox file; all that is read here is of one moment.

    Raises:
        OlderFileError: it was written by an older FlowHost.
        HostError: the file cannot be read.
    """
    try:
        connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
    except apsw.Error as error:
        raise HostError(f"{path} cannot be read: {error}") from error
    try:
        connection.execute("PRAGMA busy_timeout=5000; PRAGMA query_only=1")
        check_version(connection, path)
        connection.execute("BEGIN")
        yield LetterReader(connection)
    except apsw.Error as error:
        raise HostError(f"{path} cannot be read: {error}") from error
    finally:
        connection.close()


def check_version(connection: apsw.Connection, path: Path) -> None:
    """Whether this FlowHost reads the file. Raises as `letters_in` does."""
    found = connection.execute("PRAGMA user_version").get
    if found < VERSION:
        raise OlderFileError(f"{path} is of version {found}; this FlowHost reads version {VERSION}")
    if found > VERSION:
        raise HostError(f"{path} was written by a newer FlowHost; install that again")


def _letter(row: Sequence[Any], edits: Sequence[LetterEdit]) -> Letter:
    (number, uid, flow, node, at_ns, revision, kind, reason, attempts, state, topic, key, ident, message, causes, note,
     changed_ns, changed_by) = row  # fmt: skip
    return Letter(
        number=number, uid=uid, flow=flow, node=node, at_ns=at_ns, revision=revision, kind=kind, reason=reason,
        attempts=attempts, state=state, topic=topic, key=key, ident=ident, message=message, causes=_causes(causes),
        edits=edits, note=note, changed_ns=changed_ns, changed_by=changed_by,
    )  # fmt: skip


def _causes(text: str) -> list[Cause]:
    try:
        return msgspec.json.decode(text, type=list[Cause])
    except msgspec.DecodeError:
        return []  # written by another version; the letter itself is what counts
