from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import pytest
from pydantic import model_validator

from flowhost.catalog import load_catalog
from flowhost.catalog.describe import (
    describe,
    describe_fields,
    describe_markdown,
    example_of,
    kind_of,
    title_of,
    type_words,
)
from flowhost.catalog.examples import whole_example
from flowhost.sdk import Config, Expression, NodeSpec, Port, Secret, Sink, Source, Template, setting


class Tag(Config):
    name: str = setting(example="power_kw")
    """Field of the payload."""
    scale: float = 1.0
    """Factor."""


class ReadConfig(Config):
    """How to read."""

    tags: list[Tag]
    """What is read.

    One per value."""
    period_ms: int = setting(1000, ge=10, unit="ms", example=500)
    """Time from scan to scan."""
    mode: Literal["fast", "slow"] = "fast"
    """How eager."""
    key: Expression | None = None
    """Ordering key."""
    password: Secret | None = None
    """Password."""
    pin: Secret = Secret("1234")
    """PIN."""
    options: dict[str, Any] = setting(
        default_factory=dict, advanced=True, widget="code", choices_from="browse", since="0.2"
    )
    """More."""
    first: Tag = Tag(name="a")
    """First tag."""
    from_: str = setting("a", alias="from")
    """Where from."""


class Read(Source[ReadConfig]):
    """Reads a table of values at a fixed rate."""

    spec = NodeSpec(
        id="acme.read", title="Read", summary="Reads values.", category="plant", connection="acme.plc", since="0.2",
        stability="stable", keywords=("poll",),
    )  # fmt: skip
    Config = ReadConfig
    replayable = True


class DropConfig(Config):
    pass


class Drop(Sink[DropConfig]):
    spec = NodeSpec(
        id="drop", title="Drop", summary="Drops.", category="debug", ports=(Port(name="out", summary="answers"),)
    )
    Config = DropConfig


def test_facts_of_a_node_type() -> None:
    facts = describe(Read)
    assert facts["type"] == "acme.read"
    assert facts["kind"] == kind_of(Read) == "source"
    assert facts["replayable"] is True
    assert facts["leaves_machine"] is False
    assert facts["connection"] == "acme.plc"
    assert facts["ports"] == [{"name": "out", "summary": "the result", "required": True}]
    assert facts["schema"]["properties"]["key"]["anyOf"][0] == {"type": "string", "format": "expression"}
    assert kind_of(Drop) == "sink"
    assert describe(Drop)["leaves_machine"] is True


def test_facts_of_fields() -> None:
    fields = {field["name"]: field for field in describe_fields(ReadConfig)}
    assert list(fields) == ["tags", "period_ms", "mode", "key", "password", "pin", "options", "first", "from"]
    assert fields["tags"]["required"] is True
    assert fields["tags"]["docs"] == "What is read. One per value."
    assert [inner["name"] for inner in fields["tags"]["fields"]] == ["name", "scale"]
    period = fields["period_ms"]
    assert (period["type"], period["unit"], period["default"], period["example"]) == ("whole number", "ms", 1000, 500)
    assert fields["mode"]["type"] == "'fast' or 'slow'"
    assert fields["key"]["default"] is None
    assert fields["password"]["secret"] is True
    assert fields["pin"]["default"] is None, "a secret is not shown, not even a default one"
    options = fields["options"]
    assert (options["advanced"], options["widget"], options["choices_from"], options["since"]) == (
        True, "code", "browse", "0.2",
    )  # fmt: skip
    assert fields["first"]["default"] == {"name": "a", "scale": 1.0}


class Conditional(Config):
    mode: Literal["insert", "upsert"] = setting("insert")
    create: bool = setting(False)
    keys: list[str] = setting(default_factory=list, only_if=[{"mode": "upsert"}, {"create": True}])
    note: str = setting("", only_if={"mode": ["insert", "upsert"], "create": False})


def test_what_a_field_needs_to_mean_something_is_told_to_forms_schema_and_readers() -> None:
    fields = {field["name"]: field for field in describe_fields(Conditional)}
    assert fields["mode"]["only_if"] == []
    assert fields["keys"]["only_if"] == [{"mode": "upsert"}, {"create": True}]
    assert fields["note"]["only_if"] == [{"mode": ["insert", "upsert"], "create": False}]
    assert Conditional.model_json_schema()["properties"]["keys"]["only_if"] == fields["keys"]["only_if"]
    page = describe_markdown(load_catalog().nodes["sql.write"])
    assert "- `keys` (list of text, only with `mode` upsert or `create_table`): Columns" in page


