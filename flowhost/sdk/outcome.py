"""What a sink says happened to each message, and what the engine tells a source."""

from __future__ import annotations

from enum import Enum
from typing import TypeAlias

import msgspec

from flowhost.sdk.message import Message


class Ok(msgspec.Struct, frozen=True):
    """The target confirmed the message.

    Attributes:
        answer: leaves by the sink's `out` port, where it has one that is wired.
        repeated: the target had it already, and was left as it was; told beside what was delivered.
    """

    answer: Message | None = None
    repeated: bool = False


class Retry(msgspec.Struct, frozen=True):
    """Not done, and trying again may help.

    Attributes:
        after_s: how long the target asked us to wait, seconds; None leaves it to the engine.
        reason: what went wrong, for the screen.
        down: not this message alone: the target takes nothing at present. Everything waits and one try at a time asks
            whether it is back. Left False, only messages of the same key (`meta.key`, else the topic) wait.
    """

    after_s: float | None = None
    reason: str = ""
    down: bool = False


class Reject(msgspec.Struct, frozen=True):
    """The target refused this message for good; it leaves by the error port or becomes a dead letter."""

    reason: str


class Unknown(msgspec.Struct, frozen=True):
    """Sent, but no answer came.

    Attributes:
        ask: what identifies the request at the target.
    """

    ask: str = ""


WriteOutcome: TypeAlias = Ok | Retry | Reject | Unknown


class Settlement(Enum):
    """How a position a source handed over ended; of several branches the worst one counts."""

    CONFIRMED = 0
    """Every branch was confirmed, filtered on purpose, or is a dead letter."""
    ABANDONED = 1
    """Given up at shutdown before all branches were done: the source must deliver it again."""
