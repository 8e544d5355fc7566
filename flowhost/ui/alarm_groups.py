"""Alarms by cause: an operator reads one line for one thing to do, and what follows from it beneath."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flowhost.services.host_views import AlarmView

WORST_FIRST = ("critical", "error", "warning")
TONES = {"warning": "warn", "error": "bad", "critical": "critical"}


@dataclass(frozen=True)
class AlarmGroup:
    """A cause and the alarms that follow from it."""

    cause: AlarmView
    follow: tuple[AlarmView, ...] = ()

    @property
    def severity(self) -> str:
        """The worst of them."""
        return min((one.severity for one in (self.cause, *self.follow)), key=WORST_FIRST.index)

    @property
    def waiting(self) -> int:
        """Messages that wait for what is away, in all flows it holds up."""
        return sum(one.waiting for one in (self.cause, *self.follow))

    @property
    def flows(self) -> tuple[tuple[str, str], ...]:
        """Id and name of the flows it holds up, that of the cause first."""
        return tuple({one.flow_id: one.flow_name for one in (self.cause, *self.follow) if one.flow_id}.items())

    @property
    def unknown(self) -> tuple[AlarmView, ...]:
        """Those nobody has acknowledged; what follows from a cause that somebody knows is no news."""
        return tuple(one for one in (self.cause, *self.follow) if not one.acknowledged_by)


def grouped(alarms: Sequence[AlarmView]) -> tuple[AlarmGroup, ...]:
    """In the order of the causes."""
    there = {alarm.id for alarm in alarms if alarm.id}
    follow: dict[int, list[AlarmView]] = {}
    for alarm in alarms:
        if alarm.cause in there:
            follow.setdefault(alarm.cause, []).append(alarm)
    # one without a number yet is nobody's cause
    return tuple(
        AlarmGroup(one, tuple(follow.get(one.id, ()) if one.id else ())) for one in alarms if one.cause not in there
    )
