"""What the owner of an outbox file is asked to change about its dead letters, and what it answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import msgspec

from flowhost.engine.outbox.letter import Letter


class EditLetter(msgspec.Struct, tag=True, frozen=True, kw_only=True):
    """Keep another revision of a letter's message.

    Attributes:
        letter: its number.
        revision: number of the newest edit the caller has seen, 0 for the original.
        message: encoded.
        by: who.
    """

    letter: int
    revision: int
    message: bytes
    by: str


class RetryLetters(msgspec.Struct, tag=True, frozen=True, kw_only=True):
    """Send letters in again, at the input of the node they failed at."""

    letters: Sequence[int]
    by: str


class DiscardLetters(msgspec.Struct, tag=True, frozen=True, kw_only=True):
    """Close letters that need not be delivered, and say why."""

    letters: Sequence[int]
    reason: str
    by: str


class ImportLetters(msgspec.Struct, tag=True, frozen=True, kw_only=True):
    """Take letters in, all or none; those that are there already (by `uid`) are left as they are.

    Attributes:
        letters: their numbers are given anew.
    """

    letters: Sequence[Letter]


class ForgetLetters(msgspec.Struct, tag=True, frozen=True, kw_only=True):
    """Remove letters that were delivered or discarded long ago.

    Attributes:
        until_ns: those closed before this time, nanoseconds UTC.
        most: so many of them, the first ones.
    """

    until_ns: int
    most: int


LetterRequest: TypeAlias = EditLetter | RetryLetters | DiscardLetters | ImportLetters | ForgetLetters


class LetterAnswer(msgspec.Struct, tag=True, frozen=True, kw_only=True):
    """What became of a request.

    Attributes:
        done: numbers of the letters that were changed.
        skipped: numbers of those that were not, with the reason.
    """

    done: Sequence[int] = ()
    skipped: Sequence[tuple[int, str]] = ()
