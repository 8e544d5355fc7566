"""The versions of a flow on its page, and the way back to one of them: what it costs is said before."""

from __future__ import annotations

from functools import partial

from nicegui import ui

from flowhost.errors import ConfirmationError, FlowHostError
from flowhost.services.deploy import RollBackPlan
from flowhost.services.drafts import RevisionView
from flowhost.ui import format as fmt
from flowhost.ui.caller import caller
from flowhost.ui.change_words import ChangeWords, change_words
from flowhost.ui.deploy_dialog import changes_lines, orphans_lines
from flowhost.ui.live import Live
from flowhost.ui.rights import allowed, guard
from flowhost.ui.shell import Alert
from flowhost.ui.tags import Button, Tag, icon
from flowhost.ui.texts import t

SHOWN = 50
CHANGES_SHOWN = 60


class VersionsDialog:
    """Lists the revisions of a flow; any of them can be deployed again.

    Args:
        live: gives the services.
        flow_id: the flow.
    """

    def __init__(self, live: Live, flow_id: str) -> None:
        self._host = live.host
        self._flow_id = flow_id
        self._words = ChangeWords()
        self._plan: RollBackPlan | None = None
        with ui.dialog() as self._dialog, Tag("div", "", "fh-dialog", role="dialog", aria_label=t("history.title")):
            self._title = Tag("h2")
            self._lead = Tag("p", "", "fh-sub", data_testid="versions-lead")
            self._costs = Tag("div", "", "fe-problem-list")
            self._list = Tag("div", "", "fe-history", data_testid="versions")
            with Tag("div", "", "fh-dialog-buttons fh-says"):
                self._alert = Alert()
                self._back = Button(
                    t("versions.back"), "arrow_back", self.open, "fh-quiet", data_testid="versions-back"
                )
                Button(t("history.close"), "close", self._close)
                self._do = Button("", "restore", self._on_do, "fh-primary", data_testid="roll-back-do")
                guard(self._do, "flow.edit")

    async def open(self) -> None:
        """Show the versions there are now."""
        self._begin(t("history.title"), t("versions.text"))
        try:
            revisions = await self._host.drafts.revisions(caller(), self._flow_id)
            self._words = await change_words(self._host, caller(), self._flow_id)
            deployed = (await self._host.flows.detail(caller(), self._flow_id)).overview.revision
        except FlowHostError as error:
            self._alert.say(str(error))
            revisions, deployed = [], 0
        with self._list:
            for revision in revisions[:SHOWN]:
                self._entry(revision, deployed)
        self._dialog.value = True

    def _begin(self, title: str, lead: str) -> None:
        self._plan = None
        self._alert.take_back()
        self._title.set_text(title)
        self._lead.set_text(lead)
        self._costs.clear()
        self._costs.show_if(condition=False)
        self._list.clear()
        self._back.show_if(condition=False)
        self._do.show_if(condition=False)

    def _entry(self, revision: RevisionView, deployed: int) -> None:
        with Tag("details", "", "fe-revision", data_revision=revision.number, data_testid="version"):
            with Tag("summary"):
                icon("chevron_right")
                Tag("span", t("history.number", number=revision.number), "fe-revision-number")
                Tag("span", revision.note or t("history.no_note"), "fe-revision-note" if revision.note else "fh-sub")
                Tag("span", f"{revision.author} · {fmt.clock(revision.created_at)}", "fh-sub").put(
                    "title", fmt.exact(revision.created_at)
                )
                if revision.number == deployed:
                    Tag("span", t("history.deployed"), "fh-note fh-note-busy")
            changes_lines(revision.changes, self._words, CHANGES_SHOWN)
            if not revision.changes:
                Tag("p", t("history.first" if revision.number == 1 else "history.looks"), "fh-sub")
            if revision.number != deployed:
                show = partial(self._on_show, revision.number)
                guard(Button(t("versions.roll_back"), "restore", show, data_testid="roll-back"), "flow.edit")

    async def _on_show(self, number: int) -> None:
        """What going back to this one would do; nothing is done yet."""
        try:
            plan = await self._host.flows.plan_roll_back(caller(), self._flow_id, number)
        except FlowHostError as error:
            self._alert.say(str(error))
            return
        self._begin(t("versions.title", number=number), _lead(plan))
        self._plan = plan
        with self._costs:
            orphans_lines(plan.orphans, self._words)
        self._costs.show_if(plan.orphans)
        with self._list:
            changes_lines(plan.changes, self._words, CHANGES_SHOWN)
        self._back.show_if(condition=True)
        self._do.show_if(condition=True)
        self._do.rename(t("versions.anyway" if plan.orphans else "versions.do"))

    async def _on_do(self) -> None:
        plan = self._plan
        if plan is None or not allowed("flow.edit"):
            return
        self._alert.take_back()
        self._do.busy(t("versions.busy"))
        try:
            await self._host.flows.roll_back(caller(), self._flow_id, plan.revision, confirm=bool(plan.orphans))
        except ConfirmationError:  # more has come to wait there since the list was made: show it, ask again
            await self._on_show(plan.revision)
            return
        except FlowHostError as error:
            self._alert.say(str(error))
            return
        finally:
            self._do.busy(None)
        self._close()
        ui.notify(t("deploy.done", revision=plan.revision), type="positive")

    def _close(self) -> None:
        self._dialog.value = False


def _lead(plan: RollBackPlan) -> str:
    if not plan.running:
        return t("versions.not_running", revision=plan.deployed)
    return t("versions.restarts" if plan.restarts else "versions.no_restart", revision=plan.deployed)
