"""The host's connections as people see them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

LinkState = Literal["up", "down", "idle", "unknown"]
"""Up and down: as running flows see it. Idle: no flow that uses it runs. Unknown: its type is not installed."""


@dataclass(frozen=True, kw_only=True)
class TestView:
    """What a test found."""

    ok: bool
    text: str
    at: datetime
    __test__ = False  # pytest takes classes of this name for tests


@dataclass(frozen=True, kw_only=True)
class ConnectionView:
    """A connection of the host.

    Attributes:
        config: as kept; secrets are references, never values.
        version: given back with a change.
        state: see `LinkState`.
        text: the same in words.
        used_by: ids of the flows that name it, deployed or being edited.
        running: those of them that run; they start anew when it changes.
        called: all of those as people call them, by id.
        ailing: nodes of these, `flow/node`, that try again although the connection itself is up.
        cause: why the first of them does.
        tested: what the last test since the host's start found.
        restarting: flows that are still to start anew with its last change.
        fault: what went wrong with its last change after it was kept; the version before is in force again.
    """

    name: str
    type: str
    title: str
    config: Mapping[str, Any]
    version: int
    changed_by: str
    changed_at: datetime
    state: LinkState
    text: str
    used_by: tuple[str, ...] = ()
    running: tuple[str, ...] = ()
    called: Mapping[str, str] = field(default_factory=dict)
    ailing: tuple[str, ...] = ()
    cause: str = ""
    tested: TestView | None = None
    restarting: tuple[str, ...] = ()
    fault: str = ""


@dataclass(frozen=True, kw_only=True)
class OwnConnectionView:
    """A connection that a flow brings itself; its settings are the flow's and are changed there.

    Attributes:
        flow_id: flow that brings it.
        flow_name: its name.
        name: of the connection, within the flow.
        type: connection type id.
        title: the same in words.
        state: as the flow sees it now; idle while it does not run.
        text: the same in words.
        nodes: ids of the nodes that use it.
        ailing: those of them that try again although the connection itself is up.
        cause: why the first of them does.
        tested: what the last test since the host's start found.
    """

    flow_id: str
    flow_name: str
    name: str
    type: str
    title: str
    state: LinkState
    text: str
    nodes: tuple[str, ...] = ()
    ailing: tuple[str, ...] = ()
    cause: str = ""
    tested: TestView | None = None


@dataclass(frozen=True, kw_only=True)
class ConnectionChanged:
    """What a change did.

    Attributes:
        restarted: flows that have started anew with it.
        restarting: flows that do so now.
    """

    connection: ConnectionView
    restarted: tuple[str, ...] = field(default=())
    restarting: tuple[str, ...] = field(default=())
