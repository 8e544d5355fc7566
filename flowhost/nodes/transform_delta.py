"""`delta`: the difference to the last value."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from typing_extensions import override

from flowhost import sdk
from flowhost.nodes.keyed import is_empty, key_source, number, text_of
from flowhost.sdk import CodeWriter, Expression, InlineTransform, MessageError, NodeSpec, setting


class DeltaConfig(sdk.Config):
    """Whose difference is taken."""

    value: Expression | None = setting(None, example="payload.good_count")
    """The number; left out, the payload itself."""
    into: str = setting("", example="delta")
    """Field of the payload that takes the difference; empty makes the difference the whole payload."""
    counter: bool = setting(False)
    """The value only counts up: a smaller one means it was reset, and counts from zero.

    A smaller one with an older source time is a straggler and counts as filtered.
    """
    by: Expression | None = setting(None, example="topic", advanced=True)
    """Key to compare within; left out, the message's key, else its topic."""


class Delta(InlineTransform[DeltaConfig]):
    """Replaces a value by its difference to the last one of the same key.

    The first value of a key is only remembered, and counted as filtered; so are empty values (null, as a bad OPC UA
    value has it, and NaN).
    """

    spec = NodeSpec(
        id="delta", title="Delta", summary="The difference to the last value.", category="logic",
        icon="difference", keywords=("increment", "counter", "rate"),
    )  # fmt: skip
    Config = DeltaConfig

    @override
    def state_config(self) -> dict[str, Any]:
        """What is compared, and within what."""
        return {"value": text_of(self.config.value), "by": text_of(self.config.by)}

    @override
    def write_code(self, writer: CodeWriter) -> None:
        """Take the difference; drop what has no predecessor."""
        config = self.config
        value = writer.evaluate(config.value) if config.value else writer.payload()
        take = writer.bind(count_up if config.counter else difference, "difference")
        result = writer.local("delta")
        key, time_ns = key_source(writer, config.by), writer.meta("time_ns")
        writer.line(f"{result} = {take}({writer.state()}, {key}, {value}, {time_ns})")
        with writer.block(f"if {result} is None"):
            writer.drop()
        if config.into:
            writer.update_fields({config.into: result})
        else:
            writer.set_payload(result)


def difference(state: dict[str, Any], key: str, value: Any, time_ns: int) -> Any:
    """Value minus the last one; None without one. Remembers the value."""
    return _take(state, key, value, time_ns, counter=False)


def count_up(state: dict[str, Any], key: str, value: Any, time_ns: int) -> Any:
    """As `difference`, for a counter that starts at zero again after a reset."""
    return _take(state, key, value, time_ns, counter=True)


def _take(state: dict[str, Any], key: str, value: Any, time_ns: int, *, counter: bool) -> Any:
    if is_empty(value):
        return None
    number(value, "the value of a delta")
    if key not in state:
        state[key] = (value, time_ns)
        return None
    last, last_ns = state[key]
    if counter and value < last:
        if time_ns < last_ns:
            return None
        last = type(value)(0)
    state[key] = (value, time_ns)
    if {type(value), type(last)} == {float, Decimal}:
        raise MessageError("the value of a delta changed between exact decimal and float; write float(...) around it")
    return value - last
