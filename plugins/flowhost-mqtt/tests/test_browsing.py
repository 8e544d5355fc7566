"""Topics seen on a real broker."""

from __future__ import annotations

import asyncio

from flowhost_mqtt.config import BrokerConfig
from flowhost_mqtt.connection import MqttBroker

from flowhost.sdk import Browse, BrowseRequest, ConnectionContext


async def test_topics_are_a_tree_and_can_be_searched(broker, new_probe, connection_context: ConnectionContext):
    probe = new_probe(broker.port)
    probe.publish("plant/line1/temp", '{"value": 20.5}', retain=True)
    probe.publish("plant/line2/temp", "21", retain=True)
    probe.publish("plant", "root", retain=True)
    will = {"topic": "plant/flowhost/state", "payload": "offline"}
    connection = MqttBroker(BrokerConfig(host="127.0.0.1", port=broker.port, will=will), connection_context)
    assert isinstance(connection, Browse)
    await connection.open()
    top = await connection.browse(BrowseRequest(what="topics"))
    assert [(one.value, one.label, one.opens) for one in top.items] == [
        ("plant", "plant", ""),
        ("plant/#", "plant/", "plant/"),
    ]
    below = await connection.browse(BrowseRequest(what="topics", under="plant/line1/"))
    assert [(one.value, one.detail) for one in below.items] == [("plant/line1/temp", '{"value": 20.5}')]
    found = await connection.browse(BrowseRequest(what="topics", search="LINE2"))
    assert [one.value for one in found.items] == ["plant/line2/temp"]
    # what is published now is in the next answer
    probe.publish("plant/line3/temp", "22")

    async def seen() -> bool:
        return bool((await connection.browse(BrowseRequest(what="topics", search="line3"))).items)

    for _ in range(500):
        if await seen():
            break
        await asyncio.sleep(0.02)
    assert await seen()
    await connection.close()


async def test_a_silent_broker_says_what_to_do(broker, connection_context: ConnectionContext):
    connection = MqttBroker(BrokerConfig(host="127.0.0.1", port=broker.port), connection_context)
    await connection.open()
    found = await connection.browse(BrowseRequest(what="topics"))
    assert not found.items
    assert "nothing was published" in found.note
    await connection.close()
