"""All that one run does with dead letters: counts them, brings retried ones back, takes requests."""

from __future__ import annotations

import logging
from collections.abc import Callable

import apsw

from flowhost.engine.journal import Journal
from flowhost.engine.load import Rides
from flowhost.engine.outbox.letter import LetterState
from flowhost.engine.outbox.letter_desk import LetterDesk
from flowhost.engine.outbox.sight import look_for_retried
from flowhost.engine.outbox.trail import LetterTrail
from flowhost.engine.pump import Pump
from flowhost.engine.replay import Replays, StartTask
from flowhost.errors import HostError
from flowhost.graph.document import FlowDocument
from flowhost.sdk import Clock

log = logging.getLogger(__name__)

_COUNT = "SELECT state, count(*) FROM dead WHERE flow = ? AND state IN ('dead', 'retried') GROUP BY state"


class LetterOffice:
    """The dead letters of a run.

    Args:
        journal: of the run.
        flow: the flow that runs.
        revision: of the flow, 0 where there is none.
        pump: takes retried messages.
        trail: of all durable queues of the run.
        clock: source of time.
        rides: which appends are part of the transaction of a batch that begins at a node.

    Attributes:
        desk: takes requests.
        replays: brings letters back.
    """

    def __init__(
        self,
        journal: Journal,
        flow: FlowDocument,
        revision: int,
        pump: Pump,
        trail: LetterTrail,
        clock: Clock,
        rides: Callable[[str], Rides],
    ) -> None:
        self._outbox = journal.outbox
        self._flow = flow
        self._revision = revision
        self._trail = trail
        self._clock = clock
        self.replays = Replays(journal, flow, revision, pump, trail, clock, rides)
        self.desk = LetterDesk(self._outbox, self.replays)
        self._counts: dict[LetterState, int] = {}
        self._counted_at = -1
        self._counting = False
        self._start: StartTask | None = None

    async def find(self) -> None:
        """Look for retried letters in the queues; before anything is taken from them. Raises `HostError`."""
        self._trail.active = await look_for_retried(self._outbox, self._flow.id, self._revision, self._clock)

    async def open(self, start: StartTask) -> None:
        """Begin to bring retried letters back. Raises `HostError`."""
        self._start = start
        await self.replays.open(start)
        await self.count()

    def counted(self, state: LetterState) -> int:
        """How many letters there are, as last counted; a count that is out of date is renewed in the background."""
        if self._start is not None and not self._counting and self._counted_at != self._outbox.letters_changed:
            self._counting = True
            self._start(self.count(), "count dead letters")
        return self._counts.get(state, 0)

    async def count(self) -> None:
        """Count letters now."""
        try:
            self._counted_at = self._outbox.letters_changed
            self._counts = dict(await self._outbox.query(_COUNT, (self._flow.id,)))
        finally:
            self._counting = False

    async def close(self) -> None:
        """Count for the last time, if the file can be read; no background work from here on."""
        self._start = None
        try:
            await self.count()
        except (HostError, apsw.Error) as error:
            log.warning("dead letters of %s cannot be counted: %s", self._flow.id, error)
