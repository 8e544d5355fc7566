"""Deleting a flow: what goes with it is said before, and where it is kept afterwards."""

from __future__ import annotations

from pathlib import Path

from nicegui import ui

from flowhost.errors import ConfirmationError, FlowHostError
from flowhost.services.deploy import DeletePlan
from flowhost.ui import format as fmt
from flowhost.ui.caller import caller
from flowhost.ui.letter_filter import Wanted
from flowhost.ui.live import Live
from flowhost.ui.rights import allowed, guard
from flowhost.ui.shell import Alert
from flowhost.ui.tags import Button, Tag, icon, link
from flowhost.ui.texts import t


class DeleteDialog:
    """Asks before a flow is deleted.

    Args:
        live: gives the services.
        flow_id: the flow.
        name: of the flow, for people.

    Attributes:
        deleting: it is being deleted here, or was: no news to who looks at it.
    """

    def __init__(self, live: Live, flow_id: str, name: str) -> None:
        self._flows = live.host.flows
        self._flow_id = flow_id
        self._name = name
        self.deleting = False
        self._plan: DeletePlan | None = None
        self._stopped_here = False
        title = t("delete.title", name=name)
        with ui.dialog() as self._dialog, Tag("div", "", "fh-dialog", role="dialog", aria_label=title):
            self._title = Tag("h2", title, data_testid="delete-title")
            self._lead = Tag("p", "", "fh-sub", data_testid="delete-lead")
            self._costs = Tag("div", "", "fe-problem-list", data_testid="delete-costs")
            with Tag("div", "", "fh-dialog-buttons fh-says"):
                self._alert = Alert()
                self._work = link(t("delete.work"), Wanted(flow=flow_id).address(), "fh-button")
                self._cancel = Button(t("delete.cancel"), "close", self._close, "fh-quiet")
                self._stop = Button(t("delete.stop"), "stop", self._on_stop, "fh-primary", data_testid="delete-stop")
                self._do = Button("", "delete_outline", self._on_do, "fh-danger", data_testid="delete-do")
                self._leave = link(t("delete.leave"), "/", "fh-button fh-primary").put("data-testid", "delete-leave")

    async def open(self) -> None:
        """Look what the flow has, and ask."""
        self._alert.take_back()
        self._stopped_here = False
        self._leave.show_if(condition=False)
        await self._look()
        self._dialog.value = True

    async def _look(self) -> None:
        self._plan = None
        self._costs.clear()
        for button in (self._do, self._stop, self._work):
            button.show_if(condition=False)
        try:
            plan = await self._flows.plan_delete(caller(), self._flow_id)
        except FlowHostError as error:
            self._alert.say(str(error))
            return
        self._plan = plan
        self._lead.set_text(_lead(plan, stopped_here=self._stopped_here))
        self._do.rename(t("delete.do" if plan.empty else "delete.anyway"))
        self._do.show_if(plan.stands_still)
        self._stop.show_if(not plan.stands_still)
        guard(self._stop, "flow.operate")
        self._work.show_if(plan.dead_letters)
        guard(self._do, "flow.edit")
        with self._costs:
            for text in _costs(plan):
                with Tag("div", "", "fe-problem fe-problem-warning"):
                    icon("warning_amber")
                    Tag("span", text)

    async def _on_stop(self) -> None:
        """Stop it here, then ask again: only then it is known what would go."""
        if not allowed("flow.operate"):
            return
        self._alert.take_back()
        self._stop.busy(t("delete.stopping"))
        try:
            await self._flows.stop(caller(), self._flow_id)
        except FlowHostError as error:
            self._alert.say(str(error))
            return
        finally:
            self._stop.busy(None)
        self._stopped_here = True
        await self._look()

    async def _on_do(self) -> None:
        plan = self._plan
        if plan is None or not allowed("flow.edit"):
            return
        self._alert.take_back()
        self._do.busy(t("delete.busy"))
        self.deleting = True
        try:
            kept = await self._flows.delete(caller(), self._flow_id, confirm=not plan.empty)
        except ConfirmationError:  # something has come since the list was made: show it, ask again
            self.deleting = False
            await self._look()
            return
        except FlowHostError as error:
            self.deleting = False
            self._alert.say(str(error))
            return
        finally:
            self._do.busy(None)
        self._gone(kept)

    def _gone(self, kept: Path | None) -> None:
        if kept is None:
            ui.navigate.to("/")
            return
        self._costs.clear()
        self._title.set_text(t("delete.gone", name=self._name))
        self._lead.set_text(t("delete.kept", path=str(kept)))
        for button in (self._work, self._cancel, self._stop, self._do):
            button.show_if(condition=False)
        self._leave.show_if(condition=True)

    def _close(self) -> None:
        self._dialog.value = False


def _lead(plan: DeletePlan, *, stopped_here: bool) -> str:
    if not plan.stands_still:
        return t("delete.runs", seconds=f"{plan.drain_s:g}")
    holds = t("delete.empty" if plan.empty else "delete.holds")
    return f"{t('delete.stopped')} {holds}" if stopped_here else holds


def _costs(plan: DeletePlan) -> list[str]:
    if not plan.stands_still:  # it changes by the second
        return []
    lines = [t("delete.waiting", count=fmt.count(number), node=node) for node, number in plan.waiting.items()]
    lines += [t("delete.held", count=fmt.count(number), node=node) for node, number in plan.held.items()]
    if plan.dead_letters:
        lines.append(t("delete.dead", count=fmt.count(plan.dead_letters)))
    if plan.retried:
        lines.append(t("delete.retried", count=fmt.count(plan.retried)))
    return lines
