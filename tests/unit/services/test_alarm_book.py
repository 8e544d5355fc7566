"""Alarms are raised once, after their time, and are over when they are over."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from flowhost.services.alarm_book import AlarmBook
from flowhost.services.alarm_rules import Condition

START = datetime(2026, 1, 1, tzinfo=UTC)
DOWN = Condition(
    kind="connection_down", flow_id="line", flow_name="Line", subject="broker", severity="error", text="down",
    advice="look", hold_s=10,
)  # fmt: skip
FULL = replace(DOWN, kind="disk", subject="", severity="warning", text="70 %", hold_s=0)
DROPPED = replace(DOWN, kind="dropped", subject="out", hold_s=0, count=3, text="3 gone")


class Watch:
    """A book, and a clock of its own."""

    def __init__(self, *standing) -> None:
        self.book = AlarmBook(standing)
        self.now_s = 100.0

    def see(self, *found, after_s: float = 0.0, over: bool = True):
        self.now_s += after_s
        at = START + timedelta(seconds=self.now_s)
        news = self.book.look(found, lambda _: over, self.now_s, at)
        self.book.kept([replace(alarm, id=number) for number, alarm in enumerate(news.raised, 1)])
        return news

    @property
    def subjects(self):
        return [alarm.subject for alarm in self.book.standing()]

    @property
    def kinds(self):
        return [alarm.kind for alarm in self.book.standing()]


def test_raised_once_when_it_has_lasted_and_over_when_it_is_gone() -> None:
    watch = Watch()
    assert not watch.see(DOWN).raised
    assert not watch.see(DOWN, after_s=9.5).raised
    news = watch.see(DOWN, after_s=0.5)
    assert [alarm.text for alarm in news.raised] == ["down"]
    assert news.raised[0].since == START + timedelta(seconds=100), "since it began, not since it was raised"
    for _ in range(5):
        news = watch.see(replace(DOWN, text="still down"), after_s=1)
        assert not news.raised
        assert not news.changed, "words that change are not written each time"
    assert watch.book.standing()[0].text == "still down"
    news = watch.see()
    assert [(alarm.kind, alarm.cleared_at is not None) for alarm in news.cleared] == [("connection_down", True)]
    assert watch.kinds == []


def test_what_comes_back_has_to_last_again() -> None:
    watch = Watch()
    watch.see(DOWN)
    watch.see(after_s=9)
    watch.see(DOWN, after_s=0.5)
    assert not watch.see(DOWN, after_s=2).raised
    assert watch.see(DOWN, after_s=8.5).raised


def test_what_the_worker_knows_to_have_lasted_counts() -> None:
    assert Watch().see(replace(DOWN, lasting_s=11)).raised


def test_nothing_is_over_while_nothing_is_known() -> None:
    watch = Watch()
    watch.see(FULL)
    assert not watch.see(over=False).cleared
    assert watch.kinds == ["disk"]
    assert watch.see().cleared


def test_acknowledged_until_it_gets_worse() -> None:
    watch = Watch()
    watch.see(FULL)
    known = watch.book.acknowledge(watch.book.standing()[0], "ann", START)
    assert known.cleared_at is None
    watch.see(FULL)
    assert watch.book.standing()[0].acknowledged_by == "ann"
    news = watch.see(replace(FULL, severity="critical", text="95 %"))
    assert [(alarm.severity, alarm.acknowledged_by) for alarm in news.changed] == [("critical", "")]


def test_what_cannot_be_undone_stands_until_somebody_knows_and_comes_again_with_more() -> None:
    watch = Watch()
    watch.see(DROPPED)
    assert not watch.see(DROPPED).raised
    gone = watch.book.acknowledge(watch.book.standing()[0], "ann", START)
    assert gone.cleared_at == START
    assert not watch.see(DROPPED).raised, "those three are known"
    assert watch.see(replace(DROPPED, count=4)).raised
    watch.book.acknowledge(watch.book.standing()[0], "ann", START)
    assert watch.see(replace(DROPPED, count=1)).raised, "another run counts from zero"


def test_alarms_of_an_earlier_host_go_on() -> None:
    first = Watch()
    first.see(FULL)
    left = first.book.acknowledge(first.book.standing()[0], "ann", START)
    second = Watch(left)
    assert not second.see(FULL).raised
    assert second.book.standing()[0].acknowledged_by == "ann"
    assert second.see().cleared


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_worst_first_then_unknown_then_newest(order) -> None:
    watch = Watch()
    ones = [
        replace(FULL, subject="critical", severity="critical"), replace(FULL, subject="old"),
        replace(FULL, subject="known"),
    ]  # fmt: skip
    for index in order:
        watch.see(*[one for one in ones if one.subject in watch.subjects or one is ones[index]], after_s=1)
    known = next(alarm for alarm in watch.book.standing() if alarm.subject == "known")
    watch.book.acknowledge(known, "ann", START)
    assert [alarm.subject for alarm in watch.book.standing()] == ["critical", "old", "known"]
