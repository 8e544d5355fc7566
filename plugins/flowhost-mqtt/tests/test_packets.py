"""Our PUBLISH and PUBACK against paho's, byte for byte."""

from __future__ import annotations

import contextlib
import struct
from typing import Any

import pytest
from flowhost_mqtt.packets import (
    BrokenPacketError,
    decode_properties,
    decode_puback,
    decode_publish,
    encode_properties,
    encode_pubacks,
    encode_publish,
    encode_text,
    encode_varint,
    read_varint,
)
from hypothesis import given
from hypothesis import strategies as st
from paho.mqtt import _packet
from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

TOPICS = st.text(st.characters(blacklist_categories=("Cs",), blacklist_characters="\0+#"), min_size=1, max_size=60)
TEXTS = st.text(st.characters(blacklist_categories=("Cs",)), max_size=30)


class Recorder(paho.Client):
    """paho's encoder, with the packet kept instead of sent."""

    packet = b""

    def _packet_queue(self, command: int, packet: Any, mid: int, qos: int, info: Any = None) -> Any:
        self.packet = bytes(packet)
        return paho.MQTT_ERR_SUCCESS


def paho_bytes(topic: str, payload: bytes, qos: int, retain: bool, mid: int, properties: Properties | None) -> bytes:
    version = MQTTProtocolVersion.MQTTv311 if properties is None else MQTTProtocolVersion.MQTTv5
    client = Recorder(CallbackAPIVersion.VERSION2, protocol=version)
    client._sock = object()
    client._send_publish(mid, topic.encode(), payload, qos, retain, False, None, properties)
    client._sock = None
    return client.packet


@given(TOPICS, st.binary(max_size=300), st.integers(0, 1), st.booleans(), st.integers(1, 65535))
def test_publish_311_is_what_paho_writes(topic: str, payload: bytes, qos: int, retain: bool, mid: int) -> None:
    ours = encode_publish(encode_text(topic), payload, qos=qos, retain=retain, mid=mid)
    assert ours == paho_bytes(topic, payload, qos, retain, mid, None)


@given(TOPICS, st.binary(max_size=300), st.integers(0, 1), TEXTS, st.dictionaries(TEXTS, TEXTS, max_size=4))
def test_publish_5_is_what_paho_writes(
    topic: str, payload: bytes, qos: int, content_type: str, user: dict[str, str]
) -> None:
    properties = Properties(PacketTypes.PUBLISH)
    if content_type:
        properties.ContentType = content_type
    if user:
        properties.UserProperty = list(user.items())
    ours = encode_publish(encode_text(topic), payload, qos=qos, mid=7, properties=encode_properties(content_type, user))
    assert ours == paho_bytes(topic, payload, qos, False, 7, properties)


@given(TOPICS, st.binary(max_size=300), st.integers(0, 1), st.booleans())
def test_publish_is_read_as_paho_reads_it(topic: str, payload: bytes, qos: int, v5: bool) -> None:
    packet = encode_publish(
        encode_text(topic), payload, qos=qos, mid=4711, properties=encode_properties("text/plain") if v5 else b""
    )
    length, start = read_varint(packet, 1)
    assert start + length == len(packet)
    ours = decode_publish(packet, start, len(packet), packet[0], v5, {})
    version = MQTTProtocolVersion.MQTTv5 if v5 else MQTTProtocolVersion.MQTTv311
    theirs = _packet.decode_publish(packet[0], packet[start:], version)
    assert ours[:3] == (theirs.topic.decode(), theirs.payload, theirs.mid)
    assert ours[4] == ({"mqtt.content_type": "text/plain"} if v5 else None)


def test_all_properties_of_a_publish_are_understood() -> None:
    properties = Properties(PacketTypes.PUBLISH)
    properties.PayloadFormatIndicator = 1
    properties.MessageExpiryInterval = 60
    properties.TopicAlias = 3
    properties.ResponseTopic = "reply/here"
    properties.CorrelationData = b"\xff\x01"
    properties.SubscriptionIdentifier = 300
    properties.ContentType = "application/json"
    properties.UserProperty = [("order", "4711"), ("mqtt.content_type", "a lie")]
    raw = properties.pack()
    length, at = read_varint(raw, 0)
    assert decode_properties(raw, at, at + length) == {
        "mqtt.response_topic": "reply/here",
        "mqtt.correlation": "ff01",
        "mqtt.content_type": "application/json",
        "order": "4711",
    }


def test_pubacks_are_what_paho_writes() -> None:
    assert encode_pubacks([1, 65535]) == struct.pack("!BBHBBH", 0x40, 2, 1, 0x40, 2, 65535)
    assert decode_puback(b"\x40\x02\x00\x07", 2, 4) == (7, 0)
    assert decode_puback(b"\x40\x04\x00\x07\x87\x00", 2, 6) == (7, 0x87)


@given(st.integers(0, 268_435_455))
def test_lengths_survive_the_way_there_and_back(value: int) -> None:
    raw = encode_varint(value)
    assert read_varint(raw, 0) == (value, len(raw))


@given(st.binary(max_size=40), st.booleans(), st.integers(0x30, 0x3F))
def test_hostile_bytes_end_in_a_known_error(body: bytes, v5: bool, head: int) -> None:
    with contextlib.suppress(*BrokenPacketError):
        decode_publish(body, 0, len(body), head, v5, {})


def test_too_long_texts_and_packets_are_refused() -> None:
    with pytest.raises(ValueError, match="65,535"):
        encode_text("x" * 65_536)
    with pytest.raises(ValueError, match="more than an MQTT packet"):
        encode_varint(268_435_456)
