from typing import Any, Literal

import pytest

from flowhost.errors import ConfigError
from flowhost.graph.configs import connection_config, node_config
from flowhost.graph.document import ConnectionEntry, NodeEntry
from flowhost.graph.references import EnvironmentSecrets
from flowhost.sdk import Config, Connection, ConnectionSpec, Expression, NodeSpec, Secret, Source, setting


class Tag(Config):
    name: str = setting(min_length=1)
    """Name of the tag."""
    scale: float = 1.0
    """Factor."""


class PollConfig(Config):
    topics: list[str] = setting(min_length=1)
    """Topics to read. More than one is fine."""
    qos: Literal[0, 1] = 1
    """Quality of service."""
    mode: Literal["fast", "slow"] = "fast"
    """How eager."""
    id: Expression | None = None
    """Identity of a message."""
    tags: list[str | Tag] = setting(default_factory=list)
    """Tags."""
    port: int = setting(1883, ge=1, le=65535)
    """TCP port."""


class Poll(Source[PollConfig]):
    spec = NodeSpec(id="test.poll", title="Poll", summary="Reads.", category="plant")
    Config = PollConfig


class LinkConfig(Config):
    host: str
    """Where."""
    url: str = setting("x://y", pattern="^x:")
    """Address."""
    password: Secret | None = None
    """Password."""


class Link(Connection[LinkConfig]):
    spec = ConnectionSpec(id="test.link", title="Link", summary="Links.")
    Config = LinkConfig


def config_of(config: dict[str, Any], environ: dict[str, str] | None = None) -> Any:
    entry = NodeEntry(id="temps", type="test.poll", config=config)
    environ = environ or {}
    return node_config(entry, Poll, {}, EnvironmentSecrets(environ), environ)


def test_values_defaults_and_references() -> None:
    config = config_of(
        {"topics": [{"env": "TOPIC", "default": "a/b"}], "port": {"env": "PORT"}, "id": "topic"}, {"PORT": "1884"}
    )
    assert config.topics == ["a/b"]
    assert config.port == 1884
    assert config.id.text == "topic"
    assert config.qos == 1


@pytest.mark.parametrize(
    ("config", "place", "words"),
    [
        ({}, "nodes.temps.config.topics", "'topics' is missing: Topics to read"),
        ({"topics": "a"}, "nodes.temps.config.topics", "must be a list, not 'a'"),
        ({"topics": [1]}, "nodes.temps.config.topics[0]", "must be text, not 1"),
        ({"topics": []}, "nodes.temps.config.topics", "must be a list of at least 1, not a list"),
        ({"topics": ["a"], "qoss": 1}, "nodes.temps.config.qoss", "did you mean 'qos'?"),
        ({"topics": ["a"], "zzz": 1}, "nodes.temps.config.zzz", "unknown field 'zzz'; known fields: id, mode, port"),
        ({"topics": ["a"], "qos": 2}, "nodes.temps.config.qos", "must be 0 or 1, not 2"),
        ({"topics": ["a"], "mode": "fest"}, "nodes.temps.config.mode", "did you mean 'fast'?"),
        ({"topics": ["a"], "port": 0}, "nodes.temps.config.port", "must be at least 1, not 0"),
        ({"topics": ["a"], "port": None}, "nodes.temps.config.port", "must be a whole number, but is empty"),
        ({"topics": ["a"], "port": {"x": 1}}, "nodes.temps.config.port", "must be a whole number, not an object"),
        ({"topics": ["a"], "tags": [{"nam": "x"}]}, "nodes.temps.config.tags[0].nam", "did you mean 'name'?"),
        ({"topics": ["a"], "tags": [{}]}, "nodes.temps.config.tags[0].name", "'name' is missing: Name of"),
        ({"topics": ["a"], "tags": [{"name": ""}]}, "nodes.temps.config.tags[0].name", "least 1 character long, not"),
        ({"topics": ["a"], "tags": [{"name": "x", "scal": 1}]}, "nodes.temps.config.tags[0].scal", "mean 'scale'?"),
        (
            {"topics": ["a"], "tags": [7]},
            "nodes.temps.config.tags[0]",
            "must be text, or an object (key: value), not 7",
        ),
        ({"topics": ["a"], "tags": ["t", {"name": 7}]}, "nodes.temps.config.tags[1].name", "must be text, not 7"),
        ({"topics": ["a"], "id": "1 +"}, "nodes.temps.config.id", "(column"),
        ({"topics": ["a"], "id": ["x"]}, "nodes.temps.config.id", "must be text that holds an expression"),
        ({"topics": ["x" * 99], "mode": "y" * 99}, "nodes.temps.config.mode", "..."),
    ],
)
def test_wrong_values_in_plain_words(config: dict[str, Any], place: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        config_of(config)
    assert caught.value.place == place
    assert words in caught.value.message


def test_further_findings_are_counted() -> None:
    with pytest.raises(ConfigError, match=r"\(and 2 more; `flowhost lint` lists them\)"):
        config_of({"qos": 7, "port": "x"})


@pytest.mark.parametrize(
    ("config", "place", "words"),
    [
        ({"host": {"env": "PLC_HOST"}}, "connections.plc.config.host", "set it, or write a default: {env: PLC_HOST, "),
        (
            {"host": "h", "password": {"secret": "plc_key"}},
            "connections.plc.config.password",
            "set the environment variable FLOWHOST_SECRET_PLC_KEY",
        ),
        ({"host": {"secret": 7}}, "connections.plc.config.host", "7 is not the name of a secret"),
        ({"host": {"secret": "a", "default": "b"}}, "connections.plc.config.host", "a secret has no default"),
        ({"host": {"env": "payload.x"}}, "connections.plc.config.host", "is not the name of an environment variable"),
    ],
)
def test_references_that_cannot_be_resolved(config: dict[str, Any], place: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        connection_config(ConnectionEntry(name="plc", type="test.link", config=config), Link, {}, {}, {})
    assert caught.value.place == place
    assert words in caught.value.message


@pytest.mark.parametrize(
    ("config", "secrets"),
    [
        ({"host": "h", "url": {"secret": "s"}}, {"s": "hunter2"}),
        ({"host": "h", "password": {"deep": {"secret": "s"}}}, {"s": "hunter2"}),
    ],
)
def test_an_error_shows_no_secret(config: dict[str, Any], secrets: dict[str, str]) -> None:
    with pytest.raises(ConfigError) as caught:
        connection_config(ConnectionEntry(name="plc", type="test.link", config=config), Link, {}, secrets, {})
    assert "hunter2" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_secret_is_resolved_and_stays_covered() -> None:
    entry = ConnectionEntry(name="plc", type="test.link", config={"host": "h", "password": {"secret": "s"}})
    config: Any = connection_config(entry, Link, {}, {"s": "hunter2"}, {})
    assert config.password.get_secret_value() == "hunter2"
    assert "hunter2" not in repr(config)
