"""`schedule`: sends a message at fixed times."""

from __future__ import annotations

from typing_extensions import override

from flowhost import sdk
from flowhost.expr import iso_time
from flowhost.sdk import Emit, Message, Meta, NodeSpec, Source, setting

SECOND_NS = 1_000_000_000


class ScheduleConfig(sdk.Config):
    """When to fire."""

    every_s: float = setting(ge=0.01, unit="s", example=60)
    """Time between two firings; they stay on multiples of it since the start and do not drift."""


class Schedule(Source[ScheduleConfig]):
    """Sends `{n, at}` on every firing: a number from 0 and the time it was due.

    Firings missed while the flow was busy or the machine asleep are skipped; a clock that is put back does not make
    the schedule wait for it.
    """

    spec = NodeSpec(
        id="schedule", title="Schedule", summary="Sends a message at fixed times.", category="time",
        icon="schedule", keywords=("timer", "interval", "cron", "trigger"),
    )  # fmt: skip
    Config = ScheduleConfig
    stable_ids = True

    @override
    async def run(self, emit: Emit) -> None:
        """Fire until stopped."""
        clock, gap_ns = self.context.clock, round(self.config.every_s * SECOND_NS)
        due_ns = clock.now_ns()
        number = 0
        while True:
            due_ns = min(due_ns, clock.now_ns() + gap_ns)
            await clock.sleep(max(0.0, (due_ns - clock.now_ns()) / SECOND_NS))
            identity = f"{self.context.flow}/{self.context.node}/{due_ns}"
            payload = {"n": number, "at": iso_time(due_ns)}
            await emit([Message(payload, Meta("schedule", due_ns, "good", None, "", "", identity, {}))])
            number += 1
            missed = max(0, clock.now_ns() - due_ns) // gap_ns
            due_ns += gap_ns * (missed + 1)
