"""The contract of a connection: a shared, named link to a broker, PLC or database."""

from __future__ import annotations

from typing import Any, ClassVar, Generic, Protocol, TypeVar, runtime_checkable

from flowhost.sdk.config import Config
from flowhost.sdk.context import ConnectionContext
from flowhost.sdk.spec import ConnectionSpec

C = TypeVar("C", bound=Config)


class Connection(Generic[C]):
    """A link that a worker opens once for all nodes that name it.

    The engine calls `open` before any node that uses it, again after a failure (with back-off, without end), and
    `close` at the end. `open` raises `TemporaryError` when the target cannot be reached now, `AuthenticationError`
    or `PermanentError` when a person has to act. A connection that loses its link later says so once through
    `context.board` (`lost`, then `restored`) and makes its nodes raise `NotConnectedError` meanwhile.
    Drivers and their errors stay inside.
    """

    spec: ClassVar[ConnectionSpec]
    Config: ClassVar[type[Any]]

    def __init__(self, config: C, context: ConnectionContext) -> None:
        self.config = config
        self.context = context

    async def open(self) -> None:
        """Establish the link. Raises `TemporaryError`, `AuthenticationError` or `PermanentError`."""

    async def close(self) -> None:
        """Release everything. Safe at any time, half-opened, and any number of times."""

    def health(self) -> str:
        """State in words, e.g. `connected to 10.1.2.3:1883`; empty where unknown."""
        return ""


@runtime_checkable
class ConnectionTest(Protocol):
    """Power of a connection to try itself out without touching the plant."""

    async def test(self) -> str:
        """Connect, ask something harmless, disconnect.

        Returns:
            What was found, in one sentence.

        Raises:
            NodeError: what failed and what to do.
        """
        ...
