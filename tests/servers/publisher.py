"""A machine that reports numbered parts over MQTT at QoS 1, and knows which of them the broker has confirmed."""

from __future__ import annotations

import json
import threading
import time

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode

MACHINES = 5
PROBE = "plant/probe/parts"


class Publisher:
    """Publishes `{"seq": n}` to `plant/m<n % 5>/parts`, and goes on by itself when the broker was away.

    Args:
        port: of the broker on this machine.
        per_second: how many parts, from `start` on.
        at_once: most that may be without confirmation.
    """

    def __init__(self, port: int, per_second: float, at_once: int = 200) -> None:
        self._per_second = per_second
        self._at_once = at_once
        self._sent: list[paho.MQTTMessageInfo] = []
        self._stop = threading.Event()
        self._client = paho.Client(CallbackAPIVersion.VERSION2, client_id="machine")
        self._client.reconnect_delay_set(0.1, 0.5)  # type: ignore[arg-type]
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        self._thread = threading.Thread(target=self._run, name="publisher", daemon=True)

    def start(self) -> None:
        self._thread.start()

    @property
    def count(self) -> int:
        """Parts published so far, confirmed or not."""
        return len(self._sent)

    def confirmed(self) -> set[int]:
        """Numbers of the parts the broker has taken."""
        return {seq for seq, info in enumerate(self._sent) if info.is_published()}

    def probe(self, number: int) -> None:
        """A message that is no part, to see whether anybody listens."""
        self._client.publish(PROBE, json.dumps({"seq": -number}), qos=1).wait_for_publish(10)

    def publish(self) -> None:
        """The next part."""
        seq = len(self._sent)
        info = self._client.publish(topic_of(seq), json.dumps({"seq": seq}), qos=1)
        if info.rc == MQTTErrorCode.MQTT_ERR_NO_CONN:  # the client keeps it and sends it once it is connected again
            info.rc = MQTTErrorCode.MQTT_ERR_SUCCESS
        self._sent.append(info)

    def _run(self) -> None:
        began = time.monotonic()
        oldest = 0
        while not self._stop.is_set():
            while oldest < len(self._sent) and self._sent[oldest].is_published():
                oldest += 1
            due = min(int((time.monotonic() - began) * self._per_second), oldest + self._at_once)
            while len(self._sent) < due:
                self.publish()
            time.sleep(0.005)

    def settle(self, seconds: float = 30.0) -> None:
        """Wait until the broker has confirmed everything."""
        deadline = time.monotonic() + seconds
        while len(self.confirmed()) < len(self._sent):
            assert time.monotonic() < deadline, f"the broker has not confirmed all parts within {seconds} s"
            time.sleep(0.02)

    def stop(self) -> None:
        """Publish no more."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join(10)

    def close(self) -> None:
        self.stop()
        self._client.disconnect()
        self._client.loop_stop()


def topic_of(seq: int) -> str:
    return f"plant/m{seq % MACHINES}/parts"
