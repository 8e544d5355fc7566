"""Sends and receives for the MQTT benchmark: bare sockets and blocks, to cost little beside what is measured."""

from __future__ import annotations

import select
import socket
import struct
import time
from collections import deque
from dataclasses import dataclass

import msgspec
from flowhost_mqtt.packets import PUBACK, PUBLISH, encode_pubacks, encode_publish, encode_text, read_varint

KINDS = 2_000
"""Distinct messages; at QoS 1 also the packet ids in use."""
FILTERED = 10
"""Every tenth message has a value the filter leaves out."""


class Seq(msgspec.Struct):
    """All the receiver wants of a result."""

    seq: int


decode_seq = msgspec.json.Decoder(Seq).decode


@dataclass
class Latency:
    """Milliseconds from send to receive."""

    p50: float
    p99: float
    max: float


def payload(seq: int) -> bytes:
    """200 bytes of JSON, as a gateway sends them."""
    value = -1.0 if seq % FILTERED == 0 else 20.0 + seq % 50
    body = {"seq": seq, "value": value, "line": f"line{seq % 7}", "quality": "GOOD", "ts": 1_767_225_600_000 + seq}
    raw = msgspec.json.encode({**body, "text": ""})
    return msgspec.json.encode({**body, "text": "x" * (200 - len(raw))})


def is_filtered(seq: int) -> bool:
    return seq % FILTERED == 0


class Client:
    """A bare MQTT 3.1.1 client on a non-blocking socket."""

    def __init__(self, port: int, name: str) -> None:
        self.sock = socket.create_connection(("127.0.0.1", port))
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        ident = encode_text(name)
        self.sock.sendall(struct.pack("!BB6sBBH", 0x10, 10 + len(ident), encode_text("MQTT"), 4, 2, 0) + ident)
        assert self.sock.recv(4)[3:] == b"\0", "the broker refused"
        self.rest = b""

    def subscribe(self, topic: str, qos: int) -> None:
        body = b"\0\1" + encode_text(topic) + bytes((qos,))
        self.sock.sendall(bytes((0x82, len(body))) + body)
        assert self.sock.recv(5)[4] == qos, "the broker refused the subscription"

    def packets(self) -> list[tuple[int, bytes]]:
        """First byte and body of every packet that has arrived."""
        data = self.rest + self.sock.recv(262_144)
        found, at, end = [], 0, len(data)
        while end - at >= 2:
            length = data[at + 1]
            start = at + 2
            if length > 127:
                if end - at < 5:
                    break
                length, start = read_varint(data, at + 1)
            if start + length > end:
                break
            found.append((data[at], data[start : start + length]))
            at = start + length
        self.rest = data[at:]
        return found


class Load:
    """Sender and receiver around the system under test."""

    def __init__(self, port: int, qos: int) -> None:
        self.qos = qos
        self.sender, self.receiver = Client(port, "load-sender"), Client(port, "load-receiver")
        self.receiver.subscribe("uns/#", qos)
        topics = [encode_text(f"plant/line{n}/temp") for n in range(7)]
        self.ready = [
            encode_publish(topics[seq % 7], payload(seq), qos=qos, mid=seq + 1 if qos else 0) for seq in range(KINDS)
        ]
        self.due: deque[int] = deque()
        self.unconfirmed = 0
        self.received = 0
        self.next = 0

    def wait_for_system(self, seconds: float = 20.0) -> None:
        """Send until the first result comes back, then let everything settle."""
        deadline = time.monotonic() + seconds
        self.next = 1
        while not self.received:
            assert time.monotonic() < deadline, "no result came back"
            self.sender.sock.sendall(self.ready[1])
            self.unconfirmed += self.qos
            select.select([self.receiver.sock], [], [], 0.2)
            self._poll(0, strict=False)
        while self._poll(0.5, strict=False):
            pass
        self.due.clear()
        self.received = self.unconfirmed = 0
        self.next = 0

    def rate(self, seconds: float, window: int) -> float:
        """Messages per second through the system, with so many on their way at a time."""
        self.received = 0
        sent = 0
        started = time.perf_counter()
        end = started + seconds
        while time.perf_counter() < end:
            room = min(window - len(self.due), window - self.unconfirmed)
            if room >= window // 8 or not self.due:
                self._send(max(room, 1))
                sent += max(room, 1)
            self._poll(0.5)
        while self.due or self.unconfirmed:
            assert self._poll(5.0), f"{len(self.due)} results are missing"
        return sent / (time.perf_counter() - started)

    def latency(self, seconds: float, per_second: int) -> Latency:
        """Time on the way, at a fixed rate."""
        taken: list[float] = []
        times = [0.0] * KINDS
        started = time.perf_counter()
        for number in range(int(seconds * per_second)):
            due = started + number / per_second
            while (wait := due - time.perf_counter()) > 0:
                self._poll(wait if wait > 0.0002 else 0, times=times, taken=taken)
            times[self.next % KINDS] = time.perf_counter()
            self._send(1)
        while self.due or self.unconfirmed:
            assert self._poll(5.0, times=times, taken=taken), f"{len(self.due)} results are missing"
        taken.sort()
        return Latency(taken[len(taken) // 2] * 1e3, taken[len(taken) * 99 // 100] * 1e3, taken[-1] * 1e3)

    def _send(self, count: int) -> None:
        block = []
        for _ in range(count):
            seq = self.next % KINDS
            self.next += 1
            block.append(self.ready[seq])
            if not is_filtered(seq):
                self.due.append(seq)
        self.unconfirmed += count * self.qos
        self.sender.sock.sendall(b"".join(block))

    def _poll(
        self, timeout: float, *, strict: bool = True, times: list[float] | None = None, taken: list[float] | None = None
    ) -> bool:
        """Take what has arrived; checks that every result comes once and in order."""
        readable, _, _ = select.select([self.sender.sock, self.receiver.sock], [], [], timeout)
        if self.sender.sock in readable:
            self.unconfirmed -= sum(1 for head, _ in self.sender.packets() if head == PUBACK)
        if self.receiver.sock in readable:
            now = time.perf_counter()
            mids = []
            for head, body in self.receiver.packets():
                assert head & 0xF0 == PUBLISH
                at = 2 + (body[0] << 8) + body[1]
                if head & 6:
                    mids.append((body[at] << 8) + body[at + 1])
                    at += 2
                seq = decode_seq(body[at:]).seq
                self.received += 1
                if strict:
                    expected = self.due.popleft()
                    assert seq == expected, f"result {seq} came where {expected} was due"
                if times is not None and taken is not None:
                    taken.append(now - times[seq])
            if mids:
                self.receiver.sock.sendall(encode_pubacks(mids))
        return bool(readable)
