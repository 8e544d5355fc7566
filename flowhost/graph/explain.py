"""Wrong configs in plain words: what pydantic found, with the exact place and what to write instead."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, SecretStr, ValidationError

from flowhost.graph.annotations import fields_by_key, models_at, types_at
from flowhost.graph.place import Place
from flowhost.graph.problem import closest, did_you_mean, listing


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing wrong with a config.

    Attributes:
        place: within the config.
        message: in plain words.
        code: `missing-field`, `unknown-field`, `wrong-value` or `expression`.
        column: 1-based column within the expression.
        meant: the known field an unknown one is close to.
    """

    place: Place
    message: str
    code: str
    column: int | None = None
    meant: str = ""


@dataclass(frozen=True, kw_only=True)
class _Detail:
    """One of pydantic's errors, its location read as a place.

    Attributes:
        fork: place of the first union it went through, or None.
        member: the member of that union.
    """

    error: Mapping[str, Any]
    place: Place
    fork: Place | None
    member: str


def explain(
    error: ValidationError,
    config_class: type[BaseModel],
    data: Any,
    *,
    hide: Callable[[Place], bool] = lambda _place: False,
) -> list[Finding]:
    """Say what is wrong with `data`.

    Args:
        error: what validating `data` raised.
        config_class: what it was validated with.
        data: the config, references resolved.
        hide: places whose value must not be shown.
    """
    details = [_locate(dict(item), data) for item in error.errors(include_url=False)]
    findings: list[Finding] = []
    forks = dict.fromkeys(detail.fork for detail in details)
    for fork in forks:
        group = [detail for detail in details if detail.fork == fork]
        if fork is None:
            findings += [_finding(detail, config_class, hide) for detail in group]
        else:
            findings += _of_union(group, fork, config_class, hide)
    misspelt = {(*found.place[:-1], found.meant) for found in findings if found.meant}
    return [found for found in findings if found.code != "missing-field" or found.place not in misspelt]


def _locate(error: dict[str, Any], data: Any) -> _Detail:
    """Walk the data along pydantic's location; what is not in the data names a member of a union."""
    place: list[str | int] = []
    fork: Place | None = None
    member = ""
    location = error["loc"]
    for index, part in enumerate(location):
        last = index == len(location) - 1
        if _leads_on(data, part):
            data = data[part]
        elif not (last and error["type"] == "missing"):
            if fork is None and part != "[key]":
                fork, member = tuple(place), str(part)
            continue
        place.append(part)
    return _Detail(error=error, place=tuple(place), fork=fork, member=member)


def _leads_on(data: Any, part: str | int) -> bool:
    if isinstance(data, list | tuple):
        return isinstance(part, int) and part < len(data)
    return isinstance(data, Mapping) and part in data


def _of_union(
    group: list[_Detail], fork: Place, config_class: type[BaseModel], hide: Callable[[Place], bool]
) -> list[Finding]:
    """Of a union, speak about the member whose shape fits; where none fits, name them all."""
    by_member: dict[str, list[_Detail]] = {}
    for detail in group:
        by_member.setdefault(detail.member, []).append(detail)
    fitting = [found for found in by_member.values() if all(_goes_deeper(detail, fork) for detail in found)]
    if fitting:
        return [_finding(detail, config_class, hide) for detail in min(fitting, key=len)]
    findings = [_finding(detail, config_class, hide) for detail in group if detail.place == fork]
    wrong_expression = next((finding for finding in findings if finding.code == "expression"), None)
    if wrong_expression is not None and len(by_member) == 1:
        return [wrong_expression]
    given = _given(group[0].error, hide(fork))
    wanted = list(dict.fromkeys(finding.message.removeprefix("must be ").removesuffix(given) for finding in findings))
    return [Finding(place=fork, message=f"must be {', or '.join(wanted)}{given}", code="wrong-value")]


def _goes_deeper(detail: _Detail, fork: Place) -> bool:
    return len(detail.place) > len(fork)


