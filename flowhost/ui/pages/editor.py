"""The page on which a flow is drawn and deployed."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from nicegui import ui

from flowhost.errors import FlowHostError, NotFoundError
from flowhost.services.access import may
from flowhost.ui.caller import caller
from flowhost.ui.deploy_dialog import DeployDialog
from flowhost.ui.editor import FlowEditor
from flowhost.ui.live import Live
from flowhost.ui.patience import RESPONSE_S
from flowhost.ui.shell import frame, not_found
from flowhost.ui.start_dialog import StartDialog
from flowhost.ui.tags import Tag, link
from flowhost.ui.texts import t
from flowhost.ui.versions_dialog import VersionsDialog

log = logging.getLogger(__name__)

RECONNECT_S = 120
"""The page survives this long without its line; edits go over a socket of their own anyway."""


def register(live: Live) -> None:
    """Put the page at `/flows/{id}/edit`."""

    @ui.page("/flows/{flow_id}/edit", reconnect_timeout=RECONNECT_S, response_timeout=RESPONSE_S)
    async def page(flow_id: str) -> None:
        try:
            detail = await live.host.flows.detail(caller(), flow_id)
        except NotFoundError:
            with frame(live, "flows", flow_id):
                title, text = t("flow.not_found.title", id=flow_id), t("flow.not_found.text")
                not_found(title, text, t("flow.back"), "/")
            return
        types = await live.host.plugins.describe_all(caller())
        with frame(live, "flows", t("editor.tab", name=detail.overview.name)), Tag("div", "", "fe-page"):
            with Tag("div", "", "fe-head"), Tag("div", "", "fh-crumbs"):
                link(t("overview.heading"), "/")
                link(detail.overview.name, f"/flows/{flow_id}")
                Tag("span", t("editor.crumb"))
            dialog = DeployDialog(live, flow_id)
            versions = VersionsDialog(live, flow_id, editor=True)

            starting = StartDialog(live, flow_id, dialog)

            async def stop() -> None:
                try:
                    await live.host.flows.stop(caller(), flow_id)
                except FlowHostError as error:
                    ui.notify(str(error), type="negative", timeout=8000)

            async def deploy(asked: Mapping[str, Any]) -> None:
                try:
                    await dialog.open(asked)
                finally:
                    editor.asked()

            editor = FlowEditor(
                flow_id,
                detail.life,
                types,
                may_edit=may(caller(), "flow.edit"),
                may_operate=may(caller(), "flow.operate"),
                may_send=may(caller(), "flow.send"),
                on_deploy=deploy,
                on_start=starting.open,
                on_stop=stop,
                on_history=versions.open,
            )
            dialog.reach = editor.reach
