"""Connections: what the host is joined to, how each link is, who uses it, and a button that tries it out."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from nicegui import ui

from flowhost.errors import FlowHostError
from flowhost.services.access import in_words, may
from flowhost.services.connection_views import ConnectionView, OwnConnectionView, TestView
from flowhost.ui import format as fmt
from flowhost.ui.anchors import anchor_of
from flowhost.ui.caller import caller
from flowhost.ui.editor.link_dialog import LinkDialog
from flowhost.ui.live import Live
from flowhost.ui.own_connections import TONES, OwnConnections, ails_words, state_words
from flowhost.ui.patience import RESPONSE_S
from flowhost.ui.secret_section import SecretSection
from flowhost.ui.shell import Alert, empty_state, frame
from flowhost.ui.tags import Button, Tag, link
from flowhost.ui.texts import t


def register(live: Live) -> None:
    """Put the page at `/connections`."""

    @ui.page("/connections", response_timeout=RESPONSE_S)
    async def connections() -> None:
        found, own = await live.connections.now(), await live.own_connections.now()
        kept = await live.secrets.now()
        with frame(live, "connections", t("connections.title")) as shell:
            page = Connections(live)
            page.show(found)
            page.own.show(own)
            page.secrets.show(kept)
            page.show_empty()

        def show_own(answer: tuple[OwnConnectionView, ...]) -> None:
            page.own.show(answer)
            page.show_empty()

        def show(answer: tuple[ConnectionView, ...]) -> None:
            shell.fresh()
            page.show(answer)

        live.connections.follow(show, shell.stale)
        live.secrets.follow(page.secrets.show, shell.stale)
        live.own_connections.follow(show_own, shell.stale)


class Connections(Tag):
    """The page's content."""

    def __init__(self, live: Live) -> None:
        super().__init__("div", "", "fh-page")
        self._live = live
        self._rows: dict[str, Row] = {}
        may_edit = may(caller(), "connection.edit")
        with self:
            with Tag("div", "", "fh-bar"):
                Tag("h1", t("connections.title"))
                Tag("div", "", "fh-grow")
                if may_edit:
                    Button(t("connections.new"), "add", self._create, "fh-primary", data_testid="connection-new")
            Tag("p", t("connections.text"), "fh-lead")
            self.alert = Alert()
            self._empty = empty_state("cable", t("connections.empty.title"), t("connections.empty.text"))
            self._list = Tag("div", "", "fh-links", role="list")
            self.own = OwnConnections(live)
            self.secrets = SecretSection(live)
            self.dialog = LinkDialog(live.host.asks, may_edit=may_edit, on_saved=self._saved, on_stored=self._stored)
            self.secrets.enter = self.dialog.secret
        self.may_edit = may_edit

    def show(self, found: Sequence[ConnectionView]) -> None:
        """Bring the rows up to date."""
        for name in self._rows.keys() - {view.name for view in found}:
            self._rows.pop(name).delete()
        for index, view in enumerate(found):
            row = self._rows.get(view.name)
            if row is None:
                with self._list:
                    row = self._rows[view.name] = Row(self, self._live)
            if self._list.default_slot.children[index] is not row:
                row.move(target_index=index)
            row.show(view)
        self._list.show_if(found)
        self.show_empty()

    def show_empty(self) -> None:
        """Say that there is none, neither of the host nor of a flow."""
        self._empty.show_if(not self._rows and not self.own.visible)

    async def refresh(self) -> None:
        """Show what there is now, without waiting for the next second."""
        self.show(await self._live.connections.now())

    def _create(self) -> None:
        self.alert.take_back()
        self.dialog.create()

    async def _saved(self, restarted: list[str], restarting: list[str]) -> None:
        if restarting:
            ui.notify(t("connections.restarting", flows=", ".join(restarting)), type="info", timeout=6000)
        if restarted:
            ui.notify(t("connections.restarted", flows=", ".join(restarted)), type="positive", timeout=6000)
        await self.refresh()
        await self.secrets.refresh()

    async def _stored(self, done: Mapping[str, Any]) -> None:
        self.secrets.stored(done)
        await self.secrets.refresh()


