"""What nodes with a memory per key share: which key a message belongs to."""

from __future__ import annotations

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
    if isinstance(value, bool | int | float):
        return str(value)
    raise MessageError(f"`by` must give text or a number but gave {value!r:.40}")


def number(value: object, what: str) -> float | int:
    """The value if it is a number. Raises `MessageError` naming what it should have been."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    raise MessageError(f"{what} must be a number but is {value!r:.40}")
