"""Configs of the connection `mqtt.broker` and the nodes `mqtt.subscribe` and `mqtt.publish`."""

from __future__ import annotations

from typing import Literal

from pydantic import field_validator, model_validator

from flowhost.sdk import Config, Expression, Secret, Template, setting
from flowhost_mqtt.topics import problem_of_filter, problem_of_topic

PLAIN_PORT = 1883
TLS_PORT = 8883


class TlsConfig(Config):
    ca_file: str = setting("", example="certs/plant-ca.pem")
    """Certificates that are trusted to sign the broker's (PEM). Empty: those of the operating system."""
    cert_file: str = setting("", advanced=True, example="certs/flowhost.pem")
    """Our own certificate (PEM), where the broker asks for one."""
    key_file: str = setting("", advanced=True, example="certs/flowhost.key")
    """Private key of our certificate (PEM), if it is not in the same file."""
    key_password: Secret | None = setting(None, advanced=True)
    """Password of the private key."""
    verify: bool = setting(True, advanced=True)
    """Check who the broker is. Switched off, anybody in between can read and change everything."""


class WillConfig(Config):
    topic: str = setting(example="plant1/flowhost/state")
    """Where the broker publishes the last message."""
    payload: str = setting("offline")
    """The last message, text."""
    qos: Literal[0, 1] = setting(1)
    """Its quality of service."""
    retain: bool = setting(True)
    """Keep it as the topic's value."""

    @field_validator("topic")
    @classmethod
    def _check_topic(cls, topic: str) -> str:
        return _without(problem_of_topic(topic), topic)


class BrokerConfig(Config):
    host: str = setting(example="mqtt.plant.example", min_length=1)
    """Name or address of the broker."""
    port: int = setting(PLAIN_PORT, ge=1, le=65535)
    """TCP port; 1883 is usual without TLS, 8883 with it (and taken where `tls` is set and `port` is left out)."""
    version: Literal["auto", "3.1.1", "5"] = setting("auto")
    """Version of MQTT. `auto` tries 5 and falls back to 3.1.1."""
    username: str = setting("")
    """User name; empty for none."""
    password: Secret | None = setting(None)
    """Password."""
    tls: TlsConfig | bool = setting(False)
    """Encrypt the link: off, on, or on with certificates of your own."""
    keepalive_s: int = setting(10, ge=5, le=3600, unit="s", advanced=True)
    """Longest silence before a ping is sent; a link without an answer for as long again is given up."""
    timeout_s: float = setting(10.0, gt=0, le=120, unit="s", advanced=True)
    """How long one attempt to connect may take."""
    reconnect_max_s: float = setting(5.0, ge=0.5, le=600, unit="s", advanced=True)
    """Longest pause between attempts to connect again; the first is about half a second."""
    client_id: str = setting("", max_length=64, advanced=True)
    """Begin of our client ids, for brokers that only let known ones in. Empty: the host's id."""
    drops_topic: str = setting("$SYS/broker/publish/messages/dropped", advanced=True)
    """Where the broker counts messages it has thrown away, as mosquitto does; a rise is told. Empty: do not look."""
    will: WillConfig | None = setting(None, advanced=True)
    """What the broker publishes when the connection breaks."""

    @field_validator("version", mode="before")
    @classmethod
    def _read_version(cls, version: object) -> object:
        """YAML reads an unquoted 5 as a number."""
        return str(version) if isinstance(version, int) and not isinstance(version, bool) else version

    @field_validator("drops_topic")
    @classmethod
    def _check_drops_topic(cls, topic: str) -> str:
        return _without(problem_of_filter(topic), topic) if topic else topic

    @model_validator(mode="after")
    def _check_password(self) -> BrokerConfig:
        if self.password is not None and not self.username:
            raise ValueError("there is a password but no username; set 'username'")
        return self

    @property
    def effective_port(self) -> int:
        """The port that is dialled."""
        return TLS_PORT if self.tls and "port" not in self.model_fields_set else self.port


class SubscribeConfig(Config):
    topics: tuple[str, ...] = setting(example=["plant/+/temp"], min_length=1, widget="topic", choices_from="topics")
    """Topic filters: `+` stands for one level, `#` at the end for all below, `$share/group/filter` shares the load."""
    qos: Literal[0, 1, 2] = setting(1)
    """0: at most once. 1: kept by the broker until the flow has delivered it. 2 works as 1 (duplicates possible)."""
    id: Expression | None = setting(None, example="topic + ':' + text(payload.seq)")
    """What makes a message unique, the same on every redelivery. Without it the path is 'at least once'."""
    key: Expression | None = setting(None, advanced=True, example="payload.machine")
    """Messages of one key stay in order. Without it the topic is the key."""
    format: Literal["auto", "json", "text", "bytes"] = setting("auto")
    """`auto`: JSON where it is valid, else text, else bytes. Others are strict: what does not fit leaves by `error`."""
    time: Expression | None = setting(None, advanced=True, example="payload.ts")
    """Source time: ISO text with zone, or seconds or milliseconds since 1970. Without it, the time of receipt."""
    max_payload_bytes: int = setting(1_048_576, ge=1, unit="By", advanced=True)
    """Larger payloads leave by `error`."""
    session_expiry_s: int = setting(86_400, ge=0, le=4_294_967_295, unit="s", advanced=True, only_if={"qos": [1, 2]})
    """How long the broker keeps our unconfirmed messages while we are away (MQTT 5, QoS 1). 3.1.1 has its own rule."""
    backlog: int = setting(2_000, ge=1, unit="messages", advanced=True)
    """Received messages that may wait for the flow; beyond that nothing more is read from the broker."""

    @field_validator("topics")
    @classmethod
    def _check_topics(cls, topics: tuple[str, ...]) -> tuple[str, ...]:
        for topic in topics:
            _without(problem_of_filter(topic), topic)
        return topics


class PublishConfig(Config):
    topic: Template = setting(example="uns/{topic}")
    """Where to publish."""
    qos: Literal[0, 1] = setting(1)
    """0: sent is done. 1: done when the broker has confirmed."""
    retain: bool = setting(False)
    """The broker keeps the message as the topic's value and gives it to whoever subscribes later."""
    payload: Expression | None = setting(None, advanced=True, example="payload.value")
    """What to publish. Without it the whole payload."""
    content_type: str = setting("", advanced=True, example="application/json")
    """Told to receivers (MQTT 5)."""
    user_properties: bool = setting(False, advanced=True)
    """Send the message's headers along as user properties (MQTT 5)."""
    timeout_s: float = setting(10.0, gt=0, le=300, unit="s", advanced=True)
    """How long a batch may wait for the broker's confirmation before the link is given up as dead."""

    @field_validator("topic")
    @classmethod
    def _check_topic(cls, topic: Template) -> Template:
        """A topic without placeholders can be checked before anything runs."""
        if "{" not in topic.text:
            _without(problem_of_topic(topic.text), topic.text)
        return topic


def _without(problem: str, topic: str) -> str:
    if problem:
        msg = f"'{topic}' {problem}"
        raise ValueError(msg)
    return topic
