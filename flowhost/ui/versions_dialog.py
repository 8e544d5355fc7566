"""The versions of a flow: who made them, what changed, and the ways back. What a way back costs is said before."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from functools import partial
from typing import Any

from nicegui import ui

from flowhost.errors import ConfirmationError, FlowHostError
from flowhost.services.deploy import RollBackPlan
from flowhost.services.draft_views import RevisionView
from flowhost.ui import format as fmt
from flowhost.ui.caller import caller
from flowhost.ui.change_words import ChangeWords, change_words
from flowhost.ui.deploy_dialog import changes_lines, orphans_lines
from flowhost.ui.live import Live
from flowhost.ui.rights import allowed, guard
from flowhost.ui.shell import Alert
from flowhost.ui.tags import Button, Tag, Tick, icon
from flowhost.ui.texts import t
from flowhost.ui.waits import Waits

SHOWN = 50
CHANGES_SHOWN = 60


class VersionsDialog:
    """Lists the revisions of a flow; any of them can be deployed again, or be put on the canvas.

    Args:
        live: gives the services.
        flow_id: the flow.
        editor: it is opened in the editor, where there is a canvas to put them on.
    """

    def __init__(self, live: Live, flow_id: str, *, editor: bool = False) -> None:
        self._host = live.host
        self._flow_id = flow_id
        self._editor = editor
        self._words = ChangeWords()
        self._plan: RollBackPlan | None = None
        self._revisions: list[RevisionView] = []
        self._with_deployed = False
        self._rev = self._deployed = -1
        self._tab = ""
        with ui.dialog() as self._dialog, Tag("div", "", "fh-dialog", role="dialog", aria_label=t("history.title")):
            self._title = Tag("h2")
            self._lead = Tag("p", "", "fh-sub", data_testid="versions-lead")
            self._compare()
            self._canvas = Tick(t("versions.canvas"), data_testid="roll-back-canvas")
            self._costs = Tag("div", "", "fe-problem-list")
            self._list = Tag("div", "", "fe-history", data_testid="versions")
            self._buttons()

    def _compare(self) -> None:
        """What each version is compared with."""
        with Tag("div", "", "fe-compare", role="group", aria_label=t("versions.compare")) as self._comparing:
            Tag("span", t("versions.compare"), "fh-sub")
            with Tag("div", "", "fh-segments"):
                self._before = Tag("button", t("versions.before"), "fh-segment", type="button")
                self._now = Tag("button", "", "fh-segment", type="button", data_testid="compare-deployed")
        self._before.on("click", partial(self._on_compare, with_deployed=False))
        self._now.on("click", partial(self._on_compare, with_deployed=True))

    def _buttons(self) -> None:
        with Tag("div", "", "fh-dialog-buttons fh-says"):
            self._waits = Waits()
            self._alert = Alert()
            self._back = Button(
                t("versions.back"), "arrow_back", self._on_back, "fh-quiet", data_testid="versions-back"
            )
            self._discard = Button(
                t("history.discard"), "undo", self._on_discard, "fh-quiet", data_testid="draft-discard"
            )
            Button(t("history.close"), "close", self._close, data_testid="versions-close")
            self._do = Button("", "restore", self._on_do, "fh-primary", data_testid="roll-back-do")
            guard(self._do, "flow.edit")

    async def open(self, asked: Mapping[str, Any] | None = None) -> None:
        """Show the versions there are now; `asked` has the `tab` of the editor that wants them."""
        self._dialog.value = True
        if self._waits.busy:
            return
        tab = (asked or {}).get("tab")
        self._tab = tab if isinstance(tab, str) else ""
        await self._show_all()

    async def _show_all(self) -> None:
        self._begin(t("history.title"), t("history.text" if self._editor else "versions.text"))
        changed = False
        try:
            self._revisions = await self._host.drafts.revisions(caller(), self._flow_id)
            self._words = await change_words(self._host, caller(), self._flow_id)
            if self._editor:
                view = await self._host.drafts.look(caller(), self._flow_id)
                self._rev, self._deployed, changed = view.rev, view.deployed, view.changed
            else:
                self._deployed = (await self._host.flows.detail(caller(), self._flow_id)).overview.revision
        except FlowHostError as error:
            self._alert.say(str(error))
            self._revisions = []
        self._now.set_text(t("versions.with_deployed", revision=self._deployed))
        self._comparing.show_if(len(self._revisions) > 1)
        self._discard.show_if(self._editor)
        self._discard.put("disabled", None if changed else True)
        self._discard.put("title", None if changed else t("history.nothing", revision=self._deployed))
        guard(self._discard, "flow.edit")
        self._on_compare(with_deployed=self._with_deployed)

    def _on_compare(self, *, with_deployed: bool) -> None:
        self._with_deployed = with_deployed
        self._before.put("aria-pressed", str(not with_deployed).lower())
        self._now.put("aria-pressed", str(with_deployed).lower())
        self._list.clear()
        with self._list:
            for revision in self._revisions[:SHOWN]:
                self._entry(revision)

    def _begin(self, title: str, lead: str) -> None:
        self._plan = None
        self._alert.take_back()
        self._title.set_text(title)
        self._lead.set_text(lead)
        self._costs.clear()
        self._list.clear()
        for part in (self._costs, self._back, self._do, self._comparing, self._canvas, self._discard):
            part.show_if(condition=False)

    def _entry(self, revision: RevisionView) -> None:
        number = revision.number
        with Tag("details", "", "fe-revision", data_revision=number, data_testid="version"):
            with Tag("summary"):
                icon("chevron_right")
                Tag("span", t("history.number", number=number), "fe-revision-number")
                Tag("span", revision.note or t("history.no_note"), "fe-revision-note" if revision.note else "fh-sub")
                Tag("span", f"{revision.author} · {fmt.clock(revision.created_at)}", "fh-sub").put(
                    "title", fmt.exact(revision.created_at)
                )
                if number == self._deployed:
                    Tag("span", t("history.deployed"), "fh-note fh-note-busy")
            self._differences(revision)
            if self._editor:
                put = partial(self._on_restore, number)
                guard(Button(t("history.restore"), "edit", put, data_testid="restore"), "flow.edit")
            if number != self._deployed:
                show = partial(self._on_show, number)
                guard(Button(t("versions.roll_back"), "restore", show, data_testid="roll-back"), "flow.edit")

    def _differences(self, revision: RevisionView) -> None:
        changes = revision.from_deployed if self._with_deployed else revision.changes
        changes_lines(changes, self._words, CHANGES_SHOWN)
        if changes:
            return
        if self._with_deployed:
            same = "versions.is_deployed" if revision.number == self._deployed else "versions.as_deployed"
            Tag("p", t(same, revision=self._deployed), "fh-sub")
        else:
            Tag("p", t("history.first" if revision.number == 1 else "history.looks"), "fh-sub")

    # -- on the canvas

    async def _on_restore(self, number: int) -> None:
        await self._put(self._host.drafts.restore(caller(), self._flow_id, number, self._rev, self._tab))

    async def _on_discard(self) -> None:
        await self._put(self._host.drafts.discard(caller(), self._flow_id, self._rev, self._tab))

    async def _put(self, doing: Awaitable[int]) -> None:
        try:
            rev = await doing
        except FlowHostError as error:
            self._alert.say(str(error))
            return
        self._close()
        if rev == self._rev:
            ui.notify(t("history.same"))

    # -- deployed again

    async def _on_back(self) -> None:
        await self._show_all()

    async def _on_show(self, number: int) -> None:
        """What going back to this one would do; nothing is done yet."""
        try:
            plan = await self._host.flows.plan_roll_back(caller(), self._flow_id, number)
        except FlowHostError as error:
            self._alert.say(str(error))
            return
        self._begin(t("versions.title", number=number), _lead(plan))
        self._plan = plan
        self._canvas.ask(t("versions.canvas_help", revision=plan.deployed, number=number))
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
        self._back.put("disabled", True)
        self._waits.begin(plan.drain_s if plan.running and plan.restarts else 0)
        try:
            await self._host.drafts.roll_back(
                caller(), self._flow_id, plan.revision, canvas=self._canvas.ticked, confirm=bool(plan.orphans),
                tab=self._tab,
            )  # fmt: skip
        except ConfirmationError:  # more has come to wait there since the list was made: show it, ask again
            await self._on_show(plan.revision)
            return
        except FlowHostError as error:
            self._alert.say(str(error))
            self._waits.tell_if_closed(str(error), self._dialog)
            return
        finally:
            self._waits.end()
            self._back.put("disabled", None)
            self._do.busy(None)
        self._close()
        ui.notify(t("deploy.done", revision=plan.revision), type="positive")

    def _close(self) -> None:
        self._dialog.value = False


def _lead(plan: RollBackPlan) -> str:
    if not plan.running:
        return t("versions.not_running", revision=plan.deployed)
    return t("versions.restarts" if plan.restarts else "versions.no_restart", revision=plan.deployed)
