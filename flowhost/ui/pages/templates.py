"""Templates: whole flows that only have to be told what they connect."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from nicegui import ui

from flowhost.services.access import may
from flowhost.services.flow_templates import TemplateView
from flowhost.ui.caller import caller
from flowhost.ui.editor.link_dialog import LinkDialog
from flowhost.ui.icons import bundled
from flowhost.ui.live import Live
from flowhost.ui.patience import RESPONSE_S
from flowhost.ui.shell import frame
from flowhost.ui.tags import Button, Tag, icon, link
from flowhost.ui.texts import t


def register(live: Live) -> None:
    """Put the page at `/templates`."""

    @ui.page("/templates", response_timeout=RESPONSE_S)
    async def templates() -> None:
        found = await live.host.templates.list(caller())
        with frame(live, "flows", t("templates.title")):
            templates_page(live, found)


def templates_page(live: Live, found: Sequence[TemplateView]) -> None:
    """A card each; with the dialog that asks what it has to be told."""

    def made(flow: Mapping[str, Any]) -> None:
        ui.navigate.to(f"/flows/{flow['id']}/edit")

    with Tag("div", "", "fh-page"):
        with Tag("div", "", "fh-crumbs"):
            link(t("overview.heading"), "/")
            Tag("span", t("templates.title"))
        with Tag("div", "", "fh-bar"):
            Tag("h1", t("templates.title"))
        Tag("p", t("templates.text"), "fh-lead")
        dialog = LinkDialog(live.host.asks, may_edit=may(caller(), "connection.edit"), on_made=made)
        with Tag("div", "", "fh-templates"):
            for template in found:
                template_card(template, dialog)


def template_card(template: TemplateView, dialog: LinkDialog) -> None:
    """One template."""
    facts = json.loads(json.dumps(asdict(template), default=str))
    with Tag("section", "", "fh-card fh-template", data_testid="template", data_template=template.id):
        with Tag("div", "", "fh-card-head"):
            icon(bundled(template.icon), "fh-node-icon")
            Tag("h2", template.title)
        Tag("p", template.summary, "fh-sub")
        Tag("div", "", "fh-grow")
        if template.missing:
            Tag("p", t("templates.missing", types=", ".join(template.missing)), "fh-sub")
        elif may(caller(), "flow.edit"):
            Button(t("templates.use"), "arrow_forward", lambda: dialog.use(facts), data_testid="template-use")
