"""`deadband`: lets through what moved far enough."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pydantic import model_validator
from typing_extensions import override

from flowhost import sdk
from flowhost.nodes.keyed import is_empty, key_source, number, text_of
from flowhost.sdk import CodeWriter, Expression, InlineTransform, NodeSpec, setting


class DeadbandConfig(sdk.Config):
    """How far a value must move."""

    value: Expression | None = setting(None, example="payload.value")
    """The number; left out, the payload itself."""
    absolute: float | None = setting(None, gt=0, example=0.5)
    """Distance to the last value let through, in the value's unit."""
    percent: float | None = setting(None, gt=0, unit="%", example=1)
    """Distance in percent of the last value let through."""
    by: Expression | None = setting(None, example="topic", advanced=True)
    """Key to compare within; left out, the message's key, else its topic."""

    @model_validator(mode="after")
    def _one_band(self) -> DeadbandConfig:
        if (self.absolute is None) == (self.percent is None):
            msg = "give either `absolute` or `percent`"
            raise ValueError(msg)
        return self


class Deadband(InlineTransform[DeadbandConfig]):
    """Lets a number through when it is at least the band away from the last one let through for its key.

    The first value of a key passes; so does the change to and from an empty value (null, as a bad OPC UA value has it,
    or NaN).
    """

    spec = NodeSpec(
        id="deadband", title="Deadband", summary="Lets through values that moved far enough.", category="logic",
        icon="density_small", keywords=("noise", "threshold", "rbe"),
    )  # fmt: skip
    Config = DeadbandConfig

    @override
    def state_config(self) -> dict[str, Any]:
        """What is compared, and within what."""
        return {"value": text_of(self.config.value), "by": text_of(self.config.by)}

    @override
    def write_code(self, writer: CodeWriter) -> None:
        """Compare, remember, drop what is too close."""
        config = self.config
        value = writer.evaluate(config.value) if config.value else writer.payload()
        moved = writer.bind(moved_far if config.absolute is not None else moved_percent, "moved")
        band = config.absolute if config.absolute is not None else config.percent
        key = key_source(writer, config.by)
        with writer.block(f"if not {moved}({writer.state()}, {key}, {value}, {band!r})"):
            writer.drop()


def moved_far(state: dict[str, Any], key: str, value: Any, band: float) -> bool:
    """Whether the value is at least `band` away from the last one that was; remembers it then."""
    return _moved(state, key, value, lambda _: band)


def moved_percent(state: dict[str, Any], key: str, value: Any, percent: float) -> bool:
    """As `moved_far`, with a band in percent of the last value; away from 0 every change is far."""
    return _moved(state, key, value, lambda last: abs(last) * percent / 100 or 5e-324)


def _moved(state: dict[str, Any], key: str, value: Any, band_at: Callable[[float], float]) -> bool:
    if not is_empty(value):
        number(value, "the value of a deadband")
    last = state.get(key, state)
    if last is state:
        passes = True
    elif is_empty(last) or is_empty(value):
        passes = is_empty(last) is not is_empty(value)
    else:
        passes = abs(float(value) - float(last)) >= band_at(float(last))
    if passes:
        state[key] = value
    return passes
