"""Demo plant: its switches, and beside them what the flows make of it. Only a host started as a demo has it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from nicegui import ui

from flowhost.services.host_views import DemoSwitchView
from flowhost.services.views import FlowOverview
from flowhost.ui.demo_flows import DemoFlows
from flowhost.ui.demo_switch import DemoSwitch
from flowhost.ui.live import Live
from flowhost.ui.patience import RESPONSE_S
from flowhost.ui.shell import frame
from flowhost.ui.tags import Tag
from flowhost.ui.texts import t

STEPS = 5


def register(live: Live) -> None:
    """Put the page at `/demo`."""

    @ui.page("/demo", response_timeout=RESPONSE_S)
    async def demo() -> None:
        switches, flows = await live.demo.now(), await live.overview.now()
        with frame(live, "demo", t("demo.title")) as shell:
            page = DemoPage(live)
            page.show_switches(switches)
            page.flows.show(flows)

        live.demo.follow(page.show_switches, lambda _: None)
        live.overview.follow(_then(shell.fresh, page.flows.show), shell.stale)


def _then(
    first: Callable[[], None], show: Callable[[Sequence[FlowOverview]], None]
) -> Callable[[Sequence[FlowOverview]], None]:
    def both(flows: Sequence[FlowOverview]) -> None:
        first()
        show(flows)

    return both


class DemoPage(Tag):
    """The page's content."""

    def __init__(self, live: Live) -> None:
        super().__init__("div", "", "fh-page")
        self._live = live
        self._switches: dict[str, DemoSwitch] = {}
        with self:
            with Tag("div", "", "fh-bar"):
                Tag("h1", t("demo.title"))
            Tag("p", t("demo.text"), "fh-lead")
            with Tag("div", "", "fh-demo"):
                self._column = Tag("section", "", "fh-demo-switches", aria_label=t("demo.switches"))
                with Tag("section", "", "fh-demo-watch"):
                    self.flows = DemoFlows()
                    _steps()

    def show_switches(self, switches: Sequence[DemoSwitchView]) -> None:
        """Bring the switches up to date."""
        for switch in switches:
            known = self._switches.get(switch.name)
            if known is None:
                with self._column:
                    known = self._switches[switch.name] = DemoSwitch(self._live, switch)
            known.show(switch)


def _steps() -> None:
    with Tag("div", "", "fh-card fh-demo-steps"):
        Tag("h2", t("demo.try"))
        with Tag("ol"):
            for number in range(1, STEPS + 1):
                Tag("li", t(f"demo.step.{number}"))
