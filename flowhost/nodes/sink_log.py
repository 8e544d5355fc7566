"""`log`: writes messages to the log."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any, Literal

from typing_extensions import override

from flowhost import sdk
from flowhost.sdk import EvaluationError, Message, NodeSpec, Ok, Reject, Sink, Template, WriteOutcome, setting

LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}
MAX_TEXT = 2000


class LogConfig(sdk.Config):
    """How a message reads in the log."""

    level: Literal["debug", "info", "warning", "error"] = setting("info")
    """Severity of the lines."""
    text: Template | None = setting(None, example="{topic} is {payload.value}")
    """The line; left out, topic, payload, unit and, for failed messages, the cause."""


class Log(Sink[LogConfig]):
    """Writes one line per message to the log of the host: the terminal it runs in, or the log of its service.

    The messages it takes are seen on the flow's page, with the node picked, and in the editor in Messages, as samples
    and without the text set here: the lines themselves are in the log alone. Does not leave the machine.
    """

    spec = NodeSpec(
        id="log", title="Log", summary="Writes messages to the host's log: terminal or service log.",
        category="debug", icon="article",
        ports=(), leaves_machine=False, idempotent=True, keywords=("print", "debug", "console"),
    )  # fmt: skip
    Config = LogConfig

    @override
    async def write(self, messages: Sequence[Message]) -> Sequence[WriteOutcome] | None:
        """Write the lines; a template that fails on a message refuses that message."""
        level, text = LEVELS[self.config.level], self.config.text
        if not self.context.log.isEnabledFor(level):
            return None
        if text is None:
            for message in messages:
                self.context.log.log(level, "%s: %s", self.context.node, plain(message))
            return None
        return [self._write_one(level, text, message) for message in messages]

    def _write_one(self, level: int, text: Template, message: Message) -> WriteOutcome:
        try:
            line = text.render(message)
        except EvaluationError as error:
            return Reject(str(error))
        self.context.log.log(level, "%s: %s", self.context.node, line[:MAX_TEXT])
        return Ok()


def plain(message: Message) -> str:
    """A message in one line."""
    meta = message.meta
    parts: list[Any] = [meta.topic or "(no topic)", f"{message.payload!r:.{MAX_TEXT}}"]
    if meta.unit:
        parts.append(meta.unit)
    if meta.quality != "good":
        parts.append(f"quality {meta.quality}")
    if "error" in meta.headers:
        parts.append(f"failed at {meta.headers.get('error.node', '?')}: {meta.headers['error']}")
    return " ".join(str(part) for part in parts)
