"""`delay`: every message goes on a while later."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec.structs import replace
from typing_extensions import override

from flowhost import sdk
from flowhost.nodes.held import from_state, to_state
from flowhost.nodes.moments import NS
from flowhost.sdk import Message, MessageError, NodeSpec, StateForm, StatefulTransform, Step, setting

DUE, HELD = range(2)
MOST = 10_000
"""Messages held of a key: all of them are saved again whenever one comes or goes."""


class DelayConfig(sdk.Config):
    """How much later."""

    delay_s: float = setting(gt=0, le=86_400, unit="s", example=30)
    """How long each message is held, from when it came here."""


class Delay(StatefulTransform[DelayConfig]):
    """Holds each message for a while and sends it on as it is; the order within a key stays.

    Meant for events, not for a fast stream: at most 10,000 messages of a key are held, and one more fails. What is held
    is kept on disk and goes on waiting over a restart. When a run ends for good, it goes out at once. Where values come
    too often and some are to be left out, use `throttle`.
    """

    spec = NodeSpec(
        id="delay", title="Delay", summary="Sends every message on a while later.", category="time",
        icon="hourglass_top", holds_messages=True, keywords=("wait", "hold", "later", "pause"),
    )  # fmt: skip
    Config = DelayConfig

    @override
    def adopt(self, state: Any, made: StateForm) -> Step:
        """What is held was due by the old settings, and stays so."""
        return Step(state)

    @override
    def process(self, messages: Sequence[Message], state: Any, now_ns: int) -> Step:
        """Hold messages of one key. Raises `MessageError` when there are too many."""
        if len(state or ()) + len(messages) > MOST:
            raise MessageError(f"{MOST} messages of this key are held already; a delay is for events, not for a stream")
        due = now_ns + round(self.config.delay_s * NS)
        return Step([*(state or ()), *([due, to_state(message)] for message in messages)], held=len(messages))

    @override
    def due(self, state: Any) -> int | None:
        """When the first one goes on."""
        return int(state[0][DUE])

    @override
    def tick(self, state: Any, now_ns: int) -> Step:
        """Send on what has waited long enough."""
        # the first one settles how many: a shorter delay set later must not let others overtake it
        ready = next((index for index, held in enumerate(state) if held[DUE] > now_ns), len(state))
        out = [from_state(held[HELD]) for held in state[:ready]]
        return Step(state[ready:] or None, out, passed=ready)

    @override
    def flush(self, state: Any) -> Step:
        """Send on all of it."""
        return replace(self.tick(state, state[-1][DUE]), state=None)
