"""`inject`: messages written into the flow itself."""

from __future__ import annotations

from typing import Any

from pydantic import AwareDatetime
from typing_extensions import override

from flowhost import sdk
from flowhost.nodes.moments import moment_ns
from flowhost.sdk import Emit, Message, Meta, NodeSpec, Quality, Source, setting


class Injected(sdk.Config):
    """One message."""

    payload: Any = setting(example={"value": 21.5})
    """Any JSON-like value."""
    topic: str = setting("", example="plant/line1/temp")
    """Topic of the message."""
    quality: Quality = setting("good")
    """Quality of the value."""
    unit: str = setting("", example="Cel")
    """UCUM unit."""
    key: str = setting("")
    """Ordering and business key."""
    headers: dict[str, str] = setting(default_factory=dict)
    """Further text."""
    at: AwareDatetime | None = setting(None, example="2026-05-04T10:00:00Z")
    """Source time, with its zone; left out, the moment it is sent."""


class InjectConfig(sdk.Config):
    """What is sent, and how often."""

    messages: list[Injected] = setting(min_length=1)
    """Sent together, in this order."""
    every_s: float | None = setting(None, gt=0, unit="s", example=5)
    """Send them again after so long; left out, they are sent once and the source ends."""


class Inject(Source[InjectConfig]):
    """Sends messages that are written in the flow: for trying things out and for constants."""

    spec = NodeSpec(
        id="inject", title="Inject", summary="Sends messages written in the flow.", category="debug",
        icon="input", keywords=("test", "constant", "manual", "once"),
    )  # fmt: skip
    Config = InjectConfig
    replayable = True

    @override
    async def run(self, emit: Emit) -> None:
        """Send once, or again and again."""
        round_number = 0
        while True:
            await emit([self._message(item, round_number, index) for index, item in enumerate(self.config.messages)],
                       round_number)  # fmt: skip
            if self.config.every_s is None:
                return
            round_number += 1
            await self.context.clock.sleep(self.config.every_s)

    def _message(self, item: Injected, round_number: int, index: int) -> Message:
        now_ns = self.context.clock.now_ns()
        time_ns = now_ns if item.at is None else moment_ns(item.at)
        # after a restart the same round is a new one: the time keeps their ids apart
        identity = f"{self.context.flow}/{self.context.node}/{now_ns}/{round_number}/{index}"
        meta = Meta(item.topic, time_ns, item.quality, None, item.unit, item.key, identity, dict(item.headers))
        return Message(item.payload, meta)
