"""What nodes and connections say for the run's history: logged once, handed to whoever keeps it."""

from __future__ import annotations

import logging

from flowhost.engine.options import EventSink
from flowhost.engine.snapshot import RunEvent
from flowhost.sdk import Clock
from flowhost.sdk.context import NoticeKind

LEVELS = {"lost": logging.WARNING, "gap": logging.WARNING, "gone": logging.ERROR,
          "warning": logging.WARNING, "error": logging.ERROR, "dead": logging.ERROR}  # fmt: skip
"""How loud each kind of event is in the log; others are information."""


class NoticeBoard:
    """Takes notices of one node or connection (`flowhost.sdk.NoticeBoard`).

    Attributes:
        gone: how often messages were told to be gone for good.
        gone_text: the newest of these notices.
    """

    def __init__(self, name: str, log: logging.LoggerAdapter[logging.Logger], history: History) -> None:
        self._name = name
        self._log = log
        self._history = history
        self.gone = 0
        self.gone_text = ""

    def notice(self, kind: NoticeKind, text: str) -> None:
        """Log the text and keep it with the run."""
        if kind == "gone":
            self.gone += 1
            self.gone_text = text
        self._log.log(LEVELS.get(kind, logging.INFO), "%s: %s", self._name, text)
        self._history.add(kind, text, node=self._name)


class History:
    """Hands events to the run's observer."""

    def __init__(self, clock: Clock, on_event: EventSink | None) -> None:
        self._clock = clock
        self._on_event = on_event

    def add(self, kind: str, text: str, *, node: str = "", topic: str = "") -> None:
        """An event of now."""
        if self._on_event is not None:
            self._on_event(RunEvent(time_ns=self._clock.now_ns(), kind=kind, text=text, node=node, topic=topic))
