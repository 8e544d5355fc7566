"""What pages, REST and commands see of the host itself: plugins, workers, alarms, the demo's switches."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

SwitchName = Literal["broker", "plc", "meter", "database", "sensor"]
Severity = Literal["warning", "error", "critical"]
WorkerState = Literal["starting", "running", "restarting", "stopped"]


@dataclass(frozen=True, kw_only=True)
class PluginView:
    """An installed plugin, whole or broken.

    Attributes:
        error: why it was left out, empty if it works.
        detail: the traceback, for the vendor.
    """

    name: str
    version: str
    node_types: tuple[str, ...] = ()
    connection_types: tuple[str, ...] = ()
    error: str = ""
    detail: str = ""


@dataclass(frozen=True, kw_only=True)
class NodeTypeView:
    """A node type for palette and help; `by_hand`: a source that can be told to send now."""

    id: str
    title: str
    summary: str
    category: str
    icon: str
    kind: Literal["source", "transform", "sink", "unknown"]
    ports: tuple[str, ...]
    connection: str | None
    stability: str
    schema: dict[str, Any] = field(default_factory=dict)
    by_hand: bool = False


@dataclass(frozen=True, kw_only=True)
class AlarmView:
    """Something that is wrong, or was.

    Attributes:
        id: to acknowledge it by; 0 for a moment after it was raised.
        kind: what sort of trouble, e.g. `connection_down`, `dead_letters`.
        flow_id: flow it is about; empty for the host itself.
        flow_name: its name.
        subject: node, connection or worker it is about, or empty.
        severity: how bad it is.
        text: what is wrong; once it is over, what was.
        advice: what to do.
        since: when the trouble began, UTC.
        raised_at: when it became an alarm, UTC.
        cleared_at: when it was over, UTC; None while it is not.
        acknowledged_by: who said that they know; empty if nobody did.
        acknowledged_at: when they said so, UTC.
        cause: id of the alarm it follows from while both stand, such as that of a connection that is down; else 0.
        reason: why, as the target says it; known while the alarm stands, empty where `text` says it all.
        waiting: messages that wait for it while it stands.
        connection: the host's connection it is about; empty for one of the flow's own.
    """

    id: int
    kind: str
    flow_id: str
    flow_name: str
    subject: str
    severity: Severity
    text: str
    advice: str
    since: datetime
    raised_at: datetime
    cleared_at: datetime | None = None
    acknowledged_by: str = ""
    acknowledged_at: datetime | None = None
    cause: int = 0
    reason: str = ""
    waiting: int = 0
    connection: str = ""


@dataclass(frozen=True, kw_only=True)
class WorkerView:
    """A process that runs flows."""

    name: str
    state: WorkerState
    pid: int | None
    heartbeat_age_s: float | None
    flows: int
    restarts: int


@dataclass(frozen=True, kw_only=True)
class HostStatus:
    """The host itself.

    Attributes:
        host_id: identifies this FlowHost, part of client ids.
        version: of FlowHost.
        uptime_s: since the host started, seconds.
        ready: True when the host does all it promises.
        not_ready: reasons in words, empty when ready.
        workers: the processes that run flows.
        data_dir: folder that holds the databases.
        dead_letters: open ones of all flows, as far as is known now.
    """

    host_id: str
    version: str
    uptime_s: float
    ready: bool
    not_ready: tuple[str, ...]
    workers: tuple[WorkerView, ...]
    data_dir: str
    dead_letters: int = 0


@dataclass(frozen=True, kw_only=True)
class FlowRef:
    """A flow somebody else points to."""

    id: str
    name: str


@dataclass(frozen=True, kw_only=True)
class DemoSwitchView:
    """A part of the demo's plant that can be turned off and on.

    Attributes:
        name: broker, plc, meter, database or sensor; a sensor that is off talks nonsense.
        address: where flows reach it.
        on: it works now, whatever was asked for.
        turning: somebody has asked, and it has not answered yet.
        fault: why it is not as it was asked to be, e.g. it did not come back; empty where it is.
        since: when that changed last, UTC; None if it is on since the demo began.
        readers: flows that bring values in from there.
        writers: flows that deliver there.
    """

    name: SwitchName
    address: str
    on: bool
    turning: bool
    fault: str
    since: datetime | None
    readers: tuple[FlowRef, ...] = ()
    writers: tuple[FlowRef, ...] = ()
