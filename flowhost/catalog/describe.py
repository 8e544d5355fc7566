"""Node and connection types described from their own declaration: for palette, form, JSON and help pages."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel, SecretBytes, SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from flowhost.catalog.examples import example_value, whole_example
from flowhost.graph.annotations import fields_by_key, is_model, members
from flowhost.graph.delivery import DeliveryPolicy, has_queue
from flowhost.graph.emit import inline
from flowhost.sdk import (
    AsyncTransform,
    Connection,
    Expression,
    Node,
    Sink,
    Source,
    StatefulTransform,
    Template,
    Trigger,
)

Kind = Literal["source", "transform", "sink"]


def kind_of(node_type: type[Node[Any]]) -> Kind:
    """Whether it brings messages in, changes them, or delivers them."""
    if issubclass(node_type, Source):
        return "source"
    return "sink" if issubclass(node_type, Sink) else "transform"


def can_be_sent_by_hand(node_type: type[Node[Any]]) -> bool:
    """Whether it is a source with a button (`flowhost.sdk.Trigger`)."""
    return issubclass(node_type, Source) and issubclass(node_type, Trigger)


def describe(node_type: type[Node[Any]]) -> dict[str, Any]:
    """Everything a palette, form or page needs to know, as JSON-like data."""
    spec = node_type.spec
    return {
        "type": spec.id,
        "kind": kind_of(node_type),
        "title": spec.title,
        "summary": spec.summary,
        "category": spec.category,
        "icon": spec.icon,
        "keywords": list(spec.keywords),
        "since": spec.since,
        "stability": spec.stability,
        "connection": spec.connection,
        "ports": [{"name": port.name, "summary": port.summary, "required": port.required} for port in spec.ports],
        "replayable": issubclass(node_type, Source) and node_type.replayable,
        "by_hand": can_be_sent_by_hand(node_type),
        "leaves_machine": issubclass(node_type, Sink) and spec.leaves_machine,
        "remembers": issubclass(node_type, StatefulTransform),
        "waits": issubclass(node_type, AsyncTransform),
        "docs": inspect.getdoc(node_type) or "",
        "fields": describe_fields(node_type.Config),
        "delivery": describe_fields(DeliveryPolicy) if has_queue(node_type) else [],
        "schema": node_type.Config.model_json_schema(),
    }


def example_of(
    node_type: type[Node[Any]], functions: Mapping[str, Callable[..., Any]] = MappingProxyType({})
) -> dict[str, Any] | None:
    """One whole config, see `whole_example`. Not part of `describe`: to see what fits takes time and libraries."""
    return whole_example(node_type.Config, describe_fields(node_type.Config), functions)


def describe_connection(connection_type: type[Connection[Any]], used_by: Sequence[str]) -> dict[str, Any]:
    """Everything a form or page needs to know of a connection type, as JSON-like data.

    Args:
        connection_type: the type.
        used_by: ids of the node types that need one.
    """
    spec = connection_type.spec
    return {
        "type": spec.id,
        "kind": "connection",
        "title": spec.title,
        "summary": spec.summary,
        "icon": spec.icon,
        "keywords": list(spec.keywords),
        "since": spec.since,
        "stability": spec.stability,
        "exclusive": spec.exclusive,
        "used_by": list(used_by),
        "docs": inspect.getdoc(connection_type) or "",
        "fields": describe_fields(connection_type.Config),
        "schema": connection_type.Config.model_json_schema(),
    }


def describe_fields(config_class: type[BaseModel]) -> list[dict[str, Any]]:
    """The fields of a config, in the order declared; those of inner objects under `fields`."""
    return [_field(name, field) for name, field in fields_by_key(config_class).items()]


def describe_markdown(
    node_type: type[Node[Any]], functions: Mapping[str, Callable[..., Any]] = MappingProxyType({})
) -> str:
    """The help page of a node type; `functions` are what plugins bring to expressions, by name."""
    facts = {**describe(node_type), "example": example_of(node_type, functions)}
    parts = [_head(facts), _field_list(facts["fields"]), _ports(facts), _example(facts), _delivery(facts)]
    return "\n".join(line for part in parts for line in part) + "\n"


def describe_connection_markdown(connection_type: type[Connection[Any]], used_by: Sequence[str]) -> str:
    """The help page of a connection type."""
    facts = describe_connection(connection_type, used_by)
    parts = [_connection_head(facts), _field_list(facts["fields"]), _connection_example(facts)]
    return "\n".join(line for part in parts for line in part) + "\n"


def _field(name: str, field: FieldInfo) -> dict[str, Any]:
    extra = field.json_schema_extra if isinstance(field.json_schema_extra, Mapping) else {}
    inner = [found for found in _all_members(field.annotation) if is_model(found)]
    return {
        "name": name,
        "title": field.title or title_of(name, str(extra.get("unit", ""))),
        "type": type_words(field.annotation),
        "required": field.is_required(),
        "default": _default(field),
        "docs": " ".join((field.description or "").split()),
        "unit": extra.get("unit", ""),
        "advanced": bool(extra.get("advanced", False)),
        "widget": extra.get("widget", ""),
        "choices_from": extra.get("choices_from", ""),
        "only_if": extra.get("only_if", []),
        "since": extra.get("since", ""),
        "secret": any(found in (SecretStr, SecretBytes) for found in members(field.annotation)),
        "example": _plain(field.examples[0]) if field.examples else None,
        "fields": [fact for model in dict.fromkeys(inner) for fact in describe_fields(model)],
    }


_NAMES: dict[str, str] = {
    "bom": "byte order mark", "ca": "CA", "csv": "CSV", "id": "Id", "ip": "IP", "json": "JSON", "mqtt": "MQTT",
    "opc": "OPC", "ok": "OK", "plc": "PLC", "qos": "QoS", "sql": "SQL", "tls": "TLS", "ua": "UA", "url": "URL",
    "utc": "UTC", "xml": "XML", "http": "HTTP", "pki": "PKI", "cert": "certificate", "keepalive": "keep alive",
    "auth": "sign-in",
}  # fmt: skip
"""Words that are not written as they stand in a key."""


def title_of(name: str, unit: str = "") -> str:
    """What a form calls a field: `timeout_s` of unit s is "Timeout", `qos` is "QoS"."""
    words = name.strip("_").split("_")
    # the unit stands behind the input, and in the key only for those who write files
    if len(words) > 1 and unit and words[-1].lower() == unit.lower():
        words = words[:-1]
    if unit == "1/s":
        words = " ".join(words).removesuffix(" hz").removesuffix(" per s").split()
    shown = " ".join(_NAMES.get(word, word) for word in words)
    return shown[:1].upper() + shown[1:]


_TYPE_WORDS: dict[Any, str] = {
    str: "text",
    int: "whole number",
    float: "number",
    bool: "true or false",
    Expression: "expression",
    Template: "template",
    SecretStr: "secret",
    SecretBytes: "secret",
    Any: "any value",
    type(None): "empty",
}


def type_words(annotation: Any) -> str:
    """A type in words: `list of text`, `'a' or 'b'`."""
    words = [_one_type(found) for found in members(annotation) if found is not type(None)]
    return " or ".join(dict.fromkeys(words)) or "empty"


def _one_type(found: Any) -> str:
    origin, arguments = get_origin(found), get_args(found)
    if origin is Literal:
        return " or ".join(repr(value) if isinstance(value, str) else str(value).lower() for value in arguments)
    if origin in (list, tuple, set, frozenset) and arguments:
        return f"list of {type_words(arguments[0])}"
    if origin is dict:
        return f"object of {type_words(arguments[1])}"
    if is_model(found):
        return "object"
    return _TYPE_WORDS.get(found) or str(getattr(found, "__name__", found)).lower()


def _all_members(annotation: Any) -> Iterator[Any]:
    """The types of a declaration, those within lists and objects too."""
    for found in members(annotation):
        yield found
        if get_origin(found) is not Literal:
            for argument in get_args(found):
                yield from _all_members(argument)


def _default(field: FieldInfo) -> Any:
    if field.is_required():
        return None
    value = field.get_default(call_default_factory=True, validated_data={})
    return None if value is PydanticUndefined else _plain(value)


def _plain(value: Any) -> Any:
    """JSON-like; a secret default is never shown."""
    if isinstance(value, SecretStr | SecretBytes):
        return None
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, Expression | Template):
        return value.text
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item) for item in value]
    return value if value is None or isinstance(value, str | int | float | bool) else str(value)


def _title(facts: dict[str, Any]) -> list[str]:
    lines = [f"# {facts['type']}", "", facts["summary"], ""]
    return lines if facts["docs"] in ("", facts["summary"]) else [*lines, facts["docs"], ""]


def _connection_head(facts: dict[str, Any]) -> list[str]:
    state = "" if facts["stability"] == "stable" else f", {facts['stability']}"
    lines = [*_title(facts), f"{facts['title']}: a connection, since {facts['since']}{state}."]
    if facts["exclusive"]:
        lines.append("Only one process may hold it, so flows that use it run in the same worker.")
    if facts["used_by"]:
        lines.append(f"Used by {', '.join(f'`{name}`' for name in facts['used_by'])}.")
    return lines


def _connection_example(facts: dict[str, Any]) -> list[str]:
    """The connection as it stands in a flow file, from the fields' examples."""
    name = facts["type"].partition(".")[0]
    return ["", "## In a flow", "", "```yaml", "connections:", f"  {name}: {inline(_example_entry(facts))}", "```"]


