"""What this distribution brings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flowhost.sdk import Connection, Node, hookimpl
from flowhost_mqtt.connection import MqttBroker
from flowhost_mqtt.sink_publish import MqttPublish
from flowhost_mqtt.source_subscribe import MqttSubscribe


@hookimpl
def flowhost_node_types() -> Sequence[type[Node[Any]]]:
    """The nodes."""
    return [MqttSubscribe, MqttPublish]


@hookimpl
def flowhost_connection_types() -> Sequence[type[Connection[Any]]]:
    """The connection."""
    return [MqttBroker]
