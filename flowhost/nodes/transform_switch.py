"""`switch`: sends messages different ways."""

from __future__ import annotations

from typing import Literal

from pydantic import field_validator
from typing_extensions import override

from flowhost import sdk
from flowhost.nodes.transform_filter import truth
from flowhost.sdk import CodeWriter, Expression, InlineTransform, NodeSpec, setting

PORT_PATTERN = r"^[a-z][a-z0-9_]*$"


class Rule(sdk.Config):
    """One way out."""

    port: str = setting(pattern=PORT_PATTERN, example="running")
    """Name of the output, as written in wires."""
    where: Expression = setting(example="payload.state == 'EXECUTE'", widget="condition")
    """Messages for which this is true leave by the port."""


class SwitchConfig(sdk.Config):
    """The ways out of a switch."""

    rules: list[Rule] = setting(min_length=1)
    """Tried from top to bottom."""
    mode: Literal["first", "all"] = setting("first")
    """`first`: a message leaves by the first rule that is true; `all`: by every one that is."""

    @field_validator("rules")
    @classmethod
    def _ports_differ(cls, rules: list[Rule]) -> list[Rule]:
        names = [rule.port for rule in rules]
        for name in names:
            if name in ("error", "else"):
                msg = f"port {name!r} exists on every switch; choose another name"
                raise ValueError(msg)
            if names.count(name) > 1:
                msg = f"port {name!r} is used by two rules; join them with `or`"
                raise ValueError(msg)
        return rules


class Switch(InlineTransform[SwitchConfig]):
    """Sends each message by the ports whose rule is true; by `else` if none is. Unwired ports count as filtered."""

    spec = NodeSpec(
        id="switch", title="Switch", summary="Sends messages different ways, by rules.", category="logic",
        icon="call_split", ports=(), keywords=("route", "case", "if", "branch"),
    )  # fmt: skip
    Config = SwitchConfig

    @classmethod
    @override
    def output_ports(cls, config: SwitchConfig) -> tuple[str, ...]:
        """One per rule, and `else`."""
        return (*(rule.port for rule in config.rules), "else")

    @override
    def write_code(self, writer: CodeWriter) -> None:
        """Test the rules and send."""
        if self.config.mode == "first":
            self._write_first(writer)
        else:
            self._write_all(writer)

    def _write_first(self, writer: CodeWriter) -> None:
        # all conditions are written before the first `if`: one may put a line before itself
        conditions = [(rule.port, truth(writer, rule.where)) for rule in self.config.rules]
        for index, (port, condition) in enumerate(conditions):
            with writer.block(f"{'if' if index == 0 else 'elif'} {condition}"):
                writer.send(port)
        with writer.block("else"):
            writer.send("else")

    def _write_all(self, writer: CodeWriter) -> None:
        hit = writer.local("hit")
        # all rules are tested before anything is sent, so that a failing rule leaves no half-sent message
        tests = [(rule.port, writer.local("test")) for rule in self.config.rules]
        for (_, name), rule in zip(tests, self.config.rules, strict=True):
            writer.line(f"{name} = {truth(writer, rule.where)}")
        writer.line(f"{hit} = {' or '.join(name for _, name in tests)}")
        for port, name in tests:
            with writer.block(f"if {name}"):
                writer.send(port)
        with writer.block(f"if not {hit}"):
            writer.send("else")
