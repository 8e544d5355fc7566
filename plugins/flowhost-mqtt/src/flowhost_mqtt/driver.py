"""paho's client, driven by the event loop. The only module that knows paho.

paho keeps the protocol: CONNECT and its answer, subscriptions, pings, DISCONNECT, the state behind them. Three things
are taken out of its hands, by overriding methods that are not part of its public interface (so the distribution is
pinned to a minor version, and a test compares our bytes with paho's own):

- `_create_socket` gives it the socket the loop has opened, because paho's `connect` blocks;
- `_packet_queue` hands packets to the wire, which joins them, where paho makes one `send` each;
- received bytes are split here instead of in `_packet_read` (three `recv` calls and several locks a packet), and
  PUBLISH and PUBACK never reach paho. So paho holds no message and can neither resend nor queue one on its own.

Its network thread is not used: every method here runs on the loop.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, Protocol

from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.exception import MalformedPacket
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions
from typing_extensions import override

from flowhost_mqtt.packets import PUBACK, PUBLISH, Arrival, BrokenPacketError, decode_puback, decode_publish
from flowhost_mqtt.terms import ClientTerms, Welcome
from flowhost_mqtt.wire import Wire

MAX_LENGTH_BYTES = 4


class DriverEvents(Protocol):
    """What the driver tells the link that owns it."""

    def connected(self, welcome: Welcome) -> None:
        """CONNACK has come, with or without a refusal."""
        ...

    def subscribed(self, mid: int, codes: Sequence[int]) -> None:
        """SUBACK has come: one reason code per filter, 128 and above is a refusal."""
        ...

    def confirmed(self, mid: int, code: int) -> None:
        """PUBACK has come."""
        ...

    def abort(self, reason: str) -> None:
        """The broker said good-bye, went silent, or sent what is not MQTT."""
        ...


class PahoClient(paho.Client):
    """One network connection's worth of MQTT; never reused after it has ended."""

    def __init__(self, wire: Wire, terms: ClientTerms, events: DriverEvents) -> None:
        self._wire = wire
        self._events = events
        self._v5 = terms.version == "5"
        self._parts: list[bytes] = []
        self._held = 0
        self._needed = 2
        self._topics: dict[bytes, str] = {}
        self.arrivals: list[Arrival] = []
        super().__init__(
            CallbackAPIVersion.VERSION2,
            client_id=terms.client_id,
            clean_session=None if self._v5 else terms.clean,
            protocol=MQTTProtocolVersion.MQTTv5 if self._v5 else MQTTProtocolVersion.MQTTv311,
            reconnect_on_failure=False,
            manual_ack=True,
        )
        if terms.username is not None:
            self.username_pw_set(terms.username, terms.password)
        if terms.will is not None:
            self.will_set(terms.will.topic, terms.will.payload, terms.will.qos, terms.will.retain)
        self.on_connect = lambda _c, _u, flags, reason, facts: self._on_connack(flags, reason, facts)
        self.on_subscribe = lambda _c, _u, mid, codes, _p: events.subscribed(mid, [code.value for code in codes])
        self.on_disconnect = lambda _c, _u, flags, reason, _p: events.abort(_ending(flags, reason))

    def hello(self, terms: ClientTerms, host: str, port: int) -> None:
        """Send CONNECT."""
        if not self._v5:
            self.connect(host, port, terms.keepalive_s)
            return
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]  # paho leaves it untyped
        if terms.session_expiry_s:
            properties.SessionExpiryInterval = terms.session_expiry_s
        self.connect(host, port, terms.keepalive_s, clean_start=terms.clean, properties=properties)

    def ask_for(self, filters: Sequence[str], qos: int, *, retained: bool) -> int:
        """Send SUBSCRIBE; returns its packet id.

        Args:
            filters: topic filters.
            qos: 0 or 1.
            retained: want the retained values even of filters the session already has (MQTT 5 only).
        """
        wanted: Any = [(name, qos) for name in filters]
        if self._v5:
            handling = (
                0 if retained else 1  # MQTT 5, 3.8.3.1: at any subscribe, or only at a new one
            )
            options = SubscribeOptions(qos=qos, retainHandling=handling)
            wanted = [(name, options) for name in filters]
        _, mid = self.subscribe(wanted)
        return mid or 0

    def next_mid(self) -> int:
        """A packet id; the caller sees to it that it is not in use."""
        return self._mid_generate()

    def keep_alive(self, *, deaf: bool) -> None:
        """To be called every second: sends pings, and ends a link that has gone silent.

        Args:
            deaf: reading is paused by back pressure, so that a missing answer means nothing.
        """
        if deaf:
            self._ping_t = 0.0
            self._last_bytes_received = time.monotonic()
        self.loop_misc()

    def feed(self, data: bytes) -> None:
        """Take received bytes; whole packets are handled, the rest is kept.

        Raises:
            BrokenPacketError: the bytes are not MQTT.
        """
        self._last_bytes_received = time.monotonic()
        if self._held:
            self._parts.append(data)
            self._held += len(data)
            if self._held < self._needed:
                return
            data = b"".join(self._parts)
        rest, self._needed = self._split(data)
        self._parts = [data[rest:]] if rest < len(data) else []
        self._held = len(data) - rest

    def _split(self, data: bytes) -> tuple[int, int]:
        """Handle all whole packets; returns where the first unfinished one begins and how many bytes it needs."""
        at, end = 0, len(data)
        v5, topics, arrive = self._v5, self._topics, self.arrivals.append
        while end - at >= 2:
            length = data[at + 1]
            start = at + 2
            if length > 127:
                header = _long_length(data, at + 1, end)
                if header is None:
                    return at, 2 + MAX_LENGTH_BYTES if end - at > MAX_LENGTH_BYTES else end - at + 1
                length, start = header
            stop = start + length
            if stop > end:
                return at, stop - at
            head = data[at]
            kind = head & 0xF0
            if kind == PUBLISH:
                arrive(decode_publish(data, start, stop, head, v5, topics))
            elif kind == PUBACK:
                self._events.confirmed(*decode_puback(data, start, stop))
            else:
                self._leave_to_paho(head, data[start:stop])
            at = stop
        return at, 2

    def _leave_to_paho(self, head: int, body: bytes) -> None:
        """Do what paho's `_packet_read` does with a packet once it has all of it."""
        self._in_packet = {
            "command": head,
            "have_remaining": 1,
            "remaining_count": [],
            "remaining_mult": 1,
            "remaining_length": len(body),
            "packet": bytearray(body),
            "to_process": 0,
            "pos": 0,
        }
        try:
            code = self._packet_handle()
        except MalformedPacket as error:
            raise ValueError(str(error)) from error
        if code > MQTTErrorCode.MQTT_ERR_SUCCESS:
            self._loop_rc_handle(code)

    @override
    def _create_socket(self) -> Any:
        return _SocketForPaho(self._wire)

    @override
    def _packet_queue(
        self,
        command: int,
        packet: bytes | bytearray,
        mid: int,
        qos: int,
        info: Any = None,
    ) -> MQTTErrorCode:
        self._wire.write(packet)
        self.sent()
        return MQTTErrorCode.MQTT_ERR_SUCCESS

    def sent(self) -> None:
        """Something has been written: no ping is due before the keep-alive time has passed again."""
        self._last_msg_out = time.monotonic()

    def _on_connack(self, flags: Any, reason: Any, properties: Any) -> None:
        facts = properties.json() if properties is not None else {}
        self._events.connected(
            Welcome(
                code=reason.value,
                reason=reason.getName(),
                session_present=flags.session_present,
                receive_maximum=facts.get("ReceiveMaximum", 65_535),
                maximum_qos=facts.get("MaximumQoS", 2),
                maximum_packet=facts.get("MaximumPacketSize", 0),
                retain_available=bool(facts.get("RetainAvailable", 1)),
            )
        )


class _SocketForPaho:
    """What paho takes for its socket: it is never read or written through this, only closed."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def setblocking(self, flag: bool) -> None:
        """The loop has seen to it."""

    def fileno(self) -> int:
        return -1

    def recv(self, size: int) -> bytes:  # noqa: ARG002 - a socket's signature
        raise BlockingIOError

    def send(self, data: bytes | bytearray) -> int:
        self._wire.write(data)
        return len(data)

    def close(self) -> None:
        self._wire.close()


def _ending(flags: Any, reason: Any) -> str:
    """A good-bye, ours or theirs, in words."""
    by = "the broker ended the connection" if flags.is_disconnect_packet_from_server else "the connection broke"
    return f"{by} ({reason.getName()})"


def _long_length(data: bytes, at: int, end: int) -> tuple[int, int] | None:
    """Remaining length of more than one byte and where the packet's body begins; None if not all of it is there."""
    length = 0
    for index in range(MAX_LENGTH_BYTES):
        if at + index >= end:
            return None
        byte = data[at + index]
        length |= (byte & 127) << (7 * index)
        if byte < 128:
            return length, at + index + 1
    raise ValueError("a packet's length takes more than four bytes")


__all__ = ["BrokenPacketError", "DriverEvents", "PahoClient"]
