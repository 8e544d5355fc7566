"""Messages made fit for screens: JSON-like and cut to a size."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from flowhost.engine.snapshot import ValueSnapshot
from flowhost.sdk import Message

MAX_TEXT = 400
MAX_ITEMS = 40
MAX_DEPTH = 6


def value_snapshot(node: str, port: str, message: Message) -> ValueSnapshot:
    """What a screen shows of a message."""
    meta = message.meta
    return ValueSnapshot(
        node=node, port=port, topic=meta.topic, payload=shown(message.payload), unit=meta.unit, quality=meta.quality,
        time_ns=meta.time_ns,
    )  # fmt: skip


def shown(value: Any, depth: int = 0) -> Any:
    """The value in JSON-like form, long texts and lists cut with a mark."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, bytes | bytearray | memoryview):
        return "base64:" + _cut(base64.b64encode(bytes(value[: MAX_TEXT + 1])).decode())
    if depth >= MAX_DEPTH:
        return "…"
    if isinstance(value, Mapping):
        return _shown_object(value, depth)
    if isinstance(value, list | tuple):
        items = [shown(item, depth + 1) for item in value[:MAX_ITEMS]]
        return items if len(value) <= MAX_ITEMS else [*items, f"… {len(value) - MAX_ITEMS} more"]
    return _cut(str(value))


def _shown_object(value: Mapping[Any, Any], depth: int) -> dict[str, Any]:
    fields = {str(key): shown(item, depth + 1) for key, item in list(value.items())[:MAX_ITEMS]}
    if len(value) > MAX_ITEMS:
        fields["…"] = f"{len(value) - MAX_ITEMS} more"
    return fields


def _cut(text: str) -> str:
    return text if len(text) <= MAX_TEXT else text[:MAX_TEXT] + "…"
