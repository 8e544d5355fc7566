"""Sends numbered messages to a broker and watches their rows become visible in PostgreSQL, for the P1 benchmark."""

from __future__ import annotations

import select
import time
from dataclasses import dataclass

import msgspec
import psycopg
from flowhost_mqtt.packets import PUBACK, encode_publish, encode_text
from w2_load import Client

TOPICS = [encode_text(f"plant/line{n}/temp") for n in range(7)]
LOOK_EVERY_S = 0.001
LOST_AFTER_S = 30.0


@dataclass
class Latency:
    """Milliseconds from the moment a message was due to its row being visible."""

    p50: float
    p99: float
    max: float


def payload(seq: int) -> bytes:
    """200 bytes of JSON, as a gateway sends them."""
    body = {"seq": seq, "value": 20.0 + seq % 50, "line": f"line{seq % 7}", "ts": 1_767_225_600_000 + seq}
    raw = msgspec.json.encode({**body, "text": ""})
    return msgspec.json.encode({**body, "text": "x" * (200 - len(raw))})


class Load:
    """Sender at QoS 1 and watcher of the table, in one thread.

    The watcher asks about every millisecond for the rows behind the last it saw. It fails if a row is missing before a
    later one: order and completeness are checked with every look; that nothing came twice, by the table's primary key.
    """

    def __init__(self, port: int, url: str) -> None:
        self.sender = Client(port, "load-sender")
        self.database = psycopg.connect(url, autocommit=True)
        self.next = 0
        self.visible = -1
        self.unconfirmed = 0

    def wait_for_system(self, seconds: float = 30.0) -> None:
        """Send probes until a row of one is there; probes have negative numbers."""
        deadline = time.monotonic() + seconds
        number = 0
        while not self._count("seq < 0"):
            assert time.monotonic() < deadline, "no row came"
            number += 1
            self.sender.sock.sendall(self._packet(-number))
            self.unconfirmed += 1
            self._look(0.2)
        while self.unconfirmed:
            self._look(0.2)

    def rate(self, seconds: float, window: int) -> float:
        """Messages per second through the system, with so many on their way at a time."""
        first = self.next
        started = time.perf_counter()
        end = started + seconds
        while time.perf_counter() < end:
            room = window - (self.next - 1 - self.visible)
            if room >= window // 8:
                self._send(room)
            self._look(LOOK_EVERY_S)
        self._await_all()
        return (self.next - first) / (time.perf_counter() - started)

    def latency(self, seconds: float, per_second: int) -> Latency:
        """Time on the way, at a fixed rate that does not wait for the system."""
        first, number = self.next, int(seconds * per_second)
        taken: list[float] = []
        started = time.perf_counter()

        def due(seq: int) -> float:
            return started + (seq - first) / per_second

        def note(before: int) -> None:
            now = time.perf_counter()
            taken.extend(now - due(seq) for seq in range(before + 1, self.visible + 1))

        while self.next < first + number:
            ahead = int((time.perf_counter() - started) * per_second) + 1 + first - self.next
            if ahead > 0:
                self._send(min(ahead, first + number - self.next))
            before = self.visible
            self._look(min(LOOK_EVERY_S, max(0.0, due(self.next) - time.perf_counter())))
            note(before)
        while self.visible < self.next - 1:
            before = self.visible
            self._look(LOOK_EVERY_S)
            note(before)
            assert time.perf_counter() < due(self.next) + LOST_AFTER_S, f"row {self.visible + 1} is missing"
        taken.sort()
        return Latency(taken[len(taken) // 2] * 1e3, taken[len(taken) * 99 // 100] * 1e3, taken[-1] * 1e3)

    def close(self) -> None:
        """Check the whole table once more."""
        found = self._count("seq >= 0")
        assert found == self.next, f"{found} rows of {self.next}"
        self.database.close()
        self.sender.sock.close()

    def _packet(self, seq: int) -> bytes:
        return encode_publish(TOPICS[seq % 7], payload(seq), qos=1, mid=seq % 60_000 + 1)

    def _send(self, count: int) -> None:
        self.sender.sock.sendall(b"".join(map(self._packet, range(self.next, self.next + count))))
        self.next += count
        self.unconfirmed += count

    def _await_all(self) -> None:
        deadline = time.monotonic() + LOST_AFTER_S
        while self.visible < self.next - 1:
            self._look(LOOK_EVERY_S)
            assert time.monotonic() < deadline, f"row {self.visible + 1} is missing"

    def _look(self, wait_s: float) -> None:
        """Take the broker's confirmations while waiting, then see which rows have come."""
        readable, _, _ = select.select([self.sender.sock], [], [], 0)
        if readable:
            self.unconfirmed -= sum(1 for head, _ in self.sender.packets() if head == PUBACK)
        time.sleep(wait_s)
        # an aggregate, so that watching costs a look at the index and not a row each over the wire
        found, last = self.database.execute(
            "SELECT count(*), max(seq) FROM readings WHERE seq > %s", (self.visible,), prepare=True, binary=True
        ).fetchone() or (0, None)
        if found:
            assert last == self.visible + found, f"row {self.visible + 1} is missing before row {last}"
            self.visible = last

    def _count(self, where: str) -> int:
        row = self.database.execute(f"SELECT count(*) FROM readings WHERE {where}".encode()).fetchone()
        assert row is not None
        return int(row[0])
