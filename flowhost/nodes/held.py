"""Messages that a node holds in its state: as plain data, and back."""

from __future__ import annotations

from typing import Any

import msgspec

from flowhost.sdk import Message, Meta

FIELDS = tuple(field for field in Meta.__struct_fields__ if field != "letter")
DEFAULTS = msgspec.structs.asdict(Meta())


def to_state(message: Message) -> list[Any]:
    """Payload, and what of the meta differs from an empty one."""
    meta = message.meta
    known = {name: value for name in FIELDS if (value := getattr(meta, name)) != DEFAULTS[name]}
    return [message.payload, known]


def from_state(held: list[Any]) -> Message:
    """The message it was."""
    payload, known = held
    return Message(payload, Meta(**known))
