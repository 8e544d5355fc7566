"""What a client tells a broker when it connects, and what the broker answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Spoken = Literal["3.1.1", "5"]


@dataclass(frozen=True, kw_only=True)
class Will:
    """What the broker publishes for us when we vanish without a good-bye."""

    topic: str
    payload: str
    qos: int
    retain: bool


@dataclass(frozen=True, kw_only=True)
class ClientTerms:
    """A CONNECT.

    Attributes:
        client_id: by it the broker finds our session; two clients with the same id throw each other out.
        version: protocol version.
        clean: begin without a session, and leave none behind.
        session_expiry_s: how long the broker keeps the session without us, seconds (MQTT 5).
        keepalive_s: longest silence, seconds.
        username: None for anonymous.
        password: None for none.
        will: last message, or None.
    """

    client_id: str
    version: Spoken
    clean: bool
    session_expiry_s: int = 0
    keepalive_s: int = 30
    username: str | None = None
    password: str | None = None
    will: Will | None = None


@dataclass(frozen=True, kw_only=True)
class Welcome:
    """A CONNACK.

    Attributes:
        code: 0 is accepted; reason codes of MQTT 5, also for 3.1.1.
        reason: its name.
        session_present: the broker still had our session, with its subscriptions and unconfirmed messages.
        receive_maximum: how many unconfirmed QoS 1 messages the broker takes at a time.
        maximum_qos: highest QoS it supports.
        maximum_packet: largest packet it takes, bytes; 0 where it names no limit.
        retain_available: it keeps retained messages.
    """

    code: int
    reason: str
    session_present: bool
    receive_maximum: int
    maximum_qos: int
    maximum_packet: int
    retain_available: bool
