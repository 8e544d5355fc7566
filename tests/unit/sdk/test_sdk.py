"""The plugin contract: what is public, what is frozen, what is refused."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from pydantic import ValidationError

from flowhost import sdk
from flowhost.errors import EvaluationError
from flowhost.sdk import (
    OUT,
    Config,
    ConnectionSpec,
    Expression,
    Message,
    MessageTransform,
    Meta,
    NodeSpec,
    Port,
    Secret,
    Sink,
    StatefulTransform,
    Step,
    Template,
    setting,
)

PUBLIC = """
OUT AsyncTransform AuthenticationError Browse BrowseRequest Checkpoint Choice Choices Clock CodeWriter
Config ConfigError Connection
ConnectionContext ConnectionSpec ConnectionTest Emit EvaluationError Expression Function InlineTransform
Message MessageError MessageTransform Meta Node NodeContext NodeError NodeSpec NotConnectedError NoticeBoard
Ok Outputs PermanentError Port Quality QueryOutcome Reject Rejected Remembering Retry Secret Settlement Sink Source
State StateForm StatefulTransform Step Template TemporaryError Transform Trigger Unknown UnknownOutcomeError
WriteOutcome hookimpl setting ucum_unit
"""


def test_public_names_are_pinned() -> None:
    """A name that goes breaks plugins; a new one is a promise: both are decided here, on purpose."""
    assert set(PUBLIC.split()) <= set(sdk.__all__), "a public name is gone"
    new = set(sdk.__all__) - set(PUBLIC.split())
    assert not new, f"write new public names into this list: {sorted(new)}"
    assert all(hasattr(sdk, name) for name in sdk.__all__)


# -- messages


def test_message_and_meta_are_frozen() -> None:
    message = Message({"v": 1}, Meta(topic="t"))
    with pytest.raises(AttributeError):
        message.payload = 2  # type: ignore[misc]
    with pytest.raises(AttributeError):
        message.meta.topic = "x"  # type: ignore[misc]


def test_derived_messages_share_the_meta() -> None:
    message = Message(1, Meta(topic="t", key="k"))
    assert message.with_payload(2).meta is message.meta
    changed = message.with_meta(topic="u")
    assert (changed.meta.topic, changed.meta.key, changed.payload) == ("u", "k", 1)
    assert message.meta.topic == "t"


def test_headers_of_two_messages_are_not_the_same_object() -> None:
    Meta().headers["x"] = "1"
    assert Meta().headers == {}


def test_messages_travel_as_msgpack() -> None:
    message = Message(
        {"v": [1, None, "x", 1.5]}, Meta(topic="t", time_ns=1, quality="bad", status=5, headers={"a": "b"})
    )
    data = msgspec.msgpack.encode(message)
    assert msgspec.msgpack.decode(data, type=Message) == message


# -- configs


class Sampled(Config):
    """How a tag is read."""

    tag: str = setting(example="Line1.Speed", widget="tag", choices_from="browse")
    """Name of the tag."""
    period_ms: int = setting(1000, ge=10, unit="ms", advanced=True, since="0.2")
    """Time between two samples."""
    where: Expression | None = setting(None)
    """Samples that count."""
    label: Template = setting("{topic}")
    """Text beside the value."""
    password: Secret = setting("")
    """Password."""
    items: list[str] = setting(default_factory=list)
    """More."""


def test_config_is_frozen_and_refuses_unknown_keys() -> None:
    config = Sampled(tag="a")
    with pytest.raises(ValidationError):
        config.tag = "b"
    with pytest.raises(ValidationError, match="perod_ms"):
        Sampled.model_validate({"tag": "a", "perod_ms": 5})


def test_config_field_data_reaches_the_schema() -> None:
    fields = Sampled.model_json_schema()["properties"]
    assert fields["period_ms"]["unit"] == "ms"
    assert fields["period_ms"]["advanced"] is True
    assert fields["period_ms"]["since"] == "0.2"
    assert fields["period_ms"]["minimum"] == 10
    assert fields["tag"]["examples"] == ["Line1.Speed"]
    assert (fields["tag"]["widget"], fields["tag"]["choices_from"]) == ("tag", "browse")
    assert fields["tag"]["description"] == "Name of the tag."
    assert fields["label"]["format"] == "template"
    assert "unit" not in fields["tag"]


def test_config_lists_are_not_shared() -> None:
    Sampled(tag="a").items.append("x")
    assert Sampled(tag="b").items == []


def test_expressions_and_templates_are_compiled_and_compared_by_text() -> None:
    config = Sampled.model_validate({"tag": "a", "where": "payload > 1", "label": "{payload} bar"})
    assert config.where is not None
    assert config.where.evaluate(Message(2)) is True
    assert config.label.render(Message(2)) == "2 bar"
    assert config.where == Sampled.model_validate({"tag": "a", "where": "payload > 1"}).where
    assert repr(config.where) == "Expression('payload > 1')"
    assert config.model_dump()["where"] == "payload > 1"
    assert Sampled.model_validate(config.model_dump() | {"password": ""}) == config


@pytest.mark.parametrize(("given", "text"), [(True, "True"), (1, "1"), (1.5, "1.5")])
def test_a_bare_number_or_truth_value_is_an_expression(given: Any, text: str) -> None:
    where = Sampled.model_validate({"tag": "a", "where": given}).where
    assert where is not None
    assert where.text == text


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("where", "payload >", "column"),
        ("where", ["payload"], "must be text that holds an expression"),
        ("where", "__import__('os')", "column"),
        ("label", "{payload", "column"),
    ],
)
def test_wrong_expressions_are_refused_with_their_column(field: str, value: Any, words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        Sampled.model_validate({"tag": "a", field: value})


def test_an_expression_that_fails_names_the_field() -> None:
    where = Sampled.model_validate({"tag": "a", "where": "payload.speed > 1"}).where
    assert where is not None
    with pytest.raises(EvaluationError, match="speed"):
        where.evaluate(Message({"sped": 1}))


def test_functions_of_plugins_are_found_through_the_context() -> None:
    given = {"tag": "a", "where": "double(payload) > 3"}
    with pytest.raises(ValidationError, match="double"):
        Sampled.model_validate(given)
    where = Sampled.model_validate(given, context={"functions": {"double": lambda v: v * 2}}).where
    assert where is not None
    assert where.evaluate(Message(2)) is True


def test_a_secret_does_not_show() -> None:
    config = Sampled.model_validate({"tag": "a", "password": "hunter2"})
    assert "hunter2" not in repr(config)
    assert "hunter2" not in config.model_dump_json()
    assert config.password.get_secret_value() == "hunter2"


# -- specs


@pytest.mark.parametrize("type_id", ["MQTT.publish", "mqtt.", ".x", "a.b.c", "a b", "1a", "", "mqtt-publish", "a\n"])
def test_specs_refuse_ids_that_no_flow_file_could_hold(type_id: str) -> None:
    with pytest.raises(ValueError, match="must look like"):
        NodeSpec(id=type_id, title="t", summary="s", category="c")
    with pytest.raises(ValueError, match="must look like"):
        ConnectionSpec(id=type_id, title="t", summary="s")


def test_specs_are_frozen() -> None:
    spec = NodeSpec(id="mqtt.publish", title="t", summary="s", category="c")
    with pytest.raises(AttributeError):
        spec.id = "x"  # type: ignore[misc]
    assert spec.ports == (OUT,)


# -- kinds of nodes


def make(kind: type[Any]) -> Any:
    return kind(Config(), SimpleNamespace())


def test_a_message_transform_may_give_none_one_or_several() -> None:
    class Odd(MessageTransform[Config]):
        spec = NodeSpec(id="t.odd", title="t", summary="s", category="c")
        Config = Config

        def process_one(self, message: Message) -> Any:
            return {0: None, 1: message, 2: [message, message]}[message.payload]

    assert [m.payload for m in make(Odd).process([Message(0), Message(1), Message(2)])] == [1, 2, 2]


def test_ports_come_from_the_spec() -> None:
    class Writes(Sink[Config]):
        spec = NodeSpec(id="t.w", title="t", summary="s", category="c", ports=(OUT, Port(name="late")))
        Config = Config

    assert Writes.output_ports(Config()) == ("out", "late")


async def test_a_node_need_not_say_anything_about_its_life() -> None:
    class Keeps(StatefulTransform[Config]):
        spec = NodeSpec(id="t.k", title="t", summary="s", category="c")
        Config = Config

    node = make(Keeps)
    await node.open()
    await node.close()
    await node.close()
    assert (node.health(), node.due({}), node.tick([1], 0), node.flush([1])) == ("", None, Step([1]), Step([1]))
    assert node.key_of(Message(1, Meta(topic="t"))) == "t"
    assert node.key_of(Message(1, Meta(topic="t", key="k"))) == "k"
