"""`window`: figures over spans of source time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import PrivateAttr, field_validator, model_validator
from typing_extensions import override

from flowhost import sdk
from flowhost.errors import ExpressionError
from flowhost.expr import CompiledAggregate, compile_aggregate
from flowhost.nodes.keyed import as_key
from flowhost.sdk import Expression, Message, Meta, NodeContext, NodeSpec, Port, StatefulTransform, Step, setting

SECOND_NS = 1_000_000_000

# positions in a key's state, a list so that it stays small when saved
NEWEST, SEEN_AT, CLOSED, TOPIC, UNIT, OPEN = range(6)


class WindowConfig(sdk.Config):
    """Spans and what is worked out over each."""

    every_s: float = setting(gt=0, unit="s", example=10)
    """Length of a window; windows begin at multiples of it since 1970 UTC and do not overlap."""
    late_s: float = setting(0, ge=0, unit="s", example=2)
    """How long a window waits for stragglers, by source time."""
    by: Expression | None = setting(None, example="topic")
    """One window per value of this; left out, the message's key, else its topic."""
    compute: dict[str, str] = setting(
        min_length=1, example={"kwh": "delta(payload.energy_kwh)", "kw": "mean(payload.power_kw)", "n": "count()"}
    )
    """Fields of the result and how they are worked out: first, last, min, max, sum, mean, delta, count."""

    _compiled: dict[str, CompiledAggregate] = PrivateAttr(default_factory=dict)

    @field_validator("compute", mode="before")
    @classmethod
    def _plain_texts(cls, compute: Any) -> Any:
        if isinstance(compute, dict):
            return {name: str(text) if isinstance(text, bool | int | float) else text for name, text in compute.items()}
        return compute

    @model_validator(mode="after")
    def _compile(self) -> WindowConfig:
        for name, text in self.compute.items():
            try:
                self._compiled[name] = compile_aggregate(text)
            except ExpressionError as error:
                msg = f"{name}: {error}"
                raise ValueError(msg) from None
        return self

    @property
    def aggregates(self) -> dict[str, CompiledAggregate]:
        """`compute`, compiled."""
        return self._compiled


class Window(StatefulTransform[WindowConfig]):
    """Collects messages into spans of source time, per key, and sends one message per span.

    A window closes when source time has passed its end by `late_s`: through later messages of the same key or, while
    the key is quiet, as time goes by since its last message. Arrival time plays no part, so a backlog after an outage
    gives the same figures. Messages for a closed window leave by `late`, or count as dropped where it is not wired.
    When a run ends, open windows are sent with the header `partial`.
    """

    spec = NodeSpec(
        id="window", title="Window", summary="Figures over spans of time: mean, min, max, sum, delta, count.",
        category="time", icon="timelapse", holds_messages=True,
        ports=(sdk.OUT, Port(name="late", summary="messages that came after their window was closed")),
        keywords=("aggregate", "average", "mean", "sum", "interval", "energy"),
    )  # fmt: skip
    Config = WindowConfig

    def __init__(self, config: WindowConfig, context: NodeContext) -> None:
        super().__init__(config, context)
        self._length_ns = round(config.every_s * SECOND_NS)
        self._late_ns = round(config.late_s * SECOND_NS)

    @override
    def key_of(self, message: Message) -> str:
        """The value of `by`."""
        return super().key_of(message) if self.config.by is None else as_key(self.config.by.evaluate(message))

    @override
    def process(self, messages: Sequence[Message], state: Any, now_ns: int) -> Step:
        """Add messages of one key to their windows; close what they show to be over."""
        key = self.key_of(messages[0])
        fresh = fresh_state() if state is None else [*state[:OPEN], dict(state[OPEN])]
        late = [message for message in messages if not self._add(fresh, message)]
        fresh[SEEN_AT] = now_ns
        out, used = self._close_over(key, fresh, fresh[NEWEST])
        wired = "late" in self.context.wired_ports
        return Step(
            fresh, {"out": out, "late": late if wired else []}, used=used, held=len(messages) - len(late),
            passed=len(late) if wired else 0, dropped=0 if wired else len(late),
        )  # fmt: skip

    @override
    def due(self, state: Any) -> int | None:
        """When the oldest open window is over if the key stays quiet."""
        if not state[OPEN]:
            return None
        over = min(state[OPEN]) + self._length_ns + self._late_ns
        return int(state[SEEN_AT] + max(0, over - state[NEWEST]))

    @override
    def tick(self, state: Any, now_ns: int) -> Step:
        """Source time has gone on as long as the key has been quiet."""
        fresh = [*state[:OPEN], dict(state[OPEN])]
        out, used = self._close_over(self._key_in(state), fresh, state[NEWEST] + now_ns - state[SEEN_AT])
        return Step(fresh, out, used=used)

    @override
    def flush(self, state: Any) -> Step:
        """Send what is open, marked as partial."""
        out, used = [], 0
        for start in sorted(state[OPEN]):
            out.append(self._result(self._key_in(state), state, start, partial=True))
            used += state[OPEN][start][0]
        return Step(None, out, used=used)

    def _add(self, state: list[Any], message: Message) -> bool:
        meta = message.meta
        start = meta.time_ns - meta.time_ns % self._length_ns
        if start + self._length_ns <= state[CLOSED]:
            return False
        count, parts, _ = state[OPEN].get(start) or (0, [a.start() for a in self.config.aggregates.values()], "")
        parts = [
            aggregate.add(part, message.payload, meta)
            for aggregate, part in zip(self.config.aggregates.values(), parts, strict=True)
        ]
        state[OPEN][start] = (count + 1, parts, self.key_of(message))
        state[NEWEST] = max(state[NEWEST], meta.time_ns)
        state[TOPIC], state[UNIT] = meta.topic, meta.unit
        return True

    def _key_in(self, state: Any) -> str:
        for _, _, key in state[OPEN].values():
            return str(key)
        return ""

    def _close_over(self, key: str, state: list[Any], watermark_ns: int) -> tuple[list[Message], int]:
        """Send windows whose end plus lateness lies at or before the watermark."""
        out, used = [], 0
        for start in sorted(state[OPEN]):
            end = start + self._length_ns
            if end + self._late_ns > watermark_ns:
                break
            out.append(self._result(key, state, start))
            used += state[OPEN].pop(start)[0]
            state[CLOSED] = max(state[CLOSED], end)
        return out, used

    def _result(self, key: str, state: list[Any], start: int, *, partial: bool = False) -> Message:
        end = start + self._length_ns
        parts = state[OPEN][start][1]
        payload = {
            name: aggregate.finish(part, key, start, end)
            for (name, aggregate), part in zip(self.config.aggregates.items(), parts, strict=True)
        }
        headers = {"partial": "true"} if partial else {}
        identity = f"{self.context.flow}/{self.context.node}/{key}/{start}"
        return Message(payload, Meta(state[TOPIC], end, "good", None, "", key, identity, headers))


def fresh_state() -> list[Any]:
    """State of a key never seen: newest source time, when seen, end of the last closed window, topic, unit, windows."""
    return [0, 0, 0, "", "", {}]
