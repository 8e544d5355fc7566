"""State as a coloured shape plus a word: colour is never the only sign."""

from __future__ import annotations

from flowhost.services.views import FlowOverview
from flowhost.ui.tags import Tag
from flowhost.ui.texts import TEXTS, t

TONES = {
    "running": "ok", "starting": "busy", "draining": "busy", "restarting": "busy", "retrying": "warn",
    "failed": "bad", "interrupted": "bad", "stopped": "off", "idle": "off", "ended": "done",
}  # fmt: skip
"""What a state means: it runs, is on its way, needs a look, has failed, is off, or came to its end."""


class StateMark(Tag):
    """A dot (disc, ring, diamond, square by meaning) and the state's word."""

    def __init__(self, state: str = "stopped", **attributes: str) -> None:
        super().__init__("span", "", "fh-state", **attributes)
        # what the style sheet shows instead while nobody knows
        self.put("data-unknown", t("state.unknown"))
        with self:
            self._dot = Tag("span", "", "fh-dot")
            self._word = Tag("span")
        self.show(state)

    def show(self, state: str, hover: str = "", *, dying: bool = False) -> None:
        """Change to this state; `hover` says more, `dying` that messages died a moment ago."""
        self._dot.look(f"fh-dot fh-dot-{tone(state, dying=dying)}")
        self._word.set_text(word(state))
        self.put("data-state", state)
        self.put("title", hover or None)


def state_of(flow: FlowOverview) -> str:
    """The one state every page shows of a flow."""
    return "retrying" if flow.ails else flow.state


def trouble_of(flow: FlowOverview) -> tuple[str, str]:
    """What is to be said of a flow that runs or has failed, and its look."""
    words = flow.state_text if flow.state in ("running", "failed") else ""
    if flow.state == "failed":
        return words, "fh-trouble"
    return words, "fh-trouble fh-warn" if flow.ails or flow.dead_lately else "fh-trouble fh-past"


def tone(state: str, *, dying: bool = False) -> str:
    """The meaning of a state, as the last part of its CSS class; what runs needs a look too while messages die."""
    return "warn" if dying and state == "running" else TONES.get(state, "off")


def word(state: str) -> str:
    """The state in words."""
    return t(f"state.{state}") if f"state.{state}" in TEXTS else state
