"""Small node and connection types for flows under test."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import pytest
from pydantic import field_validator

from flowhost.sdk import (
    OUT,
    Config,
    Connection,
    ConnectionSpec,
    Expression,
    MessageTransform,
    NodeSpec,
    Port,
    Secret,
    Sink,
    Source,
    Template,
    setting,
)


class BrokerConfig(Config):
    host: str
    """Name or address of the broker."""
    port: int = setting(1883, ge=1, le=65535)
    """TCP port."""
    url: str = ""
    """Address in one."""
    password: Secret | None = None
    """Password."""

    @field_validator("host")
    @classmethod
    def _no_blanks(cls, value: str) -> str:
        if value == "fail here":
            raise LookupError("no such host")
        if " " in value:
            raise ValueError("a host has no blanks")
        return value


class Broker(Connection[BrokerConfig]):
    spec = ConnectionSpec(id="test.broker", title="Broker", summary="A broker.")
    Config = BrokerConfig


class PlcConfig(Config):
    endpoint: str = "opc.tcp://localhost"
    """Address."""


class Plc(Connection[PlcConfig]):
    spec = ConnectionSpec(id="test.plc", title="PLC", summary="A PLC.")
    Config = PlcConfig


class ReadConfig(Config):
    topics: list[str] = setting(min_length=1)
    """Topics to read."""
    qos: Literal[0, 1] = 1
    """Quality of service."""
    id: Expression | None = None
    """Identity of a message."""


class Read(Source[ReadConfig]):
    spec = NodeSpec(id="test.read", title="Read", summary="Reads.", category="plant", connection="test.broker")
    Config = ReadConfig


class FilterConfig(Config):
    where: Expression
    """Which messages go on."""


class Filter(MessageTransform[FilterConfig]):
    spec = NodeSpec(id="test.filter", title="Filter", summary="Filters.", category="logic")
    Config = FilterConfig


class Rule(Config):
    port: str
    """Name of the port."""
    where: Expression
    """Which messages leave here."""


class SwitchConfig(Config):
    rules: list[Rule]
    """In order."""


class Switch(MessageTransform[SwitchConfig]):
    spec = NodeSpec(id="test.switch", title="Switch", summary="Sorts.", category="logic", ports=())
    Config = SwitchConfig

    @classmethod
    def output_ports(cls, config: SwitchConfig) -> tuple[str, ...]:
        if config.rules and config.rules[0].port == "broken":
            raise KeyError("port")
        return tuple(rule.port for rule in config.rules)


class WriteConfig(Config):
    topic: Template
    """Where to."""
    token: str = ""
    """Token."""


class Write(Sink[WriteConfig]):
    spec = NodeSpec(
        id="test.write", title="Write", summary="Writes.", category="plant", connection="test.broker",
        ports=(Port(name="out"),),
    )  # fmt: skip
    Config = WriteConfig


class SaveConfig(Config):
    table: str = "t"
    """Table."""
    set: dict[str, Expression] = setting(default_factory=dict)
    """Columns."""
    headers: dict[str, str] = setting(default_factory=dict)
    """Headers."""


class Save(Sink[SaveConfig]):
    spec = NodeSpec(id="test.save", title="Save", summary="Saves.", category="business", ports=())
    Config = SaveConfig


class Show(Sink[SaveConfig]):
    spec = NodeSpec(id="test.show", title="Show", summary="Shows.", category="debug", ports=(), leaves_machine=False)
    Config = SaveConfig


class MarkConfig(Config):
    """Nothing to set."""


class Mark(MessageTransform[MarkConfig]):
    spec = NodeSpec(
        id="test.mark", title="Mark", summary="Marks.", category="debug", stability="deprecated",
        ports=(OUT, Port(name="late")),
    )  # fmt: skip
    Config = MarkConfig


@dataclass
class Library:
    nodes: Mapping[str, type[Any]]
    connections: Mapping[str, type[Any]]
    functions: Mapping[str, Any] = field(default_factory=dict)


@pytest.fixture(scope="session")
def library() -> Library:
    node_types = (Read, Filter, Switch, Write, Save, Show, Mark)
    return Library(
        nodes={node_type.spec.id: node_type for node_type in node_types},
        connections={connection_type.spec.id: connection_type for connection_type in (Broker, Plc)},
        functions={"plant_code": lambda value: value},
    )