class Row(Tag):
    """One connection: what it is, how it is, and what can be done with it."""

    def __init__(self, page: Connections, live: Live) -> None:
        super().__init__("section", "", "fh-card fh-link-row", data_testid="connection-row", role="listitem")
        self._page = page
        self._connections = live.host.connections
        self._view: ConnectionView | None = None
        with self:
            with Tag("div", "", "fh-card-head"):
                self._dot = Tag("span", "", "fh-dot fh-dot-off")
                self._name = Tag("h2")
                self._type = Tag("span", "", "fh-sub")
                Tag("div", "", "fh-grow")
                self._test = Button(t("connections.test"), "network_check", self._on_test, data_testid="connection-try")
                self._edit = Button(
                    t("connections.edit" if page.may_edit else "connections.look"), "tune", self._on_edit,
                    data_testid="connection-open",
                )  # fmt: skip
                self._delete = Button(
                    t("connections.delete"), "delete", self._on_delete, data_testid="connection-delete"
                )
                self._delete.show_if(page.may_edit)
                self._test.show_if(may(caller(), "connection.test"))
            self._state = Tag("p", "", "fh-link-state", data_testid="connection-state")
            self._change = Tag("p", "", "fh-link-result", role="status", data_testid="connection-change")
            self._result = Tag("p", "", "fh-link-result", role="status", data_testid="connection-tested")
            with Tag("p", "", "fh-sub"):
                self._settings = Tag("span", "", "fh-mono")
            self._users = Tag("p", "", "fh-sub", data_testid="connection-users")
            self._changed = Tag("p", "", "fh-sub")

    def show(self, view: ConnectionView) -> None:
        """Bring it up to date."""
        if view == self._view:
            return
        before, self._view = self._view, view
        self.put("data-connection", view.name).put("id", anchor_of(view.name))
        self._dot.look(f"fh-dot fh-dot-{'warn' if view.ailing else TONES[view.state]}")
        self._name.set_text(view.name)
        self._type.set_text(view.title)
        self._state.set_text(ails_words(state_words(view.state, view.text), view.ailing, view.cause))
        self._settings.set_text(settings_text(view))
        self._changed.set_text(
            t("connections.changed", name=in_words(view.changed_by), time=fmt.clock(view.changed_at))
        ).put("title", fmt.exact(view.changed_at))
        self._show_result(view.tested)
        self._show_change(view)
        if before is None or (before.used_by, before.called) != (view.used_by, view.called):
            self._show_users(view)

    def _show_users(self, view: ConnectionView) -> None:
        self._users.clear()
        with self._users:
            Tag("span", t("connections.used_by") if view.used_by else t("connections.unused"))
            for flow_id in view.used_by:
                link(view.called.get(flow_id, flow_id), f"/flows/{flow_id}", "fh-link fh-user")

    def _show_change(self, view: ConnectionView) -> None:
        """What its last change does, or why it is not in force."""
        flows = ", ".join(view.called.get(flow_id, flow_id) for flow_id in view.restarting)
        words = t("connections.restarting", flows=flows) if flows else view.fault
        self._change.set_text(words).show_if(words)
        self._change.look("fh-link-result" if flows else "fh-link-result fh-link-bad")

    def _show_result(self, tested: TestView | None) -> None:
        self._result.show_if(tested)
        if tested is not None:
            key = "connections.worked" if tested.ok else "connections.failed"
            self._result.set_text(t(key, text=tested.text, time=fmt.clock(tested.at))).put(
                "title", fmt.exact(tested.at)
            )
            self._result.look(f"fh-link-result {'fh-link-ok' if tested.ok else 'fh-link-bad'}")

    async def _on_test(self) -> None:
        assert self._view is not None
        self._test.busy(t("connections.testing"))
        try:
            self._show_result(await self._connections.test(caller(), self._view.name))
        except FlowHostError as error:
            self._page.alert.say(str(error))
        finally:
            self._test.busy(None)

    def _on_edit(self) -> None:
        assert self._view is not None
        self._page.alert.take_back()
        self._page.dialog.edit(json.loads(json.dumps(asdict(self._view), default=str)))

    async def _on_delete(self) -> None:
        assert self._view is not None
        try:
            await self._connections.delete(caller(), self._view.name)
        except FlowHostError as error:
            self._page.alert.say(str(error))
            return
        self._page.alert.take_back()
        await self._page.refresh()


def settings_text(view: ConnectionView) -> str:
    """The settings in a line: what is plain as it is, what is secret by name."""
    return " · ".join(f"{name}: {_short(value)}" for name, value in view.config.items())


def _short(value: object) -> str:
    if isinstance(value, dict) and set(value) == {"secret"}:
        return t("setting.secret_ref", name=value["secret"])
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= 80 else f"{text[:79]}…"
