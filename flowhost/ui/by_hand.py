"""`Send now` on the page of a flow: what a source has saved, all of it or one message."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from flowhost.errors import FlowHostError
from flowhost.services.by_hand import HandService
from flowhost.services.views import NodeView
from flowhost.ui.caller import caller
from flowhost.ui.rights import guard
from flowhost.ui.tags import Button, Tag, icon
from flowhost.ui.texts import t

log = logging.getLogger(__name__)


class SendNow(Tag):
    """The buttons of one source.

    Args:
        hand: sends.
        flow_id: the flow.
        node: id of the source.
        saved: its saved messages in short, as deployed.
    """

    def __init__(self, hand: HandService, flow_id: str, node: str, saved: Sequence[str]) -> None:
        super().__init__("div", "", "fh-panel-part")
        self._hand, self._flow_id, self._node = hand, flow_id, node
        self._busy = False
        self._ready = False
        self._ones: list[Tag] = []
        with self:
            self._all = Button(t("hand.send"), "send", self._send, "fh-primary", data_testid="inject-now")
            self._said = Tag("p", "", "fh-sub", data_testid="inject-said", role="status")
            self._said.set_text(t("hand.help"))
            if len(saved) > 1:
                with Tag("div", "", "fe-hand-list"):
                    Tag("p", t("hand.or_one"), "fh-sub")
                    self._ones = [self._one(number, text) for number, text in enumerate(saved)]
        self._may = guard(self._all, "flow.send")
        self._enable()

    def show(self, node: NodeView) -> None:
        """Offer it while the source runs."""
        self._ready = node.state == "running"
        if self._may:
            self._all.put("title", t("hand.help") if self._ready else t("hand.stopped"))
        if not self._busy:
            self._enable()

    def _enable(self) -> None:
        off = None if self._ready and self._may else True
        for button in (self._all, *self._ones):
            button.put("disabled", off)

    def _one(self, number: int, text: str) -> Tag:
        label = t("hand.send_one", number=number + 1)
        with Tag("button", "", "fe-hand-one", type="button", title=label, data_testid="inject-one") as button:
            button.put("aria-label", f"{label}: {text}").put("data-index", number).put("disabled", True)
            icon("send")
            Tag("span", text, "fh-mono")
        button.on("click", lambda: self._send(number))
        return button

    async def _send(self, only: int | None = None) -> None:
        if self._busy or not self._ready:
            return
        self._busy = True
        self._all.busy(t("hand.sending"))
        try:
            sent = await self._hand.send(caller(), self._flow_id, self._node, only)
        except FlowHostError as error:
            self._say(str(error), "fh-sub fh-bad")
        except Exception as error:  # said on the page and in the log; the button must come back
            log.exception("sending by hand failed: %s %s", self._flow_id, self._node)
            self._say(t("error.unexpected", detail=f"{type(error).__name__}: {error}"), "fh-sub fh-bad")
        else:
            parts = [t("hand.sent_one") if sent.messages == 1 else t("hand.sent", count=sent.messages)]
            parts += [t("hand.waiting")] if sent.waiting else []
            parts += [t("hand.differs")] if sent.differs else []
            self._say(" ".join(parts), "fh-sub")
        finally:
            self._busy = False
            self._all.busy(None)
            self._enable()

    def _say(self, text: str, look: str) -> None:
        self._said.set_text(text).look(look)
