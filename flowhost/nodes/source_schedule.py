"""`schedule`: sends a message at fixed times."""

from __future__ import annotations

from itertools import count

from typing_extensions import override

from flowhost import sdk
from flowhost.expr import iso_time
from flowhost.sdk import ConfigError, Emit, Message, Meta, NodeContext, NodeSpec, Source, setting

SECOND_NS = 1_000_000_000


class ScheduleConfig(sdk.Config):
    """When to fire."""

    every_s: float = setting(ge=0.01, unit="s", example=60)
    """Time between two firings; they stay on multiples of it since the start and do not drift."""


class Schedule(Source[ScheduleConfig]):
    """Sends `{n, at}` on every firing: a number from 0 and the time it was due.

    Firings missed while the flow was busy or the machine asleep are skipped; a clock that is put back does not make
    the schedule wait for it. `Send now` on the running flow fires once more, out of turn: same payload, time of now.
    """

    spec = NodeSpec(
        id="schedule", title="Schedule", summary="Sends a message at fixed times.", category="time",
        icon="schedule", keywords=("timer", "interval", "cron", "trigger"),
    )  # fmt: skip
    Config = ScheduleConfig
    stable_ids = True

    def __init__(self, config: ScheduleConfig, context: NodeContext) -> None:
        super().__init__(config, context)
        self._numbers = count()

    @override
    async def run(self, emit: Emit) -> None:
        """Fire until stopped."""
        clock, gap_ns = self.context.clock, round(self.config.every_s * SECOND_NS)
        due_ns = clock.now_ns()
        while True:
            due_ns = min(due_ns, clock.now_ns() + gap_ns)
            await clock.sleep(max(0.0, (due_ns - clock.now_ns()) / SECOND_NS))
            await self._fire(emit, due_ns)
            missed = max(0, clock.now_ns() - due_ns) // gap_ns
            due_ns += gap_ns * (missed + 1)

    async def trigger(self, emit: Emit, only: int | None = None) -> int:
        """Fire now (`flowhost.sdk.Trigger`); the times of the others stay as they are."""
        if only is not None:
            raise ConfigError("a schedule has no saved messages to choose from: it fires as a whole")
        await self._fire(emit, self.context.clock.now_ns(), by_hand=True)
        return 1

    async def _fire(self, emit: Emit, at_ns: int, *, by_hand: bool = False) -> None:
        number = next(self._numbers)
        identity = f"{self.context.flow}/{self.context.node}/{at_ns}"
        if by_hand:
            # another one may be due, or be sent by hand, at the same moment
            identity += f"/hand-{number}"
        payload = {"n": number, "at": iso_time(at_ns)}
        await emit([Message(payload, Meta("schedule", at_ns, "good", None, "", "", identity, {}))])
