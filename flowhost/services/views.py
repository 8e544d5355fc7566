"""What pages, REST and commands see: frozen plain data, never a table object and never an engine object."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from flowhost.graph.document import FlowDocument
from flowhost.graph.guarantee import PathGuarantee

FlowState = Literal["stopped", "starting", "running", "draining", "failed", "ended"]
Desired = Literal["running", "stopped"]
NodeStateText = Literal["starting", "running", "retrying", "ended", "stopped", "failed", "idle", "interrupted"]
Outcome = Literal["running", "stopped", "ended", "failed", "interrupted"]
SwitchName = Literal["broker", "plc", "meter", "database", "sensor"]
Severity = Literal["warning", "error", "critical"]
WorkerState = Literal["starting", "running", "restarting", "stopped"]

SPARK_POINTS = 60
"""Rates kept per flow for the small curve, one per second."""


@dataclass(frozen=True, kw_only=True)
class ValueView:
    """A value that passed not long ago.

    Attributes:
        node: the node it left.
        port: the port it left by.
        topic: where it belongs.
        text: the payload as one short line.
        payload: the payload, JSON-like and cut to a size.
        unit: UCUM code, empty where unknown.
        quality: good, uncertain or bad.
        time: source time, UTC.
    """

    node: str
    port: str
    topic: str
    text: str
    payload: Any
    unit: str
    quality: str
    time: datetime


@dataclass(frozen=True, kw_only=True)
class FlowSums:
    """Where messages are: `in_total + before + made = out_total + used + filtered + pending + held + dead + dropped`.

    Attributes:
        in_total: brought in by sources.
        before: an earlier run had left them in the flow; none where all runs are told together.
        made: came from inside the flow: windows closed, copies for further branches, dead letters sent again.
        out_total: confirmed by targets.
        used: went into others, such as samples into a window.
        filtered: left out on purpose.
        pending: waiting in the flow, or left there when the run ended.
        held: taken in by a node that makes something of them later, such as the samples of an open window.
        dead: failed for good.
        dropped: lost because a limit said so.
        repeated: of those confirmed, what the targets had already.
    """

    in_total: int = 0
    before: int = 0
    made: int = 0
    out_total: int = 0
    used: int = 0
    filtered: int = 0
    pending: int = 0
    held: int = 0
    dead: int = 0
    dropped: int = 0
    repeated: int = 0


@dataclass(frozen=True, kw_only=True)
class FlowOverview:
    """One row or tile of the overview.

    Attributes:
        id: flow id.
        name: for people; the id where the flow has none.
        area: folder of flows, e.g. `plant1/line1`.
        state: what the flow really does now.
        state_text: the state in words, with the reason where there is one.
        desired: what was asked for last; survives a restart of the host.
        rate_per_s: messages brought in per second, over the last seconds.
        out_rate_per_s: messages confirmed by targets per second.
        in_total: messages brought in since the run began.
        out_total: messages confirmed by targets since the run began.
        errors: failures seen in this run, including those retried.
        dead: messages that failed for good in this run.
        dead_letters: dead letters on disk that somebody has to look at, of this run and of earlier ones.
        pending: messages inside the flow now.
        on_disk: those of them that wait in a queue on disk before a node.
        sums: where all messages of the run are.
        spark: the last `SPARK_POINTS` rates, oldest first, one per second.
        last_values: a few of the newest values, newest first; filled while somebody watches the flow.
        last_error: the newest failure of the run, empty if none.
        last_error_at: when a failure was seen last, UTC; None if none was.
        drain_until: while it is being stopped: when it ends even if messages are still inside, UTC.
        run_id: the run that is on, or the last one; None if it never ran.
        started_at: when that run began, UTC.
        nodes_count: nodes in the flow.
        revision: number of the deployed revision.
        description: what the flow is for, as its file says; may be empty.
    """

    id: str
    name: str
    area: str
    state: FlowState
    state_text: str
    desired: Desired
    rate_per_s: float = 0.0
    out_rate_per_s: float = 0.0
    in_total: int = 0
    out_total: int = 0
    errors: int = 0
    dead: int = 0
    dead_letters: int = 0
    pending: int = 0
    on_disk: int = 0
    sums: FlowSums = FlowSums()
    spark: tuple[float, ...] = ()
    last_values: tuple[ValueView, ...] = ()
    last_error: str = ""
    last_error_at: datetime | None = None
    drain_until: datetime | None = None
    run_id: int | None = None
    started_at: datetime | None = None
    nodes_count: int = 0
    revision: int = 0
    description: str = ""


@dataclass(frozen=True, kw_only=True)
class TotalsView:
    """Counters of a node since its flow first ran, over all runs (`flowhost.engine.snapshot.NodeTotals`)."""

    in_total: int
    made: int
    out: int
    used: int
    filtered: int
    dead: int
    dropped: int
    pending: int
    drift: int = 0
    repeated: int = 0


@dataclass(frozen=True, kw_only=True)
class NodeView:
    """One node of a flow with its live figures (zeros and state `idle` while the flow is not running).

    Counters are those of `flowhost.engine.snapshot.NodeSnapshot`: `in + made = out + used + filtered + dead +
    dropped + pending`.
    """

    id: str
    type: str
    title: str
    kind: Literal["source", "transform", "sink", "unknown"]
    state: NodeStateText = "idle"
    text: str = ""
    rate_per_s: float = 0.0
    in_total: int = 0
    out: int = 0
    made: int = 0
    used: int = 0
    filtered: int = 0
    dead: int = 0
    dropped: int = 0
    pending: int = 0
    repeated: int = 0
    attempts: int = 0
    gone: int = 0
    errors: int = 0
    last_error: str = ""
    last_error_at: datetime | None = None
    values: tuple[ValueView, ...] = ()
    totals: TotalsView | None = None


@dataclass(frozen=True, kw_only=True)
class WireView:
    """One wire with its live figures.

    Attributes:
        source: node it leaves.
        port: output it leaves by.
        target: node it enters.
        rate_per_s: messages per second; exact where the output has one wire, else the target's share is the same.
        pending: messages waiting before the target.
    """

    source: str
    port: str
    target: str
    rate_per_s: float = 0.0
    pending: int = 0


@dataclass(frozen=True, kw_only=True)
class ConnectionView:
    """A connection as the running flow sees it."""

    name: str
    type: str
    up: bool
    text: str


@dataclass(frozen=True, kw_only=True)
class ProblemView:
    """A finding of lint.

    Attributes:
        place: path into the flow file, e.g. `nodes.temps.config.qos`.
        message: what is wrong and what to do.
        severity: error (the flow cannot start) or warning.
        code: of the rule, such as `missing-field`; empty where no rule stands behind it.
    """

    place: str
    message: str
    severity: Literal["error", "warning"] = "error"
    code: str = ""


@dataclass(frozen=True, kw_only=True)
class EventView:
    """A line of a run's history.

    Attributes:
        time: when, UTC.
        kind: info, lost, restored, gap, warning, error, dead.
        text: for people, without secrets.
        node: node id, or empty for the run itself.
        topic: of the message concerned, if any.
        count: how many equal ones in a row this line stands for.
    """

    time: datetime
    kind: str
    text: str
    node: str = ""
    topic: str = ""
    count: int = 1


@dataclass(frozen=True, kw_only=True)
class FlowTotals:
    """What a flow has done since it first ran.

    Attributes:
        since: when that was, UTC.
        messages_in: brought in by its sources.
        messages_out: confirmed by its targets.
        dead: failed for good.
        dropped: given up because a limit said so.
        drift: messages the counters of nodes before queues on disk are off by, because the process died in between.
        sums: where all of them are.
    """

    since: datetime
    messages_in: int
    messages_out: int
    dead: int
    dropped: int
    drift: int
    sums: FlowSums = FlowSums()


@dataclass(frozen=True, kw_only=True)
class FlowDetail:
    """A flow's page: the deployed document with live figures on it.

    `guarantees` says what each path from a source to a target promises; it is empty where the check found errors.
    """

    overview: FlowOverview
    document: FlowDocument
    nodes: tuple[NodeView, ...] = ()
    wires: tuple[WireView, ...] = ()
    connections: tuple[ConnectionView, ...] = ()
    problems: tuple[ProblemView, ...] = ()
    guarantees: tuple[PathGuarantee, ...] = ()
    events: tuple[EventView, ...] = ()
    totals: FlowTotals | None = None


@dataclass(frozen=True, kw_only=True)
class RunSummary:
    """One run: one life of a deployed revision.

    Attributes:
        outcome: running; stopped (somebody asked); ended (all sources came to their end); failed; interrupted (worker,
            host or power went away).
        reason: the outcome in words, e.g. why it failed; empty where there is nothing to say.
        sums: where all its messages are.
    """

    id: int
    flow_id: str
    flow_name: str
    revision: int
    started_at: datetime
    ended_at: datetime | None
    outcome: Outcome
    messages_in: int = 0
    messages_out: int = 0
    errors: int = 0
    dead: int = 0
    dropped: int = 0
    reason: str = ""
    sums: FlowSums = FlowSums()


@dataclass(frozen=True, kw_only=True)
class RunDetail:
    """A run's page.

    Attributes:
        summary: the row of the list.
        events: the newest ones kept, oldest first.
        events_left_out: older ones no longer kept.
        nodes: final figures per node (present ones while the run is on).
        document: the revision that ran, for its picture; None if it is no longer kept.
    """

    summary: RunSummary
    events: tuple[EventView, ...] = ()
    events_left_out: int = 0
    nodes: tuple[NodeView, ...] = ()
    document: FlowDocument | None = None


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
        text: what is wrong.
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