def conditions(facts: list[dict[str, Any]]) -> Iterator[tuple[dict[str, dict[str, Any]], str, Any]]:
    beside = {fact["name"]: fact for fact in facts}
    for fact in facts:
        yield from conditions(fact["fields"])
        for all_of in fact["only_if"]:
            yield from ((beside, name, wanted) for name, wanted in all_of.items())


def test_conditions_of_all_types_speak_of_fields_and_values_there_are() -> None:
    catalog = load_catalog()
    told = [found for kind in (*catalog.nodes.values(), *catalog.connections.values())
            for found in conditions(describe_fields(kind.Config))]  # fmt: skip
    assert len(told) > 20
    for beside, name, wanted in told:
        assert name in beside
        if not isinstance(wanted, bool):
            for value in [wanted] if isinstance(wanted, str | int) else wanted:
                assert repr(value) in beside[name]["type"].split(" or "), f"{name} is never {value}"


@pytest.mark.parametrize(
    ("annotation", "words"),
    [
        (int | str, "whole number or text"),
        (str | None, "text"),
        (type(None), "empty"),
        (list[Literal[0, 1]], "list of 0 or 1"),
        (dict[str, Template], "object of template"),
        (tuple[float, ...], "list of number"),
        (bytes, "bytes"),
        (Any, "any value"),
        (Tag, "object"),
    ],
)
def test_types_in_words(annotation: Any, words: str) -> None:
    assert type_words(annotation) == words


def test_the_help_page() -> None:
    page = describe_markdown(Read)
    assert page.startswith("# acme.read\n\nReads values.\n\nReads a table of values at a fixed rate.\n\n")
    assert "Read: a source of group plant, since 0.2.\nNeeds a connection of type `acme.plc`.\n" in page
    assert "- `tags` (list of object, required): What is read. One per value.\n" in page
    assert "  - `name` (text, required): Field of the payload. Example: `power_kw`.\n" in page
    assert "- `period_ms` (whole number, ms, default `1000`): Time from scan to scan. Example: `500`.\n" in page
    assert "- `options` (object of any value, advanced): More.\n" in page
    assert "1234" not in page
    assert '  read: {type: acme.read, connection: "...", config: {tags: [{name: power_kw}], period_ms: 500}}\n' in page
    page = describe_markdown(Drop)
    assert "Nothing to set." in page
    assert "- `out`: answers, may stay unwired\n" in page
    assert "beta" in page
    assert "  drop: {type: drop}\n" in page


def test_every_installed_type_has_its_page() -> None:
    catalog = load_catalog()
    for node_type in catalog.nodes.values():
        assert describe_markdown(node_type).startswith(f"# {node_type.spec.id}\n")
        undocumented = [field["name"] for field in describe_fields(node_type.Config) if not field["docs"]]
        assert undocumented == []


@pytest.mark.parametrize(
    ("name", "unit", "title"),
    [
        ("timeout_s", "s", "Timeout"), ("period_ms", "ms", "Period"), ("rate_hz", "1/s", "Rate"), ("qos", "", "QoS"),
        ("tls", "", "TLS"), ("id", "", "Id"), ("base_url", "", "Base URL"), ("inbox_days", "d", "Inbox days"),
        ("create_table", "", "Create table"),
    ],
)  # fmt: skip
def test_a_field_has_a_name_for_people(name: str, unit: str, title: str) -> None:
    assert title_of(name, unit) == title


def test_a_plugin_may_name_its_fields_itself() -> None:
    class Named(Config):
        pause_s: float = setting(1.0, unit="s", title="Time to rest")

    assert describe_fields(Named)[0]["title"] == "Time to rest"


@pytest.mark.parametrize("type_id", sorted(load_catalog().nodes))
def test_every_type_has_one_whole_example_that_could_be_used_as_it_is(type_id: str) -> None:
    catalog = load_catalog()
    kind = catalog.nodes[type_id]
    example = example_of(kind, catalog.functions)
    assert example is not None
    kind.Config.model_validate(example, context={"functions": catalog.functions})
    assert "..." not in str(example), "a required field has no example"


def test_an_example_takes_what_is_required_and_what_fits_to_it() -> None:
    class Either(Config):
        name: str = setting(example="a")
        one: int | None = setting(None, example=1)
        other: int | None = setting(None, example=2)
        rare: int | None = setting(None, example=3, advanced=True)

        @model_validator(mode="after")
        def _one_of_two(self) -> Either:
            if (self.one is None) == (self.other is None):
                raise ValueError("one of the two")
            return self

    assert whole_example(Either, describe_fields(Either), {}) == {"name": "a", "one": 1}
