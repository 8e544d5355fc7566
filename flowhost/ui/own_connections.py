"""Connections that flows bring themselves: how each is, a test, and the way to where it is set."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote

from flowhost.errors import FlowHostError
from flowhost.services.access import may
from flowhost.services.connection_views import OwnConnectionView, TestView
from flowhost.ui import format as fmt
from flowhost.ui.caller import caller
from flowhost.ui.live import Live
from flowhost.ui.shell import Alert
from flowhost.ui.tags import Button, Tag, link
from flowhost.ui.texts import t

TONES = {"up": "ok", "down": "bad", "idle": "off", "unknown": "warn"}


def state_words(state: str, text: str) -> str:
    """A state and what is known of it, without saying the same twice."""
    word = t(f"connections.state.{state}")
    if text.lower().startswith(word.lower()):
        return text[0].upper() + text[1:]
    return f"{word}: {text}" if text else word


def ails_words(text: str, nodes: Sequence[str], cause: str) -> str:
    """An open connection whose nodes try again, with the cause."""
    if not nodes:
        return text
    return t("connection.ails_why" if cause else "connection.ails", text=text, nodes=", ".join(nodes), cause=cause)


class OwnConnections(Tag):
    """The list; out of the way while no flow brings any."""

    def __init__(self, live: Live) -> None:
        super().__init__("section", "", "", data_testid="own-connections")
        self._live = live
        self._rows: dict[tuple[str, str], OwnRow] = {}
        with self:
            Tag("h2", t("connections.own"), "fh-section")
            Tag("p", t("connections.own_text"), "fh-sub fh-own-text")
            self._alert = Alert()
            self._list = Tag("div", "", "fh-links", role="list")
        self.show(())

    def show(self, found: Sequence[OwnConnectionView]) -> None:
        """Bring the rows up to date."""
        wanted = {(view.flow_id, view.name): view for view in found}
        for key in self._rows.keys() - wanted.keys():
            self._rows.pop(key).delete()
        for index, (key, view) in enumerate(wanted.items()):
            row = self._rows.get(key)
            if row is None:
                with self._list:
                    row = self._rows[key] = OwnRow(self._live, self._alert, view)
            if self._list.default_slot.children[index] is not row:
                row.move(target_index=index)
            row.show(view)
        self.show_if(found)


class OwnRow(Tag):
    """One connection of one flow.

    Args:
        live: gives the services.
        alert: says what went wrong with a click.
        view: as it is now.
    """

    def __init__(self, live: Live, alert: Alert, view: OwnConnectionView) -> None:
        super().__init__("section", "", "fh-card fh-link-row", data_testid="own-connection", role="listitem")
        self._connections = live.host.connections
        self._alert = alert
        self._flow_id, self._name = view.flow_id, view.name
        self.put("data-connection", view.name).put("data-flow", view.flow_id)
        with self:
            with Tag("div", "", "fh-card-head"):
                self._dot = Tag("span", "", "fh-dot fh-dot-off")
                Tag("h2", view.name)
                self._type = Tag("span", "", "fh-sub")
                Tag("div", "", "fh-grow")
                self._test = Button(t("connections.test"), "network_check", self._on_test, data_testid="own-try")
                self._test.show_if(may(caller(), "connection.test"))
                self._edit = Tag("a", t("connections.to_editor"), "fh-button fh-edit", data_testid="own-edit")
            self._state = Tag("p", "", "fh-link-state", data_testid="connection-state")
            self._result = Tag("p", "", "fh-link-result", role="status", data_testid="connection-tested")
            with Tag("p", "", "fh-sub"):
                Tag("span", t("connections.brought_by"))
                self._flow = link("", f"/flows/{quote(view.flow_id)}", "fh-link fh-user")

    def show(self, view: OwnConnectionView) -> None:
        """Bring it up to date."""
        self._dot.look(f"fh-dot fh-dot-{'warn' if view.ailing else TONES[view.state]}")
        self._type.set_text(view.title)
        self._state.set_text(ails_words(state_words(view.state, view.text), view.ailing, view.cause))
        self._flow.set_text(view.flow_name)
        place = f"?node={quote(view.nodes[0])}" if view.nodes else ""
        self._edit.put("href", f"/flows/{quote(view.flow_id)}/edit{place}")
        self._show_result(view.tested)

    def _show_result(self, tested: TestView | None) -> None:
        self._result.show_if(tested)
        if tested is not None:
            key = "connections.worked" if tested.ok else "connections.failed"
            self._result.set_text(t(key, text=tested.text, time=fmt.clock(tested.at))).put(
                "title", fmt.exact(tested.at)
            )
            self._result.look(f"fh-link-result {'fh-link-ok' if tested.ok else 'fh-link-bad'}")

    async def _on_test(self) -> None:
        self._alert.take_back()
        self._test.busy(t("connections.testing"))
        try:
            self._show_result(await self._connections.test_own(caller(), self._flow_id, self._name))
        except FlowHostError as error:
            self._alert.say(str(error))
        finally:
            self._test.busy(None)
