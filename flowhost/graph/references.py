"""References in a config: `{secret: name}` and `{env: NAME, default: value}`, anywhere in it.

A variable is text; beside a default that is a number or truth value it is read as one, so that `QOS=1` is 1.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from typing_extensions import override

from flowhost.errors import ConfigError
from flowhost.graph.place import Place, format_place, parse_place
from flowhost.graph.tree import plain_scalar

SECRET_PREFIX = "FLOWHOST_SECRET_"  # noqa: S105 - the beginning of a variable's name, not a secret
KEY_SETTING = "FLOWHOST_SECRET_KEY_FILE"
"""A setting of the host that begins as the variables of secrets do, and is none."""
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
SECRET_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]*")


@dataclass(frozen=True, kw_only=True)
class Reference:
    """A value that stands elsewhere.

    Attributes:
        place: where the reference stands.
        kind: `secret` or `env`.
        name: of the secret or of the environment variable.
        default: value where the variable is not set.
        has_default: whether one was written.
    """

    place: Place
    kind: Literal["secret", "env"]
    name: str
    default: Any = None
    has_default: bool = False


class EnvironmentSecrets(Mapping[str, str]):
    """Secrets of a run without a host: `{secret: broker_password}` is variable FLOWHOST_SECRET_BROKER_PASSWORD."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ

    @override
    def __getitem__(self, name: str) -> str:
        variable = secret_variable(name)
        if variable == KEY_SETTING:
            raise KeyError(name)
        return self._environ[variable]

    @override
    def __iter__(self) -> Iterator[str]:
        names = (name for name in self._environ if name.startswith(SECRET_PREFIX) and name != KEY_SETTING)
        return (name[len(SECRET_PREFIX) :].lower() for name in names)

    @override
    def __len__(self) -> int:
        return sum(1 for _ in self)


def resolve(
    config: Mapping[str, Any], secrets: Mapping[str, str], environ: Mapping[str, str], place: str = "config"
) -> dict[str, Any]:
    """The config with values in the place of references.

    Raises:
        ConfigError: a secret or variable is not set; names the place and what to set.
    """

    def value_of(reference: Reference) -> Any:
        if reference.kind == "secret":
            return _secret(reference, secrets)
        return _variable(reference, environ)

    root = parse_place(place)
    return {key: _replace(value, (*root, key), value_of) for key, value in config.items()}


def resolve_for_lint(
    config: Mapping[str, Any], environ: Mapping[str, str], place: str = "config"
) -> tuple[dict[str, Any], list[Reference]]:
    """The config as far as it is known without secrets.

    Returns:
        The config with text in the place of unknown values, and the references whose value is unknown here.

    Raises:
        ConfigError: a reference is written wrongly.
    """
    unknown: list[Reference] = []

    def value_of(reference: Reference) -> Any:
        if reference.kind == "env" and (reference.name in environ or reference.has_default):
            return _variable(reference, environ)
        unknown.append(reference)
        return "unknown"

    root = parse_place(place)
    return {key: _replace(value, (*root, key), value_of) for key, value in config.items()}, unknown


def find_references(config: Any, place: str = "config") -> list[Reference]:
    """Every reference in the config, in order. Raises `ConfigError` where one is written wrongly."""
    found: list[Reference] = []
    _replace(config, parse_place(place), found.append)
    return found


def as_reference(value: Any, place: Place) -> Reference | None:
    """The reference this value is, or None. Raises `ConfigError` where one is written wrongly."""
    if not isinstance(value, Mapping):
        return None
    keys = set(value)
    if keys == {"secret"}:
        return Reference(place=place, kind="secret", name=_name(value["secret"], SECRET_NAME, "a secret", place))
    if keys == {"secret", "default"}:
        raise ConfigError("a secret has no default; remove 'default'", format_place(place))
    if keys in ({"env"}, {"env", "default"}):
        name = _name(value["env"], _VARIABLE, "an environment variable", place)
        default = value.get("default")
        return Reference(place=place, kind="env", name=name, default=default, has_default="default" in keys)
    return None


def secret_names(config: Any) -> frozenset[str]:
    """Secrets a config names, also one that is written wrongly elsewhere; `find_references` says what is wrong."""
    if isinstance(config, Mapping):
        if set(config) == {"secret"} and isinstance(config["secret"], str):
            return frozenset({config["secret"]})
        return frozenset().union(*map(secret_names, config.values()))
    if isinstance(config, list | tuple):
        return frozenset().union(*map(secret_names, config))
    return frozenset()


def secret_variable(name: str) -> str:
    """The environment variable that holds this secret in a run without a host."""
    return SECRET_PREFIX + re.sub(r"[^A-Za-z0-9]", "_", name).upper()


def _replace(value: Any, place: Place, value_of: Any) -> Any:
    reference = as_reference(value, place)
    if reference is not None:
        return value_of(reference)
    if isinstance(value, Mapping):
        return {key: _replace(item, (*place, key), value_of) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_replace(item, (*place, index), value_of) for index, item in enumerate(value)]
    return value


def _secret(reference: Reference, secrets: Mapping[str, str]) -> str:
    try:
        return secrets[reference.name]
    except KeyError:
        raise ConfigError(
            f"secret {reference.name!r} is not set; set the environment variable {secret_variable(reference.name)} "
            "or store it in the host's secret store",
            format_place(reference.place),
        ) from None


def _variable(reference: Reference, environ: Mapping[str, str]) -> Any:
    if reference.name in environ:
        text = environ[reference.name]
        return plain_scalar(text) if isinstance(reference.default, int | float) else text
    if reference.has_default:
        return reference.default
    raise ConfigError(
        f"environment variable {reference.name} is not set; set it, or write a default: "
        f"{{env: {reference.name}, default: ...}}",
        format_place(reference.place),
    )


def _name(name: Any, pattern: re.Pattern[str], what: str, place: Place) -> str:
    if isinstance(name, str) and pattern.fullmatch(name):
        return name
    raise ConfigError(f"{name!r} is not the name of {what}; letters, digits and '_' are", format_place(place))
