"""A plant that publishes numbered parts over MQTT at QoS 1."""

from __future__ import annotations

import sys
import threading
import time

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

MACHINES = 5
PROBE = "plant/probe/parts"
AT_ONCE = 500


def tag_of(seq: int) -> str:
    """Topic of a part."""
    return f"plant/m{seq % MACHINES}/parts"


class Parts:
    """Publishes parts 0, 1, 2, ... at a rate, until told to stop; the broker keeps what nobody takes.

    Args:
        port: of the broker on this machine.
        per_second: parts a second; after a delay it makes up for what is missing.
        ceiling: more are not published for the time being.
        size: bytes of a payload, at least.

    Attributes:
        published: how many the broker has taken.
    """

    def __init__(self, port: int, per_second: int, *, ceiling: int = sys.maxsize, size: int = 0) -> None:
        self.published = 0
        self.ceiling = ceiling
        self._per_second = per_second
        self._size = size
        self._stop = threading.Event()
        self._client = paho.Client(CallbackAPIVersion.VERSION2, client_id="plant")
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def probe(self, number: int) -> None:
        """A message to see whether anybody listens."""
        self._client.publish(PROBE, self._payload(-number), qos=1).wait_for_publish(30)

    def start(self) -> None:
        self._thread.start()

    def _run(self) -> None:
        began = time.monotonic()
        while not self._stop.is_set():
            due = min(int((time.monotonic() - began) * self._per_second), self.published + AT_ONCE, self.ceiling)
            if due <= self.published:
                time.sleep(0.002)
                continue
            for seq in range(self.published, due):
                last = self._client.publish(tag_of(seq), self._payload(seq), qos=1)
            last.wait_for_publish(30)
            self.published = due

    def _payload(self, seq: int) -> str:
        """As a gateway writes it, with text to fill it up."""
        head = f'{{"seq": {seq}, "value": {20 + seq % 50}.5'
        return f'{head}, "text": "{"x" * max(0, self._size - len(head) - 13)}"}}'

    def stop(self) -> int:
        """How many parts the broker has taken."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join(60)
        self._client.disconnect()
        self._client.loop_stop()
        return self.published
