"""What a config class declares at a place: which types, which models."""

from __future__ import annotations

import types
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from flowhost.graph.place import Place


def types_at(config_class: type[BaseModel], place: Place) -> list[Any]:
    """The types a value at this place of a config may have; empty where nothing is declared."""
    found: list[Any] = [config_class]
    for part in place:
        found = [inner for declared in found for inner in _step(declared, part)]
    return found


def models_at(config_class: type[BaseModel], place: Place) -> list[type[BaseModel]]:
    """The config models an object at this place may follow."""
    return [found for found in types_at(config_class, place) if is_model(found)]


def fields_by_key(model: type[BaseModel]) -> dict[str, FieldInfo]:
    """The fields of a model by the name written in files: the alias where there is one."""
    return {written_name(name, field): field for name, field in model.model_fields.items()}


def written_name(name: str, field: FieldInfo) -> str:
    """The name of a field as files have it."""
    alias = field.validation_alias if isinstance(field.validation_alias, str) else field.alias
    return alias or name


def members(annotation: Any) -> Iterator[Any]:
    """The types of a declaration with unions, `Annotated` and type aliases opened."""
    origin = get_origin(annotation)
    if origin is Annotated:
        yield from members(get_args(annotation)[0])
    elif origin in (Union, types.UnionType):
        for member in get_args(annotation):
            yield from members(member)
    elif hasattr(annotation, "__value__"):
        yield from members(annotation.__value__)
    else:
        yield annotation


def is_model(declared: Any) -> bool:
    """Whether this is a class of configs."""
    return isinstance(declared, type) and issubclass(declared, BaseModel)


def _step(declared: Any, part: str | int) -> Iterator[Any]:
    if is_model(declared):
        field = fields_by_key(declared).get(str(part))
        if field is not None:
            yield from members(field.annotation)
        return
    origin, arguments = get_origin(declared), get_args(declared)
    if not isinstance(origin, type):
        return
    if issubclass(origin, Mapping):
        yield from members(arguments[1])
    elif isinstance(part, int) and origin is tuple and Ellipsis not in arguments:
        yield from members(arguments[part]) if part < len(arguments) else ()
    elif isinstance(part, int):
        yield from members(arguments[0])
