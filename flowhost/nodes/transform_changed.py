"""`changed`: lets through what differs from the last one."""

from __future__ import annotations

from typing import Any

from typing_extensions import override

from flowhost import sdk
from flowhost.nodes.keyed import key_source, text_of
from flowhost.sdk import CodeWriter, Expression, InlineTransform, NodeSpec, setting


class ChangedConfig(sdk.Config):
    """What is compared."""

    value: Expression | None = setting(None, example="payload.state")
    """What is compared with the last message of the same key; left out, the whole payload."""
    by: Expression | None = setting(None, example="topic", advanced=True)
    """Key to compare within; left out, the message's key, else its topic."""


class Changed(InlineTransform[ChangedConfig]):
    """Lets a message through when its value differs from the last one of its key; the first always passes."""

    spec = NodeSpec(
        id="changed", title="Changed", summary="Lets through only values that changed.", category="logic",
        icon="published_with_changes", keywords=("rbe", "report by exception", "duplicate", "on change"),
    )  # fmt: skip
    Config = ChangedConfig

    @override
    def state_config(self) -> dict[str, Any]:
        """What is compared, and within what."""
        return {"value": text_of(self.config.value), "by": text_of(self.config.by)}

    @override
    def write_code(self, writer: CodeWriter) -> None:
        """Compare, remember, drop what is the same."""
        value = writer.evaluate(self.config.value) if self.config.value else writer.payload()
        differs = writer.bind(differs_from_last, "differs")
        with writer.block(f"if not {differs}({writer.state()}, {key_source(writer, self.config.by)}, {value})"):
            writer.drop()


def differs_from_last(state: dict[str, Any], key: str, value: Any) -> bool:
    """Whether the value is new for its key; remembers it. 1, 1.0 and true are different values."""
    last = state.get(key, state)
    if last is not state and same(last, value):
        return False
    state[key] = value
    return True


def same(last: Any, value: Any) -> bool:
    """Equal and of one type, all the way down; NaN is the same as NaN."""
    if isinstance(last, dict) and isinstance(value, dict):
        return last.keys() == value.keys() and all(same(last[name], item) for name, item in value.items())
    if isinstance(last, list) and isinstance(value, list):
        return len(last) == len(value) and all(map(same, last, value))
    return type(last) is type(value) and (last == value or (last != last and value != value))
