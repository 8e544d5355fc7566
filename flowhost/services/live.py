"""A flow as the host sees it now: the deployed document and what its worker tells about the run."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Hashable, Mapping
from dataclasses import replace
from datetime import UTC, datetime

import msgspec

from flowhost.engine.snapshot import FlowSnapshot, LedgerSnapshot
from flowhost.graph.document import FlowDocument
from flowhost.graph.guarantee import PathGuarantee
from flowhost.services.dead_lately import DeadLately
from flowhost.services.views import SPARK_POINTS, Desired, EventView, FlowState, ProblemView
from flowhost.store import FlowRecord, RunFigures, RunRecord

EVENTS_SHOWN = 100
FRESH_S = 4.0
SAMPLE_NS = 950_000_000
"""Counters are compared at least this far apart, nanoseconds."""
WINDOW_NS = 5_500_000_000
"""How far back a rate looks: a source that sends once a second, or in bursts, has a steady one."""


class RateMeter:
    """Turns counters into rates per second, over the last `WINDOW_NS`; in the first seconds, over what there is."""

    def __init__(self) -> None:
        self._samples: deque[tuple[int, Mapping[Hashable, int]]] = deque()
        self._taken = 0.0

    def begin(self, at_ns: int) -> None:
        """All counters were zero at this moment; without this, rates begin with the second moment noted."""
        self._samples.append((at_ns, {}))

    def take(self, at_ns: int, totals: Mapping[Hashable, int]) -> bool:
        """Note the counters of one moment; True when new rates came of it."""
        samples = self._samples
        if samples and at_ns - samples[-1][0] < SAMPLE_NS:
            return False
        samples.append((at_ns, totals))
        while len(samples) > 2 and at_ns - samples[0][0] > WINDOW_NS:
            samples.popleft()
        if len(samples) == 1:
            return False
        self._taken = time.monotonic()
        return True

    def rate(self, key: Hashable) -> float:
        """One counter's rate now; 0 when no news came for `FRESH_S`: old rates would be a lie."""
        return self._between(key, 0)

    def newest(self, key: Hashable) -> float:
        """The same between the last two moments noted: for a curve, which may flicker."""
        return self._between(key, -2)

    def _between(self, key: Hashable, first: int) -> float:
        if len(self._samples) < 2 or time.monotonic() - self._taken >= FRESH_S:
            return 0.0
        (began_ns, before), (at_ns, now) = self._samples[first], self._samples[-1]
        return max(0, now.get(key, 0) - before.get(key, 0)) * 1e9 / (at_ns - began_ns)


