"""`convert`: from one unit to another."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from functools import lru_cache
from typing import Any

from pydantic import ValidationInfo, field_validator
from typing_extensions import override

from flowhost import sdk
from flowhost.expr import affine, common_unit
from flowhost.sdk import CodeWriter, InlineTransform, MessageError, NodeSpec, setting


class ConvertConfig(sdk.Config):
    """Which value is converted, and between which units."""

    field: str = setting("", example="value")
    """Field of the payload that holds the number; empty where the payload is the number."""
    from_: str = setting("", alias="from", title="From unit", widget="unit", example="Cel")
    """UCUM unit of the value; empty takes the message's own unit."""
    to: str = setting(title="To unit", widget="unit", example="[degF]")
    """UCUM unit to convert to; it becomes the message's unit."""

    @field_validator("from_", "to", mode="before")
    @classmethod
    def _as_ucum(cls, unit: Any) -> Any:
        return common_unit(unit) if isinstance(unit, str) else unit

    @field_validator("from_")
    @classmethod
    def _known(cls, unit: str) -> str:
        if unit:
            affine(unit, unit)
        return unit

    @field_validator("to")
    @classmethod
    def _fits(cls, unit: str, known: ValidationInfo) -> str:
        # an unknown `from` is said at its own field
        affine(known.data.get("from_") or unit, unit)
        return unit


class Convert(InlineTransform[ConvertConfig]):
    """Converts a number between units of one dimension, as k*x+b; the factors are worked out when the flow starts.

    An empty value (null, as a bad OPC UA value has) stays empty. Text is never taken for a number.
    """

    spec = NodeSpec(
        id="convert", title="Convert units", summary="Converts a number from one unit to another.", category="logic",
        icon="straighten", keywords=("unit", "ucum", "scale", "celsius", "fahrenheit"),
    )  # fmt: skip
    Config = ConvertConfig

    @override
    def write_code(self, writer: CodeWriter) -> None:
        """Convert the value and set the unit."""
        value, result = writer.local("value"), writer.local("converted")
        field = self.config.field
        writer.line(f"{value} = {writer.field(field) if field else writer.payload()}")
        if self.config.from_:
            k, b = affine(self.config.from_, self.config.to)
            odd = writer.bind(odd_converter(k, b), "odd")
            with writer.block(f"if {value}.__class__ is float or {value}.__class__ is int"):
                writer.line(f"{result} = {value} * {k!r} + {b!r}")
            with writer.block("else"):
                writer.line(f"{result} = {odd}({value})")
        else:
            by_unit = writer.bind(unit_converter(self.config.to), "by_unit")
            writer.line(f"{result} = {by_unit}({value}, {writer.meta('unit')})")
        if field:
            writer.update_fields({field: result})
        else:
            writer.set_payload(result)
        writer.set_meta(unit=writer.bind(self.config.to, "unit"))


def odd_converter(k: float, b: float) -> Callable[[Any], Any]:
    """Converts what is neither int nor float: empty values and decimals. Raises `MessageError` for the rest."""

    def convert(value: Any) -> Any:
        if value is None:
            return None
        if isinstance(value, Decimal):
            return value * Decimal(repr(k)) + Decimal(repr(b))
        if isinstance(value, int | float) and not isinstance(value, bool):
            return value * k + b
        hint = "; write number(...) in a map before this" if isinstance(value, str) else ""
        raise MessageError(f"{value!r:.40} is not a number, so it has no unit{hint}")

    return convert


def unit_converter(to: str) -> Callable[[Any, str], Any]:
    """Converts by the unit each message carries. Raises `MessageError` for a missing or unfit unit."""

    @lru_cache(maxsize=256)
    def factors(unit: str) -> tuple[float, float]:
        return affine(unit, to)

    def convert(value: Any, unit: str) -> Any:
        if value is None:
            return None
        if not unit:
            raise MessageError(f"the message carries no unit, so it cannot be converted to {to}; set `from`")
        try:
            k, b = factors(unit)
        except ValueError as error:
            raise MessageError(str(error)) from None
        return odd_converter(k, b)(value)

    return convert
