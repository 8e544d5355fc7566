"""Alarms: the list on top of the overview."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace

from flowhost.errors import FlowHostError
from flowhost.services.host_views import AlarmView
from flowhost.ui import format as fmt
from flowhost.ui.alarm_groups import TONES, AlarmGroup, grouped
from flowhost.ui.anchors import anchor_of
from flowhost.ui.caller import caller
from flowhost.ui.letter_filter import Wanted
from flowhost.ui.live import Live
from flowhost.ui.shell import Alert
from flowhost.ui.tags import Button, Tag, link
from flowhost.ui.texts import t

log = logging.getLogger(__name__)

SHOWN = 4
"""Alarms that stand there at first; a button tells how many more there are, and shows them."""
Key = tuple[str, str, str]


class AlarmPanel(Tag):
    """What is wrong now, worst first; out of the way while nothing is."""

    def __init__(self, live: Live) -> None:
        super().__init__("section", "", "fh-alarms", data_testid="alarms", id="alarms", aria_label=t("alarms.title"))
        self._live = live
        self._rows: dict[Key, AlarmRow] = {}
        self._alarms: tuple[AlarmView, ...] = ()
        with self:
            with Tag("div", "", "fh-alarms-head"):
                Tag("h2", t("alarms.title"))
                self._count = Tag("span", "", "fh-sub", data_testid="alarms-count")
            self._alert = Alert()
            self._list = Tag("ul", "", "fh-alarms-list")
            self._more = Button("", "expand_more", self._on_more, "fh-quiet", data_testid="alarms-more")
        self._all = False
        self.show(())

    def show(self, alarms: Sequence[AlarmView]) -> None:
        """Bring it up to date."""
        groups = grouped(alarms)
        self.show_if(groups)
        unknown = sum(not group.cause.acknowledged_by for group in groups)
        words = {0: "alarms.all_known", len(groups): "alarms.none_known"}.get(unknown, "alarms.count")
        self._count.set_text(t(words, all=len(groups), unknown=unknown))
        wanted = {(group.cause.kind, group.cause.flow_id, group.cause.subject): group for group in groups}
        for key in self._rows.keys() - wanted.keys():
            self._rows.pop(key).delete()
        for index, (key, group) in enumerate(wanted.items()):
            row = self._rows.get(key)
            if row is None:
                with self._list:
                    row = self._rows[key] = AlarmRow(self._live, self._alert)
            row.show(group)
            if self._list.default_slot.children[index] is not row:
                row.move(target_index=index)
            row.show_if(self._all or index < SHOWN)
        self._more.show_if(len(wanted) > SHOWN)
        self._more.rename(t("alarms.fewer") if self._all else t("alarms.more", count=len(wanted) - SHOWN))
        self._alarms = tuple(alarms)

    def _on_more(self) -> None:
        self._all = not self._all
        self.show(self._alarms)


class AlarmRow(Tag):
    """One cause: what, what to do, what it holds up, since when, and who knows.

    Args:
        live: gives the services.
        alert: says what went wrong with a click.
    """

    def __init__(self, live: Live, alert: Alert) -> None:
        super().__init__("li", "", "fh-alarm", data_testid="alarm")
        self._live = live
        self._alert = alert
        self._group: AlarmGroup | None = None
        with self:
            self._dot = Tag("span")
            with Tag("div", "", "fh-alarm-text"):
                self._what = Tag("div", "", "fh-alarm-what")
                self._why = Tag("div", "", "fh-sub", data_testid="alarm-why")
                with Tag("div", "", "fh-sub"):
                    self._advice = Tag("span")
                    self._link = link("", "/", "fh-link")
                    self._to_connection = link(t("alarms.connection"), "/connections", "fh-link")
                    self._to_connection.put("data-testid", "alarm-connection").mark("alarm-connection")
                self._holds = Tag("div", "", "fh-sub", data_testid="alarm-holds")
                self._follow = Follow()
            self._since = Tag("time", "", "fh-sub fh-alarm-since")
            with Tag("div", "", "fh-alarm-side"):
                self._known = Tag("span", "", "fh-sub")
                self._button = Button(t("alarms.acknowledge"), "check", self._acknowledge, data_testid="acknowledge")

    def show(self, group: AlarmGroup) -> None:
        """Bring it up to date."""
        alarm, severity = group.cause, group.severity
        self._group = group
        self.put("data-severity", severity).put("data-kind", alarm.kind).put("data-flow", alarm.flow_id)
        self._dot.look(f"fh-dot fh-dot-{TONES[severity]}").put("title", t(f"severity.{severity}"))
        names = [name for _, name in group.flows]
        holds = "alarms.holds_waiting" if group.waiting else "alarms.holds"
        told = t(holds, count=len(names), names=", ".join(names), waiting=fmt.count(group.waiting))
        self._holds.set_text(told).show_if(len(names) > 1)
        self._follow.show(group.follow)
        waits = t("alarms.waits", text=alarm.text, count=alarm.waiting) if alarm.waiting else alarm.text
        self._what.set_text(waits)
        self._why.set_text(alarm.reason).show_if(alarm.reason)
        self._to_connection.put("href", f"/connections#{anchor_of(alarm.connection)}").show_if(alarm.connection)
        self._advice.set_text(alarm.advice)
        work = alarm.kind == "dead_letters"
        self._link.set_text(t("alarms.work" if work else "alarms.open")).show_if(alarm.flow_id)
        self._link.put("href", Wanted(flow=alarm.flow_id).address() if work else f"/flows/{alarm.flow_id}")
        self._since.set_text(t("alarms.since", time=fmt.clock(alarm.since))).put("title", fmt.exact(alarm.since))
        known = alarm.acknowledged_by
        self.look("fh-alarm fh-alarm-known" if known else "fh-alarm")
        self._known.set_text(t("alarms.known", name=known) if known else "").show_if(known)
        if alarm.acknowledged_at is not None:
            self._known.put("title", fmt.exact(alarm.acknowledged_at))
        self._button.show_if(not known)

    async def _acknowledge(self) -> None:
        self._alert.take_back()
        try:
            for alarm in self._group.unknown if self._group is not None else ():
                known = await self._live.host.alarms.acknowledge(caller(), alarm.id)
                if self._group is not None and alarm.id == self._group.cause.id:
                    self.show(replace(self._group, cause=known))
        except FlowHostError as error:
            self._alert.say(str(error))
        except Exception as error:  # said on the page and in the log
            log.exception("an alarm cannot be acknowledged")
            self._alert.say(t("error.unexpected", detail=f"{type(error).__name__}: {error}"))


class Follow(Tag):
    """What follows from a cause, folded away; over by itself once the cause is."""

    def __init__(self) -> None:
        super().__init__("details", "", "fh-alarm-follow", data_testid="alarm-follow")
        self._shown: tuple[tuple[int, str], ...] = ()
        with self:
            self._head = Tag("summary")
            self._list = Tag("ul")

    def show(self, alarms: Sequence[AlarmView]) -> None:
        """Show these."""
        self.show_if(alarms)
        self._head.set_text(t("alarms.follow", count=len(alarms)))
        wanted = tuple((alarm.id, alarm.text) for alarm in alarms)
        if wanted == self._shown:
            return
        self._shown = wanted
        self._list.clear()
        with self._list:
            for alarm in alarms:
                with Tag("li", "", "fh-sub", data_testid="alarm-follows"):
                    link(alarm.text, f"/flows/{alarm.flow_id}")
