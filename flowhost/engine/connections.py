"""The connections of a run: opened once each, tried again until they stand, shared by all nodes that name them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Any

from typing_extensions import override

from flowhost.engine.backoff import Backoff
from flowhost.engine.failure import reason_of
from flowhost.engine.notices import History, NoticeBoard
from flowhost.engine.snapshot import ConnectionSnapshot
from flowhost.errors import ConfigError, NodeError, PermanentError
from flowhost.sdk import Connection
from flowhost.sdk.context import NoticeKind


class ConnectionBoard(NoticeBoard):
    """A connection's notices; lost and restored also set its state."""

    def __init__(self, name: str, log: logging.LoggerAdapter[logging.Logger], history: History) -> None:
        super().__init__(f"connection {name}", log, history)
        self.state = ConnectionSnapshot(type="", up=False, text="not opened yet")

    @override
    def notice(self, kind: NoticeKind, text: str) -> None:
        """Log the text, keep it with the run, and remember whether the link stands."""
        if kind in ("lost", "restored"):
            self.state.up, self.state.text = kind == "restored", text
        super().notice(kind, text)


class ManagedConnection:
    """One connection and the task that opens it."""

    def __init__(self, name: str, connection: Connection[Any], board: ConnectionBoard, timeout_s: float) -> None:
        self.name = name
        self.connection = connection
        self.board = board
        board.state.type = connection.spec.id
        self._timeout_s = timeout_s
        self._opened = asyncio.Event()
        self._failure: Exception | None = None

    async def open(self) -> None:
        """Try until it stands; a fault only a person can mend ends the attempts."""
        backoff = Backoff(cap_s=30.0)
        while True:
            try:
                async with asyncio.timeout(self._timeout_s):
                    await self.connection.open()
            except (PermanentError, ConfigError) as error:
                self._fail(error)
                return
            except (NodeError, OSError, TimeoutError) as error:
                await self._wait_again(error, backoff)
            except Exception as error:  # noqa: BLE001 - a plugin's own bug must not stop the run's other connections
                await self._wait_again(error, backoff)
            else:
                self._stand(backoff)
                return

    async def ready(self) -> Connection[Any]:
        """The opened connection. Raises `PermanentError` if it will not open without a person."""
        await self._opened.wait()
        if self._failure is not None:
            msg = f"connection {self.name!r} cannot be opened: {self._failure}"
            raise PermanentError(msg) from self._failure
        return self.connection

    async def close(self) -> None:
        """Close it; a fault while closing is told, not raised."""
        try:
            await self.connection.close()
        except Exception as error:  # noqa: BLE001 - everything else must still be closed
            self.board.notice("warning", f"closing failed: {reason_of(error)}")
        if self.board.state.up:
            self.board.state.up, self.board.state.text = False, "closed"

    def snapshot(self) -> ConnectionSnapshot:
        """State in words."""
        state = self.board.state
        text = (self.connection.health() if state.up else "") or state.text
        return ConnectionSnapshot(type=state.type, up=state.up, text=text)

    def _stand(self, backoff: Backoff) -> None:
        state = self.board.state
        if backoff.tries:
            self.board.notice("restored", f"connected after {backoff.tries} failed attempts")
        state.up, state.text = True, "connected"
        self._opened.set()

    def _fail(self, error: Exception) -> None:
        self._failure = error
        self.board.state.text = reason_of(error)
        self.board.notice("error", reason_of(error))
        self._opened.set()

    async def _wait_again(self, error: Exception, backoff: Backoff) -> None:
        reason = reason_of(error)
        if isinstance(error, TimeoutError) and not str(error):
            reason = f"no answer within {self._timeout_s:g} s"
        self.board.state.text = reason
        if backoff.tries == 0:
            self.board.notice("lost", f"cannot connect, trying again: {reason}")
        await self.connection.close()
        pause_s = backoff.next_s()
        await asyncio.sleep(getattr(error, "after_s", None) or pause_s)


class ConnectionPool:
    """All connections of a run by name."""

    def __init__(self, connections: Mapping[str, ManagedConnection]) -> None:
        self._connections = connections

    def __iter__(self) -> Any:
        return iter(self._connections.values())

    async def ready(self, name: str | None) -> None:
        """Wait until the named connection stands; at once if there is none."""
        if name is not None:
            await self._connections[name].ready()

    async def close(self) -> None:
        """Close all."""
        await asyncio.gather(*(managed.close() for managed in self._connections.values()))

    def snapshot(self) -> dict[str, ConnectionSnapshot]:
        """States by name."""
        return {name: managed.snapshot() for name, managed in self._connections.items()}
