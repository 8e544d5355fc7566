"""A dead letter as plain data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

LetterState = Literal["dead", "retried", "delivered", "discarded"]
"""`dead`: somebody has to look. `retried`: on its way again. `delivered`, `discarded`: closed."""

REPLAY = "replay:"
"""Begins the name of the queue that brings retried letters back to a node; no node id holds a colon."""


class Cause(msgspec.Struct, frozen=True, kw_only=True):
    """An earlier failure of the same message.

    Attributes:
        at: when, nanoseconds UTC; 0 where it is not known.
        node: where; empty for the node the letter is at.
        kind: class of the error.
        reason: in words.
        attempts: how often it had been tried until then.
        revision: of the flow.
    """

    at: int = 0
    node: str = ""
    kind: str
    reason: str
    attempts: int = 1
    revision: int = 0


class LetterEdit(msgspec.Struct, frozen=True, kw_only=True):
    """A revision of a letter's message: number from 1, when (nanoseconds UTC), by whom, the encoded message."""

    revision: int
    at_ns: int
    by: str
    message: bytes


class Letter(msgspec.Struct, frozen=True, kw_only=True):
    """A dead letter.

    Attributes:
        number: names it in its file.
        uid: names it in every file it is brought into.
        flow: flow id.
        node: where it failed last.
        at_ns: when it failed last, nanoseconds UTC.
        revision: of the flow that failed on it, 0 where there is none.
        kind: class of the error.
        reason: in words.
        attempts: how often delivery was tried, over all retries.
        state: whether somebody has to look.
        topic: of the message.
        key: of the message.
        ident: id of the message.
        message: encoded, as it entered the node; never changed.
        causes: earlier failures, oldest first.
        edits: revisions of the message, oldest first.
        note: why it was discarded.
        changed_ns: when somebody changed it last, or it was delivered; 0 if never.
        changed_by: who changed it last.
    """

    number: int
    uid: str
    flow: str
    node: str
    at_ns: int
    revision: int
    kind: str
    reason: str
    attempts: int
    state: LetterState
    topic: str
    key: str
    ident: str
    message: bytes
    causes: Sequence[Cause] = ()
    edits: Sequence[LetterEdit] = ()
    note: str = ""
    changed_ns: int = 0
    changed_by: str = ""

    @property
    def current(self) -> bytes:
        """The newest revision of the message: what a retry sends."""
        return self.edits[-1].message if self.edits else self.message
