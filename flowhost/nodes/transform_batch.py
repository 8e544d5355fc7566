"""`batch`: several messages become one with a list."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec.structs import replace
from pydantic import model_validator
from typing_extensions import override

from flowhost import sdk
from flowhost.nodes.keyed import as_key, text_of
from flowhost.nodes.moments import NS
from flowhost.sdk import Expression, Message, Meta, NodeSpec, StateForm, StatefulTransform, Step, setting

# positions in a key's state: since when it waits, the key, topic, newest source time, id of the first, headers, values
SINCE, KEY, TOPIC, TIME, ID, VALUES = range(6)


class BatchConfig(sdk.Config):
    """When there are enough."""

    count: int = setting(100, ge=1, le=10_000)
    """A list goes out with so many items at the latest."""
    within_s: float = setting(5, title="Wait at most", ge=0, le=86_400, unit="s")
    """A list goes out so long after its first item came, however few there are; with 0 the last ones wait until there
    are enough, if need be for ever."""
    by: Expression | None = setting(None, example="payload.machine")
    """One list per value of this; left out, the message's key, else its topic."""
    item: Expression | None = setting(None, example="{'tag': topic, 'value': payload}")
    """What is put into the list; left out, the payload."""

    @model_validator(mode="after")
    def _goes_out(self) -> BatchConfig:
        if self.count == 1 and not self.within_s:
            raise ValueError("a list of one item needs no collecting: use a `map` with `[payload]`, or set `count`")
        return self


class Batch(StatefulTransform[BatchConfig]):
    """Collects messages per key and sends a list of them once there are enough, or once the first waited long enough.

    The list has the key, the topic and the newest time of its messages; its id is made of the first one's and the
    number of items, the same when all come again. What is held is kept on disk. When a run ends, what is there goes out
    with the header `partial`; where it only pauses (stop, restart or deploy of a hosted flow), it goes on waiting.
    """

    spec = NodeSpec(
        id="batch", title="Batch", summary="Puts several messages into one list.", category="logic",
        icon="library_add", holds_messages=True, keywords=("collect", "group", "list", "array", "bulk", "buffer"),
    )  # fmt: skip
    Config = BatchConfig

    @override
    def state_config(self) -> dict[str, Any]:
        """What is in a list; how many and how long may change."""
        return {"by": text_of(self.config.by), "item": text_of(self.config.item)}

    @override
    def adopt(self, state: Any, made: StateForm) -> Step:
        """Send what was there under the old settings."""
        return replace(self.flush(state), state=None)

    @override
    def key_of(self, message: Message) -> str:
        """The value of `by`."""
        return super().key_of(message) if self.config.by is None else as_key(self.config.by.evaluate(message))

    @override
    def process(self, messages: Sequence[Message], state: Any, now_ns: int) -> Step:
        """Put messages of one key into its list; send every one that is full."""
        key = self.key_of(messages[0])
        out: list[Message] = []
        used = 0
        current = None if state is None else [*state[:VALUES], list(state[VALUES])]
        for message in messages:
            value = message.payload if self.config.item is None else self.config.item.evaluate(message)
            meta = message.meta
            if current is None:
                current = [now_ns, key, meta.topic, meta.time_ns, meta.id, []]
            current[TIME] = max(current[TIME], meta.time_ns)
            current[VALUES].append(value)
            if len(current[VALUES]) >= self.config.count:
                out.append(self._list(current))
                used += len(current[VALUES])
                current = None
        return Step(current, out, used=used, held=len(messages))

    @override
    def due(self, state: Any) -> int | None:
        """When the first one has waited long enough."""
        return int(state[SINCE] + self.config.within_s * NS) if self.config.within_s else None

    @override
    def tick(self, state: Any, now_ns: int) -> Step:
        """It has."""
        return Step(None, [self._list(state)], used=len(state[VALUES]))

    @override
    def flush(self, state: Any) -> Step:
        """Send what is there, marked as partial."""
        return Step(None, [self._list(state, partial=True)], used=len(state[VALUES]))

    def _list(self, state: list[Any], *, partial: bool = False) -> Message:
        values, first = state[VALUES], state[ID]
        identity = f"{self.context.flow}/{self.context.node}/{first}+{len(values)}" if first else ""
        headers = {"partial": "true"} if partial else {}
        return Message(values, Meta(state[TOPIC], state[TIME], key=state[KEY], id=identity, headers=headers))
