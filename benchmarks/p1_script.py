"""The script FlowHost is measured against: MQTT at QoS 1 into PostgreSQL, nothing lost and nothing doubled.

paho with manual acknowledgement; a second thread takes whatever has arrived, writes the message ids into an inbox table
and the rows of the new ones into their table in one transaction, each with one statement, and acknowledges to the
broker after the commit. A message that comes again is acknowledged and not written.

Run: python benchmarks/p1_script.py PORT URL
"""

from __future__ import annotations

import socket
import sys
import threading
from typing import Any

import msgspec
import paho.mqtt.client as mqtt
import psycopg
from paho.mqtt.enums import CallbackAPIVersion

PORT, URL = int(sys.argv[1]), sys.argv[2]
LARGEST = 1_000
CLAIM = "INSERT INTO inbox (id) SELECT unnest(%s::text[]) ON CONFLICT DO NOTHING RETURNING id"
INSERT = "INSERT INTO readings SELECT * FROM unnest(%s::bigint[], %s::text[], %s::float8[], %s::text[])"
decode = msgspec.json.Decoder().decode
arrived: list[mqtt.MQTTMessage] = []
some = threading.Condition()

client = mqtt.Client(
    CallbackAPIVersion.VERSION2, client_id="script", clean_session=False, protocol=mqtt.MQTTv311, manual_ack=True
)


def on_connect(client: mqtt.Client, *_: Any) -> None:
    client.subscribe("plant/#", 1)


def on_socket_open(_client: mqtt.Client, _userdata: Any, sock: Any) -> None:
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def on_message(_client: mqtt.Client, _userdata: Any, message: mqtt.MQTTMessage) -> None:
    with some:
        arrived.append(message)
        some.notify()


def write_for_ever() -> None:
    with psycopg.connect(URL, autocommit=True) as database:
        database.execute("CREATE TABLE IF NOT EXISTS inbox (id text PRIMARY KEY, at timestamptz DEFAULT now())")
        while True:
            with some:
                some.wait_for(lambda: arrived)
                batch = arrived[:LARGEST]
                del arrived[:LARGEST]
            write(database, batch)
            for message in batch:
                client.ack(message.mid, 1)


def write(database: psycopg.Connection, batch: list[mqtt.MQTTMessage]) -> None:
    rows = {}
    for message in batch:
        payload = decode(message.payload)
        row = (payload["seq"], message.topic, payload["value"] * 1.8 + 32, payload["line"])
        rows[str(payload["seq"])] = row
    with database.transaction():
        fresh = {found for (found,) in database.execute(CLAIM, (list(rows),))}
        columns = [list(column) for column in zip(*(rows[key] for key in rows if key in fresh), strict=True)]
        if columns:
            database.execute(INSERT, columns)


client.on_connect = on_connect
client.on_message = on_message
client.on_socket_open = on_socket_open
client.connect("127.0.0.1", PORT)
threading.Thread(target=write_for_ever, daemon=True).start()
client.loop_forever()
