"""One switch of the demo's plant: how the part is, what turning it off does, and who feels it."""

from __future__ import annotations

import logging

from flowhost.errors import FlowHostError
from flowhost.services.host_views import DemoSwitchView, FlowRef
from flowhost.ui import format as fmt
from flowhost.ui.caller import caller
from flowhost.ui.live import Live
from flowhost.ui.shell import Alert
from flowhost.ui.tags import Button, Tag, icon, link
from flowhost.ui.texts import TEXTS, t

log = logging.getLogger(__name__)

ICONS = {
    "broker": "hub",
    "plc": "precision_manufacturing",
    "meter": "electric_meter",
    "database": "storage",
    "sensor": "thermostat",
}


class DemoSwitch(Tag):
    """A card with a switch; it shows how the part is, not what was clicked."""

    def __init__(self, live: Live, switch: DemoSwitchView) -> None:
        super().__init__("section", "", "fh-card fh-demo-switch", data_testid="demo-switch", data_switch=switch.name)
        self._demo = live.host.demo
        self._switch = switch
        self._clicked: bool | None = None
        with self:
            with Tag("div", "", "fh-demo-head"):
                icon(ICONS[switch.name], "fh-node-icon")
                with Tag("div", "", "fh-grow"):
                    Tag("h2", t(f"demo.{switch.name}"))
                    with Tag(
                        "div", "", "fh-state", data_testid="demo-state", data_unknown=t("state.unknown")
                    ) as self._state:
                        self._dot = Tag("span", "", "fh-dot")
                        self._word = Tag("span")
                    self._address = Tag("div", "", "fh-sub fh-mono fh-demo-address", data_testid="demo-address")
                self._on = Button(_words(switch, "turn_on"), "power_settings_new", lambda: self._click(on=True))
                self._off = Button(_words(switch, "turn_off"), "power_off", lambda: self._click(on=False))
            self._fault = Tag("p", "", "fh-error-text", data_testid="demo-fault")
            Tag("p", t(f"demo.{switch.name}.off"), "fh-sub")
            self._readers = Users(t("demo.readers"))
            self._writers = Users(t("demo.writers"))
            self._nobody = Tag("p", t("demo.nobody"), "fh-sub")
            if switch.name == "sensor":
                link(t("demo.work"), "/work", "fh-link").put("data-testid", "demo-work")
            self._alert = Alert()
        name = t(f"demo.{switch.name}")
        self._on.put("aria-label", _words(switch, "turn_on_named", name=name)).put("data-testid", "demo-on")
        self._off.put("aria-label", _words(switch, "turn_off_named", name=name)).put("data-testid", "demo-off")

    def show(self, switch: DemoSwitchView) -> None:
        """Bring it up to date."""
        self._switch = switch
        turning = self._clicked if self._clicked is not None else (not switch.on if switch.turning else None)
        tone, word = _state(switch, turning)
        self._dot.look(f"fh-dot fh-dot-{tone}")
        self._word.set_text(word)
        self._state.put("data-state", "on" if switch.on else "off")
        self._address.set_text(switch.address)
        self._fault.set_text(switch.fault).show_if(switch.fault)
        self._on.busy(_words(switch, "turning_on") if turning is True else None)
        self._off.busy(_words(switch, "turning_off") if turning is False else None)
        self._on.show_if(turning is True or (turning is None and not switch.on))
        self._off.show_if(turning is False or (turning is None and switch.on))
        self._readers.show(switch.readers)
        self._writers.show(switch.writers)
        self._nobody.show_if(not switch.readers and not switch.writers)

    async def _click(self, *, on: bool) -> None:
        if self._clicked is not None:
            return
        self._clicked = on
        self._alert.take_back()
        self.show(self._switch)
        switch = self._switch
        try:
            switch = await self._demo.switch(caller(), switch.name, on=on)
        except FlowHostError as error:
            self._alert.say(str(error))
        except Exception as error:  # said on the page and in the log; the button must come back
            log.exception("demo: switch %s failed", switch.name)
            self._alert.say(t("error.unexpected", detail=f"{type(error).__name__}: {error}"))
        finally:
            self._clicked = None
        self.show(switch)


class Users(Tag):
    """Flows that use the part, each a link, behind a word that says how."""

    def __init__(self, how: str) -> None:
        super().__init__("div", "", "fh-demo-users")
        self._shown: tuple[FlowRef, ...] = ()
        with self:
            Tag("span", how, "fh-sub")
            self._links = Tag("span", "", "fh-demo-links")
        self.show_if(condition=False)

    def show(self, flows: tuple[FlowRef, ...]) -> None:
        """Show exactly these."""
        self.show_if(flows)
        if flows == self._shown:
            return
        self._shown = flows
        self._links.clear()
        with self._links:
            for flow in flows:
                link(flow.name, f"/flows/{flow.id}", "fh-link")


def _state(switch: DemoSwitchView, turning: bool | None) -> tuple[str, str]:
    """Tone and words: what goes on, else what is."""
    if turning is not None:
        return "busy", _words(switch, "turning_on" if turning else "turning_off")
    since = fmt.clock(switch.since) if switch.since else ""
    if switch.on:
        return "ok", _words(switch, "on_since", since=since) if since else _words(switch, "on")
    return ("bad" if switch.fault else "warn"), _words(switch, "off_since", since=since)


def _words(switch: DemoSwitchView, which: str, **values: str) -> str:
    """Words of this switch where it has its own."""
    own = f"demo.{switch.name}.{which}"
    return t(own if own in TEXTS else f"demo.{which}", **values)
