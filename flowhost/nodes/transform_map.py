"""`map`: makes a new payload, field by field."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from pydantic import model_validator
from typing_extensions import override

from flowhost import sdk
from flowhost.nodes.moments import NS, moment_ns
from flowhost.sdk import CodeWriter, Expression, InlineTransform, MessageError, NodeSpec, setting


class MetaChanges(sdk.Config):
    """New values for what is known about the message."""

    topic: Expression | None = setting(None, example="'uns/' + topic")
    """New topic; must give text."""
    key: Expression | None = setting(None, example="payload.order")
    """New ordering and business key; must give text."""
    unit: Expression | None = setting(None, example="'Cel'")
    """New UCUM unit; must give text."""
    time: Expression | None = setting(None, example="payload.ts")
    """New source time: ISO 8601 text with a zone, or seconds since 1970."""


class MapConfig(sdk.Config):
    """What the new payload holds."""

    set: dict[str, Expression] = setting(
        default_factory=dict, title="Fields to set", example={"tag": "topic", "value": "payload * 1.8 + 32"}
    )
    """Fields of the new payload and the expressions that fill them."""
    keep: bool = setting(False, title="Keep the other fields")
    """Keep the fields the payload already has; `set` adds to them or replaces them."""
    meta: MetaChanges = setting(default_factory=MetaChanges)
    """Changes to topic, key, unit and time."""

    @model_validator(mode="after")
    def _does_something(self) -> MapConfig:
        if not self.set and not self.keep:
            msg = "nothing to do: give `set` with at least one field, or `keep: true` to change only meta"
            raise ValueError(msg)
        return self


class Map(InlineTransform[MapConfig]):
    """Makes a new payload from expressions; all of them see the payload as it came. One message in, one out."""

    spec = NodeSpec(
        id="map", title="Map", summary="Makes a new payload, field by field.", category="logic",
        icon="account_tree", keywords=("set", "change", "transform", "rename", "mapping"),
    )  # fmt: skip
    Config = MapConfig

    @override
    def write_code(self, writer: CodeWriter) -> None:
        """Evaluate everything, then change payload and meta."""
        fields = {name: writer.evaluate(expression) for name, expression in self.config.set.items()}
        meta = self._meta_sources(writer)
        if not self.config.keep:
            writer.set_fields(fields)
        elif fields:
            writer.update_fields(fields)
        if meta:
            writer.set_meta(**meta)

    def _meta_sources(self, writer: CodeWriter) -> dict[str, str]:
        changes = self.config.meta
        sources: dict[str, str] = {}
        for name in ("topic", "key", "unit"):
            expression = getattr(changes, name)
            if expression is not None:
                check = writer.bind(text_for(name), f"text_{name}")
                sources[name] = held(writer, f"{check}({writer.evaluate(expression)})")
        if changes.time is not None:
            parse = writer.bind(to_time_ns, "to_time_ns")
            sources["time_ns"] = held(writer, f"{parse}({writer.evaluate(changes.time)})")
        return sources


def held(writer: CodeWriter, source: str) -> str:
    """Evaluate now, before the payload changes."""
    name = writer.local("held")
    writer.line(f"{name} = {source}")
    return name


def text_for(name: str) -> Any:
    """A function that refuses values other than text."""

    def check(value: object) -> str:
        if isinstance(value, str):
            return value
        raise MessageError(f"meta.{name} must give text but gave {value!r:.40}; write text(...) around it")

    return check


LAST_S = 253_402_300_799
"""The end of the year 9999, seconds since 1970."""


def to_time_ns(value: object) -> int:
    """Nanoseconds since 1970 UTC from ISO 8601 text with a zone, or from seconds. Raises `MessageError`."""
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        if not 0 <= value <= LAST_S:
            hint = "; milliseconds are divided by 1000" if value > LAST_S else ""
            raise MessageError(f"meta.time gave {value!r:.40}, which is no time in seconds since 1970{hint}")
        return round(value * NS)
    if isinstance(value, str):
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            raise MessageError(f"meta.time gave {value!r:.40}, which is not an ISO 8601 time") from None
        if moment.tzinfo is None:
            raise MessageError(f"meta.time gave {value!r:.40} without a zone; add Z or an offset such as +01:00")
        return moment_ns(moment)
    raise MessageError(f"meta.time must give ISO 8601 text or seconds since 1970 but gave {value!r:.40}")
