"""Runs one source: open, run, confirm positions, open again after a loss."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Any

from flowhost.engine.backoff import Backoff
from flowhost.engine.counters import NodeCounters
from flowhost.engine.failure import REPORT, UNDECODABLE, Failure, reason_of
from flowhost.engine.kept_positions import KeptPositions
from flowhost.engine.load import Rides
from flowhost.engine.notices import NoticeBoard
from flowhost.engine.passage import Passage
from flowhost.engine.pump import Deliveries, Pump
from flowhost.engine.token import Positions, Token
from flowhost.errors import ConfigError, PermanentError, TemporaryError
from flowhost.sdk import Message, Rejected, Settlement, Source, Trigger

NODE_FAULT_TRIES = 5
READY = "waits to be sent by hand"


class SourceLoop:
    """One source of a run.

    Guarantees: batches enter the flow in the order of the source's `emit` calls; positions are confirmed in that order,
    each once; a request to stop never cuts an `emit` that can still finish. Where there is a disk, an `emit` of a
    source that cannot bring its batch again returns once every branch has it there or confirmed.

    Args:
        node_id: id of the node.
        node: the source.
        counters: of the node.
        pump: takes the batches on.
        board: takes notices.
        link_ready: returns once the node's connection is there.
        positions: those still to be told; None for a source that is not told and has no disk to wait for.
        stays: where the source can be triggered, it does not end when its `run` returns: it waits to be.

    Attributes:
        last: the last message that left, by node and port.
        passage: notes what its batches bring about; None where no ledger is kept.
    """

    def __init__(
        self,
        node_id: str,
        node: Source[Any],
        counters: NodeCounters,
        pump: Pump,
        board: NoticeBoard,
        link_ready: Callable[[], Awaitable[None]],
        positions: Positions | None,
        *,
        stays: bool = False,
    ) -> None:
        self.node_id = node_id
        self.last: dict[tuple[str, str], Message] = {}
        self.passage: Passage | None = None
        self._node = node
        self._counters = counters
        self._pump = pump
        self._board = board
        self._link_ready = link_ready
        self._positions = positions
        self._stays = stays and isinstance(node, Trigger)
        # a firing by hand and the source's own batches never enter the flow at the same time
        self._turn = asyncio.Lock()
        self._telling = asyncio.Lock()
        self._told = node.is_replayable(node.config)
        self._task: asyncio.Task[None] | None = None
        self._emitting = False
        self._stopping = False

    @property
    def comes_again(self) -> bool:
        """Whether its origin gives out again what was not confirmed."""
        return self._told

    @property
    def aloft(self) -> Collection[Token]:
        """Batches of which something was counted that is not on its way to disk yet."""
        return self._positions.origin.aloft if isinstance(self._positions, KeptPositions) else ()

    def take_along(self, rides: Rides) -> None:
        """Which appends are part of the transactions of its batches."""
        if isinstance(self._positions, KeptPositions):
            self._positions.origin.rides = rides

    async def run(self) -> None:
        """Until the source ends, fails for good, or is asked to stop."""
        self._task = asyncio.current_task()
        backoff = Backoff(cap_s=30.0)
        while not self._stopping:
            emitted = self._counters.batches
            try:
                await self._live()
            except (PermanentError, ConfigError) as error:
                self._fail(error)
                return
            except Exception as error:  # noqa: BLE001 - a source's own bug must not take other nodes down
                if self._counters.batches > emitted:
                    backoff.reset()
                if not isinstance(error, TemporaryError | OSError) and backoff.tries >= NODE_FAULT_TRIES:
                    self._fail(error)
                    return
                await self._wait_again(error, backoff)
            else:
                self._counters.state, self._counters.text = "ended", ""
                return

    async def _live(self) -> None:
        await self._link_ready()
        await self._node.open()
        if self._counters.state == "retrying":
            self._board.notice("restored", "running again")
        self._counters.state, self._counters.text = "running", ""
        await self._node.run(self.emit)
        if self._stays:
            self._counters.text = READY
            await asyncio.Event().wait()

    async def _wait_again(self, error: Exception, backoff: Backoff) -> None:
        reason = reason_of(error)
        if isinstance(error, TemporaryError | OSError):
            self._counters.attempts += 1
        else:
            self._counters.errors += 1
        self._counters.last_error = reason
        if self._counters.state != "retrying":
            self._board.notice("lost", reason)
        self._counters.ail("retrying", reason)
        await self._node.close()
        pause_s = backoff.next_s()
        await asyncio.sleep(getattr(error, "after_s", None) or pause_s)

    def _fail(self, error: Exception) -> None:
        reason = reason_of(error)
        self._counters.errors += 1
        self._counters.ail("failed", reason)
        self._counters.last_error = reason
        self._board.notice("error", reason)

    async def emit(
        self,
        messages: Sequence[Message],
        position: Any = None,
        *,
        port: str = "out",
        rejected: Sequence[Rejected] = (),
    ) -> None:
        """Take a batch from the source (`flowhost.sdk.Emit`)."""
        self._emitting = True
        try:
            await self._hand_over(messages, position, port, rejected)
        finally:
            self._emitting = False
        if self._stopping and self._task is not None:
            self._task.cancel()
            await asyncio.sleep(0)

    async def trigger(self, only: int | None, let_in: Callable[[int], None]) -> int:
        """Have the source send once more, beside its `run`. Raises what its `trigger` raises.

        Args:
            only: as in `flowhost.sdk.Trigger`.
            let_in: told how many messages there are once the flow takes them; cancelled before, nothing was sent.
        """
        node = self._node
        assert isinstance(node, Trigger)

        async def emit(
            messages: Sequence[Message],
            position: Any = None,
            *,
            port: str = "out",
            rejected: Sequence[Rejected] = (),
        ) -> None:
            await self._hand_over(messages, position, port, rejected, let_in)

        return await node.trigger(emit, only)

    def why_not_now(self) -> str:
        """Why the source cannot be told to send, in words behind its name; empty if it can."""
        state, text = self._counters.state, self._counters.text
        if not isinstance(self._node, Trigger):
            return f"cannot be told to send: {self._node.spec.id} has no button"
        if self._stopping:
            return "is being stopped"
        if state == "ended":
            return "has ended"
        if state != "running":
            return f"is {state}" + (f": {text}" if text else "")
        return ""

    async def _hand_over(
        self,
        messages: Sequence[Message],
        position: Any,
        port: str,
        rejected: Sequence[Rejected],
        let_in: Callable[[int], None] | None = None,
    ) -> None:
        counters = self._counters
        positions = self._positions
        async with self._turn:
            if isinstance(positions, KeptPositions):
                await positions.room()
            if let_in is not None:
                let_in(len(messages))
            counters.batches += 1
            token = Token() if positions is None else positions.open(position)
            if rejected:
                await self._reject(rejected, token)
            if messages:
                self.last[self.node_id, port] = messages[-1]
            await self._pump.feed(self.node_id, port, messages, token, self.passage)
            if positions is not None and not self._told:
                await positions.empty()

    async def _reject(self, rejected: Sequence[Rejected], token: Token) -> None:
        deliveries: Deliveries = []
        failures = [
            Failure(self.node_id, item.message, item.reason, REPORT if item.is_report else UNDECODABLE)
            for item in rejected
        ]

        def fail() -> None:
            self._counters.made += len(rejected)
            self._pump.fail(failures, deliveries)

        if self.passage is None:
            fail()
        else:
            self.passage.note(token, fail)
        await self._pump.deliver(deliveries, token)

    def request_stop(self) -> None:
        """Stop receiving; an `emit` under way finishes first."""
        self._stopping = True
        if self._task is not None and not self._emitting:
            self._task.cancel()

    async def confirm(self) -> None:
        """Tell the source what is settled, for ever."""
        if self._positions is None:
            return
        while True:
            await self._positions.ready()
            async with self._telling:
                await self._tell(self._positions.take_settled(), Settlement.CONFIRMED)

    async def settled(self) -> None:
        """Returns when everything the source handed over has been settled and told to it."""
        if self._positions is not None:
            await self._positions.empty()
            async with self._telling:
                pass

    async def finish(self) -> None:
        """Tell the source how its last positions ended, then close it."""
        if self._positions is not None and self._told:
            async with self._telling:
                await self._tell(self._positions.take_settled(), Settlement.CONFIRMED)
                await self._tell(self._positions.take_open(), Settlement.ABANDONED)
        try:
            await self._node.close()
        except Exception as error:  # noqa: BLE001 - the rest must still be closed
            self._board.notice("warning", f"closing failed: {reason_of(error)}")
        if self._counters.state == "running":
            self._counters.state = "stopped"

    async def _tell(self, positions: Sequence[Any], settlement: Settlement) -> None:
        for position in positions:
            try:
                await self._node.on_outcome(position, settlement)
            except Exception as error:  # noqa: BLE001 - unconfirmed is safe: the origin delivers again
                self._counters.errors += 1
                self._counters.last_error = reason_of(error)
                self._board.notice("warning", f"could not confirm a batch at its origin: {reason_of(error)}")
