"""Alarms that are over: folded away, for who comes back to the overview and finds nothing wrong any more."""

from __future__ import annotations

from collections.abc import Sequence

from flowhost.services.host_views import AlarmView
from flowhost.ui import format as fmt
from flowhost.ui.tags import Tag, link
from flowhost.ui.texts import t


class Lately(Tag):
    """What was wrong within the last day: what, when it was over, how long it stood; hidden where there was nothing."""

    def __init__(self) -> None:
        super().__init__("details", "", "fh-lately", data_testid="lately")
        self._shown: tuple[int, ...] | None = None
        with self:
            self._head = Tag("summary")
            self._list = Tag("ul")

    def show(self, alarms: Sequence[AlarmView]) -> None:
        """Bring it up to date."""
        self.show_if(alarms)
        wanted = tuple(alarm.id for alarm in alarms)
        if wanted == self._shown:
            return
        self._shown = wanted
        self._head.set_text(t("alarms.lately", count=len(alarms)))
        self._list.clear()
        with self._list:
            for alarm in alarms:
                _line(alarm)


def _line(alarm: AlarmView) -> None:
    with Tag("li", "", "fh-sub", data_testid="lately-line", data_kind=alarm.kind):
        what = alarm.text
        if alarm.flow_id:
            link(what, f"/flows/{alarm.flow_id}")
        else:
            Tag("span", what)
        if alarm.cleared_at is not None:
            stood = fmt.duration((alarm.cleared_at - alarm.since).total_seconds())
            when = t("alarms.lately_when", time=fmt.clock(alarm.cleared_at), duration=stood)
            Tag("time", when).put("title", fmt.exact(alarm.cleared_at))
