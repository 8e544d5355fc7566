"""What the configs accept, and what they say when they do not."""

from __future__ import annotations

import pytest
from flowhost_opcua.config import ClientConfig, SubscribeConfig
from pydantic import ValidationError

ENDPOINT = "opc.tcp://10.1.2.3:4840"


def test_security_has_to_be_written():
    with pytest.raises(ValidationError, match="security"):
        ClientConfig.model_validate({"endpoint": ENDPOINT})
    assert ClientConfig(endpoint=ENDPOINT, security="none").policy is None


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ({"endpoint": "http://x"}, "write for example opc.tcp://"),
        ({"endpoint": "opc.tcp://plc"}, "write for example opc.tcp://"),
        ({"endpoint": "opc.tcp://joe:pw@plc:4840"}, "use the fields username and password"),
        ({"policy": "Basic256Sha256"}, "security none uses no policy"),
        ({"security": "sign", "policy": "Basic128Rsa15"}, "policy"),
        ({"timeout_s": 4}, "greater than or equal to 5"),  # 4 s disconnects a healthy but loaded server
        ({"reconnect_max_s": 31}, "less than or equal to 30"),
        ({"enpoint": ""}, "enpoint"),
    ],
)
def test_wrong_connections(config, says):
    with pytest.raises(ValidationError, match=says):
        ClientConfig.model_validate({"endpoint": ENDPOINT, "security": "none", **config})


def test_time_outs_are_long_by_default():
    assert 10 <= ClientConfig(endpoint=ENDPOINT, security="none").timeout_s <= 20


def test_password_is_not_shown():
    config = ClientConfig(endpoint=ENDPOINT, security="none", username="joe", password="hidden-word")
    assert "hidden-word" not in repr(config)


def test_items_are_node_ids_or_objects():
    config = SubscribeConfig.model_validate(
        {"items": ["ns=2;s=Line1.Speed", {"node": "ns=2;i=7", "topic": "t", "unit": "Cel", "deadband": 0.5}]}
    )
    assert [item.topic_name for item in config.items] == ["Line1.Speed", "t"]
    assert SubscribeConfig.model_validate(config.model_dump()) == config


@pytest.mark.parametrize(
    ("items", "says"),
    [
        ([], "at least 1 item"),
        (["Line1.Speed"], "write for example ns=2;s=Line1.Speed"),
        (["ns=2;s=A", "ns=3;s=A"], "would both have topic 'A'"),
        (["ns=2;s=A", "ns=2;s=A"], "ns=2;s=A is listed twice"),
        ([{"node": "ns=2;s=A", "deadband": -1}], "greater than or equal to 0"),
    ],
)
def test_wrong_items(items, says):
    with pytest.raises(ValidationError, match=says):
        SubscribeConfig.model_validate({"items": items})


@pytest.mark.parametrize(
    ("sampling", "publish", "size"), [(100, 1000, 20), (250, 500, 4), (1000, 100, 2), (1, 1e6, 10_000), (300, 1000, 7)]
)
def test_the_server_keeps_twice_what_it_samples_between_publishes(sampling, publish, size):
    config = SubscribeConfig.model_validate({"items": ["i=1"], "sampling_ms": sampling, "publish_ms": publish})
    assert config.queue_size == size
