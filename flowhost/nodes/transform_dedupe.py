"""`dedupe`: lets each message through once."""

from __future__ import annotations

from typing import Any

from typing_extensions import override

from flowhost import sdk
from flowhost.expr import as_text
from flowhost.nodes.keyed import key_source, text_of
from flowhost.nodes.moments import NS
from flowhost.nodes.recent_ids import BETWEEN, RecentIds
from flowhost.sdk import CodeWriter, Expression, InlineTransform, MessageError, NodeContext, NodeSpec, setting


class DedupeConfig(sdk.Config):
    """What counts as the same message, and for how long."""

    id: Expression | None = setting(None, example="payload.order + '/' + text(payload.seq)")
    """What makes a message unique, text or a number; left out, the message's own id."""
    window_s: float = setting(3600, gt=0, unit="s", example=3600)
    """How long an id is remembered, by source time. Longer than the longest outage after which a sender repeats."""
    by: Expression | None = setting(None, example="topic", advanced=True)
    """Ids are compared within the same value of this; left out, the message's key, else its topic."""
    max_entries: int = setting(100_000, ge=1, unit="ids", advanced=True)
    """Ids remembered at most, all keys together, about 400 bytes each in memory; beyond that the oldest leave early."""


class Dedupe(InlineTransform[DedupeConfig]):
    """Lets the first message with an id through; later ones within the window count as filtered.

    Each repetition begins the window anew. A message without an id passes, because nobody can tell whether it is a
    repetition: the first one is told in the run's history, and the node's state says how many there were. Ids are
    remembered by source time, so a backlog after an outage gives the same result as live values.
    """

    spec = NodeSpec(
        id="dedupe", title="Dedupe", summary="Lets each message through once, by its id.", category="logic",
        icon="filter_1", keywords=("duplicate", "idempotent", "once", "unique", "redelivery"),
    )  # fmt: skip
    Config = DedupeConfig
    remedies = {"goes_by_id": "give `id`, made of what the sender wrote"}

    @classmethod
    @override
    def drops_repeats(cls, config: DedupeConfig) -> bool:
        """Within the window."""
        return True

    @classmethod
    @override
    def goes_by_id(cls, config: DedupeConfig) -> bool:
        """By the message's id, where the config names nothing else."""
        return config.id is None or "id" in config.id.compiled.names

    def __init__(self, config: DedupeConfig, context: NodeContext) -> None:
        super().__init__(config, context)
        self._window_ns = round(config.window_s * NS)
        self._recent: RecentIds | None = None
        self._without_id = 0
        self._told_full = False

    @override
    def state_config(self) -> dict[str, Any]:
        """What makes a message unique, and within what."""
        return {"id": text_of(self.config.id), "by": text_of(self.config.by)}

    @override
    def write_code(self, writer: CodeWriter) -> None:
        """Look the id up, remember it, drop what was there."""
        config = self.config
        identity = f"{writer.bind(as_id, 'as_id')}({writer.evaluate(config.id)})" if config.id else writer.meta("id")
        first = writer.bind(self._is_first, "is_first")
        scope, time_ns = key_source(writer, config.by), writer.meta("time_ns")
        with writer.block(f"if not {first}({writer.state()}, {scope}, {identity}, {time_ns})"):
            writer.drop()

    @override
    def health(self) -> str:
        """How many messages could not be judged."""
        return f"{self._without_id:,} messages without an id passed" if self._without_id else ""

    def _is_first(self, state: dict[str, Any], scope: str, identity: str, time_ns: int) -> bool:
        """Whether the id is new within the window; remembers it. The state holds the newest source time of every id."""
        if not identity:
            self._count_without_id(scope)
            return True
        recent = self._recent or self._recall(state)
        key = f"{scope}{BETWEEN}{identity}"
        last_ns: int | None = state.get(key)
        if last_ns is None:
            state[key] = time_ns
            recent.added(scope, key, time_ns)
            return True
        if time_ns > last_ns:
            state[key] = time_ns
            recent.seen(scope, time_ns)
        return abs(time_ns - last_ns) >= self._window_ns

    def _recall(self, state: dict[str, Any]) -> RecentIds:
        self._recent = RecentIds(state, self._window_ns, self.config.max_entries, self._tell_full)
        return self._recent

    def _count_without_id(self, scope: str) -> None:
        self._without_id += 1
        if self._without_id == 1:
            text = f"a message of {scope!r:.60} has no id: such messages pass unchecked; set `id` at the source or here"
            self.context.board.notice("warning", text)

    def _tell_full(self) -> None:
        if not self._told_full:
            self._told_full = True
            config = self.config
            text = (
                f"more than {config.max_entries} ids within {config.window_s:g} s: the oldest are forgotten early, so "
                "a late repetition may pass; raise `max_entries` or shorten `window_s`"
            )
            self.context.board.notice("warning", text)


def as_id(value: object) -> str:
    """An id is text or a number; null means there is none. Raises `MessageError` for anything else."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool | dict | list | bytes):
        raise MessageError(f"`id` must give text or a number but gave {value!r:.40}")
    return as_text(value)
