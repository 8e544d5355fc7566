"""Which alarms stand: raised once when something has lasted, over when it is over, however often one looks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from flowhost.services.alarm_rules import Condition
from flowhost.store import AlarmRecord, Severity

Key = tuple[str, str, str]
RANK: dict[Severity, int] = {"warning": 0, "error": 1, "critical": 2}


@dataclass(frozen=True)
class News:
    """What a look changed: alarms to keep anew, to keep changed, and those of the changed ones that are over."""

    raised: Sequence[AlarmRecord]
    changed: Sequence[AlarmRecord]
    cleared: Sequence[AlarmRecord]


class AlarmBook:
    """The alarms that stand, by what they are about.

    Args:
        standing: those an earlier host left.
    """

    def __init__(self, standing: Sequence[AlarmRecord] = ()) -> None:
        self._standing: dict[Key, AlarmRecord] = {alarm.key: alarm for alarm in standing}
        self._first_seen: dict[Key, float] = {}
        # of what cannot be undone: how many somebody knows of
        self._known: dict[Key, int] = {}
        self._counts: dict[Key, int] = {}

    def standing(self) -> list[AlarmRecord]:
        """Worst first, then those nobody has acknowledged, then the newest."""
        alarms = sorted(self._standing.values(), key=lambda alarm: alarm.raised_at, reverse=True)
        return sorted(alarms, key=lambda alarm: (-RANK[alarm.severity], bool(alarm.acknowledged_by)))

    def look(self, found: Iterable[Condition], over: Callable[[AlarmRecord], bool], now_s: float, at: datetime) -> News:
        """Compare what is wrong now with what stands.

        Args:
            found: what is wrong now.
            over: whether an alarm whose trouble was not found is over; not so while nothing is known of its flow yet.
            now_s: monotonic clock, seconds.
            at: the same moment as people write it.
        """
        present = {condition.key: condition for condition in found}
        self._first_seen = {key: self._first_seen.get(key, now_s) for key in present}
        self._known = {key: number for key, number in self._known.items() if key in present}
        self._counts = {key: one.count for key, one in present.items() if one.count is not None}
        raised, changed = [], []
        for key, condition in present.items():
            alarm = self._standing.get(key)
            if alarm is None:
                if (fresh := self._begin(condition, now_s, at)) is not None:
                    raised.append(fresh)
            elif (again := _again(alarm, condition)) != alarm:
                self._standing[key] = again
                if again.severity != alarm.severity:
                    changed.append(again)
        gone = [alarm for key, alarm in self._standing.items() if key not in present and over(alarm)]
        cleared = [self._end(alarm, at) for alarm in gone]
        return News(raised, [*changed, *cleared], cleared)

    def kept(self, alarms: Sequence[AlarmRecord]) -> None:
        """These have their ids now."""
        for alarm in alarms:
            if alarm.key in self._standing:
                self._standing[alarm.key] = replace(self._standing[alarm.key], id=alarm.id)

    def acknowledge(self, alarm: AlarmRecord, by: str, at: datetime) -> AlarmRecord:
        """Somebody knows of it; one about what cannot be undone is over with that."""
        alarm = replace(alarm, acknowledged_by=by, acknowledged_at=at)
        if alarm.kind in LATCHED:
            self._known[alarm.key] = self._counts.get(alarm.key, 0)
            return self._end(alarm, at)
        self._standing[alarm.key] = alarm
        return alarm

    def _begin(self, condition: Condition, now_s: float, at: datetime) -> AlarmRecord | None:
        key = condition.key
        lasted_s = max(condition.lasting_s, now_s - self._first_seen[key])
        if lasted_s < condition.hold_s or (condition.count or 1) <= self._known_of(condition):
            return None
        alarm = self._standing[key] = AlarmRecord(
            kind=condition.kind, flow_id=condition.flow_id, flow_name=condition.flow_name, subject=condition.subject,
            severity=condition.severity, text=condition.text, past=condition.past, advice=condition.advice,
            reason=condition.reason, waiting=condition.waiting, since=at - timedelta(seconds=lasted_s), raised_at=at,
        )  # fmt: skip
        return alarm

    def _known_of(self, condition: Condition) -> int:
        known = self._known.get(condition.key, 0)
        # a new run counts from zero
        return known if condition.count is not None and condition.count >= known else 0

    def _end(self, alarm: AlarmRecord, at: datetime) -> AlarmRecord:
        self._standing.pop(alarm.key, None)
        return replace(alarm, cleared_at=at)


LATCHED = frozenset({"dropped", "gone", "worker_lost", "host_lost"})
"""Kinds that tell of something that happened and cannot be undone: they stand until acknowledged."""


def _again(alarm: AlarmRecord, condition: Condition) -> AlarmRecord:
    """The alarm with today's words; once it is worse than before, whoever knew of it knows no longer."""
    now = replace(
        alarm, severity=condition.severity, text=condition.text, past=condition.past, advice=condition.advice,
        reason=condition.reason, waiting=condition.waiting,
    )  # fmt: skip
    if RANK[condition.severity] > RANK[alarm.severity]:
        return replace(now, acknowledged_by="", acknowledged_at=None)
    return now
