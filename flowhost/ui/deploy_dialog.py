"""What a deployment would change, what is wrong with it, what it restarts; then the button."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from nicegui import ui

from flowhost.errors import ConfirmationError, FlowHostError
from flowhost.graph.diff import Change
from flowhost.services.drafts import DeployPlan
from flowhost.ui.caller import caller
from flowhost.ui.live import Live
from flowhost.ui.shell import Alert
from flowhost.ui.tags import Button, Tag, icon
from flowhost.ui.texts import t

SHOWN = 60
VALUE_LIMIT = 80
SIGNS = {"added": "add", "removed": "remove", "changed": "edit"}


class DeployDialog:
    """The dialog before a deployment.

    Args:
        live: gives the services.
        flow_id: the flow.
    """

    def __init__(self, live: Live, flow_id: str) -> None:
        self._drafts = live.host.drafts
        self._flow_id = flow_id
        self._rev = -1
        with ui.dialog() as self._dialog, Tag("div", "", "fh-dialog", role="dialog", aria_label=t("deploy.title")):
            Tag("h2", t("deploy.title"))
            self._lead = Tag("p", "", "fh-sub")
            self._alert = Alert()
            self._problems = Tag("div", "", "fe-problem-list")
            self._changes = Tag("div", "", "fe-changes", data_testid="deploy-changes")
            self._note = ui.input(t("deploy.note")).props("outlined dense").classes("fe-note-field")
            self._note.mark("deploy-note")
            with Tag("div", "", "fh-dialog-buttons"):
                Button(t("deploy.cancel"), "close", self._close, "fh-quiet")
                self._anyway = Button(t("deploy.anyway"), "warning", self._on_anyway, data_testid="deploy-anyway")
                self._do = Button(
                    t("deploy.do"), "rocket_launch", self._on_deploy, "fh-primary", data_testid="deploy-do"
                )

    async def open(self, rev: int) -> None:
        """Show what this draft would do."""
        self._rev = rev
        self._alert.take_back()
        self._anyway.show_if(condition=False)
        self._note.value = ""
        try:
            plan = await self._drafts.plan(caller(), self._flow_id)
        except FlowHostError as error:
            self._alert.say(str(error))
        else:
            self._rev = plan.rev
            self._show(plan)
        self._dialog.value = True

    def _show(self, plan: DeployPlan) -> None:
        errors = [problem for problem in plan.problems if problem.severity == "error"]
        self._lead.set_text(_lead(plan))
        self._do.put("disabled", True if errors or not (plan.changes or plan.moved) else None)
        self._problems.clear()
        self._changes.clear()
        with self._problems:
            orphans_lines(plan.orphans)
            for problem in plan.problems:
                with Tag("div", "", f"fe-problem fe-problem-{problem.severity}", data_testid="deploy-problem"):
                    icon("error_outline" if problem.severity == "error" else "warning_amber")
                    Tag("span", f"{problem.place}: {problem.message}")
        with self._changes:
            for change in plan.changes[:SHOWN]:
                change_line(change)
            if len(plan.changes) > SHOWN:
                Tag("p", t("deploy.more", count=len(plan.changes) - SHOWN), "fh-sub")

    async def _on_deploy(self) -> None:
        await self._deploy(confirm=False)

    async def _on_anyway(self) -> None:
        await self._deploy(confirm=True)

    async def _deploy(self, *, confirm: bool) -> None:
        self._alert.take_back()
        self._do.busy(t("deploy.busy"))
        note = str(self._note.value or "").strip()
        try:
            number = await self._drafts.deploy(caller(), self._flow_id, self._rev, note, confirm=confirm)
        except FlowHostError as error:
            self._alert.say(str(error))
            self._anyway.show_if(isinstance(error, ConfirmationError))
            return
        finally:
            self._do.busy(None)
        self._close()
        ui.notify(t("deploy.done", revision=number), type="positive")

    def _close(self) -> None:
        self._dialog.value = False


def _lead(plan: DeployPlan) -> str:
    if not plan.changes:
        return t("deploy.moved" if plan.moved else "deploy.nothing", revision=plan.deployed)
    if not plan.running:
        return t("deploy.not_running", revision=plan.deployed)
    return t("deploy.restarts" if plan.restarts else "deploy.no_restart", revision=plan.deployed)


def orphans_lines(orphans: Mapping[str, int]) -> None:
    """Messages that would become dead letters, by node."""
    for node, count in orphans.items():
        with Tag("div", "", "fe-problem fe-problem-warning", data_testid="deploy-orphans"):
            icon("warning_amber")
            Tag("span", t("deploy.orphans", count=count, node=node))


def change_line(change: Change) -> None:
    """One difference between two versions."""
    with Tag("div", "", f"fe-change fe-change-{change.kind}"):
        icon(SIGNS[change.kind])
        Tag("span", ".".join(change.place), "fe-change-place")
        if change.kind == "changed":
            Tag("span", _short(change.before), "fe-change-old")
            Tag("span", _short(change.after), "fe-change-new")
        elif len(change.place) > 2 or change.place[0] not in ("nodes", "wires"):
            Tag("span", _short(change.after if change.kind == "added" else change.before), "fe-change-new")


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= VALUE_LIMIT else f"{text[: VALUE_LIMIT - 1]}…"
