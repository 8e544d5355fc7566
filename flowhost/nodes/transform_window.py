"""`window`: figures over spans of source time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec.structs import replace
from pydantic import PrivateAttr, field_validator, model_validator
from typing_extensions import override

from flowhost import sdk
from flowhost.errors import ExpressionError
from flowhost.expr import CompiledAggregate, compile_aggregate
from flowhost.nodes.keyed import as_key
from flowhost.sdk import (
    EvaluationError,
    Expression,
    Message,
    Meta,
    NodeContext,
    NodeSpec,
    Port,
    Rejected,
    StateForm,
    StatefulTransform,
    Step,
    setting,
)

SECOND_NS = 1_000_000_000
GRACE_NS = 10 * SECOND_NS
"""A quiet key waits so much longer after a start or after a source was away: what was held up is still coming."""
FORGET_NS = 7 * 24 * 3600 * SECOND_NS
"""A key that was quiet so long is forgotten."""

# positions in a key's state, a list so that it stays small when saved: newest source time, when that was seen, end of
# the last closed window, the key, and the open windows by the text of their start, each [messages, aggregates, topic]
NEWEST, SEEN_AT, CLOSED, KEY, OPEN = range(5)


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
    the key is quiet, as time goes by since its newest message. Arrival time plays no part, so a backlog after an outage
    gives the same figures. Messages for a closed window leave by `late`, or count as dropped where it is not wired.
    A result that cannot be worked out (a division by zero) leaves by `error`, with null in the fields concerned.
    When a run ends, open windows are sent with the header `partial` and an id of their own; where the run only pauses
    (stop, restart or deploy of a hosted flow), they stay open.
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
    def state_config(self) -> dict[str, Any]:
        """What a window is and what is worked out over it; how long it waits for stragglers may change."""
        config = self.config
        return {
            "every_s": config.every_s, "by": None if config.by is None else config.by.text, "compute": config.compute,
        }  # fmt: skip

    @override
    def adopt(self, state: Any, made: StateForm) -> Step:
        """Send what was open as partial results of the old windows; new ones begin with the next message."""
        old = Window(WindowConfig.model_validate({**made.config, "by": None}), self.context)
        return replace(old.flush(state), state=None)

    @override
    def key_of(self, message: Message) -> str:
        """The value of `by`."""
        return super().key_of(message) if self.config.by is None else as_key(self.config.by.evaluate(message))

    @override
    def process(self, messages: Sequence[Message], state: Any, now_ns: int) -> Step:
        """Add messages of one key to their windows; close what they show to be over."""
        known: list[Any] = [0, 0, 0, self.key_of(messages[0]), {}] if state is None else state
        fresh: list[Any] = [*known[:OPEN], dict(known[OPEN])]
        late = [message for message in messages if not self._add(fresh, message, now_ns)]
        wired = "late" in self.context.wired_ports
        out, failed, used = self._close_over(fresh, fresh[NEWEST])
        return Step(
            fresh, {"out": out, "late": late if wired else []}, used=used, held=len(messages) - len(late),
            passed=len(late) if wired else 0, dropped=0 if wired else len(late), failed=failed,
        )  # fmt: skip

    @override
    def due(self, state: Any) -> int:
        """When the oldest open window is over if the key stays quiet; without one, when the key is forgotten."""
        if not state[OPEN]:
            return int(state[SEEN_AT] + FORGET_NS)
        over = min(map(int, state[OPEN])) + self._length_ns + self._late_ns
        return int(state[SEEN_AT] + max(0, over - state[NEWEST]))

    @override
    def resume(self, state: Any, now_ns: int) -> Any:
        """The key has been quiet only since messages can come again."""
        return [state[NEWEST], max(state[SEEN_AT], now_ns + GRACE_NS), *state[CLOSED:]] if state[OPEN] else state

    @override
    def tick(self, state: Any, now_ns: int) -> Step:
        """Source time has gone on as long as the key has been quiet."""
        if not state[OPEN]:
            return Step(None if now_ns >= self.due(state) else state)
        fresh = [*state[:OPEN], dict(state[OPEN])]
        out, failed, used = self._close_over(fresh, state[NEWEST] + now_ns - state[SEEN_AT])
        return Step(fresh, out, used=used, failed=failed)

    @override
    def flush(self, state: Any) -> Step:
        """Send what is open, marked as partial."""
        results = [self._result(state, start, partial=True) for start in sorted(map(int, state[OPEN]))]
        out, failed = sorted_out(results)
        used = sum(count for count, _, _ in state[OPEN].values())
        return Step([*state[:OPEN], {}], out, used=used, failed=failed)

    def _add(self, state: list[Any], message: Message, now_ns: int) -> bool:
        """Add to the message's window; False if that is over, by the messages before this one and not by batches."""
        meta = message.meta
        start = meta.time_ns - meta.time_ns % self._length_ns
        end = start + self._length_ns
        if end <= state[CLOSED] or end + self._late_ns <= state[NEWEST]:
            return False
        aggregates = self.config.aggregates.values()
        place = str(start)
        count, parts, _ = state[OPEN].get(place) or (0, [aggregate.start() for aggregate in aggregates], "")
        parts = [each.add(part, message.payload, meta) for each, part in zip(aggregates, parts, strict=True)]
        state[OPEN][place] = [count + 1, parts, meta.topic]
        if meta.time_ns >= state[NEWEST]:
            state[NEWEST], state[SEEN_AT] = meta.time_ns, now_ns
        return True

    def _close_over(self, state: list[Any], watermark_ns: int) -> tuple[list[Message], list[Rejected], int]:
        """Take out windows whose end plus lateness lies at or before the watermark: results, failures, inputs used."""
        results, used = [], 0
        for start in sorted(map(int, state[OPEN])):
            end = start + self._length_ns
            if end + self._late_ns > watermark_ns:
                break
            results.append(self._result(state, start))
            used += state[OPEN].pop(str(start))[0]
            state[CLOSED] = max(state[CLOSED], end)
        return *sorted_out(results), used

    def _result(self, state: list[Any], start: int, *, partial: bool = False) -> Message | Rejected:
        key, end = state[KEY], start + self._length_ns
        _, parts, topic = state[OPEN][str(start)]
        payload: dict[str, Any] = {}
        wrong = []
        for (name, aggregate), part in zip(self.config.aggregates.items(), parts, strict=True):
            try:
                payload[name] = aggregate.finish(part, key, start, end)
            except EvaluationError as error:
                payload[name] = None
                wrong.append(f"{name}: {error}")
        identity = f"{self.context.flow}/{self.context.node}/{key}/{start}"
        headers = {}
        if partial:
            # the same window may be sent complete later, or in several parts: each counts for itself
            headers["partial"] = "true"
            identity += f"/partial/{state[SEEN_AT]}"
        message = Message(payload, Meta(topic, end, "good", None, "", key, identity, headers))
        return Rejected(message, "; ".join(wrong)) if wrong else message


def sorted_out(results: Sequence[Message | Rejected]) -> tuple[list[Message], list[Rejected]]:
    """What can be sent, and what cannot."""
    sent = [result for result in results if isinstance(result, Message)]
    return sent, [result for result in results if isinstance(result, Rejected)]
