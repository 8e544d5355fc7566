"""State as a coloured shape plus a word: colour is never the only sign."""

from __future__ import annotations

from flowhost.services.views import FlowOverview
from flowhost.ui import format as fmt
from flowhost.ui.recent import is_recent
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

    def show(self, state: str, hover: str = "", *, doubt: bool = False) -> None:
        """Change to this state; `hover` says more, `doubt` that a look is needed although it runs."""
        self._dot.look(f"fh-dot fh-dot-{tone(state, doubt=doubt)}")
        self._word.set_text(word(state))
        self.put("data-state", state)
        self.put("title", hover or None)


def state_of(flow: FlowOverview) -> str:
    """The one state every page shows of a flow."""
    return "retrying" if flow.ails else flow.state


def trouble_of(flow: FlowOverview) -> tuple[str, str]:
    """What is not as it should be, the cause first, and its look; an error that did not come again is told quietly."""
    words = flow.state_text if flow.state in ("running", "failed") else ""
    if flow.state == "failed" and words:
        return words, "fh-trouble"
    if flow.ails:
        return words, "fh-trouble fh-warn"
    if flow.dead_lately:
        return _joined(flow.last_error, words), "fh-trouble fh-warn"
    if flow.dead_letters and flow.last_error:
        look = "fh-trouble" if is_recent(flow.last_error_at) else "fh-trouble fh-past"
        return _joined(last_error(flow), words), look
    return words, "fh-trouble fh-past"


def last_error(flow: FlowOverview) -> str:
    """The newest failure with its time, where that is known."""
    at = flow.last_error_at
    return t("error.at", time=fmt.clock(at), text=flow.last_error) if at is not None else flow.last_error


def doubtful(flow: FlowOverview) -> bool:
    """Whether a flow that runs needs a look: messages died a moment ago, or nobody has seen to its dead letters."""
    return bool(flow.dead_lately or flow.dead_letters)


def _joined(*words: str) -> str:
    return "; ".join(word for word in words if word)


def tone(state: str, *, doubt: bool = False) -> str:
    """The meaning of a state, as the last part of its CSS class; what runs may need a look too."""
    return "warn" if doubt and state == "running" else TONES.get(state, "off")


def word(state: str) -> str:
    """The state in words."""
    return t(f"state.{state}") if f"state.{state}" in TEXTS else state
