"""What counts as trouble: looks at one flow and says in words what is wrong with it now and what to do."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from flowhost.engine.snapshot import DiskSnapshot, FlowSnapshot, NodeSnapshot
from flowhost.fleet import WorkerStatus
from flowhost.services.live import LiveFlow
from flowhost.store import Severity


@dataclass(frozen=True, kw_only=True)
class Thresholds:
    """From when on something is an alarm.

    Attributes:
        down_s: a connection or target that does not answer, seconds.
        age_s: the oldest message that waits for a target, seconds.
        messages: messages that wait before one target.
    """

    down_s: float = 7.0
    age_s: float = 300.0
    messages: int = 100_000


@dataclass(frozen=True, kw_only=True)
class Condition:
    """Something that is wrong now.

    Attributes:
        kind: what sort of trouble.
        flow_id: the flow; empty for the host itself.
        flow_name: its name.
        subject: node, connection or worker; empty for the flow as a whole.
        severity: how bad it is.
        text: what is wrong.
        past: what was wrong, once it is over; empty where `text` tells of something that has happened.
        advice: what to do.
        reason: why, as the target says it; empty where `text` says it all.
        waiting: messages that wait for it.
        hold_s: it is an alarm once it has lasted this long, seconds.
        lasting_s: how long it has lasted, as far as the worker knows, seconds.
        count: of something that cannot be undone; the alarm stands until somebody acknowledged that many.
    """

    kind: str
    flow_id: str
    flow_name: str
    subject: str = ""
    severity: Severity
    text: str
    past: str = ""
    advice: str
    reason: str = ""
    waiting: int = 0
    hold_s: float = 0.0
    lasting_s: float = 0.0
    count: int | None = None

    @property
    def key(self) -> tuple[str, str, str]:
        """What makes two conditions the same one."""
        return self.kind, self.flow_id, self.subject


HOST_S = 10.0
NEAR_LIMIT = 0.6
"""Share of its own limit from which on that is what an outbox comes near to: its lowest mark is left below it."""
UNBALANCED_S = 3.0
"""Figures are taken between two steps of the engine; a difference that stays is one."""


def flow_conditions(live: LiveFlow, limits: Thresholds, dead_letters: int) -> Iterator[Condition]:
    """What is wrong with a flow now.

    Args:
        live: the flow.
        limits: from when on something is an alarm.
        dead_letters: open ones it has.
    """
    look = _Look(live, limits)
    yield from look.failed()
    yield from look.dead_letters(dead_letters)
    if live.snapshot is None:
        return
    yield from look.unbalanced(live.snapshot)
    yield from look.dropped(live.snapshot)
    yield from look.gone(live.snapshot)
    if live.run is not None:
        yield from look.targets(live.snapshot)
        yield from look.queues(live.snapshot)


def disk_conditions(flows: Iterable[LiveFlow]) -> Iterator[Condition]:
    """Disks that fill up: one alarm for all flows, and one for each flow that comes near its own limit."""
    worst: DiskSnapshot | None = None
    for live in flows:
        disk = live.snapshot.disk if live.run is not None and live.snapshot is not None else None
        if disk is None or not disk.mark:
            continue
        if disk.limit_bytes is not None and disk.file_bytes >= disk.limit_bytes * NEAR_LIMIT:
            yield _disk("outbox_full", disk, live.id, live.document.name or live.id)
        elif worst is None or disk.mark > worst.mark:
            worst = disk
    if worst is not None:
        yield _disk("disk", worst, "", "")


def _disk(kind: str, disk: DiskSnapshot, flow_id: str, name: str) -> Condition:
    where = f"The outbox of {name}" if flow_id else "The disk under the outbox files"
    severity: Severity = "warning" if disk.mark < 85 else "error" if disk.mark < 95 else "critical"
    return Condition(
        kind=kind, flow_id=flow_id, flow_name=name, severity=severity,
        text=f"{where} is {disk.mark} % full: {disk.text}", past=f"{where} was {disk.mark} % full",
        advice="Bring back targets whose messages wait, see to dead letters, or make room on the disk.",
    )  # fmt: skip


def worker_conditions(workers: Sequence[WorkerStatus]) -> Iterator[Condition]:
    """Workers that went away."""
    for worker in workers:
        if worker.restarts:
            times = "once" if worker.restarts == 1 else f"{worker.restarts} times"
            yield Condition(
                kind="worker_lost", flow_id="", flow_name="", subject=worker.name, severity="error",
                text=f"{worker.name} went away {times} since the host started and was replaced",
                advice="Its flows went on from what is on disk; their runs say why it went.",
                count=worker.restarts,
            )  # fmt: skip


def lost_host_conditions(runs: int) -> Iterator[Condition]:
    """The host itself went away without a word."""
    if runs:
        cut = "one run was" if runs == 1 else f"{runs} runs were"
        yield Condition(
            kind="host_lost", flow_id="", flow_name="", severity="error", count=1,
            text=f"The host ended without warning before it was started this time: {cut} interrupted",
            advice="It was killed, or the power was cut. Its flows went on from what is on disk; see why it went.",
        )  # fmt: skip


def host_conditions(faults: Sequence[str]) -> Iterator[Condition]:
    """What keeps the host from doing all it promises."""
    if faults:
        yield Condition(
            kind="host", flow_id="", flow_name="", severity="critical", hold_s=HOST_S,
            text=f"The host is not ready: {'; '.join(faults)}", past=f"The host was not ready: {'; '.join(faults)}",
            advice="See the host's log; check disk and memory of the machine.",
        )  # fmt: skip


class _Look:
    def __init__(self, live: LiveFlow, limits: Thresholds) -> None:
        self._live = live
        self._limits = limits
        self._name = live.document.name or live.id

    def failed(self) -> Iterator[Condition]:
        live = self._live
        if live.state == "failed":
            reason = f": {live.text}" if live.text else ""
            yield self._condition(
                "flow_failed", "", "critical", f"{self._name} has failed{reason}",
                "Mend the cause, then start the flow; what it had taken over waits on disk.",
                past=f"{self._name} had failed{reason}",
            )  # fmt: skip

    def dead_letters(self, number: int) -> Iterator[Condition]:
        if number:
            letters = _messages(number, "dead letter")
            yield self._condition(
                "dead_letters", "", "warning", f"{self._name} has {letters}",
                "Look at them in the work list: mend and retry them, or discard them with a reason.",
                past=f"{self._name} had {letters}",
            )  # fmt: skip

    def unbalanced(self, snapshot: FlowSnapshot) -> Iterator[Condition]:
        wrong = [name for name, node in snapshot.nodes.items() if node.pending < 0 or not node.balanced()]
        wrong += [f"the queue of {edge.node}" for edge in snapshot.edges if not edge.balanced()]
        if wrong:
            where = ", ".join(wrong)
            yield self._condition(
                "ledger", "", "critical", f"The ledger of {self._name} does not add up at {where}",
                "This is a fault of FlowHost or of a plugin: keep the flow file and the log, and report it.",
                past=f"The ledger of {self._name} did not add up at {where}", hold_s=UNBALANCED_S,
            )  # fmt: skip

    def dropped(self, snapshot: FlowSnapshot) -> Iterator[Condition]:
        for name, node in snapshot.nodes.items():
            if node.dropped:
                yield self._condition(
                    "dropped", name, "error",
                    f"{self._title(name)} in {self._name} gave up {_messages(node.dropped)} because a limit said so",
                    "They are not kept. Raise the limit under delivery, or see why the target is too slow.",
                    count=node.dropped,
                )  # fmt: skip

    def gone(self, snapshot: FlowSnapshot) -> Iterator[Condition]:
        for name, node in snapshot.nodes.items():
            if node.gone:
                yield self._condition(
                    "gone", name, "error", f"{self._title(name)} in {self._name}: {node.gone_text}",
                    "FlowHost cannot bring them back: see whether their origin still has them elsewhere.",
                    count=node.gone,
                )  # fmt: skip

    def targets(self, snapshot: FlowSnapshot) -> Iterator[Condition]:
        down = {name for name, link in snapshot.connections.items() if not link.up}
        for name in sorted(down):
            link = snapshot.connections[name]
            users = [node for node, entry in self._live.document.nodes.items() if entry.connection == name]
            waiting = sum(snapshot.nodes[node].pending for node in users if node in snapshot.nodes)
            yield self._condition(
                "connection_down", name, "error", f"Connection {name} of {self._name} is down",
                "Check the device, the network and the settings of the connection; FlowHost goes on trying.",
                past=f"Connection {name} of {self._name} was down",
                reason=link.reason or "it does not answer", waiting=waiting,
                hold_s=self._limits.down_s, lasting_s=link.down_s,
            )  # fmt: skip
        for name, node in snapshot.nodes.items():
            entry = self._live.document.nodes.get(name)
            if entry is not None and entry.connection not in down:
                yield from self._node(name, node)

    def _node(self, name: str, node: NodeSnapshot) -> Iterator[Condition]:
        title, reason = f"{self._title(name)} in {self._name}", node.reason
        if node.state == "failed":
            yield self._condition(
                "node_failed", name, "error", f"{title} stands still",
                "Mend the cause, then stop and start the flow; messages for it wait.",
                past=f"{title} stood still", reason=reason, waiting=node.pending,
            )  # fmt: skip
        elif node.state == "retrying":
            yield self._condition(
                "node_retrying", name, "error", f"{title} is held up",
                "See what its target says; FlowHost goes on trying, and messages wait.",
                past=f"{title} was held up", reason=reason, waiting=node.pending,
                hold_s=self._limits.down_s, lasting_s=node.down_s,
            )  # fmt: skip

    def queues(self, snapshot: FlowSnapshot) -> Iterator[Condition]:
        limits = self._limits
        for edge in snapshot.edges:
            title = f"{self._title(edge.node)} in {self._name}"
            if edge.oldest_s > limits.age_s:
                oldest = f"the oldest for {_duration(edge.oldest_s)}"
                yield self._condition(
                    "waiting_long", edge.node, "warning", f"Messages for {title} wait, {oldest}",
                    "See why its target does not take them; they arrive in order once it does.",
                    past=f"Messages for {title} waited, {oldest}", lasting_s=edge.oldest_s,
                )  # fmt: skip
            for parked in edge.parked_keys:
                if parked.next_try_s is None:
                    which = f"{_messages(parked.messages)} with key {parked.key} before {title}"
                    yield self._condition(
                        "parked", f"{edge.node}/{parked.key}", "error", f"{which} cannot go on: {parked.reason}",
                        "Look at the target and decide; nothing else is held up by it.",
                        past=f"{which} could not go on: {parked.reason}",
                    )  # fmt: skip
            if edge.pending > limits.messages:
                number = _messages(edge.pending)
                yield self._condition(
                    "waiting_many", edge.node, "warning", f"{number} wait for {title}",
                    "See why its target is away or too slow, and how much room the disk has left.",
                    past=f"{number} waited for {title}",
                )  # fmt: skip

    def _title(self, node: str) -> str:
        entry = self._live.document.nodes.get(node)
        return entry.name if entry is not None and entry.name else node

    def _condition(
        self, kind: str, subject: str, severity: Severity, text: str, advice: str, *,
        past: str = "", reason: str = "", waiting: int = 0, hold_s: float = 0.0, lasting_s: float = 0.0,
        count: int | None = None,
    ) -> Condition:  # fmt: skip
        return Condition(
            kind=kind, flow_id=self._live.id, flow_name=self._name, subject=subject, severity=severity, text=text,
            past=past, advice=advice, reason=reason, waiting=waiting, hold_s=hold_s, lasting_s=lasting_s, count=count,
        )  # fmt: skip


def _messages(number: int, what: str = "message") -> str:
    return f"1 {what}" if number == 1 else f"{number:,} {what}s"


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.0f} h"
