"""`sim.generate`: plausible values at any rate, for trying out and measuring."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Annotated

from pydantic import Field
from typing_extensions import override

from flowhost import sdk
from flowhost.sdk import Emit, Message, Meta, NodeSpec, Source, setting

BATCH = 100
MOST = 1000
TICK_S = 0.01
SECOND_NS = 1_000_000_000


class GenerateConfig(sdk.Config):
    """How many values, of what, how fast."""

    tags: Annotated[int, Field(ge=1)] | Annotated[list[str], Field(min_length=1)] = setting(10, example=10)
    """Number of tags (`tag0`, `tag1`, …) or their names; values go round them."""
    count: int | None = setting(None, ge=1, example=1000)
    """End after so many messages; left out, never."""
    rate_hz: float = setting(10.0, ge=0, unit="1/s", example=100)
    """Messages per second over all tags; 0 is as fast as it goes."""
    seed: int = setting(1)
    """The same seed gives the same values."""

    def tag_names(self) -> list[str]:
        """Names of the tags."""
        return [f"tag{index}" for index in range(self.tags)] if isinstance(self.tags, int) else self.tags


class Generate(Source[GenerateConfig]):
    """Sends `{tag, value, seq}`: each tag's value wanders around 50; `seq` counts over all tags from 0."""

    spec = NodeSpec(
        id="sim.generate", title="Generate", summary="Plausible values at any rate, for trying out and measuring.",
        category="debug", icon="ssid_chart", keywords=("simulator", "random", "load", "test"),
    )  # fmt: skip
    Config = GenerateConfig
    replayable = True

    @override
    async def run(self, emit: Emit) -> None:
        """Send batches at the pace asked for."""
        config, clock = self.config, self.context.clock
        values = self._values()
        started_ns, sent = clock.now_ns(), 0
        while config.count is None or sent < config.count:
            due = sent + BATCH
            if config.rate_hz:
                due = int((clock.now_ns() - started_ns) * config.rate_hz / SECOND_NS) + 1
            number = min(due, config.count or due, sent + MOST) - sent
            if number > 0:
                await emit(self._batch(values, number, started_ns), sent)
                sent += number
            else:
                next_s = sent / config.rate_hz - (clock.now_ns() - started_ns) / SECOND_NS
                await clock.sleep(max(TICK_S, next_s))

    def _batch(self, values: Iterator[tuple[str, float, int]], number: int, started_ns: int) -> list[Message]:
        now_ns = self.context.clock.now_ns()
        # every life counts from 0 again: its start keeps its ids apart from those of the last one
        prefix = f"{self.context.flow}/{self.context.node}/{started_ns}/"
        batch = []
        for _ in range(number):
            tag, value, seq = next(values)
            meta = Meta(f"sim/{tag}", now_ns, "good", None, "", tag, f"{prefix}{seq}", {})
            batch.append(Message({"tag": tag, "value": value, "seq": seq}, meta))
        return batch

    def _values(self) -> Iterator[tuple[str, float, int]]:
        chance = random.Random(self.config.seed)  # noqa: S311 - a simulation
        names = self.config.tag_names()
        level = dict.fromkeys(names, 50.0)
        seq = 0
        while True:
            for name in names:
                level[name] += (50.0 - level[name]) * 0.02 + chance.uniform(-1, 1)
                yield name, round(level[name], 3), seq
                seq += 1
