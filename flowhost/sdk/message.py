"""What travels: a payload, and what is known about it."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

Quality = Literal["good", "uncertain", "bad"]


class Meta(msgspec.Struct, frozen=True, gc=False):
    """What is known about a payload; shared by every message derived from it.

    Attributes:
        topic: where it comes from: an MQTT topic, an OPC UA node's topic, a tag or table name.
        time_ns: source time, nanoseconds since 1970-01-01 UTC. Not the time of receipt.
        quality: OPC UA severity of the value (OPC 10000-4, 7.39): a bad value is never turned into a number.
        status: the OPC UA StatusCode, where there is one.
        unit: UCUM code of the payload, such as `Cel` or `kW.h`; empty where unknown.
        key: orders messages: those of one key stay in order. Often the machine or the business object.
        id: idempotency key; the same on every redelivery where the source `has_stable_ids`; empty where it knows none.
        headers: further text, e.g. MQTT user properties.
        letter: number of the dead letter this message is another try of; 0 for nearly all. The engine's own mark: no
            expression reads it and no connector sends it.
    """

    topic: str = ""
    time_ns: int = 0
    quality: Quality = "good"
    status: int | None = None
    unit: str = ""
    key: str = ""
    id: str = ""
    headers: dict[str, str] = {}
    letter: int = 0


class Message(msgspec.Struct, frozen=True, gc=False):
    """One value or document on its way.

    Frozen; the payload is not, but nobody changes it: several branches hold the same object.

    Attributes:
        payload: a JSON-like value (None, bool, int, float, str, list, dict, Decimal) or bytes.
        meta: what is known about it.
    """

    payload: Any
    meta: Meta = Meta()

    def with_payload(self, payload: Any) -> Message:
        """The same message with another payload; the meta is shared, not copied."""
        return Message(payload, self.meta)

    def with_meta(self, **changes: Any) -> Message:
        """The same payload with some of the meta changed."""
        return Message(self.payload, msgspec.structs.replace(self.meta, **changes))
