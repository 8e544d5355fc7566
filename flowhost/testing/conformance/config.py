"""What every config and spec has to be, whatever it belongs to."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import pytest
from pydantic import BaseModel, SecretBytes, SecretStr, ValidationError

from flowhost.catalog.contract import check_connection_type, check_node_type
from flowhost.graph.annotations import fields_by_key, is_model, members
from flowhost.graph.clear_text import looks_secret
from flowhost.sdk import Connection, Expression, Node, Template

SECRETS = (SecretStr, SecretBytes)


class ConfigConformance:
    """A config survives being written and read, explains itself and refuses what it does not know."""

    pytestmark = pytest.mark.flowhost_conformance
    node_type: ClassVar[type[Node[Any]] | None] = None
    connection_type: ClassVar[type[Connection[Any]] | None] = None

    @pytest.fixture
    def config(self) -> dict[str, Any]:
        """The node's config, as it would stand in a flow file."""
        return {}

    @pytest.fixture
    def connection_config(self) -> dict[str, Any]:
        """The connection's config, as it would stand in a flow file."""
        return {}

    @pytest.fixture
    def written(self, config: dict[str, Any], connection_config: dict[str, Any]) -> dict[str, Any]:
        """The config of what is tested."""
        return config if self.node_type is not None else connection_config

    @classmethod
    def subject_type(cls) -> type[Any]:
        """The node type, else the connection type."""
        tested = cls.node_type or cls.connection_type
        assert tested is not None, f"set `node_type` or `connection_type` in {cls.__name__}"
        return tested

    def test_spec_keeps_the_contract(self) -> None:
        """The catalog would load it, and its palette entry is complete."""
        tested: Any = self.subject_type()
        if self.node_type is not None:
            check_node_type(tested)
        else:
            check_connection_type(tested)
        spec = tested.spec
        assert spec.title.strip(), "give the spec a title of two or three words"
        assert len(spec.title) <= 40, f"the title {spec.title!r} is too long for the palette"
        assert spec.summary.endswith("."), "the summary is one sentence and ends with a full stop"
        assert tested.__doc__, f"write a docstring for {tested.__name__}: it is the node's help page"

    def test_config_survives_writing_and_reading(self, written: dict[str, Any]) -> None:
        """Validated, written as JSON and validated again, it is the same."""
        config_class = self.subject_type().Config
        config = config_class.model_validate(written)
        text = json.dumps(as_written(config))
        again = config_class.model_validate(json.loads(text))
        assert again.model_dump() == config.model_dump(), f"reading {text} gives another config"

    def test_every_field_is_documented(self) -> None:
        """Form and help page are made from these texts."""
        mute = [
            place for place, field in all_fields(self.subject_type().Config) if not (field.description or "").strip()
        ]
        assert not mute, f"write a docstring below each of these fields: {', '.join(mute)}"

    def test_unknown_key_is_refused(self, written: dict[str, Any]) -> None:
        """A slip of the pen in a flow file is an error, not a setting without effect."""
        try:
            self.subject_type().Config.model_validate({**written, "no_such_setting": 1})
        except ValidationError:
            return
        pytest.fail("the config takes the unknown key 'no_such_setting'; derive it from flowhost.sdk.Config")

    def test_secrets_are_declared(self) -> None:
        """What is called a password is a `Secret`, so that no screen, log or export shows it."""
        clear = [
            place
            for place, field in all_fields(self.subject_type().Config)
            if looks_secret((place.rpartition(".")[2],))
            and not {*SECRETS, Expression, Template, bool} & set(members(field.annotation))
        ]
        assert not clear, f"declare these as flowhost.sdk.Secret: {', '.join(clear)}"


def as_written(config: BaseModel) -> Any:
    """The config as JSON-like data with the names used in files; only what was set. Secrets are in clear."""
    plain = config.model_dump(mode="json", by_alias=True, exclude_unset=True)
    return _with_secrets(plain, config.model_dump(mode="python", by_alias=True, exclude_unset=True))


def _with_secrets(plain: Any, python: Any) -> Any:
    if isinstance(python, SECRETS):
        return python.get_secret_value()
    if isinstance(python, Mapping):
        return {key: _with_secrets(plain[key], value) for key, value in python.items() if key in plain}
    if isinstance(python, list | tuple):
        return [_with_secrets(one, other) for one, other in zip(plain, python, strict=True)]
    return plain


def all_fields(config_class: type[BaseModel], place: str = "") -> Iterator[tuple[str, Any]]:
    """Every field with its path, those of inner objects too."""
    for name, field in fields_by_key(config_class).items():
        yield place + name, field
        for inner in _inner_models(field.annotation):
            yield from all_fields(inner, f"{place}{name}.")


def _inner_models(annotation: Any) -> Iterator[type[BaseModel]]:
    for member in members(annotation):
        if is_model(member):
            yield member
        else:
            for argument in getattr(member, "__args__", ()):
                yield from _inner_models(argument)


def secret_names(config_class: type[BaseModel]) -> list[str]:
    """Names of the fields at the top that hold secrets."""
    return [
        name for name, field in fields_by_key(config_class).items() if set(SECRETS) & set(members(field.annotation))
    ]
