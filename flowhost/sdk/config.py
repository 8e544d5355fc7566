"""Configs: declared once beside the node; form, lint, JSON schema and docs come from the declaration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, GetCoreSchemaHandler, GetJsonSchemaHandler, SecretStr
from pydantic_core import CoreSchema, PydanticCustomError, core_schema
from typing_extensions import override

from flowhost.errors import ExpressionError
from flowhost.expr import CompiledExpression, CompiledTemplate, compile_expression, compile_template

OnlyIf = Mapping[str, Any] | Sequence[Mapping[str, Any]]

Secret = SecretStr
"""A password or key: never printed, logged, exported or sent to a browser."""


class Config(BaseModel):
    """Base of every config: frozen, unknown keys refused, docstrings of fields kept."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        use_attribute_docstrings=True,
        arbitrary_types_allowed=True,
        protected_namespaces=(),
        validate_default=True,
    )


def setting(
    default: Any = ...,
    *,
    default_factory: Any = None,
    unit: str = "",
    advanced: bool = False,
    example: Any = None,
    widget: str = "",
    choices_from: str = "",
    only_if: OnlyIf = (),
    since: str = "",
    **constraints: Any,
) -> Any:
    """A config field with what the form and the docs need to know.

    Args:
        default: value when left out; required without it.
        default_factory: makes the default of a list or object.
        unit: UCUM code or plain word behind the input, e.g. `ms`.
        advanced: folded away in the form.
        example: shown in form and docs.
        widget: hint to the form, e.g. `code`, `topic`; `label` is what a row in a list of objects is called by.
        choices_from: list the connection can show of its target, handed to its `browse` as `what`; see `Browse`.
        only_if: what fields beside it must be for this one to mean something, e.g. `{"mode": "upsert"}`; forms leave it
            out meanwhile. A list is one of its values, `True` anything switched on or filled in, `False` nothing. All
            of a mapping must hold; of several mappings any one.
        since: version that brought the field.
        **constraints: `ge`, `le`, `min_length`, `pattern`, `alias` and so on, as in pydantic.
    """
    facts = {
        "unit": unit,
        "advanced": advanced,
        "widget": widget,
        "choices_from": choices_from,
        "only_if": [dict(only_if)] if isinstance(only_if, Mapping) else [dict(all_of) for all_of in only_if],
        "since": since,
    }
    extra: dict[str, Any] = {name: value for name, value in facts.items() if value}
    examples = None if example is None else [example]
    if default_factory is not None:
        return Field(default_factory=default_factory, examples=examples, json_schema_extra=extra, **constraints)
    return Field(default, examples=examples, json_schema_extra=extra, **constraints)


class Expression:
    """A config field that holds an expression, compiled when the config is read.

    Plugins call `evaluate(message)`; the engine takes `compiled` to generate code from.
    """

    __slots__ = ("compiled",)

    def __init__(self, compiled: CompiledExpression) -> None:
        self.compiled = compiled

    @property
    def text(self) -> str:
        """As the user wrote it."""
        return self.compiled.text

    def evaluate(self, message: Any) -> Any:
        """The value for this message. Raises `EvaluationError` that names the missing or wrong field."""
        return self.compiled.evaluate(message.payload, message.meta)

    @override
    def __repr__(self) -> str:
        return f"Expression({self.text!r})"

    @override
    def __eq__(self, other: object) -> bool:
        return isinstance(other, Expression) and other.text == self.text

    @override
    def __hash__(self) -> int:
        return hash(("expression", self.text))

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Accept text, or a bare number or truth value, and compile it."""
        return core_schema.with_info_plain_validator_function(
            cls._validate, serialization=core_schema.plain_serializer_function_ser_schema(lambda v: v.text)
        )

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Tell the form that this is an expression."""
        return {"type": "string", "format": "expression"}

    @classmethod
    def _validate(cls, value: Any, info: core_schema.ValidationInfo) -> Expression:
        if isinstance(value, Expression):
            return value
        return cls(_compile(compile_expression, value, info))


class Template:
    """A config field that holds text with `{expression}` in it; `{{` stands for a brace."""

    __slots__ = ("compiled",)

    def __init__(self, compiled: CompiledTemplate) -> None:
        self.compiled = compiled

    @property
    def text(self) -> str:
        """As the user wrote it."""
        return self.compiled.text

    def render(self, message: Any) -> str:
        """The text for this message. Raises `EvaluationError` that names the missing or wrong field."""
        return self.compiled.render(message.payload, message.meta)

    @override
    def __repr__(self) -> str:
        return f"Template({self.text!r})"

    @override
    def __eq__(self, other: object) -> bool:
        return isinstance(other, Template) and other.text == self.text

    @override
    def __hash__(self) -> int:
        return hash(("template", self.text))

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Accept text and compile it."""
        return core_schema.with_info_plain_validator_function(
            cls._validate, serialization=core_schema.plain_serializer_function_ser_schema(lambda v: v.text)
        )

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Tell the form that this is a template."""
        return {"type": "string", "format": "template"}

    @classmethod
    def _validate(cls, value: Any, info: core_schema.ValidationInfo) -> Template:
        if isinstance(value, Template):
            return value
        return cls(_compile(compile_template, value, info))


def _compile(compiler: Any, value: Any, info: core_schema.ValidationInfo) -> Any:
    """Compile with the functions installed here; wrong text becomes a validation error with its column."""
    if isinstance(value, bool | int | float):
        value = str(value)
    if not isinstance(value, str):
        raise PydanticCustomError("expression", "must be text that holds an expression")
    functions = (info.context or {}).get("functions")
    try:
        return compiler(value, functions)
    except ExpressionError as error:
        raise PydanticCustomError(
            "expression", "{reason} (column {column})", {"reason": error.reason, "column": error.column}
        ) from error