class LiveFlow:
    """One flow of this host.

    Attributes:
        lock: one start, stop or deployment at a time.
        run: the run that is on, or None.
        last_run: the newest run, on or over.
        snapshot: the newest figures of that run.
        kept_ledger: totals over all runs as last told by a run that is over, or as read from disk.
        watchers: pages that look at last values.
        guarantees: what the paths of the present revision promise; None until it was looked over.
        kept_letters: open dead letters, as last counted while no run was on.
        leaving: while the run is being stopped: who wanted that, and why.
        drain_until: while the run is being stopped: when it ends even if messages are still inside, UTC.
        erred_at: when each node of the run was last seen to fail, UTC.
    """

    def __init__(self, record: FlowRecord, document: FlowDocument, sources: frozenset[str], sinks: frozenset[str]):
        self.lock = asyncio.Lock()
        self.desired: Desired = record.desired
        self.run: int | None = None
        self.last_run: int | None = None
        self.started_at: datetime | None = None
        self.state: FlowState = "stopped"
        self.text = ""
        self.snapshot: FlowSnapshot | None = None
        self.kept_ledger: LedgerSnapshot | None = None
        self.watchers = 0
        self.kept_letters = 0
        self.drain_until: datetime | None = None
        self.leaving = ""
        self.erred_at: dict[str, datetime] = {}
        self._dying = DeadLately()
        self.events: deque[EventView] = deque(maxlen=EVENTS_SHOWN)
        self.spark: deque[float] = deque(maxlen=SPARK_POINTS)
        self.meter = RateMeter()
        self._begun = time.monotonic()
        self.problems: tuple[ProblemView, ...] = ()
        self.guarantees: tuple[PathGuarantee, ...] | None = None
        self.deploy(record, document, sources, sinks)

    def deploy(
        self, record: FlowRecord, document: FlowDocument, sources: frozenset[str], sinks: frozenset[str]
    ) -> None:
        """Another revision takes the place of the present one."""
        self.guarantees = None
        self.record = record
        self.document = document
        self.sources = sources
        self.sinks = sinks

    @property
    def ledger(self) -> LedgerSnapshot | None:
        """Totals over all runs, if they are known."""
        told = self.snapshot.ledger if self.snapshot is not None else None
        return told or self.kept_ledger

    @property
    def id(self) -> str:
        """Flow id."""
        return self.record.id

    def remember(self, run: RunRecord) -> None:
        """What was the last run before this host started."""
        self.last_run, self.started_at = run.id, run.started_at
        if run.outcome == "failed":
            self.state, self.text = "failed", run.reason
        elif run.outcome == "ended":
            self.state, self.text = "ended", run.reason

    def begin(self, run: RunRecord) -> None:
        """A run begins: figures start at zero."""
        self.run = self.last_run = run.id
        self.started_at = run.started_at
        self.state, self.text = "starting", ""
        self.kept_ledger, self.snapshot = self.ledger, None
        self.erred_at = {}
        self._dying = DeadLately()
        self.drain_until = None
        self.leaving = ""
        self.meter = RateMeter()

    def take(self, snapshot: FlowSnapshot, at_ns: int) -> None:
        """New figures of the run that is on."""
        if self.snapshot is None:
            self.meter.begin(at_ns - round((time.monotonic() - self._begun) * 1e9))
        self._note_errors(snapshot)
        self._dying.take(time.monotonic(), {name: node.dead for name, node in snapshot.nodes.items()})
        self.snapshot = snapshot
        self.state, self.text = snapshot.state, snapshot.text
        if self.meter.take(at_ns, counters(snapshot)):
            self.spark.append(sum(self.meter.newest((node, "made")) for node in self.sources))

    def _note_errors(self, snapshot: FlowSnapshot) -> None:
        before = self.snapshot.nodes if self.snapshot is not None else {}
        for name, node in snapshot.nodes.items():
            if node.errors > (before[name].errors if name in before else 0):
                self.erred_at[name] = datetime.now(UTC)

    def finish(self, state: FlowState, text: str, snapshot: FlowSnapshot | None) -> None:
        """The run is over."""
        self.run = self.drain_until = None
        self.state, self.text = state, text
        self.snapshot = snapshot or self.snapshot
        if self.snapshot is not None:
            self.kept_letters = self.snapshot.dead_letters
        self.meter = RateMeter()
        self.spark.clear()

    @property
    def dead_letters(self) -> int:
        """Open dead letters, as far as is known now."""
        running = self.run is not None and self.snapshot is not None
        return self.snapshot.dead_letters if running and self.snapshot is not None else self.kept_letters

    def dead_lately(self) -> dict[str, int]:
        """Messages that died within the last minute, by node; empty unless the flow runs."""
        running = self.run is not None and self.state == "running"
        return self._dying.counts(time.monotonic()) if running else {}

    def rate(self, nodes: frozenset[str], counter: str) -> float:
        """Messages per second of one counter over some nodes."""
        return sum(self.meter.rate((node, counter)) for node in nodes)

    def figures(self) -> RunFigures | None:
        """What the run has done so far, in sums; None before the first figures came."""
        if self.snapshot is None:
            return None
        return figures_of(self.snapshot, self.sources, self.sinks)

    def figures_to_keep(self) -> RunFigures | None:
        """As `figures`, with the counters of every node, for the history."""
        if self.snapshot is None:
            return None
        nodes = {name: msgspec.to_builtins(node) for name, node in self.snapshot.nodes.items()}
        return replace(figures_of(self.snapshot, self.sources, self.sinks), nodes=nodes)

    def note(self, event: EventView) -> None:
        """A line for the flow's page."""
        self.events.append(event)


def counters(snapshot: FlowSnapshot) -> dict[Hashable, int]:
    """The counters that rates are taken of, by node and counter."""
    found: dict[Hashable, int] = {}
    for node_id, node in snapshot.nodes.items():
        found[node_id, "in"], found[node_id, "out"], found[node_id, "made"] = node.in_, node.out, node.made
    return found


def figures_of(snapshot: FlowSnapshot, sources: frozenset[str], sinks: frozenset[str]) -> RunFigures:
    """A run's sums: what its sources brought, what its targets confirmed, and what failed."""
    nodes = snapshot.nodes
    return RunFigures(
        messages_in=sum(nodes[name].made for name in sources if name in nodes),
        messages_out=sum(nodes[name].out for name in sinks if name in nodes),
        errors=snapshot.total("errors"),
        dead=snapshot.total("dead"),
        dropped=snapshot.total("dropped"),
    )
