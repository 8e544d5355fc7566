"""`counter`: a running total per key."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from typing_extensions import override

from flowhost import sdk
from flowhost.nodes.keyed import is_empty, key_source, number, text_of
from flowhost.sdk import CodeWriter, Expression, InlineTransform, MessageError, NodeSpec, setting


class CounterConfig(sdk.Config):
    """What is added up."""

    add: Expression | None = setting(None, example="payload.good")
    """What each message adds; left out, one."""
    into: str = setting("", example="total")
    """Field of the payload that takes the total; left empty, the total is the payload."""
    reset: Expression | None = setting(None, example="payload.event == 'order_start'")
    """Where this is true, the total begins again at zero before the message is added."""
    by: Expression | None = setting(None, example="payload.machine")
    """Key to count within; left out, the message's key, else its topic."""


class Counter(InlineTransform[CounterConfig]):
    """Sends every message on with the total of its key so far.

    The total is kept on disk with the messages that made it, so it goes on after a restart and counts what comes again
    only once where it had not been kept. Empty values (null, as a bad OPC UA value has it, and NaN) add nothing.
    """

    spec = NodeSpec(
        id="counter", title="Counter", summary="Adds up, per key.", category="logic", icon="pin",
        keywords=("count", "total", "totalizer", "sum", "accumulate", "pieces"),
    )  # fmt: skip
    Config = CounterConfig

    @override
    def state_config(self) -> dict[str, Any]:
        """What is added up, and within what."""
        return {"add": text_of(self.config.add), "by": text_of(self.config.by)}

    @override
    def write_code(self, writer: CodeWriter) -> None:
        """Add, and put the total where it belongs."""
        config = self.config
        value = writer.evaluate(config.add) if config.add else "1"
        fresh = writer.evaluate(config.reset) if config.reset else "False"
        total = writer.local("total")
        add = writer.bind(add_up, "add_up")
        writer.line(f"{total} = {add}({writer.state()}, {key_source(writer, config.by)}, {value}, {fresh})")
        if config.into:
            writer.update_fields({config.into: total})
        else:
            writer.set_payload(total)


def add_up(state: dict[str, Any], key: str, value: Any, fresh: Any) -> Any:
    """The total with this value; remembers it. Raises `MessageError` for what is no number or no truth value."""
    if fresh is not True and fresh is not False:
        raise MessageError(f"`reset` must give true or false but gave {fresh!r:.40}")
    total = 0 if fresh else state.get(key, 0)
    if not is_empty(value):
        number(value, "what a counter adds")
        if {type(value), type(total)} == {float, Decimal}:
            raise MessageError("a counter's values changed between exact decimal and float; write float(...) around it")
        total += value
    state[key] = total
    return total
