"""What the engine gives a node or connection to work with."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    from flowhost.sdk.connection import Connection

NoticeKind = Literal["info", "lost", "restored", "gap", "gone", "warning", "error"]


class Clock(Protocol):
    """Where time comes from; virtual in flow tests."""

    def now_ns(self) -> int:
        """Wall clock, nanoseconds since 1970-01-01 UTC."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait; in a flow test this returns when the test advances the time."""
        ...


class NoticeBoard(Protocol):
    """Where a node says something worth a line in the run's history."""

    def notice(self, kind: NoticeKind, text: str) -> None:
        """Log the text once and keep it with the run. No secrets."""
        ...


class Checkpoint(Protocol):
    """Where a replayable source keeps how far it has been confirmed: a cursor, a file position.

    Kept in the same file as the flow's queues, so both survive a kill and a power cut together.
    """

    async def load(self) -> Any:
        """What was saved last; None at first."""
        ...

    async def save(self, value: Any) -> None:
        """Keep the value (JSON-like or bytes); returns once it is safe. Called from `on_outcome`."""
        ...


class MemoryCheckpoint:
    """A checkpoint that lasts as long as the process, where nothing is kept on disk."""

    def __init__(self) -> None:
        self._value: Any = None

    async def load(self) -> Any:
        """What was saved last."""
        return self._value

    async def save(self, value: Any) -> None:
        """Keep the value."""
        self._value = value


@dataclass(frozen=True, kw_only=True)
class ConnectionContext:
    """Surroundings of a connection.

    Attributes:
        name: the connection's name in the flow or host.
        host_id: identifies this FlowHost; part of client ids.
        base_dir: what relative paths in the config are relative to.
        log: logger that carries the connection's name.
        clock: source of time.
        board: takes lost and restored notices.
    """

    name: str
    host_id: str
    base_dir: Path
    log: logging.Logger | logging.LoggerAdapter[logging.Logger]
    clock: Clock
    board: NoticeBoard


@dataclass(frozen=True, kw_only=True)
class NodeContext:
    """Surroundings of a node.

    Attributes:
        flow: flow id.
        node: node id within the flow.
        host_id: identifies this FlowHost; part of client ids.
        base_dir: what relative paths in the config are relative to.
        log: logger that carries flow and node.
        clock: source of time.
        board: takes notices for the run's history: a link lost, restored, a gap in the data.
        connection: the shared, opened connection, for node types that need one.
        wired_ports: output ports that have at least one wire.
        checkpoint: for sources that continue where they were confirmed.
    """

    flow: str
    node: str
    host_id: str
    base_dir: Path
    log: logging.Logger | logging.LoggerAdapter[logging.Logger]
    clock: Clock
    board: NoticeBoard
    connection: Connection[Any] | None = None
    wired_ports: frozenset[str] = field(default=frozenset())
    checkpoint: Checkpoint = field(default_factory=MemoryCheckpoint)
