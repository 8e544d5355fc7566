"""What a running flow tells about itself: counters, ledger, states. Plain structs that travel between processes."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

RunState = Literal["starting", "running", "draining", "ended", "stopped", "failed"]
NodeState = Literal["starting", "running", "retrying", "ended", "stopped", "failed"]


class NodeSnapshot(msgspec.Struct, kw_only=True):
    """Counters of one node since the run began.

    The ledger of a node: `in + made = out + used + filtered + dead + dropped + pending`.

    Attributes:
        in_: messages that arrived.
        out: messages that left (for a sink: confirmed by its target).
        made: outputs that are not one input passed on (all outputs of a source).
        used: inputs that went into other messages.
        filtered: inputs dropped on purpose.
        dead: messages that failed for good with no error port wired.
        dropped: messages lost because a limit said so.
        pending: messages inside: queued, held or in flight.
        held: those of them a node has taken in to make something of, such as the samples of an open window.
        before: of those that arrived, what an earlier run had left here.
        repeated: of those confirmed, what the target had already because the same message had come before.
        attempts: tries that did not reach the node's target or origin at all; they are about no message.
        down_s: for how long it has not got on, as far as is known, seconds.
        gone: how often its origin has lost messages it held for this node.
        gone_text: the newest of them in words.
        errors: failures seen, including those that left by the error port or were retried.
        state: how the node is.
        text: state in words, for people.
        reason: why it does not get on, without what changes by itself; empty while it does.
        last_error: the newest failure, empty if none.
        busy_s: time spent in the node's code, seconds.
        batches: batches processed.
    """

    in_: int = msgspec.field(default=0, name="in")
    out: int = 0
    made: int = 0
    used: int = 0
    filtered: int = 0
    dead: int = 0
    dropped: int = 0
    pending: int = 0
    held: int = 0
    before: int = 0
    repeated: int = 0
    attempts: int = 0
    down_s: float = 0.0
    gone: int = 0
    gone_text: str = ""
    errors: int = 0
    state: NodeState = "starting"
    text: str = ""
    reason: str = ""
    last_error: str = ""
    busy_s: float = 0.0
    batches: int = 0

    def balanced(self) -> bool:
        """True when nothing is unaccounted for."""
        left = self.in_ + self.made
        return left == self.out + self.used + self.filtered + self.dead + self.dropped + self.pending


class ParkedKey(msgspec.Struct, kw_only=True):
    """Messages of one key that wait before a node while others pass.

    Attributes:
        key: of the messages.
        messages: how many wait.
        kind: why: `later` (its target asked for it), `fault` (the node fails on it), `unknown` (nobody knows whether it
            was done), or a word of the node.
        reason: the same in words.
        tries: how often the first one was tried.
        since: when the first one came, nanoseconds UTC.
        next_try_s: seconds until it is tried again; None if it waits until somebody releases it.
    """

    key: str
    messages: int
    kind: str
    reason: str
    tries: int = 0
    since: int = 0
    next_try_s: float | None = None


class EdgeSnapshot(msgspec.Struct, kw_only=True):
    """Counters of one node's inbound queue: `in = out + dead + dropped + pending`.

    Those of a durable queue go on over restarts; those in memory count since the run began.

    Attributes:
        node: the node behind it.
        in_: messages that came.
        out: messages that left it for the node and are done.
        dead: messages that became dead letters here.
        dropped: messages given up because a limit said so.
        pending: messages on their way to disk, queued, parked or in flight.
        pending_bytes: what the queued ones take; of a long backlog found at the start, an estimate.
        oldest_s: age of the oldest pending message, seconds; 0 if there is none.
        parked: of those pending: messages set aside because one of their key has to be tried again.
        parked_keys: the keys that have waited longest, at most 20.
        durable: on disk.
    """

    node: str
    in_: int = msgspec.field(default=0, name="in")
    out: int = 0
    dead: int = 0
    dropped: int = 0
    pending: int = 0
    pending_bytes: int = 0
    oldest_s: float = 0.0
    parked: int = 0
    parked_keys: list[ParkedKey] = []
    durable: bool = False

    def balanced(self) -> bool:
        """True when nothing is unaccounted for."""
        return self.in_ == self.out + self.dead + self.dropped + self.pending


class NodeTotals(msgspec.Struct, kw_only=True):
    """Counters of one node since its flow first ran; see `NodeSnapshot` for their meaning.

    Attributes:
        drift: messages that came to its queue on disk although the nodes before it are not known to have counted them,
            because the process died in between; negative where those nodes counted messages that came again.
        repeated: of those confirmed, what the target had already.
    """

    in_: int = msgspec.field(default=0, name="in")
    made: int = 0
    out: int = 0
    used: int = 0
    filtered: int = 0
    dead: int = 0
    dropped: int = 0
    pending: int = 0
    drift: int = 0
    repeated: int = 0

    def balanced(self) -> bool:
        """True when nothing is unaccounted for."""
        left = self.in_ + self.made
        return left == self.out + self.used + self.filtered + self.dead + self.dropped + self.pending


class LedgerSnapshot(msgspec.Struct, kw_only=True):
    """Totals of a flow over all its runs.

    Attributes:
        since_ns: when they began, nanoseconds UTC.
        nodes: by node id.
    """

    since_ns: int
    nodes: dict[str, NodeTotals] = {}

    def balanced(self) -> bool:
        """True when every node's totals add up."""
        return all(node.balanced() for node in self.nodes.values())


