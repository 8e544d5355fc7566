"""Where sources keep how far they were confirmed: in the outbox, beside the queues."""

from __future__ import annotations

from typing import Any

from flowhost.engine.outbox.changes import KeepOrigin
from flowhost.engine.outbox.codec import decode, encode
from flowhost.engine.outbox.outbox import Outbox


class OutboxCheckpoint:
    """The checkpoint of one source (`flowhost.sdk.Checkpoint`)."""

    def __init__(self, outbox: Outbox, flow: str, node: str) -> None:
        self._outbox = outbox
        self._place = (flow, node)

    async def load(self) -> Any:
        """What was saved last; None at first. Raises `DamagedRowError`."""
        found = await self._outbox.query("SELECT value FROM origin WHERE flow = ? AND node = ?", self._place)
        return decode(found[0][0]) if found else None

    async def save(self, value: Any) -> None:
        """Keep the value; returns once it is on disk. Raises `HostError`."""
        await self._outbox.change(KeepOrigin(*self._place, encode(value)))
