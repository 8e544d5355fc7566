"""What pages, REST and commands see: frozen plain data, never a table object and never an engine object."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from flowhost.graph.document import FlowDocument
from flowhost.graph.guarantee import PathGuarantee

FlowState = Literal["stopped", "starting", "running", "draining", "failed", "ended"]
Desired = Literal["running", "stopped"]
NodeStateText = Literal["starting", "running", "retrying", "ended", "stopped", "failed", "idle", "interrupted"]
Outcome = Literal["running", "stopped", "ended", "failed", "interrupted"]

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
        ails: it runs, but a connection is down or a node tries again.
        dead_lately: messages that died within the last minute, while it runs.
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
        last_values: what its targets took last, the newest first; filled while somebody watches the flow.
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
    ails: bool = False
    dead_lately: int = 0
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
    dropped + pending`. `dead_lately` is how many messages died here within the last minute, while the flow runs. Its
    title is its name, as on the canvas; its id where it has none.

    Attributes:
        waiting: of those pending: in the queue before the node; it holds the others itself.
        open_dead: messages died here in this run, and the flow has dead letters that nobody has seen to.
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
    dead_lately: int = 0
    open_dead: bool = False
    dropped: int = 0
    pending: int = 0
    waiting: int = 0
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
        pending: messages waiting before the target, in the one queue that all wires into it share.
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
    `life` tells the flow from an earlier one of its id that was deleted.
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
    life: str = ""


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
