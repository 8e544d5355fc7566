"""The connections of a run: opened once each, tried again until they stand, shared by all nodes that name them."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from typing import Any

from typing_extensions import override

from flowhost.engine.breaker import Breaker, Turn, clock_time
from flowhost.engine.failure import reason_of
from flowhost.engine.notices import History, NoticeBoard
from flowhost.engine.snapshot import ConnectionSnapshot
from flowhost.errors import ConfigError, PermanentError
from flowhost.sdk import Connection
from flowhost.sdk.context import NoticeKind


class ConnectionBoard(NoticeBoard):
    """A connection's notices; lost and restored also set its state."""

    def __init__(self, name: str, log: logging.LoggerAdapter[logging.Logger], history: History) -> None:
        super().__init__(f"connection {name}", log, history)
        self.state = ConnectionSnapshot(type="", up=False, text="not opened yet")
        self.on_up: Callable[[], None] = _nothing

    @override
    def notice(self, kind: NoticeKind, text: str) -> None:
        """Log the text, keep it with the run, and remember whether the link stands."""
        if kind in ("lost", "restored"):
            self.set(kind == "restored", text)
        super().notice(kind, text)

    def set(self, up: bool, text: str) -> None:
        """The link stands, or does not."""
        self.state.up, self.state.text = up, text
        if up:
            self.state.since = 0
            self.on_up()
        elif not self.state.since:
            self.state.since = time.time_ns()


def _nothing() -> None:
    """Nobody has to know."""


class ManagedConnection:
    """One connection, the task that opens it, and the breaker that all nodes on it share."""

    def __init__(self, name: str, connection: Connection[Any], board: ConnectionBoard, timeout_s: float) -> None:
        self.name = name
        self.connection = connection
        self.board = board
        self.breaker = Breaker()
        board.state.type = connection.spec.id
        board.on_up = self.breaker.hint
        self._timeout_s = timeout_s
        self._opened = asyncio.Event()
        self._failure: Exception | None = None

    async def open(self) -> None:
        """Try until it stands; a fault only a person can mend ends the attempts."""
        self.board.set(False, "connecting")
        while True:
            turn = await self.breaker.turn(node=False)
            try:
                async with asyncio.timeout(self._timeout_s):
                    await self.connection.open()
            except (PermanentError, ConfigError) as error:
                self._fail(error)
                return
            except Exception as error:  # noqa: BLE001 - a plugin's own bug must not stop the run's other connections
                await self._wait_again(error, turn)
            else:
                self._stand(turn)
                return
            finally:
                turn.end()

    async def ready(self) -> Connection[Any]:
        """The opened connection. Raises `PermanentError` if it will not open without a person."""
        self.breaker.waiting += 1
        try:
            await self._opened.wait()
        finally:
            self.breaker.waiting -= 1
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
            self.board.set(False, "closed")

    def snapshot(self) -> ConnectionSnapshot:
        """State in words."""
        state, breaker = self.board.state, self.breaker
        if breaker.is_open:
            return _down(state.type, breaker.since_ns, breaker.text(), breaker.reason)
        if not state.up:
            when = f"down since {clock_time(state.since)}: " if state.since and state.text != "closed" else ""
            return _down(state.type, state.since, f"{when}{state.text}", state.text)
        return ConnectionSnapshot(type=state.type, up=True, text=self.connection.health() or state.text)

    def _stand(self, turn: Turn) -> None:
        tries = self.breaker.tries
        turn.worked()
        if tries:
            self.board.notice("restored", f"connected after {tries} failed attempts")
        self.board.set(True, "connected")
        self._opened.set()

    def _fail(self, error: Exception) -> None:
        self._failure = error
        self.board.set(False, reason_of(error))
        self.board.notice("error", reason_of(error))
        self._opened.set()

    async def _wait_again(self, error: Exception, turn: Turn) -> None:
        reason = reason_of(error)
        if isinstance(error, TimeoutError) and not str(error):
            reason = f"no answer within {self._timeout_s:g} s"
        first = not self.breaker.is_open
        turn.failed(reason, getattr(error, "after_s", None))
        if first:
            self.board.notice("lost", f"cannot connect, trying again: {reason}")
        await self.connection.close()


def _down(kind: str, since: int, text: str, reason: str) -> ConnectionSnapshot:
    down_s = max(0, time.time_ns() - since) / 1e9 if since else 0.0
    return ConnectionSnapshot(type=kind, up=False, text=text, reason=reason, since=since, down_s=down_s)


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

    def is_up(self, name: str) -> bool:
        """Whether the named connection stands, as far as it has said."""
        return self._connections[name].board.state.up

    async def close(self) -> None:
        """Close all."""
        await asyncio.gather(*(managed.close() for managed in self._connections.values()))

    def snapshot(self) -> dict[str, ConnectionSnapshot]:
        """States by name."""
        return {name: managed.snapshot() for name, managed in self._connections.items()}
