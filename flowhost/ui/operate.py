"""Start and stop: the two buttons of a flow, on the overview and on its page."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

from flowhost.errors import FlowHostError
from flowhost.services.views import FlowOverview
from flowhost.ui import format as fmt
from flowhost.ui.caller import caller
from flowhost.ui.live import Live
from flowhost.ui.tags import Button, Tag
from flowhost.ui.texts import t

log = logging.getLogger(__name__)


def draining(flow: FlowOverview) -> str:
    """Why stopping takes its time; empty where nothing is waited for."""
    if flow.drain_until is None or not flow.pending:
        return ""
    return t("flow.draining", count=fmt.count(flow.pending), time=fmt.clock(flow.drain_until))


class FlowSwitch(Tag):
    """Start and stop of one flow.

    Args:
        live: gives the services.
        flow: as it is now.
        shown: told how the flow is after a click.
        failed: told in words why a click did not do what it says; empty when a click begins.
    """

    def __init__(
        self, live: Live, flow: FlowOverview, shown: Callable[[FlowOverview], None], failed: Callable[[str], None]
    ) -> None:
        super().__init__("div", "", "fh-switch")
        self._flows = live.host.flows
        self._flow = flow
        self._shown = shown
        self._failed = failed
        self._clicked = ""
        with self:
            self._start = Button(t("flow.start"), "play_arrow", self._on_start, data_testid="flow-start")
            self._stop = Button(t("flow.stop"), "stop", self._on_stop, data_testid="flow-stop")

    def show(self, flow: FlowOverview) -> None:
        """Offer what makes sense in this state."""
        self._flow = flow
        self._start.put("aria-label", t("flow.start_named", name=flow.name))
        self._stop.put("aria-label", t("flow.stop_named", name=flow.name))
        off = flow.state in ("stopped", "failed", "ended")
        stoppable = not off or (flow.state == "failed" and flow.desired == "running")
        self._start.busy(t("flow.starting") if self._clicked == "start" else None)
        self._stop.busy(t("flow.stopping") if self._clicked == "stop" or flow.state == "draining" else None)
        self._start.show_if(self._clicked == "start" or (off and self._clicked != "stop"))
        self._stop.show_if(self._clicked == "stop" or (stoppable and self._clicked != "start"))

    async def _on_start(self) -> None:
        await self._click("start", self._flows.start, "flow.start_failed")

    async def _on_stop(self) -> None:
        await self._click("stop", self._flows.stop, "flow.stop_failed")

    async def _click(self, name: str, call: Callable[..., Awaitable[FlowOverview]], sentence: str) -> None:
        if self._clicked:
            return
        self._clicked = name
        self._failed("")
        self.show(self._flow)
        flow = self._flow
        try:
            flow = await call(caller(), flow.id)
        except FlowHostError as error:
            self._failed(t(sentence, name=flow.name, detail=str(error)))
        except Exception as error:  # said on the page and in the log; the button must come back
            log.exception("flow %s: %s failed", flow.id, name)
            self._failed(t("error.unexpected", detail=f"{type(error).__name__}: {error}"))
        finally:
            self._clicked = ""
        self._shown(flow)
