"""One whole config of a node type, put together from the examples of its fields."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ValidationError

MISSING = "..."
"""Stands for the value of a required field that has no example."""


def example_value(field: Mapping[str, Any]) -> Any:
    """The field's example; of an object without one, its own fields' examples."""
    if field["example"] is not None or not field["fields"]:
        return MISSING if field["example"] is None else field["example"]
    shown = [inner for inner in field["fields"] if inner["required"] or inner["example"] is not None]
    value = {inner["name"]: example_value(inner) for inner in shown}
    if field["type"].startswith("object of"):
        return {"name": value}
    return [value] if field["type"].startswith("list of") else value


def whole_example(
    config_class: type[BaseModel], fields: Sequence[Mapping[str, Any]], functions: Mapping[str, Callable[..., Any]]
) -> dict[str, Any] | None:
    """A config that is valid: what is required, then each further example that fits to those before it.

    Args:
        config_class: of the node type.
        fields: of it, as `flowhost.catalog.describe` gives them.
        functions: what plugins bring to expressions, by name.

    Returns:
        None where the examples of the required fields make no valid config.
    """
    config = {field["name"]: example_value(field) for field in fields if field["required"]}
    if not _is_valid(config_class, config, functions):
        config |= _first_that_fits(config_class, config, fields, functions)
        if not _is_valid(config_class, config, functions):
            return None
    for field in fields:
        if field["example"] is not None and not field["advanced"] and field["name"] not in config:
            more = {**config, field["name"]: field["example"]}
            config = more if _is_valid(config_class, more, functions) else config
    return config


def _first_that_fits(
    config_class: type[BaseModel],
    config: Mapping[str, Any],
    fields: Sequence[Mapping[str, Any]],
    functions: Mapping[str, Callable[..., Any]],
) -> dict[str, Any]:
    """The first example that makes it valid: of types that need one of several fields, none of them by itself."""
    for field in fields:
        if field["example"] is not None and _is_valid(
            config_class, {**config, field["name"]: field["example"]}, functions
        ):
            return {field["name"]: field["example"]}
    return {}


def _is_valid(
    config_class: type[BaseModel], config: Mapping[str, Any], functions: Mapping[str, Callable[..., Any]]
) -> bool:
    try:
        config_class.model_validate(config, context={"functions": functions})
    except ValidationError:
        return False
    return True
