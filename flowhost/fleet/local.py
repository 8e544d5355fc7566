"""A fleet of worker processes on this machine."""

from __future__ import annotations

import asyncio

from typing_extensions import override

from flowhost.engine.by_hand import SendByHand, SentByHand
from flowhost.engine.outbox.letter_requests import LetterAnswer, LetterRequest
from flowhost.errors import HostError
from flowhost.fleet.contract import Fleet, FleetListener, FlowOrder, RunGoneError, WorkerStatus
from flowhost.fleet.link import Reception
from flowhost.fleet.slot import WorkerSlot
from flowhost.fleet.spare import Spare


class LocalFleet(Fleet):
    """Runs flows in subprocesses; a new run goes to the worker with the fewest.

    Args:
        count: how many.
        spare: have one more that has loaded all plugins and takes the place of one that died.
    """

    def __init__(self, count: int = 1, *, spare: bool = False) -> None:
        self._count = count
        self._reception = Reception()
        self._spare = Spare(kept=spare)
        self._slots: list[WorkerSlot] = []

    @override
    async def open(self, listener: FleetListener) -> None:
        """See `Fleet`."""
        await self._reception.open()
        names = [f"worker-{number}" for number in range(1, self._count + 1)]
        self._slots = [WorkerSlot(name, self._reception, self._spare, listener) for name in names]
        for slot in self._slots:
            slot.open()
        self._spare.open()

    @override
    async def close(self, drain_s: float) -> None:
        """See `Fleet`."""
        await asyncio.gather(*(slot.close(drain_s) for slot in self._slots), self._spare.close())
        await self._reception.close()

    @override
    async def start(self, order: FlowOrder) -> None:
        """See `Fleet`."""
        if not self._slots:
            msg = "no worker: the fleet is not open"
            raise HostError(msg)
        await min(self._slots, key=lambda slot: slot.runs).start(order)

    @override
    async def stop(self, run: int, drain_s: float) -> None:
        """See `Fleet`."""
        if (slot := self._slot_of(run)) is not None:
            await slot.stop(run, drain_s)

    @override
    def watch(self, run: int, on: bool) -> None:
        """See `Fleet`."""
        if (slot := self._slot_of(run)) is not None:
            slot.watch(run, on)

    @override
    async def ask(self, run: int, request: LetterRequest) -> LetterAnswer:
        """See `Fleet`."""
        return await self._home_of(run).ask(run, request)

    @override
    async def send_by_hand(self, run: int, request: SendByHand) -> SentByHand:
        """See `Fleet`."""
        return await self._home_of(run).send_by_hand(run, request)

    @override
    def workers(self) -> tuple[WorkerStatus, ...]:
        """See `Fleet`."""
        return tuple(slot.status() for slot in self._slots)

    def _home_of(self, run: int) -> WorkerSlot:
        if (slot := self._slot_of(run)) is None:
            raise RunGoneError(f"run {run} is over")
        return slot

    def _slot_of(self, run: int) -> WorkerSlot | None:
        return next((slot for slot in self._slots if slot.has(run)), None)
