"""The line's MQTT sensors: one client that publishes for all of them, MQTT 3.1.1, QoS 1."""

import asyncio
import logging
import time
from datetime import UTC, datetime

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from flowhost_sim.line import Line
from flowhost_sim.odd_sensor import OddSensor
from flowhost_sim.topics import Sensor, sensors

_log = logging.getLogger(__name__)
_MOST_QUEUED = 500
_SEQ_ZERO_S = 1_767_225_600  # 2026-01-01
_SEQ_PER_S = 4  # the quickest sensor counts 2.5 a second
_ALIVE = "plant/line1/sensors/alive"


class MqttSensors:
    """Publishes while there is a broker; a reading taken without one is lost, and its sequence number shows it."""

    def __init__(self, line: Line, host: str, port: int, odd: OddSensor) -> None:
        self.host = host
        self.port = port
        self._line = line
        first = first_seq(time.time())
        self._sensors = [_Due(sensor, first) for sensor in sensors(odd)]
        self._client: Client | None = None
        self._lost = False

    @property
    def connected(self) -> bool:
        return self._client is not None and self._client.is_connected()

    async def start(self) -> None:
        """Begins to connect, and goes on trying every one to five seconds; it does not wait for the broker."""
        client = Client(CallbackAPIVersion.VERSION2, client_id=f"flowhost-sim-{time.time_ns():x}")
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.reconnect_delay_set(1, 5)
        client.max_queued_messages_set(_MOST_QUEUED)
        client.will_set(_ALIVE, "false", qos=1, retain=True)
        client.connect_async(self.host, self.port, keepalive=15)
        await asyncio.to_thread(client.loop_start)  # on Windows and elsewhere it waits for a socket of its own
        self._client = client

    async def stop(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            client.publish(_ALIVE, "false", qos=1, retain=True)
            client.disconnect()
            await asyncio.to_thread(client.loop_stop)

    async def update(self) -> None:
        """Publishes what is due."""
        client = self._client
        if client is None:
            return
        clock = time.monotonic()
        now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        connected = client.is_connected()
        for due in self._sensors:
            payload = due.take(self._line, clock, now, connected)
            if payload is not None:
                client.publish(due.sensor.topic, payload, qos=1, retain=due.sensor.retain)

    def _on_connect(
        self, client: Client, _data: object, _flags: ConnectFlags, reason: ReasonCode, _props: Properties | None
    ) -> None:
        if reason.is_failure:
            _log.warning("Broker %s:%s refuses the sensors: %s", self.host, self.port, reason)
            return
        if self._lost:
            _log.warning("Sensors are connected to broker %s:%s again", self.host, self.port)
            self._lost = False
        for due in self._sensors:
            due.shown = None  # a broker that was restarted has forgotten what it retained
        client.publish(_ALIVE, "true", qos=1, retain=True)

    def _on_disconnect(
        self, _client: Client, _data: object, _flags: DisconnectFlags, reason: ReasonCode, _props: Properties | None
    ) -> None:
        if self._client is not None and not self._lost and reason.value != MQTTErrorCode.MQTT_ERR_SUCCESS:
            self._lost = True
            _log.warning("Sensors lost broker %s:%s (%s); they go on trying", self.host, self.port, reason)


def first_seq(clock_s: float) -> int:
    """Where sequence numbers begin: above all that an earlier run can have reached, so topic and number stay unique."""
    return int((clock_s - _SEQ_ZERO_S) * _SEQ_PER_S)


class _Due:
    """When a sensor speaks next."""

    def __init__(self, sensor: Sensor, seq: int) -> None:
        self.sensor = sensor
        self.shown: str | None = None
        self._seq = seq
        self._next = 0.0

    def take(self, line: Line, clock: float, now: str, connected: bool) -> str | None:
        """The payload to publish now, or None; without a connection the reading is taken and lost."""
        if clock < self._next:
            return None
        if self.sensor.period_s:
            self._next = max(self._next + self.sensor.period_s, clock)
            self._seq += 1
        payload = self.sensor.compose(line, self._seq, now)
        if not connected or (not self.sensor.period_s and payload == self.shown):
            return None
        self.shown = payload
        return payload
