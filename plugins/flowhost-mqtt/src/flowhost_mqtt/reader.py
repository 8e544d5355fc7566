"""From received packets to messages: payload, topic, time, id, key, headers."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from flowhost.sdk import Message, MessageError, Meta, Rejected
from flowhost_mqtt.config import SubscribeConfig
from flowhost_mqtt.inbox import Block
from flowhost_mqtt.packets import DUP, RETAIN, Arrival
from flowhost_mqtt.values import decoder, time_ns_of

NO_HEADERS: dict[str, str] = {}


@dataclass
class Batch:
    """What a block of packets became.

    Attributes:
        messages: readable ones, in order.
        rejected: the others, with their original bytes.
        mids: packet ids to acknowledge.
    """

    messages: list[Message] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    mids: list[int] = field(default_factory=list)


class Reader:
    """Reads packets as the node's config says. Never raises on what a stranger sent."""

    def __init__(self, config: SubscribeConfig) -> None:
        self._config = config
        self._decode = decoder(config.format)
        self._run = secrets.token_hex(8) + "-"
        self._number = count(1)
        self._plain = config.id is None and config.key is None and config.time is None

    def read(self, block: Block) -> Batch:
        """Turn a block into messages; the loop every message goes through."""
        batch = Batch()
        keep, decode, largest = batch.messages.append, self._decode, self._config.max_payload_bytes
        time_ns, run, number, plain = block.time_ns, self._run, self._number, self._plain
        for arrival in block.arrivals:
            topic, data, mid, flags, headers = arrival
            if mid:
                batch.mids.append(mid)
            headers = _headers(headers, flags) if headers is not None or flags & (RETAIN | DUP) else NO_HEADERS
            try:
                if len(data) > largest:
                    _too_large(len(data), largest)
                payload = decode(data)
                meta = Meta(topic, time_ns, "good", None, "", topic, f"{run}{next(number):x}", headers)
                keep(Message(payload, meta if plain else self._described(payload, meta)))
            except (MessageError, ValueError) as error:
                batch.rejected.append(self._rejected(arrival, time_ns, headers, str(error)))
        return batch

    def _described(self, payload: Any, meta: Meta) -> Meta:
        """Evaluate `id`, `key` and `time` of the config."""
        config = self._config
        message = Message(payload, meta)
        ident = meta.id if config.id is None else _text_of(config.id.evaluate(message), "id")
        key = meta.key if config.key is None else _text_of(config.key.evaluate(message), "key")
        time_ns = meta.time_ns if config.time is None else time_ns_of(config.time.evaluate(message))
        return Meta(meta.topic, time_ns, "good", None, "", key, ident, meta.headers)

    def _rejected(self, arrival: Arrival, time_ns: int, headers: dict[str, str], reason: str) -> Rejected:
        topic, data, _, _, _ = arrival
        ident = f"{self._run}{next(self._number):x}"
        return Rejected(Message(data, Meta(topic, time_ns, "good", None, "", topic, ident, headers)), reason)


def _headers(headers: dict[str, str] | None, flags: int) -> dict[str, str]:
    """User properties and what the packet's flags say: `mqtt.retain`, `mqtt.dup`."""
    headers = dict(headers) if headers else {}
    if flags & RETAIN:
        headers["mqtt.retain"] = "1"
    if flags & DUP:
        headers["mqtt.dup"] = "1"
    return headers


def _text_of(value: Any, name: str) -> str:
    """Ids and keys are text; whole numbers are taken as they are written."""
    if isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise MessageError(f"'{name}' gave {value!r}; it must be text, e.g. text(payload.seq)")


def _too_large(size: int, largest: int) -> None:
    msg = f"the payload has {size:,} bytes, more than max_payload_bytes ({largest:,})"
    raise ValueError(msg)
