"""What a run is told from outside, and what it tells."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from flowhost.engine.outbox.outbox import Outbox
from flowhost.engine.snapshot import RunEvent
from flowhost.sdk import Clock

EventSink = Callable[[RunEvent], None]


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """Settings of one run.

    Attributes:
        base_dir: what relative paths in configs are relative to.
        host_id: identifies this FlowHost; part of client ids.
        secrets: values for `{secret: name}` references.
        environ: values for `{env: NAME}` references.
        clock: source of time; None is the real one.
        on_event: called on the loop for every event; must not block.
        queue_messages: bound of each in-memory queue, messages.
        queue_bytes: bound of each in-memory queue, bytes.
        open_timeout_s: how long one attempt to open a connection may take, seconds.
        outbox: file that holds queues and dead letters; None keeps everything in memory.
        revision: of the flow, kept with its dead letters; 0 where there is none.
        flush_on_stop: a soft stop gives out what nodes hold, marked as partial. If not, that happens only when all
            sources have ended by themselves; else what is held stays in the outbox for the next run.
        leave_on_disk: a stop does not wait for targets that are down: what waits for them on disk is left to the next
            run. A flow that has come to its end waits for them until it is stopped.
        by_hand: somebody may have sources send by hand: those that can do not end when they have nothing more to do
            by themselves.
    """

    base_dir: Path
    host_id: str = "local"
    secrets: Mapping[str, str] = field(default_factory=dict)
    environ: Mapping[str, str] = field(default_factory=dict)
    clock: Clock | None = None
    on_event: EventSink | None = None
    queue_messages: int = 10_000
    queue_bytes: int = 16 * 1024 * 1024
    open_timeout_s: float = 20.0
    outbox: Outbox | None = None
    revision: int = 0
    flush_on_stop: bool = True
    leave_on_disk: bool = False
    by_hand: bool = False
