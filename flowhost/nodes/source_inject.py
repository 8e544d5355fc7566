"""`inject`: messages written into the flow itself, sent by it or by hand."""

from __future__ import annotations

from itertools import count
from typing import Any

from pydantic import AwareDatetime
from typing_extensions import override

from flowhost import sdk
from flowhost.nodes.moments import moment_ns
from flowhost.sdk import ConfigError, Emit, Message, Meta, NodeContext, NodeSpec, Quality, Source, setting


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
    at_start: bool = setting(True)
    """Send them when the flow starts; if not, they wait for the button, or for the first time `every_s` has passed."""
    every_s: float | None = setting(None, gt=0, unit="s", example=5)
    """Send them again after so long; left out, they are sent at the start, and by hand."""


class Inject(Source[InjectConfig]):
    """Sends messages that are written in the flow: for trying things out and for constants.

    While the flow runs in a host, `Send now` sends them once more: for real, to every target behind it. `flowhost run`
    has no such button: there the source ends once it has sent.
    """

    spec = NodeSpec(
        id="inject", title="Inject", summary="Sends messages written in the flow.", category="debug",
        icon="input", keywords=("test", "constant", "manual", "once", "button", "send"),
    )  # fmt: skip
    Config = InjectConfig
    replayable = True

    def __init__(self, config: InjectConfig, context: NodeContext) -> None:
        super().__init__(config, context)
        # firings by hand and by time may fall on the same moment: one count for both keeps their ids apart
        self._rounds = count()

    @override
    async def run(self, emit: Emit) -> None:
        """Send once, or again and again, or not by itself at all."""
        if self.config.at_start:
            await self._send(emit)
        while self.config.every_s is not None:
            await self.context.clock.sleep(self.config.every_s)
            await self._send(emit)

    async def trigger(self, emit: Emit, only: int | None = None) -> int:
        """Send the messages once more, or one of them (`flowhost.sdk.Trigger`)."""
        saved = len(self.config.messages)
        if only is not None and not 0 <= only < saved:
            raise ConfigError(f"there is no message {only + 1} here: {saved} saved")
        return await self._send(emit, only)

    async def _send(self, emit: Emit, only: int | None = None) -> int:
        round_number = next(self._rounds)
        items = list(enumerate(self.config.messages))
        sent = [self._message(item, round_number, index) for index, item in items if only in (None, index)]
        # the list belongs to the engine once it is handed over
        number = len(sent)
        await emit(sent, round_number)
        return number

    def _message(self, item: Injected, round_number: int, index: int) -> Message:
        now_ns = self.context.clock.now_ns()
        time_ns = now_ns if item.at is None else moment_ns(item.at)
        # after a restart the same round is a new one: the time keeps their ids apart
        identity = f"{self.context.flow}/{self.context.node}/{now_ns}/{round_number}/{index}"
        meta = Meta(item.topic, time_ns, item.quality, None, item.unit, item.key, identity, dict(item.headers))
        return Message(item.payload, meta)
