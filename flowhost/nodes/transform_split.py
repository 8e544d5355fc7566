"""`split`: a message per item of a list."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import model_validator
from typing_extensions import override

from flowhost import sdk
from flowhost.nodes.keyed import as_key
from flowhost.sdk import Expression, Message, MessageError, MessageTransform, NodeSpec, setting

MOST = 100_000
"""Items of one message; beyond, it is a mistake and would fill every queue behind."""


class SplitConfig(sdk.Config):
    """Which list is taken apart."""

    items: Expression | None = setting(None, example="payload.lines")
    """The list; left out, the payload itself."""
    into: str = setting("", example="line")
    """Field that takes the item, beside what the payload holds otherwise; left empty, the item is the payload."""
    drop: str = setting("", example="lines", advanced=True, only_if={"into": True})
    """Field left out of every part, such as the list itself; only with `into`."""
    key: Expression | None = setting(None, example="payload.line.order", advanced=True)
    """Key of each part, worked out on the part; left out, the message's."""

    @model_validator(mode="after")
    def _fits(self) -> SplitConfig:
        if self.drop and not self.into:
            raise ValueError("`drop` leaves a field out beside `into`; without `into` the item alone is the payload")
        return self


class Split(MessageTransform[SplitConfig]):
    """Sends one message per item of a list, in its order; an empty list counts as filtered.

    Parts have the message's topic, time, quality and key. Each has an id of its own, made of the message's id and its
    place, counted from zero: the same when the message comes again. Headers `part` and `parts` tell place and number.
    """

    spec = NodeSpec(
        id="split", title="Split", summary="Sends one message per item of a list.", category="logic", icon="alt_route",
        keywords=("array", "list", "items", "lines", "for each", "explode", "unnest"),
    )  # fmt: skip
    Config = SplitConfig

    @override
    def process_one(self, message: Message) -> Sequence[Message]:
        """The parts. Raises `MessageError` for what is no list, or too long."""
        config = self.config
        items = message.payload if config.items is None else config.items.evaluate(message)
        what = "the payload" if config.items is None else f"`{config.items.text}`"
        if not isinstance(items, list):
            raise MessageError(f"{what} must be a list but is {items!r:.60}")
        if len(items) > MOST:
            raise MessageError(f"{what} has {len(items)} items; at most {MOST} are taken apart")
        if config.into and not isinstance(message.payload, dict):
            raise MessageError(f"`into` names a field, and the payload is no object but {message.payload!r:.60}")
        return [self._part(message, item, index, len(items)) for index, item in enumerate(items)]

    def _part(self, message: Message, item: Any, index: int, number: int) -> Message:
        config, meta = self.config, message.meta
        payload = item
        if config.into:
            payload = {name: value for name, value in message.payload.items() if name != config.drop}
            payload[config.into] = item
        part = message.with_payload(payload).with_meta(
            id=f"{meta.id}/{index}" if meta.id else "",
            headers={**meta.headers, "part": str(index), "parts": str(number)},
        )
        return part if config.key is None else part.with_meta(key=as_key(config.key.evaluate(part)))
