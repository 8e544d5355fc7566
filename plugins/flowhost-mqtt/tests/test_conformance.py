"""The kit that vendors use, against mosquitto behind a proxy that cuts and mutes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import pytest
from flowhost_mqtt.connection import MqttBroker
from flowhost_mqtt.sink_publish import MqttPublish
from flowhost_mqtt.source_subscribe import MqttSubscribe

from flowhost.sdk import Connection, Message, Meta, NotConnectedError
from flowhost.testing.conformance import (
    CANARY,
    ConnectionConformance,
    ProxiedTarget,
    SinkConformance,
    SourceConformance,
)
from flowhost.testing.proxy import FaultProxy

pytestmark = pytest.mark.broker


class Broker(ProxiedTarget):
    """Mosquitto; the probe is beside the proxy and always connected."""

    def __init__(self, proxy: FaultProxy, probe: Any) -> None:
        super().__init__(proxy)
        self.probe = probe

    async def produce(self, numbers: Sequence[int]) -> None:
        for number in numbers:
            await asyncio.to_thread(self.probe.publish, f"line/{number % 3}", json.dumps({"n": number}))

    async def received(self) -> list[int]:
        return [json.loads(payload)["n"] for payload in self.probe.payloads]


@pytest.fixture
async def target(new_broker: Callable[..., Any], new_probe: Callable[..., Any]) -> AsyncIterator[Broker]:
    broker = await asyncio.to_thread(new_broker)
    probe = await asyncio.to_thread(new_probe, broker.port, "out/#")
    async with FaultProxy("127.0.0.1", broker.port) as proxy:
        yield Broker(proxy, probe)


class MqttConformance:
    """What all three have in common."""

    connection_type = MqttBroker

    @pytest.fixture
    def target(self, target: Broker) -> Broker:
        return target

    @pytest.fixture
    def connection_config(self, target: Broker) -> dict[str, Any]:
        return {"host": target.proxy.host, "port": target.proxy.port, "reconnect_max_s": 1, "version": "5"}

    def with_secrets(self, tested: Any, written: Any) -> dict[str, Any]:
        return {**written, "username": "operator", "password": CANARY} if tested is MqttBroker else dict(written)


class TestBroker(MqttConformance, ConnectionConformance):
    lists = ("topics",)

    async def use(self, connection: Connection[Any]) -> None:
        assert isinstance(connection, MqttBroker)
        if not connection.link.alive:
            raise NotConnectedError("lost")


class TestSubscribe(MqttConformance, SourceConformance):
    node_type = MqttSubscribe

    @pytest.fixture
    def config(self) -> dict[str, Any]:
        return {"topics": ["line/#"], "id": "topic + text(payload.n)"}


class TestSubscribeWithoutAcknowledgement(MqttConformance, SourceConformance):
    node_type = MqttSubscribe

    @pytest.fixture
    def config(self) -> dict[str, Any]:
        return {"topics": ["line/#"], "qos": 0}


class TestPublish(MqttConformance, SinkConformance):
    node_type = MqttPublish
    repeats = True  # QoS 1

    @pytest.fixture
    def config(self) -> dict[str, Any]:
        return {"topic": "out/{key}"}

    @pytest.fixture
    def poison(self) -> Message:
        return Message({"n": 1}, Meta(key="a/+/b"))
