"""What a run tells about the file its queues lie in: room, damage."""

from __future__ import annotations

import logging

from flowhost.engine.notices import LEVELS, History
from flowhost.engine.outbox.outbox import Outbox
from flowhost.engine.snapshot import DiskSnapshot


class DiskReport:
    """Brings what happens to an outbox into the history of the run that uses it.

    Args:
        outbox: the file.
        log: takes the lines.
        history: takes the events.
    """

    def __init__(self, outbox: Outbox, log: logging.LoggerAdapter[logging.Logger], history: History) -> None:
        self._outbox = outbox
        self._log = log
        self._history = history

    def begin(self) -> None:
        """Tell what was found when the file was opened, and all that happens from now on."""
        self._outbox.listen(self._say)

    def snapshot(self) -> DiskSnapshot:
        """The room there is now."""
        return self._outbox.room.snapshot()

    def _say(self, kind: str, text: str, node: str) -> None:
        self._log.log(LEVELS.get(kind, logging.INFO), "%s: %s", node or "outbox", text)
        self._history.add(kind, text, node=node)
