"""States nobody can go on with: what is kept of them, and what is said."""

from __future__ import annotations

from collections.abc import Sequence

from flowhost.engine.failure import ORPHANED_STATE, Failure
from flowhost.engine.memory import Remembered
from flowhost.sdk import Message, Meta, StateForm


def orphans(node_id: str, lost: Sequence[Remembered], form: StateForm | None, why: str) -> list[Failure]:
    """A dead letter for each key that held messages, with its state as it was; the others are only forgotten.

    Args:
        node_id: the node.
        lost: what it remembered.
        form: of these states; None if nobody knows.
        why: it is lost, in words.
    """
    made = None if form is None else {"version": form.version, "config": dict(form.config)}
    return [
        Failure(
            node_id,
            Message({"key": each.key, "held": each.held, "state": each.state, "made": made}, Meta(key=each.key)),
            f"{why}; this is what was worked out of {messages(each.held)} of the key",
            ORPHANED_STATE,
        )
        for each in lost
        if each.held
    ]


def given_up(lost: Sequence[Remembered]) -> str:
    """How much was lost, in words."""
    keys = "1 key" if len(lost) == 1 else f"{len(lost):,} keys"
    text = f"what it remembered of {keys} was given up" if lost else "what it remembered was given up"
    letters, number = sum(each.held > 0 for each in lost), sum(each.held for each in lost)
    return f"{text}; {messages(number)} it held are in {letters:,} dead letters ({ORPHANED_STATE})" if number else text


def messages(number: int) -> str:
    """So many messages, in words."""
    return "1 message" if number == 1 else f"{number:,} messages"
