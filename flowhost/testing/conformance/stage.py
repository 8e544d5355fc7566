"""Builds a connection and a node on it as the engine would, and keeps what they say."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from typing_extensions import override

from flowhost.errors import TemporaryError
from flowhost.sdk import Connection, ConnectionContext, Node, NodeContext
from flowhost.sdk.context import MemoryCheckpoint, NoticeKind

OPEN_S = 20.0
"""How long a target may need to be there at the start of a test."""

PATIENCE_S = 2.0
"""How long stopping may take."""


class Board:
    """Keeps notices (`flowhost.sdk.NoticeBoard`)."""

    def __init__(self) -> None:
        self.notices: list[tuple[NoticeKind, str]] = []

    def notice(self, kind: NoticeKind, text: str) -> None:
        """Keep it."""
        self.notices.append((kind, text))

    def of(self, kind: NoticeKind) -> list[str]:
        """Texts of one kind."""
        return [text for given, text in self.notices if given == kind]


class WallClock:
    """Real time (`flowhost.sdk.Clock`)."""

    def now_ns(self) -> int:
        """Now."""
        return time.time_ns()

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)


class LineKeeper(logging.Handler):
    """Keeps every log line, with its traceback."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []

    @override
    def emit(self, record: logging.LogRecord) -> None:
        """Keep the line."""
        self.lines.append(self.format(record))


class Stage:
    """Surroundings of what is tested.

    Args:
        base_dir: what relative paths in configs are relative to.
        node_type: the node type tested; None for a bare connection.
        connection_type: the connection type, where there is one.
        config: the node's config as written in a flow file.
        connection_config: the connection's.
        clock: source of time.
    """

    def __init__(
        self,
        base_dir: Path,
        node_type: type[Node[Any]] | None,
        connection_type: type[Connection[Any]] | None,
        config: Mapping[str, Any],
        connection_config: Mapping[str, Any],
        clock: Any = None,
    ) -> None:
        self.board = Board()
        self.link: Connection[Any] | None = None
        self.log = logging.getLogger("flowhost.conformance")
        self.checkpoint = MemoryCheckpoint()
        self._base_dir = base_dir
        self._node_type = node_type
        self._connection_type = connection_type
        self._config = config
        self._connection_config = connection_config
        self._clock = clock or WallClock()

    def new_connection(self, config: Mapping[str, Any] | None = None) -> Connection[Any]:
        """A connection that is not opened yet."""
        assert self._connection_type is not None, "set `connection_type` in the test class"
        context = ConnectionContext(
            name="target",
            host_id="conformance",
            base_dir=self._base_dir,
            log=self.log,
            clock=self._clock,
            board=self.board,
        )
        written = self._connection_config if config is None else config
        return self._connection_type(self._connection_type.Config.model_validate(dict(written)), context)

    def new_node(self, config: Mapping[str, Any] | None = None) -> Node[Any]:
        """A node that is not opened yet, on the stage's connection; nodes of one stage share their checkpoint."""
        assert self._node_type is not None, "set `node_type` in the test class"
        checked = self._node_type.Config.model_validate(dict(self._config if config is None else config))
        context = NodeContext(
            flow="conformance",
            node="tested",
            host_id="conformance",
            base_dir=self._base_dir,
            log=self.log,
            clock=self._clock,
            board=self.board,
            connection=self.link,
            wired_ports=frozenset(self._node_type.output_ports(checked)),
            checkpoint=self.checkpoint,
        )
        return self._node_type(checked, context)

    async def up(self) -> None:
        """Open the connection, where there is one."""
        if self._connection_type is not None:
            self.link = self.new_connection()
            await opened(self.link)

    async def down(self) -> None:
        """Close the connection."""
        link, self.link = self.link, None
        if link is not None:
            await link.close()


async def opened(subject: Any) -> None:
    """Open a node or connection; while its target is not there yet, close and try again, as the engine does."""
    async with asyncio.timeout(OPEN_S):
        while True:
            try:
                await subject.open()
            except (TemporaryError, OSError):
                await subject.close()
                await asyncio.sleep(0.05)
            else:
                return


async def ended(task: asyncio.Task[Any]) -> bool:
    """Cancel a task, again and again if need be; whether it ended after the first time within `PATIENCE_S`."""
    for attempt in range(20):
        task.cancel()
        await asyncio.wait([task], timeout=PATIENCE_S if attempt == 0 else 0.1)
        if task.done():
            return attempt == 0
    return False


async def until(condition: Any, what: str, seconds: float = 10.0) -> None:
    """Wait for a condition; fails with words when it does not come about."""
    deadline = time.monotonic() + seconds
    while not (result := condition()):
        assert time.monotonic() < deadline, f"not within {seconds:g} s: {what}"
        await asyncio.sleep(0.01)
    del result
