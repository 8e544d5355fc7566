"""What a deployment would change, what is wrong with it, what it restarts; then the button."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

from nicegui import ui

from flowhost.errors import ConfirmationError, FlowHostError
from flowhost.graph.diff import Change
from flowhost.services.access import may
from flowhost.services.draft_views import DeployPlan
from flowhost.services.views import ProblemView
from flowhost.ui.caller import caller
from flowhost.ui.change_words import ChangeWords, change_words, spread
from flowhost.ui.live import Live
from flowhost.ui.shell import Alert
from flowhost.ui.tags import Button, Labelled, Tag, icon
from flowhost.ui.texts import t
from flowhost.ui.waits import Waits

SHOWN = 60
SIGNS = {"added": "add", "removed": "remove", "changed": "edit"}


class DeployDialog:
    """The dialog before a deployment.

    Args:
        live: gives the services.
        flow_id: the flow.

    Attributes:
        reach: opens the form at a place of the flow, with the caret in the field.
    """

    reach: Callable[[str], Any]

    def __init__(self, live: Live, flow_id: str) -> None:
        self._host = live.host
        self._drafts, self._flows = live.host.drafts, live.host.flows
        self._words = ChangeWords()
        self._flow_id = flow_id
        self._starts = False
        self._rev = -1
        self._drain_s = 0.0
        self._goal = ""
        self._said: list[Mapping[str, Any]] = []
        self._reason = ""
        with ui.dialog() as self._dialog, Tag("div", "", "fh-dialog", role="dialog", aria_label=t("deploy.title")):
            Tag("h2", t("deploy.title"))
            self._why = Tag("p", "", "fe-deploy-why", data_testid="deploy-why")
            self._lead = Tag("p", "", "fh-sub")
            self._problems = Tag("div", "", "fe-problem-list")
            self._changes = Tag("div", "", "fe-changes", data_testid="deploy-changes")
            self._note = Labelled(
                t("deploy.note"), "textarea", self._keep_note, t("deploy.note_help"),
                rows=3, classes="fe-prose", data_autofocus=True, data_testid="deploy-note",
            )  # fmt: skip
            self._note.on("keydown.ctrl.enter.prevent", self._on_key)
            self._note.on("keydown.meta.enter.prevent", self._on_key)
            with Tag("div", "", "fh-dialog-buttons fh-says"):
                self._waits = Waits()
                self._alert = Alert()
                self._cancel = Button(t("deploy.cancel"), "close", self._close, "fh-quiet", data_testid="deploy-cancel")
                self._anyway = Button(t("deploy.anyway"), "warning", self._on_anyway, data_testid="deploy-anyway")
                self._do = Button(t("deploy.do"), "rocket_launch", self._on_deploy, data_testid="deploy-do")
                self._run = Button(
                    t("deploy.start"), "play_arrow", self._on_start, "fh-primary", data_testid="deploy-start"
                )
        # not before: a closing dialog takes the focus back to where it was opened from
        _ = self._dialog.on("hide", self._on_hidden)

    async def open(self, asked: Mapping[str, Any], why: str = "") -> None:
        """Show what a draft would do.

        Args:
            asked: `rev` of the draft, and what the page `said` is wrong: `{place, message, text, noted, unread}`. Lint
                knows nothing of two kinds: `noted` was seen on messages, `unread` was typed and is no value of its
                field, so that the draft does not hold it.
            why: why it is asked for, where the person did not ask for it.
        """
        rev, said = asked.get("rev"), asked.get("said")
        if not isinstance(rev, int):
            return
        if self._waits.busy:
            self._dialog.value = True
            return
        self._said = [one for one in said if isinstance(one, dict)] if isinstance(said, list) else []
        self._rev = rev
        self._alert.take_back()
        self._starts = False  # until there is a plan
        self._anyway.show_if(condition=False)
        self._why.set_text(why).show_if(why)
        self._note.fresh()
        self._keep_note("")
        try:
            plan = await self._drafts.plan(caller(), self._flow_id)
            self._words = await change_words(self._host, caller(), self._flow_id)
        except FlowHostError as error:
            self._alert.say(str(error))
        else:
            self._rev = plan.rev
            self._show(plan)
        self._dialog.value = True

    async def start_at_once(self, asked: Mapping[str, Any]) -> None:
        """Deploy and start where nothing stands against it; else the dialog stays open and says what does."""
        await self.open(asked)
        if self._starts and "disabled" not in self._run.props:
            await self._on_start()

    def _show(self, plan: DeployPlan) -> None:
        errors = [problem for problem in plan.problems if problem.severity == "error"]
        unread = [one for one in self._said if one.get("unread")]
        self._lead.set_text(_lead(plan))
        self._drain_s = plan.drain_s if plan.running and plan.restarts else 0
        self._starts = not plan.running and may(caller(), "flow.operate")
        idle = bool(errors or unread) or not (plan.changes or plan.moved)
        self._do.put("disabled", True if idle else None)
        self._do.look(f"fh-button {'' if self._starts else 'fh-primary'}")
        self._run.show_if(self._starts)
        self._run.put("disabled", True if idle else None)
        self._note.show_if(not idle)
        self._problems.clear()
        self._changes.clear()
        with self._problems:
            orphans_lines(plan.orphans, self._words)
            for problem in plan.problems:
                self._problem_line(problem.severity, self._in_words(problem), problem.place)
            for one in self._said:
                if one.get("noted") or one.get("unread"):
                    severity = "error" if one.get("unread") else "warning"
                    self._problem_line(severity, str(one.get("text", "")), str(one.get("place", "")))
        # an empty part would leave a gap
        self._problems.show_if(self._problems.default_slot.children)
        self._changes.show_if(plan.changes)
        with self._changes:
            changes_lines(plan.changes, self._words, SHOWN)

    def _in_words(self, problem: ProblemView) -> str:
        """As the page says it; what it has not heard of yet with its node."""
        for one in self._said:
            if (one.get("place"), one.get("message")) == (problem.place, problem.message):
                return str(one.get("text", "")).replace("`", "")
        thing = problem.place.removeprefix("nodes.").partition(".")[0]
        return f"{self._words.node(thing)}: {problem.message}"

    def _problem_line(self, severity: str, text: str, place: str) -> None:
        """Leads to the field it is about."""
        kind = f"fe-problem fe-problem-{severity} fe-problem-link"
        with Tag("button", "", kind, type="button", title=t("deploy.reach"), data_testid="deploy-problem") as line:
            icon("error_outline" if severity == "error" else "warning_amber")
            Tag("span", text)
        line.on("click", partial(self._on_problem, place))

    def _on_problem(self, place: str) -> None:
        self._goal = place
        self._close()

    def _on_hidden(self) -> None:
        if goal := self._goal:
            self._goal = ""
            self.reach(goal)

    def _keep_note(self, text: str) -> None:
        """While a note is typed, a click beside the dialog does not throw it away."""
        self._reason = text.strip()
        self._dialog.props["no-backdrop-dismiss"] = bool(text)

    async def _on_key(self) -> None:
        button = self._run if self._starts else self._do
        if "disabled" not in button.props:
            await self._deploy(confirm=False, start=self._starts)

    async def _on_deploy(self) -> None:
        await self._deploy(confirm=False)

    async def _on_start(self) -> None:
        await self._deploy(confirm=False, start=True)

    async def _on_anyway(self) -> None:
        await self._deploy(confirm=True)

    async def _deploy(self, *, confirm: bool, start: bool = False) -> None:
        self._alert.take_back()
        button = self._run if start else self._do
        button.busy(t("deploy.busy"))
        self._cancel.rename(t("deploy.close"))
        self._waits.begin(self._drain_s)
        try:
            number = await self._drafts.deploy(caller(), self._flow_id, self._rev, self._reason, confirm=confirm)
        except FlowHostError as error:
            self._alert.say(str(error))
            self._waits.tell_if_closed(str(error), self._dialog)
            self._anyway.show_if(isinstance(error, ConfirmationError))
            return
        finally:
            self._waits.end()
            self._cancel.rename(t("deploy.cancel"))
            button.busy(None)
        self._close()
        ui.notify(t("deploy.done", revision=number), type="positive")
        if start:
            await self._start()

    async def _start(self) -> None:
        try:
            await self._flows.start(caller(), self._flow_id)
        except FlowHostError as error:
            ui.notify(str(error), type="negative", timeout=8000)

    def _close(self) -> None:
        self._dialog.value = False


def _lead(plan: DeployPlan) -> str:
    if not plan.changes:
        return t("deploy.moved" if plan.moved else "deploy.nothing", revision=plan.deployed)
    if not plan.running:
        return t("deploy.not_running", revision=plan.deployed)
    return t("deploy.restarts" if plan.restarts else "deploy.no_restart", revision=plan.deployed)


def orphans_lines(orphans: Mapping[str, int], words: ChangeWords) -> None:
    """Messages that would become dead letters, by node."""
    for node, count in orphans.items():
        with Tag("div", "", "fe-problem fe-problem-warning", data_testid="deploy-orphans"):
            icon("warning_amber")
            Tag("span", t("deploy.orphans", count=count, node=words.node(node)))


def changes_lines(changes: Iterable[Change], words: ChangeWords, most: int) -> None:
    """Differences between two versions; where there are more, how many."""
    all_of_them = spread(changes)
    for change in all_of_them[:most]:
        _line(change, words)
    if len(all_of_them) > most:
        Tag("p", t("deploy.more", count=len(all_of_them) - most), "fh-sub")


def _line(change: Change, words: ChangeWords) -> None:
    with Tag("div", "", f"fe-change fe-change-{change.kind}"):
        icon(SIGNS[change.kind])
        Tag("span", words.place(change), "fe-change-place").put("title", ".".join(change.place))
        if change.kind == "changed":
            with Tag("span", "", "fe-change-values"):
                Tag("span", words.value(change, change.before), "fe-change-old")
                Tag("span", "→", "fe-change-to")
                Tag("span", words.value(change, change.after), "fe-change-new")
        elif len(change.place) > 2 or change.place[0] not in ("nodes", "wires"):
            Tag("span", words.value(change, change.after if change.kind == "added" else change.before), "fe-change-new")
