"""The script FlowHost is measured against: what an engineer who knows paho writes for one plant.

Subscribe, leave out values that are not positive, Celsius to Fahrenheit, another payload and topic, publish. At QoS 1 a
message is acknowledged after its own PUBACK has come. Everything happens in paho's network loop: no second thread, no
queue. TCP_NODELAY is set: without it the script stands still for 40 ms again and again.

Run: python benchmarks/w2_script.py PORT QOS
"""

from __future__ import annotations

import socket
import sys
from typing import Any

import msgspec
import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

PORT, QOS = int(sys.argv[1]), int(sys.argv[2])
decode = msgspec.json.Decoder().decode
encode = msgspec.json.Encoder().encode
waiting: dict[int, int] = {}

client = mqtt.Client(
    CallbackAPIVersion.VERSION2, client_id="script", clean_session=QOS == 0, protocol=mqtt.MQTTv311, manual_ack=QOS == 1
)


def on_connect(client: mqtt.Client, *_: Any) -> None:
    client.subscribe("plant/#", QOS)


def on_socket_open(_client: mqtt.Client, _userdata: Any, sock: Any) -> None:
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def on_message(client: mqtt.Client, _userdata: Any, message: mqtt.MQTTMessage) -> None:
    topic = message.topic
    payload = decode(message.payload)
    value = payload["value"]
    if not value > 0:
        if QOS:
            client.ack(message.mid, 1)
        return
    mapped = {"tag": topic, "value": value * 1.8 + 32, "seq": payload["seq"], "line": payload["line"]}
    info = client.publish("uns/" + topic, encode(mapped), QOS)
    if QOS:
        waiting[info.mid] = message.mid


def on_publish(client: mqtt.Client, _userdata: Any, mid: int, *_: Any) -> None:
    client.ack(waiting.pop(mid), 1)


client.on_connect = on_connect
client.on_message = on_message
client.on_socket_open = on_socket_open
if QOS:
    client.on_publish = on_publish
client.connect("127.0.0.1", PORT)
client.loop_forever()
