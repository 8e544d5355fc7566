"""What nodes with a memory per key share: which key a message belongs to, and what counts as a number."""

from __future__ import annotations

from decimal import Decimal

from flowhost.expr import as_text
from flowhost.sdk import CodeWriter, Expression, MessageError


def key_source(writer: CodeWriter, by: Expression | None) -> str:
    """Source of the key: the expression, else the message's key, else its topic."""
    if by is None:
        return f"({writer.meta('key')} or {writer.meta('topic')})"
    return f"{writer.bind(as_key, 'as_key')}({writer.evaluate(by)})"


def as_key(value: object) -> str:
    """A key is text; numbers and truth values are written as such. Raises `MessageError` for anything else."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool | int | float | Decimal):
        return as_text(value)
    raise MessageError(f"`by` must give text or a number but gave {value!r:.40}")


def number(value: object, what: str) -> int | float | Decimal:
    """The value if it is a number. Raises `MessageError` naming what it should have been."""
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        return value
    hint = "; write number(...) around it" if isinstance(value, str) else ""
    raise MessageError(f"{what} must be a number but is {value!r:.40}{hint}")


def is_empty(value: object) -> bool:
    """Null, as a bad OPC UA value has it, or NaN, as a controller sends where it has no figure."""
    return value is None or value != value


def text_of(expression: Expression | None) -> str | None:
    """The expression as written: what a saved state depends on."""
    return None if expression is None else expression.text
