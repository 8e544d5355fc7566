"""Configs of the OPC UA connection and nodes."""

from __future__ import annotations

from typing import Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import field_validator, model_validator

from flowhost.sdk import Config, Secret, setting
from flowhost_opcua.nodeids import parse_node

Security = Literal["none", "sign", "sign_and_encrypt"]
Policy = Literal["Basic256Sha256", "Aes128_Sha256_RsaOaep", "Aes256_Sha256_RsaPss"]


class ClientConfig(Config):
    """A session with an OPC UA server, shared by all nodes that name the connection."""

    endpoint: str = setting(example="opc.tcp://10.1.2.3:4840")
    """Address of the server. Always used as written, whatever host name the server calls itself."""
    security: Security = setting()
    """`sign_and_encrypt` wherever the server can; `none` has to be written out: anyone on the network can then read and
    change the values."""
    policy: Policy | None = setting(None, advanced=True, only_if={"security": ["sign", "sign_and_encrypt"]})
    """Algorithms; Basic256Sha256 if left out. The older ones built on SHA-1 are refused."""
    username: str = setting("")
    """Empty: anonymous."""
    password: Secret = setting(Secret(""), only_if={"username": True})
    """As a reference: {secret: plc_password}."""
    pki_dir: str = setting("pki", advanced=True)
    """Folder for our own certificate (`own`), trusted server certificates (`trusted`) and refused ones (`rejected`)."""
    timeout_s: float = setting(15.0, unit="s", ge=5.0, le=120.0, advanced=True)
    """How long one request may take. Short times cut off servers that are merely busy."""
    keep_alive_s: float = setting(5.0, unit="s", ge=0.5, le=60.0, advanced=True)
    """The server says at least this often that it is alive; after three silent ones the link counts as lost."""
    reconnect_max_s: float = setting(10.0, unit="s", ge=1.0, le=30.0, advanced=True)
    """Longest pause between two attempts to get the link back; the first pause is 0.5 s."""

    @field_validator("endpoint")
    @classmethod
    def _endpoint_is_opc_tcp(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.username or parts.password:
            msg = "take user and password out of the endpoint; use the fields username and password"
            raise ValueError(msg)
        if parts.scheme != "opc.tcp" or not parts.hostname or not parts.port:
            msg = f"{value!r} is not an endpoint; write for example opc.tcp://10.1.2.3:4840"
            raise ValueError(msg)
        return value

    @model_validator(mode="after")
    def _policy_needs_security(self) -> Self:
        if self.security == "none" and self.policy is not None:
            msg = "security none uses no policy: leave policy out, or set security to sign_and_encrypt"
            raise ValueError(msg)
        return self


class Item(Config):
    """One value to follow."""

    node: str = setting(widget="opcua-node", choices_from="nodes", example="nsu=http://example.com/line;s=Speed")
    """Node id. The form with the namespace's URI stays right when a server numbers its namespaces anew."""
    topic: str = setting("", widget="label")
    """Topic and key of the messages. Empty: the text behind `s=`, for other kinds the whole node id."""
    unit: str = setting("", example="Cel")
    """UCUM code of the value."""
    deadband: float | None = setting(None, ge=0.0)
    """The server sends a number only when it has moved by more than this, in the value's unit."""

    @model_validator(mode="before")
    @classmethod
    def _node_alone(cls, value: Any) -> Any:
        """A bare node id is short for {node: ...}."""
        return {"node": value} if isinstance(value, str) else value

    @field_validator("node")
    @classmethod
    def _is_node_id(cls, value: str) -> str:
        return parse_node(value).text

    @property
    def topic_name(self) -> str:
        """Topic of its messages."""
        return self.topic or parse_node(self.node).topic


class SubscribeConfig(Config):
    """What to follow, and how fast."""

    items: tuple[Item, ...] = setting(min_length=1, example=["ns=2;s=Line1.Speed"])
    """The values to follow. Where nothing but the node id matters, it can stand alone."""
    sampling_ms: float = setting(250.0, unit="ms", ge=1.0, le=3_600_000.0)
    """How often the server looks at each value. It may choose a rate it supports; that is reported."""
    publish_ms: float = setting(500.0, unit="ms", ge=10.0, le=3_600_000.0)
    """How often the server sends what it has seen, all of it."""
    retry_refused_s: float = setting(60.0, unit="s", ge=1.0, advanced=True)
    """How often a node id the server refused is tried again, besides every reconnect."""

    @model_validator(mode="after")
    def _items_differ(self) -> Self:
        topics: dict[str, str] = {}
        for item in self.items:
            other = topics.setdefault(item.topic_name, item.node)
            if other != item.node and not item.topic:
                msg = (
                    f"{other} and {item.node} would both have topic {item.topic_name!r}: write a topic for one of them"
                )
                raise ValueError(msg)
        nodes = [item.node for item in self.items]
        if len(set(nodes)) < len(nodes):
            twice = next(node for node in nodes if nodes.count(node) > 1)
            msg = f"{twice} is listed twice: keep one of them"
            raise ValueError(msg)
        return self

    @property
    def queue_size(self) -> int:
        """Values the server keeps per item between two publishes: twice what it samples in that time."""
        return min(10_000, max(2, -int(-2 * self.publish_ms // self.sampling_ms)))