def _head(facts: dict[str, Any]) -> list[str]:
    state = "" if facts["stability"] == "stable" else f", {facts['stability']}"
    lines = _title(facts)
    lines.append(f"{facts['title']}: a {facts['kind']} of group {facts['category']}, since {facts['since']}{state}.")
    if facts["connection"]:
        lines.append(f"Needs a connection of type `{facts['connection']}`.")
    return lines


def _field_list(fields: list[dict[str, Any]]) -> list[str]:
    if not fields:
        return ["", "## Config", "", "Nothing to set."]
    return ["", "## Config", "", *(line for field in fields for line in _field_lines(field, ""))]


def _field_lines(field: dict[str, Any], indent: str) -> Iterator[str]:
    words = [field["type"], *([field["unit"]] if field["unit"] else [])]
    if field["required"]:
        words.append("required")
    elif field["default"] not in (None, "", [], {}):
        words.append(f"default `{inline(field['default'])}`")
    if field["only_if"]:
        words.append(f"only with {_conditions(field['only_if'])}")
    if field["advanced"]:
        words.append("advanced")
    example = "" if field["example"] is None else f" Example: `{inline(field['example'])}`."
    docs = f": {field['docs']}" if field["docs"] else ""
    yield f"{indent}- `{field['name']}` ({', '.join(words)}){docs}{example}"
    for inner in field["fields"]:
        yield from _field_lines(inner, f"{indent}  ")


