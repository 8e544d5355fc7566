"""What the host asks of a fleet, whichever way its workers are reached."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

from flowhost.engine.by_hand import SendByHand, SentByHand
from flowhost.engine.outbox.letter_requests import LetterAnswer, LetterRequest
from flowhost.engine.outbox.space import SpaceRules
from flowhost.engine.snapshot import FlowSnapshot, RunEvent
from flowhost.errors import HostError
from flowhost.fleet.frames import RunOutcome
from flowhost.graph.document import FlowDocument

WorkerState = Literal["starting", "running", "restarting", "stopped"]


@dataclass(frozen=True, kw_only=True)
class FlowOrder:
    """A revision to run.

    Attributes:
        run: number of the run, unique in the host's history.
        document: the revision.
        base_dir: what relative paths in configs are relative to.
        host_id: part of client ids.
        secrets: values of the secrets this flow names, and no others; never printed.
        watch: collect last values from the start.
        revision: number of the revision, kept with its dead letters.
        outbox: file of the flow's queues and dead letters; None keeps them in memory.
        space: how much of the disk that file may take.
    """

    run: int
    document: FlowDocument
    base_dir: Path
    host_id: str
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    watch: bool = False
    revision: int = 0
    outbox: Path | None = None
    space: SpaceRules = field(default_factory=SpaceRules)


@dataclass(frozen=True, kw_only=True)
class WorkerStatus:
    """A worker as its supervisor sees it.

    Attributes:
        heartbeat_age_s: time since its last sign of life, seconds; None while it has given none.
        runs: how many runs it has.
        restarts: how often it had to be replaced since the host started.
    """

    name: str
    state: WorkerState
    pid: int | None
    heartbeat_age_s: float | None
    runs: int
    restarts: int


class RunGoneError(HostError):
    """The run is over or ending: its outbox has another owner now, or none."""


class FleetListener(Protocol):
    """Hears what happens to runs. Called on the host's loop, in order per run; must not block."""

    def run_status(self, run: int, snapshot: FlowSnapshot, at_ns: int) -> None:
        """The figures of a run; `at_ns` is its worker's monotonic clock."""
        ...

    def run_happened(self, run: int, events: Sequence[RunEvent], skipped: int) -> None:
        """Events of a run, in order; `skipped` more came too fast."""
        ...

    def run_ended(self, run: int, outcome: RunOutcome, reason: str, snapshot: FlowSnapshot) -> None:
        """A run is over; nothing more comes of it."""
        ...

    def runs_lost(self, runs: Sequence[int], reason: str) -> None:
        """The worker of these runs is gone; nothing more comes of them. They may be started again, as new runs."""
        ...


class Fleet(Protocol):
    """Where flows run.

    A run that was started is reported by exactly one of `run_ended` and `runs_lost`.
    """

    async def open(self, listener: FleetListener) -> None:
        """Bring the workers up. Returns before they are ready; `start` waits for them."""
        ...

    async def close(self, drain_s: float) -> None:
        """Stop every run, draining that long, then end the workers."""
        ...

    async def start(self, order: FlowOrder) -> None:
        """Run a revision; returns once its worker has taken it.

        Raises:
            ConfigError: the flow is wrong; it was not started.
            HostError: no worker could take it.
        """
        ...

    async def stop(self, run: int, drain_s: float) -> None:
        """Stop a run and wait until it is over. An unknown run is over already."""
        ...

    def watch(self, run: int, on: bool) -> None:
        """Collect last values of a run, or stop doing so. An unknown run is ignored."""
        ...

    async def ask(self, run: int, request: LetterRequest) -> LetterAnswer:
        """Have the worker of a run change dead letters; what it answers is on disk.

        Raises:
            RunGoneError: the run is over or ending; nothing was done.
            NotFoundError: the letter is not there.
            ConflictError: it was changed meanwhile.
            HostError: the worker went away or does not answer: what became of it has to be looked up.
        """
        ...

    async def send_by_hand(self, run: int, request: SendByHand) -> SentByHand:
        """Have a source of a run send now.

        Raises:
            RunGoneError: the run is over or ending; nothing was sent.
            NotFoundError: the run has no such node.
            ConflictError: the source is not ready, or the queues are full; nothing was sent.
            ConfigError: it has no saved message of that number.
            HostError: the worker went away or does not answer: it may have sent the messages.
        """
        ...

    def workers(self) -> tuple[WorkerStatus, ...]:
        """The workers now."""
        ...
