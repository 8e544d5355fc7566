"""`delta`: the difference to the last value."""

from __future__ import annotations

from typing import Any

from typing_extensions import override

from flowhost import sdk
from flowhost.nodes.keyed import key_source, number
from flowhost.sdk import CodeWriter, Expression, InlineTransform, NodeSpec, setting


class DeltaConfig(sdk.Config):
    """Whose difference is taken."""

    value: Expression | None = setting(None, example="payload.good_count")
    """The number; left out, the payload itself."""
    into: str = setting("", example="delta")
    """Field of the payload that takes the difference; empty makes the difference the whole payload."""
    counter: bool = setting(False)
    """The value only counts up: a smaller one means it was reset, and counts from zero."""
    by: Expression | None = setting(None, example="topic", advanced=True)
    """Key to compare within; left out, the message's key, else its topic."""


class Delta(InlineTransform[DeltaConfig]):
    """Replaces a value by its difference to the last one of the same key.

    The first value of a key is only remembered, and counted as filtered; so are empty values (a bad OPC UA value).
    """

    spec = NodeSpec(
        id="delta", title="Delta", summary="The difference to the last value.", category="logic",
        icon="difference", keywords=("increment", "counter", "rate"),
    )  # fmt: skip
    Config = DeltaConfig

    @override
    def write_code(self, writer: CodeWriter) -> None:
        """Take the difference; drop what has no predecessor."""
        config = self.config
        value = writer.evaluate(config.value) if config.value else writer.payload()
        take = writer.bind(count_up if config.counter else difference, "difference")
        result = writer.local("delta")
        writer.line(f"{result} = {take}({writer.state()}, {key_source(writer, config.by)}, {value})")
        with writer.block(f"if {result} is None"):
            writer.drop()
        if config.into:
            writer.update_fields({config.into: result})
        else:
            writer.set_payload(result)


def difference(state: dict[str, Any], key: str, value: Any) -> float | int | None:
    """Value minus the last one; None without one. Remembers the value."""
    if value is None:
        return None
    last = state.get(key)
    state[key] = number(value, "the value of a delta")
    return None if last is None else value - last


def count_up(state: dict[str, Any], key: str, value: Any) -> float | int | None:
    """As `difference`, for a counter that starts at zero again after a reset."""
    result = difference(state, key, value)
    return value if result is not None and result < 0 else result
