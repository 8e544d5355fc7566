"""Secrets on the connections page: which there are, where they come from, what uses them; never a value."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from nicegui import ui

from flowhost.errors import FlowHostError
from flowhost.services.access import may
from flowhost.services.secret_views import SecretView
from flowhost.ui import format as fmt
from flowhost.ui.caller import caller
from flowhost.ui.live import Live
from flowhost.ui.shell import Alert
from flowhost.ui.tags import Button, Tag, icon, link
from flowhost.ui.texts import t


class SecretSection(Tag):
    """The part of the page below the connections.

    Args:
        live: gives the service.

    Attributes:
        enter: opens the dialog for a value; without a name for a new secret.
    """

    enter: Callable[[str], None]

    def __init__(self, live: Live) -> None:
        super().__init__("section", "", "fh-secrets", data_testid="secrets", aria_label=t("secrets.title"))
        self._live = live
        self._shown: tuple[SecretView, ...] | None = None
        self._rows: dict[str, SecretRow] = {}
        self.may_edit = may(caller(), "secret.edit")
        with self:
            with Tag("div", "", "fh-bar"):
                Tag("h2", t("secrets.title"))
                Tag("div", "", "fh-grow")
                if self.may_edit:
                    Button(t("secrets.new"), "add", lambda: self.open(""), data_testid="secret-new")
            Tag("p", t("secrets.text"), "fh-sub")
            self._alert = Alert()
            self._empty = Tag("p", t("secrets.empty"), "fh-card fh-sub", data_testid="secrets-empty")
            with Tag("table", "", "fh-table fh-secret-table") as self._table:
                with Tag("thead"), Tag("tr"):
                    for name in ("name", "where", "users"):
                        Tag("th", t(f"secrets.{name}"), scope="col")
                    Tag("th", "", aria_label=t("secrets.do"))
                self._body = Tag("tbody")

    def show(self, found: Sequence[SecretView]) -> None:
        """Bring it up to date."""
        if tuple(found) == self._shown:
            return
        self._shown = tuple(found)
        self._empty.show_if(not found)
        self._table.show_if(found)
        # rows stay the same elements: a button that is made anew between press and release would not be clicked
        for name in self._rows.keys() - {view.name for view in found}:
            self._rows.pop(name).delete()
        for index, view in enumerate(found):
            row = self._rows.get(view.name)
            if row is None:
                with self._body:
                    row = self._rows[view.name] = SecretRow(self, view.name)
            if self._body.default_slot.children[index] is not row:
                row.move(target_index=index)
            row.show(view)

    def stored(self, done: Mapping[str, Any]) -> None:
        """Say what became of the flows that use a changed secret."""
        if restarted := done.get("restarted"):
            ui.notify(t("secrets.restarted", flows=", ".join(map(str, restarted))), type="positive", timeout=6000)
        if failed := done.get("not_started"):
            ui.notify(t("secrets.not_started", flows="; ".join(map(str, failed))), type="negative", timeout=10_000)

    async def refresh(self) -> None:
        """Show what there is now, without waiting for the next answer."""
        self.show(await self._live.secrets.now())

    def open(self, name: str) -> None:
        """Ask for the value of a secret; without a name for a new one."""
        self._alert.take_back()
        self.enter(name)

    async def delete_secret(self, name: str) -> None:
        """Forget it, or say why not."""
        try:
            await self._live.host.secrets.delete(caller(), name)
        except FlowHostError as error:
            self._alert.say(str(error))
            return
        self._alert.take_back()
        await self.refresh()


class SecretRow(Tag):
    """One secret: where it comes from, what uses it, and what can be done with it."""

    def __init__(self, section: SecretSection, name: str) -> None:
        super().__init__("tr", "", "", data_testid="secret-row", data_secret=name)
        self._may_edit = section.may_edit
        self._users: tuple[tuple[str, ...], tuple[str, ...]] | None = None
        with self:
            with Tag("td", "", "fh-secret-key"):
                icon("key")
                Tag("span", name, "fh-mono")
            with Tag("td", "", "fh-secret-where"):
                self._dot = Tag("span")
                self._where = Tag("span")
            self._used = Tag("td", "", "fh-secret-users")
            with Tag("td", "", "fh-secret-do"):
                self._enter = Button(
                    "", "edit", lambda: section.open(name), "fh-quiet", data_testid="secret-enter",
                    aria_label=t("secrets.replace_of", name=name),
                )  # fmt: skip
                self._delete = Button(
                    t("secrets.delete"), "delete", lambda: section.delete_secret(name), "fh-quiet",
                    data_testid="secret-delete", aria_label=t("secrets.delete_of", name=name),
                )  # fmt: skip

    def show(self, view: SecretView) -> None:
        """Bring it up to date."""
        tone = "bad" if view.problem else "warn" if view.source == "nowhere" else "ok"
        self._dot.look(f"fh-dot fh-dot-{tone}")
        self._where.set_text(view.problem or _where(view))
        self._where.put("title", fmt.exact(view.changed_at) if view.changed_at else None)
        self._enter.rename(t("secrets.enter" if view.source == "nowhere" else "secrets.replace"))
        self._enter.show_if(self._may_edit and view.source != "environment")
        self._delete.show_if(self._may_edit and view.stored)
        if self._users != (view.connections, view.flows):
            self._users = (view.connections, view.flows)
            self._show_users(view)

    def _show_users(self, view: SecretView) -> None:
        self._used.clear()
        with self._used:
            if not view.connections and not view.flows:
                Tag("span", t("secrets.unused"), "fh-sub")
            for name in view.connections:
                Tag("span", name, "fh-user")
            for flow_id in view.flows:
                link(flow_id, f"/flows/{flow_id}", "fh-link fh-user")


def _where(view: SecretView) -> str:
    if view.source == "store" and view.changed_at is not None:
        return t("secrets.stored", name=view.changed_by, time=fmt.clock(view.changed_at))
    if view.source == "environment":
        return t("secrets.shadowed" if view.stored else "secrets.environment")
    return t("secrets.nowhere")