def _conditions(any_of: Sequence[Mapping[str, Any]]) -> str:
    """What must hold for a field to mean something: "`mode` upsert or `create_table`"."""
    return " or ".join(" and ".join(_condition(name, wanted) for name, wanted in all_of.items()) for all_of in any_of)


def _condition(name: str, wanted: Any) -> str:
    if isinstance(wanted, bool):
        return f"`{name}`" if wanted else f"no `{name}`"
    values = wanted if isinstance(wanted, list | tuple) else [wanted]
    return f"`{name}` {' or '.join(str(value) for value in values)}"


def _ports(facts: dict[str, Any]) -> list[str]:
    lines = ["", "## Outputs", ""]
    for port in facts["ports"]:
        required = "" if port["required"] else ", may stay unwired"
        lines.append(f"- `{port['name']}`{': ' if port['summary'] else ''}{port['summary']}{required}")
    return [*lines, "- `error`: messages that failed here; unwired, they become dead letters"]


def _delivery(facts: dict[str, Any]) -> list[str]:
    """What `delivery` of the node may hold."""
    if not facts["delivery"]:
        return []
    lines = [line for field in facts["delivery"] for line in _field_lines(field, "")]
    return ["", "## Delivery", "", "May stand beside `config`, as `delivery: {...}`:", "", *lines]


def _example(facts: dict[str, Any]) -> list[str]:
    """The node as it stands in a flow file, from the fields' examples."""
    entry = _example_entry(facts)
    name = facts["type"].partition(".")[2] or facts["type"]
    return ["", "## In a flow", "", "```yaml", "nodes:", f"  {name}: {inline(entry)}", "```"]


def _example_entry(facts: dict[str, Any]) -> dict[str, Any]:
    config = facts.get("example")
    if config is None:
        shown = [field for field in facts["fields"] if field["required"] or field["example"] is not None]
        config = {field["name"]: example_value(field) for field in shown}
    entry: dict[str, Any] = {"type": facts["type"]}
    if facts.get("connection"):
        entry["connection"] = "..."
    return {**entry, "config": config} if config else entry
