"""What can be changed about dead letters, each as part of a transaction of the outbox."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import apsw
import msgspec
from typing_extensions import override

from flowhost.engine.outbox.letter import Letter, LetterState
from flowhost.engine.outbox.letter_rows import reopen


class LetterChange(ABC):
    """One change of dead letters."""

    @abstractmethod
    def apply(self, connection: apsw.Connection) -> None:
        """Make the change; runs on the writer's thread, inside its transaction."""


@dataclass(frozen=True, slots=True)
class KeepEdit(LetterChange):
    """Another revision of a letter's message; the original stays.

    Attributes:
        letter: number of the letter.
        revision: number of the edit, from 1.
        at_ns: when, nanoseconds UTC.
        by: who.
        message: encoded.
    """

    letter: int
    revision: int
    at_ns: int
    by: str
    message: bytes

    @override
    def apply(self, connection: apsw.Connection) -> None:
        values = (self.letter, self.revision, self.at_ns, self.by, self.message)
        connection.execute("INSERT INTO dead_edit VALUES (?, ?, ?, ?, ?)", values)
        connection.execute(
            "UPDATE dead SET changed_ns = ?, changed_by = ? WHERE id = ?", (self.at_ns, self.by, self.letter)
        )


@dataclass(frozen=True, slots=True)
class SetState(LetterChange):
    """Letters somebody has retried or discarded.

    Attributes:
        letters: their numbers.
        state: what they are now.
        at_ns: when, nanoseconds UTC.
        by: who.
        note: why.
    """

    letters: Sequence[int]
    state: LetterState
    at_ns: int
    by: str
    note: str = ""

    @override
    def apply(self, connection: apsw.Connection) -> None:
        connection.executemany(
            "UPDATE dead SET state = ?, changed_ns = ?, changed_by = ?, note = ? WHERE id = ?",
            [(self.state, self.at_ns, self.by, self.note, letter) for letter in self.letters],
        )


@dataclass(frozen=True, slots=True)
class Forget(LetterChange):
    """Letters that were closed long ago are gone, with their edits.

    Attributes:
        letters: their numbers.
    """

    letters: Sequence[int]

    @override
    def apply(self, connection: apsw.Connection) -> None:
        numbers = [(letter,) for letter in self.letters]
        connection.executemany("DELETE FROM dead_edit WHERE letter = ?", numbers)
        connection.executemany("DELETE FROM dead WHERE id = ?", numbers)


@dataclass(frozen=True, slots=True)
class Follow(LetterChange):
    """Messages of a retried letter have come into a queue, or left one; with the last one to leave it is delivered.

    Attributes:
        letter: number of the letter.
        step: how many came; negative for those that left.
    """

    letter: int
    step: int

    @override
    def apply(self, connection: apsw.Connection) -> None:
        connection.execute("UPDATE dead SET branches = max(0, branches + ?) WHERE id = ?", (self.step, self.letter))
        if self.step < 0:
            connection.execute(
                "UPDATE dead SET state = 'delivered', changed_ns = ? "
                "WHERE id = ? AND state = 'retried' AND branches = 0",
                (time.time_ns(), self.letter),
            )


@dataclass(frozen=True, slots=True)
class Reopen(LetterChange):
    """A retried letter did not come into the flow, or was lost from sight there: somebody has to look again.

    Attributes:
        letter: number of the letter.
        at_ns: when that was found, nanoseconds UTC.
        revision: of the flow.
        kind: class of the cause.
        reason: in words.
    """

    letter: int
    at_ns: int
    revision: int
    kind: str
    reason: str

    @override
    def apply(self, connection: apsw.Connection) -> None:
        reopen(connection, self.letter, self.at_ns, self.revision, self.kind, self.reason)


@dataclass(frozen=True, slots=True)
class CountBranches(LetterChange):
    """How many messages of a retried letter were found in queues."""

    letter: int
    branches: int

    @override
    def apply(self, connection: apsw.Connection) -> None:
        connection.execute("UPDATE dead SET branches = ? WHERE id = ?", (self.branches, self.letter))


@dataclass(frozen=True, slots=True)
class TakeIn(LetterChange):
    """Letters that come from elsewhere, with new numbers; one whose `uid` is known is left as it is."""

    letters: Sequence[Letter]

    @override
    def apply(self, connection: apsw.Connection) -> None:
        for letter in self.letters:
            connection.execute(
                "INSERT OR IGNORE INTO dead(uid, flow, node, at_ns, revision, kind, reason, attempts, state, topic, "
                "key, ident, message, causes, note, changed_ns, changed_by) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    letter.uid, letter.flow, letter.node, letter.at_ns, letter.revision, letter.kind, letter.reason,
                    letter.attempts, letter.state, letter.topic, letter.key, letter.ident, letter.message,
                    msgspec.json.encode(letter.causes).decode(), letter.note, letter.changed_ns, letter.changed_by,
                ),
            )  # fmt: skip
            if connection.changes():
                number = connection.last_insert_rowid()
                edits = [(number, edit.revision, edit.at_ns, edit.by, edit.message) for edit in letter.edits]
                connection.executemany("INSERT INTO dead_edit VALUES (?, ?, ?, ?, ?)", edits)
