"""Secrets in clear text: a flow file travels, passwords must not travel with it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel, SecretBytes, SecretStr

from flowhost.graph.annotations import fields_by_key, models_at, types_at
from flowhost.graph.place import Place
from flowhost.graph.references import secret_variable
from flowhost.graph.report import Report
from flowhost.sdk import Expression, Template

_SECRET_NAME = re.compile(
    r"(?:.*[_-])?(?:password|passwd|passphrase|pwd|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|credentials?)",
    re.IGNORECASE,
)
_PASSWORD_IN_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/\s:@'\"]*:[^/\s@'\"]+@")


def report_clear_text(report: Report, root: Place, config_class: type[BaseModel] | None, config: Any) -> None:
    """Report every secret that stands in the config itself.

    Args:
        report: takes the problems.
        root: place of the config.
        config_class: what the node or connection type declares; None where the type is unknown.
        config: as written.
    """
    for place, field_place, text in _texts(config, (), ()):
        declared = types_at(config_class, field_place) if config_class is not None else []
        if _PASSWORD_IN_URL.search(text):
            report.error((*root, *place), "clear-secret", _url_fix(root, field_place, config_class))
        elif SecretStr in declared or SecretBytes in declared or _by_name(field_place, declared):
            report.error((*root, *place), "clear-secret", _value_fix(root, field_place))


def looks_secret(place: Place) -> bool:
    """Whether the last name of this place is that of a secret."""
    names = [part for part in place if isinstance(part, str)]
    return bool(names) and _SECRET_NAME.fullmatch(names[-1]) is not None


def _by_name(place: Place, declared: list[Any]) -> bool:
    """A field called `token` that is an expression or template takes its value from the message."""
    return looks_secret(place) and Expression not in declared and Template not in declared


def _texts(value: Any, place: Place, field_place: Place) -> Iterator[tuple[Place, Place, str]]:
    """Every text that is not empty: its place, the place of the field it is the value of, the text."""
    if isinstance(value, str) and value:
        yield place, field_place, value
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _texts(item, (*place, index), (*field_place, index))
    elif isinstance(value, Mapping):
        if set(value) == {"env", "default"}:
            yield from _texts(value["default"], (*place, "default"), field_place)
        elif set(value) not in ({"env"}, {"secret"}):
            for key, item in value.items():
                yield from _texts(item, (*place, key), (*field_place, key))


def _value_fix(root: Place, place: Place) -> str:
    name = _name(root, place)
    return (
        f"a secret in clear text; write {{secret: {name}}} instead and set {secret_variable(name)} "
        "or store it in the host's secret store"
    )


def _url_fix(root: Place, place: Place, config_class: type[BaseModel] | None) -> str:
    models = models_at(config_class, place[:-1]) if config_class is not None else []
    if any("password" in fields_by_key(model) for model in models):
        fix = f"take it out of the URL and write 'password: {{secret: {_name(root, ('password',))}}}'"
    else:
        fix = f"write the whole URL as {{secret: {_name(root, place)}}}"
    return f"a password inside a URL; {fix}"


def _name(root: Place, place: Place) -> str:
    """A fitting name: the node or connection and the field, e.g. `broker_password`."""
    words = [str(root[1]), *(part for part in place[-1:] if isinstance(part, str))]
    return re.sub(r"[^A-Za-z0-9]+", "_", "_".join(words)).strip("_").lower()
