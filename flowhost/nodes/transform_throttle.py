"""`throttle`: at most one message per key and interval."""

from __future__ import annotations

from typing import Any

from typing_extensions import override

from flowhost import sdk
from flowhost.nodes.keyed import key_source, text_of
from flowhost.sdk import CodeWriter, Expression, InlineTransform, NodeSpec, setting


class ThrottleConfig(sdk.Config):
    """How often is often enough."""

    every_s: float = setting(gt=0, unit="s", example=1)
    """Shortest time between two messages of one key, by their source time."""
    by: Expression | None = setting(None, example="topic", advanced=True)
    """Key to count within; left out, the message's key, else its topic."""


class Throttle(InlineTransform[ThrottleConfig]):
    """Lets the first message of a key through and then one per interval, by source time.

    Messages in between count as filtered. A message older than the last one let through is in between, too.
    """

    spec = NodeSpec(
        id="throttle", title="Throttle", summary="At most one message per key and interval.", category="time",
        icon="slow_motion_video", keywords=("rate", "limit", "sample"),
    )  # fmt: skip
    Config = ThrottleConfig

    @override
    def state_config(self) -> dict[str, Any]:
        """Within what it counts."""
        return {"by": text_of(self.config.by)}

    @override
    def write_code(self, writer: CodeWriter) -> None:
        """Drop what comes too early."""
        due = writer.bind(is_due, "is_due")
        gap_ns = round(self.config.every_s * 1_000_000_000)
        key = key_source(writer, self.config.by)
        with writer.block(f"if not {due}({writer.state()}, {key}, {writer.meta('time_ns')}, {gap_ns})"):
            writer.drop()


def is_due(state: dict[str, Any], key: str, time_ns: int, gap_ns: int) -> bool:
    """Whether the interval since the last message let through is over; remembers the time if so."""
    last = state.get(key)
    if last is not None and time_ns < last + gap_ns:
        return False
    state[key] = time_ns
    return True
