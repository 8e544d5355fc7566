"""Start from the editor: what stands on the canvas may not be what is deployed, so it is asked which of them starts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nicegui import ui

from flowhost.errors import FlowHostError
from flowhost.services.access import may
from flowhost.services.draft_views import DeployPlan
from flowhost.ui.caller import caller
from flowhost.ui.deploy_dialog import DeployDialog
from flowhost.ui.live import Live
from flowhost.ui.tags import Button, Tag
from flowhost.ui.texts import t


class StartDialog:
    """Starts a flow; asks first where its draft differs from what is deployed.

    Args:
        live: gives the services.
        flow_id: the flow.
        deploy: where the draft is deployed.
    """

    def __init__(self, live: Live, flow_id: str, deploy: DeployDialog) -> None:
        self._flows, self._drafts = live.host.flows, live.host.drafts
        self._flow_id = flow_id
        self._deploy = deploy
        self._asked: Mapping[str, Any] = {}
        with ui.dialog() as self._dialog, Tag("div", "", "fh-dialog", role="dialog", aria_label=t("start.title")):
            Tag("h2", t("start.title"))
            self._text = Tag("p", "", "fh-sub", data_testid="start-text")
            with Tag("div", "", "fh-dialog-buttons"):
                Button(t("start.cancel"), "close", self._close, "fh-quiet")
                self._old = Button("", "play_arrow", self._on_deployed, data_testid="start-deployed")
                self._new = Button(
                    t("start.draft"), "rocket_launch", self._on_draft, "fh-primary", data_testid="start-draft"
                )

    async def open(self, asked: Mapping[str, Any]) -> None:
        """Start at once, or ask; `asked` is what the page says of its draft, as `DeployDialog.open` takes it."""
        self._asked = asked
        try:
            plan = await self._drafts.plan(caller(), self._flow_id)
        except FlowHostError as error:
            _complain(error)
            return
        edits = may(caller(), "flow.edit")
        if plan.empty and edits:
            await self._deploy.open(asked, t("deploy.why_empty", revision=plan.deployed))
        elif plan.empty or plan.changes:
            self._ask(plan, edits=edits)
        else:
            await self._start()

    def _ask(self, plan: DeployPlan, *, edits: bool) -> None:
        words = "start.empty" if plan.empty else "start.text" if edits else "start.text_only"
        self._text.set_text(t(words, revision=plan.deployed))
        self._old.rename(t("start.deployed", revision=plan.deployed))
        self._old.show_if(not plan.empty)
        self._new.show_if(edits)
        self._dialog.value = True

    async def _on_deployed(self) -> None:
        self._close()
        await self._start()

    async def _on_draft(self) -> None:
        self._close()
        await self._deploy.start_at_once(self._asked)

    async def _start(self) -> None:
        try:
            await self._flows.start(caller(), self._flow_id)
        except FlowHostError as error:
            _complain(error)

    def _close(self) -> None:
        self._dialog.value = False


def _complain(error: FlowHostError) -> None:
    ui.notify(str(error), type="negative", timeout=8000)
