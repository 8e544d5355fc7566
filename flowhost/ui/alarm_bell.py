"""The bell of every page: how much is wrong, and the list of it in place, so that nobody has to leave the page."""

from __future__ import annotations

from collections.abc import Sequence

from flowhost.services.host_views import AlarmView
from flowhost.ui import format as fmt
from flowhost.ui.alarm_groups import TONES, WORST_FIRST, AlarmGroup, grouped
from flowhost.ui.anchors import anchor_of
from flowhost.ui.letter_filter import Wanted
from flowhost.ui.tags import Tag, icon, link
from flowhost.ui.texts import t

SHOWN = 6
LIST = "fh-bell-list"


class AlarmBell(Tag):
    """How many things are wrong, in the colour of the worst; nothing while none is. A press lists them."""

    def __init__(self) -> None:
        super().__init__("div", "", "fh-bell")
        self.visible = False
        self._shown: tuple[AlarmGroup, ...] = ()
        with self:
            # the browser opens and closes it by itself, also by Escape or a click beside it
            self._button = Tag("button", "", "fh-alarm-count", type="button", popovertarget=LIST)
            self._button.put("data-testid", "alarm-count").mark("alarm-count")
            with self._button:
                icon("notifications")
                self._number = Tag("span")
            with Tag("div", "", "fh-bell-list", popover="auto", data_testid="alarm-list", id=LIST) as whole:
                whole.put("aria-label", t("alarms.title")).put("role", "group")
                self._rows = Tag("div", "", "fh-bell-rows")
                self._all = link(t("alarms.overview"), "/#alarms", "fh-bell-all")

    def show(self, alarms: Sequence[AlarmView]) -> None:
        """Show what stands now; those somebody knows of count without colour."""
        groups = grouped(alarms)
        news = {group.severity for group in groups if not group.cause.acknowledged_by}
        worst = next((one for one in WORST_FIRST if one in news), "known")
        self.show_if(groups)
        self._button.look(f"fh-alarm-count fh-alarm-count-{worst}")
        self._number.set_text(str(len(groups)))
        words = t("alarms.header", count=len(groups))
        self._button.put("title", words).put("aria-label", words)
        self._all.set_text(t("alarms.overview_all", count=len(groups)) if len(groups) > SHOWN else t("alarms.overview"))
        if groups != self._shown:
            self._shown = groups
            self._fill(groups[:SHOWN])

    def _fill(self, groups: Sequence[AlarmGroup]) -> None:
        self._rows.clear()
        with self._rows:
            for group in groups:
                _row(group)


def _row(group: AlarmGroup) -> None:
    alarm = group.cause
    known = " fh-bell-known" if alarm.acknowledged_by else ""
    with Tag("a", "", f"fh-bell-row{known}", href=_place_of(alarm), data_testid="alarm-listed"):
        Tag("span", "", f"fh-dot fh-dot-{TONES[group.severity]}", title=t(f"severity.{group.severity}"))
        with Tag("span", "", "fh-bell-text"):
            Tag("span", alarm.text)
            Tag("span", t("alarms.since", time=fmt.clock(alarm.since)), "fh-sub", title=fmt.exact(alarm.since))


def _place_of(alarm: AlarmView) -> str:
    """The page where something can be done about it."""
    if alarm.kind == "dead_letters" and alarm.flow_id:
        return Wanted(flow=alarm.flow_id).address()
    if alarm.connection:
        return f"/connections#{anchor_of(alarm.connection)}"
    return f"/flows/{alarm.flow_id}" if alarm.flow_id else "/#alarms"
