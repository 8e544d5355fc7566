"""`filter`: lets through what meets a condition."""

from __future__ import annotations

from typing import Any

from typing_extensions import override

from flowhost import sdk
from flowhost.sdk import CodeWriter, Expression, InlineTransform, MessageError, NodeSpec, setting


class FilterConfig(sdk.Config):
    """What a filter lets through."""

    where: Expression = setting(example="quality == 'good' and payload.value > 0", widget="condition")
    """Messages for which this is true go on; the others end here, counted as filtered. Must give true or false."""


class Filter(InlineTransform[FilterConfig]):
    """Lets messages through that meet a condition; order is kept, nothing is changed.

    A condition that gives neither true nor false, or names a missing field, is that message's error.
    """

    spec = NodeSpec(
        id="filter", title="Filter", summary="Lets through the messages that meet a condition.", category="logic",
        icon="filter_alt", keywords=("where", "condition", "if"),
    )  # fmt: skip
    Config = FilterConfig

    @override
    def write_code(self, writer: CodeWriter) -> None:
        """Drop the message unless the condition holds."""
        with writer.block(f"if not {truth(writer, self.config.where)}"):
            writer.drop()


def truth(writer: CodeWriter, where: Expression) -> str:
    """Source of a condition that is certainly True or False, or fails."""
    source = writer.evaluate(where)
    if where.compiled.always_bool:
        return f"({source})"
    check = writer.bind(checked(where.text), "checked")
    return f"{check}({source})"


def checked(text: str) -> Any:
    """A function that refuses values other than True and False."""

    def check(value: object) -> bool:
        if value is True or value is False:
            return value
        kind = "nothing (null)" if value is None else f"{value!r:.40}"
        message = f"`{text}` must give true or false but gave {kind}; compare it with something, e.g. `{text} == 1`"
        raise MessageError(message)

    return check