class ConnectionSnapshot(msgspec.Struct, kw_only=True):
    """State of a connection as the run sees it.

    Attributes:
        type: connection type id.
        up: the link stands, as far as is known.
        text: state in words, for people.
        reason: why it is down, without what changes by itself; empty while it is up.
        since: when it went down, nanoseconds UTC; 0 while it is up.
        down_s: for how long it has been down, seconds.
    """

    type: str
    up: bool = False
    text: str = ""
    reason: str = ""
    since: int = 0
    down_s: float = 0.0


class ValueSnapshot(msgspec.Struct, kw_only=True):
    """The last message seen leaving a node by a port, made JSON-like and cut to a size for screens."""

    node: str
    port: str
    topic: str = ""
    payload: Any = None
    unit: str = ""
    quality: str = "good"
    time_ns: int = 0


class DiskSnapshot(msgspec.Struct, kw_only=True):
    """The room an outbox has.

    Attributes:
        mark: the highest mark reached: 0, 70, 85, 95 (nothing is taken in) or 100 (the system refuses to write).
        text: what that means and what to do, for people; empty at 0.
        free_bytes: free on the disk.
        total_bytes: of the disk.
        floor_bytes: so much stays free of messages.
        ballast_bytes: held in reserve; 0 once it was given up.
        file_bytes: what the outbox file holds.
        limit_bytes: what it may hold; None where only the disk limits it.
    """

    mark: int = 0
    text: str = ""
    free_bytes: int = 0
    total_bytes: int = 0
    floor_bytes: int = 0
    ballast_bytes: int = 0
    file_bytes: int = 0
    limit_bytes: int | None = None


class FlowSnapshot(msgspec.Struct, kw_only=True):
    """A whole run at one moment.

    Attributes:
        dead_letters: letters on disk that somebody has to look at, of this run and of earlier ones.
        retried: letters that were retried and are on their way.
        disk: room of the outbox; None where there is none.
        ledger: totals over all runs; None where nothing is kept on disk.
    """

    flow: str
    state: RunState = "starting"
    text: str = ""
    nodes: dict[str, NodeSnapshot] = {}
    edges: list[EdgeSnapshot] = []
    connections: dict[str, ConnectionSnapshot] = {}
    values: list[ValueSnapshot] = []
    dead_letters: int = 0
    retried: int = 0
    disk: DiskSnapshot | None = None
    ledger: LedgerSnapshot | None = None

    def balanced(self) -> bool:
        """True when every node's and every edge's ledger adds up, in this run and over all."""
        now = all(n.balanced() for n in self.nodes.values()) and all(e.balanced() for e in self.edges)
        return now and (self.ledger is None or self.ledger.balanced())

    def total(self, field: str) -> int:
        """Sum of one counter over all nodes."""
        return sum(getattr(node, field) for node in self.nodes.values())


class RunEvent(msgspec.Struct, kw_only=True):
    """Something worth a line in the run's history.

    Attributes:
        time_ns: when, nanoseconds UTC.
        kind: info, lost, restored, gap, warning, error, dead.
        node: node id, or empty for the run itself.
        text: for people, without secrets.
        topic: of the message concerned, if any.
    """

    time_ns: int
    kind: str
    text: str
    node: str = ""
    topic: str = ""
