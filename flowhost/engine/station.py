"""Where synchronous work ends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from flowhost.engine.token import Token
from flowhost.sdk import Message


class Station(Protocol):
    """A queue, a sink that never waits, or the keeping of dead letters."""

    async def accept(self, messages: Sequence[Message], token: Token) -> None:
        """Take the messages and one branch of the token; waits for room."""
        ...
