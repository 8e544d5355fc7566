import pytest

from flowhost.errors import ConfigError
from flowhost.graph.place import format_place, parse_place, value_at
from flowhost.graph.references import EnvironmentSecrets, find_references, resolve, resolve_for_lint, secret_variable

CONFIG = {
    "password": {"secret": "plc-key"},
    "hosts": ["a", {"env": "HOST", "default": 7}],
    "deep": {"x": {"env": "X"}, "env": 1, "y": 2},
}


def test_references_are_found_where_they_stand() -> None:
    found = [
        (format_place(ref.place), ref.kind, ref.name, ref.has_default) for ref in find_references(CONFIG, "nodes.a")
    ]
    assert found == [
        ("nodes.a.password", "secret", "plc-key", False),
        ("nodes.a.hosts[1]", "env", "HOST", True),
        ("nodes.a.deep.x", "env", "X", False),
    ]


def test_values_take_their_place() -> None:
    environ = {"X": "y", "FLOWHOST_SECRET_PLC_KEY": "hunter2"}
    resolved = resolve(CONFIG, EnvironmentSecrets(environ), environ)
    assert resolved == {"password": "hunter2", "hosts": ["a", 7], "deep": {"x": "y", "env": 1, "y": 2}}
    assert CONFIG["password"] == {"secret": "plc-key"}


def test_lint_needs_no_values() -> None:
    data, unknown = resolve_for_lint(CONFIG, {"HOST": "h"}, "nodes.a.config")
    assert data == {"password": "unknown", "hosts": ["a", "h"], "deep": {"x": "unknown", "env": 1, "y": 2}}
    assert [ref.name for ref in unknown] == ["plc-key", "X"]


def test_a_variable_is_read_as_its_default_is() -> None:
    config = {"a": {"env": "A", "default": 0}, "b": {"env": "B", "default": False}, "c": {"env": "C", "default": "0"}}
    assert resolve(config, {}, {"A": "1", "B": "true", "C": "1"}) == {"a": 1, "b": True, "c": "1"}
    assert resolve(config, {}, {"A": "x"}) == {"a": "x", "b": False, "c": "0"}


def test_secrets_of_the_environment() -> None:
    secrets = EnvironmentSecrets({"FLOWHOST_SECRET_A_B": "1", "PATH": "/"})
    assert dict(secrets) == {"a_b": "1"}
    assert len(secrets) == 1
    assert secrets["a.b"] == "1"
    assert secret_variable("a-b.c") == "FLOWHOST_SECRET_A_B_C"


@pytest.mark.parametrize(
    "value", [{"secret": ""}, {"env": 3}, {"env": "1A", "default": 2}, {"secret": "x", "default": "y"}]
)
def test_references_written_wrongly(value: object) -> None:
    with pytest.raises(ConfigError) as caught:
        find_references({"a": [value]}, "nodes.n.config")
    assert caught.value.place == "nodes.n.config.a[0]"


@pytest.mark.parametrize(
    "text", ["", "a", "nodes.temps.config.topics[0]", 'a["x.y"][3].b', 'a["q\\"q"]', "x-1.y_2", '[""]']
)
def test_places_are_written_as_read(text: str) -> None:
    assert format_place(parse_place(text)) == text


def test_a_text_that_is_no_place() -> None:
    with pytest.raises(ValueError, match=r"is not a place .* \(column 2\)"):
        parse_place("a..b")


def test_values_at_places() -> None:
    assert value_at({"a": [1, {"b": 2}]}, ("a", 1, "b")) == 2
    for place in (("x",), ("a", 7), ("a", 0, "b"), ("a", "b")):
        with pytest.raises(LookupError):
            value_at({"a": [1]}, place)