def _finding(detail: _Detail, config_class: type[BaseModel], hide: Callable[[Place], bool]) -> Finding:
    kind, place = detail.error["type"], detail.place
    if kind == "missing":
        return Finding(place=place, message=_missing(place, config_class), code="missing-field")
    if kind == "extra_forbidden":
        return _unknown(detail, config_class)
    if kind == "expression":
        context = detail.error.get("ctx", {})
        column = context.get("column")
        message = detail.error["msg"]
        return Finding(place=place, message=message, code="expression", column=column)
    hidden = hide(place) or SecretStr in types_at(config_class, place)
    return Finding(place=place, message=_wrong(detail.error, hidden=hidden), code="wrong-value")


def _missing(place: Place, config_class: type[BaseModel]) -> str:
    name = str(place[-1])
    for model in models_at(config_class, place[:-1]):
        field = fields_by_key(model).get(name)
        if field is not None and field.description:
            return f"{name!r} is missing: {first_sentence(field.description)}"
    return f"{name!r} is missing"


def _unknown(detail: _Detail, config_class: type[BaseModel]) -> Finding:
    name = str(detail.place[-1])
    models = models_at(config_class, detail.place[:-1])
    named = [model for model in models if model.__name__ == detail.member] or models
    known = [key for model in named for key in fields_by_key(model)]
    message = f"unknown field {name!r}{did_you_mean(name, known)}; known fields: {listing(known)}"
    return Finding(place=detail.place, message=message, code="unknown-field", meant=closest(name, known))


def first_sentence(text: str) -> str:
    """The first sentence of a docstring, without its full stop."""
    return re.split(r"(?<=[.;])\s|\n\s*\n", " ".join(text.split()), maxsplit=1)[0].rstrip(".;")


_WORDS = {
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a finite number",
    "decimal_type": "a number",
    "decimal_parsing": "a number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "string_type": "text",
    "bytes_type": "text",
    "list_type": "a list",
    "tuple_type": "a list",
    "set_type": "a list",
    "dict_type": "an object (key: value)",
    "mapping_type": "an object (key: value)",
    "model_type": "an object (key: value)",
    "model_attributes_type": "an object (key: value)",
    "dataclass_type": "an object (key: value)",
    "none_required": "left empty",
    "literal_error": "{expected}",
    "enum": "{expected}",
    "greater_than": "more than {gt}",
    "greater_than_equal": "at least {ge}",
    "less_than": "less than {lt}",
    "less_than_equal": "at most {le}",
    "multiple_of": "a multiple of {multiple_of}",
    "string_too_short": "at least {min_length} characters long",
    "string_too_long": "at most {max_length} characters long",
    "string_pattern_mismatch": "text of the form {pattern}",
    "too_short": "a list of at least {min_length}",
    "too_long": "a list of at most {max_length}",
}


def _wrong(error: Mapping[str, Any], *, hidden: bool) -> str:
    context = error.get("ctx", {})
    if error["type"] in ("value_error", "assertion_error"):
        return str(context.get("error", error["msg"]))
    words = _WORDS.get(error["type"])
    if words is None:
        message = str(error["msg"])
        return message[:1].lower() + message[1:]
    close = ""
    if error["type"] == "literal_error" and not hidden:
        close = did_you_mean(str(error["input"]), re.findall(r"'([^']*)'", context["expected"]))
    if context.get("min_length") == 1 or context.get("max_length") == 1:
        words = words.replace("characters", "character")
    return f"must be {words.format_map(context)}{_given(error, hidden)}{close}"


def _given(error: Mapping[str, Any], hidden: bool) -> str:
    """`, not 7`: what stands there now, unless it is a secret or long."""
    value = error["input"]
    if hidden:
        return ""
    if value is None:
        return ", but is empty"
    if isinstance(value, bool):
        return f", not {str(value).lower()}"
    if isinstance(value, int | float):
        return f", not {value}"
    if isinstance(value, str):
        return f", not {value!r}" if len(value) <= 60 else f", not {value[:57]!r}..."
    return (
        ", not a list" if isinstance(value, list | tuple) else ", not an object" if isinstance(value, Mapping) else ""
    )
