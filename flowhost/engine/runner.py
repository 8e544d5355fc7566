"""One run of a flow, from start to stop."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterator

from flowhost.engine.assembly import Assembler, Assembly
from flowhost.engine.by_hand import ByHand, SendByHand, SentByHand
from flowhost.engine.failure import reason_of
from flowhost.engine.options import RunOptions
from flowhost.engine.outbox.letter_requests import LetterAnswer, LetterRequest
from flowhost.engine.snapshot import FlowSnapshot, RunState, ValueSnapshot
from flowhost.engine.source_loop import SourceLoop
from flowhost.engine.stations import WaitingNode
from flowhost.engine.tasks import TaskKeeper
from flowhost.engine.ticker import Ticker
from flowhost.engine.values import value_snapshot
from flowhost.errors import ConflictError, NotFoundError
from flowhost.graph.document import FlowDocument
from flowhost.graph.library import NodeLibrary
from flowhost.graph.topology import topological_order

FAILED_DRAIN_S = 1.0
"""Once the run has failed nothing is confirmed any more: what nodes have in hand may end, seconds."""
CLOSE_TIMEOUT_S = 3.0


class FlowRunner:
    """Runs one flow once.

    Raises:
        ConfigError: the flow cannot run as it is written; nothing was opened.
    """

    def __init__(self, flow: FlowDocument, library: NodeLibrary, options: RunOptions) -> None:
        self._parts: Assembly = Assembler(flow, library, options).build()
        self._state: RunState = "starting"
        self._text = ""
        self._failed = False
        self._tasks = TaskKeeper(self._fault)
        self._leave_on_disk = options.leave_on_disk
        self._may_leave = asyncio.Event()
        self._flush_on_stop = options.flush_on_stop or options.outbox is None
        self._ticker = Ticker(self._parts.timed(), self._parts.pump, self._parts.clock)
        self._hands = {
            source.node_id: ByHand(source, self._parts.history, self._tasks.start) for source in self._parts.sources
        }
        self._source_tasks: list[asyncio.Task[None]] = []
        self._sources_over = asyncio.Event()
        self._watching = False
        self._deadline: asyncio.Timeout | None = None

    async def start(self) -> None:
        """Find what an earlier run left, open connections and nodes in the background and start the sources.

        Raises:
            HostError: the outbox cannot be read.
            NodeError: a transform cannot get ready.
        """
        parts = self._parts
        await self._find_left()
        for transform in parts.transforms:
            await transform.open()
        for managed in parts.pool:
            self._tasks.start(managed.open(), f"open {managed.name}")
        for direct in parts.direct.values():
            await direct.waiting.open()
        for node_id, queued in parts.queued.items():
            self._tasks.start(queued.serve(), f"serve {node_id}")
        self._start_stateful()
        if parts.letters is not None:
            await parts.letters.open(self._tasks.start)
        for source in parts.sources:
            self._tasks.start(source.confirm(), f"confirm {source.node_id}")
        self._source_tasks = [self._tasks.task(s.run(), f"source {s.node_id}") for s in parts.sources]
        self._tasks.start(self._await_sources(), "await sources")
        self._state = "running"

    async def _find_left(self) -> None:
        """Take up what earlier runs and revisions have left on disk."""
        parts = self._parts
        await parts.take_over()
        if parts.letters is not None:
            await parts.letters.find()
        if parts.memories is not None:
            await parts.memories.load()
        for node_id, edge in parts.durable.items():
            parts.counters[node_id].in_ += await edge.open()
        for counters in parts.counters.values():
            counters.before = counters.pending
        if parts.books is not None:
            await parts.books.open()
            self._tasks.start(parts.books.keep(), "keep the ledger")

    def _start_stateful(self) -> None:
        parts = self._parts
        given_out = [] if parts.memories is None else parts.memories.carry_over()

        async def serve() -> None:
            # what changed nodes give out first comes before what they make of new messages
            if parts.memories is not None:
                await parts.memories.deliver(given_out)
            for node_id, holding in parts.holding.items():
                self._tasks.start(holding.serve(), f"serve {node_id}")
            if parts.stateful:
                self._tasks.start(self._ticker.run(), "ticker")

        self._tasks.start(serve(), "serve stateful nodes")

    async def wait(self) -> None:
        """Returns when every source has ended or failed for good, or the run itself has failed."""
        await self._sources_over.wait()

    async def stop(self, drain_s: float | None = 10.0) -> None:
        """Stop the sources, let everything on its way arrive, then close; firmly once `drain_s` seconds are over.

        What has not arrived by then stays counted as pending, and replayable sources deliver it again next time.
        With `leave_on_disk` a target that is down is not waited for where its messages are on disk.
        None sets no limit: the run goes on until all has arrived, or until `hurry` sets one.
        """
        if self._state in ("stopped", "ended"):
            return
        over = self._sources_over.is_set()
        if drain_s is None and not self._failed:
            self._text = "its sources have ended; what waits is still delivered"
        else:
            self._state = "draining"
            self._let_leave()
        text = ""
        begun = asyncio.get_running_loop().time()
        if self._failed:
            drain_s = FAILED_DRAIN_S
        try:
            async with asyncio.timeout(drain_s) as self._deadline:
                await self._stop_sources()
                await self._drain()
        except TimeoutError:
            text = "stopped with messages still on their way"
        self._deadline = None
        self._state = "draining"
        await self._close(begun + (drain_s or 0.0) - asyncio.get_running_loop().time())
        self._text = self._text if self._failed else text
        self._state = "failed" if self._failed else "ended" if over else "stopped"

    def fail(self, error: BaseException) -> None:
        """The machine failed (the outbox cannot be written): take in no more, confirm nothing, end."""
        self._fault(error)
        for source in self._parts.sources:
            source.request_stop()

    def hurry(self, within_s: float = 0.0) -> None:
        """Give a stop under way no more than this, seconds."""
        if self._deadline is not None and not self._deadline.expired():
            self._let_leave()
            self._state = "failed" if self._failed else "draining"
            self._deadline.reschedule(asyncio.get_running_loop().time() + within_s)

    @property
    def failed(self) -> bool:
        """True once the run itself has failed: nothing more arrives."""
        return self._failed

    def snapshot(self) -> FlowSnapshot:
        """Figures and states at this moment."""
        parts = self._parts
        parts.settle_counters()
        for queued in parts.queued.values():
            queued.tell()
        return FlowSnapshot(
            flow=parts.flow.id,
            state=self._state,
            text=self._text,
            nodes=parts.node_snapshots(),
            edges=[*(edge.snapshot() for edge in parts.edges()), *parts.replay_edges()],
            connections=parts.pool.snapshot(),
            values=self._values() if self._watching else [],
            dead_letters=parts.letters.counted("dead") if parts.letters is not None else 0,
            retried=parts.letters.counted("retried") if parts.letters is not None else 0,
            disk=parts.disk.snapshot() if parts.disk is not None else None,
            ledger=parts.books.snapshot() if parts.books is not None else None,
        )

    async def change_letters(self, request: LetterRequest) -> LetterAnswer:
        """Change dead letters of this flow; what is answered is on disk. Raises as `LetterDesk.handle` does."""
        if self._parts.letters is None:
            raise NotFoundError(f"flow {self._parts.flow.id} keeps no dead letters: it runs without an outbox")
        return await self._parts.letters.desk.handle(request)

    async def send_by_hand(self, request: SendByHand) -> SentByHand:
        """Have a source send now.

        Raises:
            NotFoundError: the running revision has no such node.
            ConflictError: it is no source that can be told to, or not now; nothing was sent.
            ConfigError: it has no saved message of that number.
        """
        node = request.node
        entry = self._parts.flow.nodes.get(node)
        if entry is None:
            raise NotFoundError(f"node {node} is not part of the revision that runs: deploy the draft first")
        if self._state != "running":
            raise ConflictError(f"nothing was sent: the flow is {self._state}")
        if entry.disabled is not None:
            raise ConflictError(f"nothing was sent: {node} is disabled")
        if (hand := self._hands.get(node)) is None:
            raise ConflictError(f"nothing was sent: {node} is no source")
        return await hand.send(request)

    @property
    def is_watched(self) -> bool:
        """Whether last values are collected."""
        return self._watching

    def watch(self, on: bool) -> None:
        """Collect last values for the following snapshots, or stop doing so."""
        self._watching = on
        if on:
            for segment in self._parts.segments:
                segment.trace_next()

    # -- stopping

    def _let_leave(self) -> None:
        if self._leave_on_disk:
            self._may_leave.set()

    async def _stop_sources(self) -> None:
        for source in self._parts.sources:
            source.request_stop()
        await asyncio.gather(*self._source_tasks, return_exceptions=True)
        for hand in self._hands.values():
            await hand.idle()

    async def _drain(self) -> None:
        """Let messages arrive, upstream first; transforms that hold messages give them out in their turn."""
        parts = self._parts
        left = False
        if parts.letters is not None:
            await parts.letters.replays.idle()
        for node_id in topological_order(parts.flow):
            if (queued := parts.queued.get(node_id)) is not None:
                left = not await queued.drained(self._may_leave) or left
            if (holding := parts.holding.get(node_id)) is not None:
                await holding.edge.idle()
            if (stateful := parts.stateful.get(node_id)) is not None and self._gives_out():
                await self._ticker.flush(stateful)
        for source in parts.sources:
            await source.settled()
        # what was taken from a queue and is left there for the next run never becomes saved
        if parts.memories is not None and not left:
            await parts.memories.saved()

    def _gives_out(self) -> bool:
        """Whether what nodes hold is given out now; nothing can follow once all sources have ended by themselves."""
        parts = self._parts
        return self._flush_on_stop or all(parts.counters[s.node_id].state == "ended" for s in parts.sources)

    async def _close(self, left_s: float) -> None:
        """Close everything; sources may use what the drain has left of its time, to see their last words taken."""
        parts = self._parts
        if parts.letters is not None:
            await self._within(parts.letters.desk.close())
        limit_s = max(CLOSE_TIMEOUT_S, left_s)
        await asyncio.gather(*(self._within(source.finish(), limit_s) for source in parts.sources))
        await self._tasks.cancel_all()
        for waiting in self._parts.waiting_nodes():
            await self._within(waiting.close())
        for transform in parts.transforms:
            await self._within(transform.close())
        await self._within(parts.pool.close())
        for node_id, counters in parts.counters.items():
            if counters.state == "running" and node_id not in parts.queued:
                counters.state = "stopped"
        parts.graveyard.close()
        for overflow in parts.overflows.values():
            overflow.close()
        if parts.letters is not None:
            await parts.letters.close()
        if parts.books is not None and not self._failed:
            parts.books.close()
        self._sources_over.set()

    async def _within(self, closing: Awaitable[None], limit_s: float = CLOSE_TIMEOUT_S) -> None:
        try:
            async with asyncio.timeout(limit_s):
                await closing
        except TimeoutError:
            text = f"closing took longer than {limit_s:.0f} s and was left"
            self._parts.history.add("warning", text)

    # -- while running

    async def _await_sources(self) -> None:
        await asyncio.gather(*self._source_tasks, return_exceptions=True)
        self._sources_over.set()

    def _fault(self, error: BaseException) -> None:
        """The engine itself failed: say so and end the run; sources keep what is not confirmed."""
        self._failed, self._state, self._text = True, "failed", reason_of(error)
        self.hurry()
        self._parts.history.add("error", f"the run failed: {reason_of(error)}")
        self._sources_over.set()

    def _values(self) -> list[ValueSnapshot]:
        parts = self._parts
        values = dict(self._station_values())
        for segment in parts.segments:
            values.update({place: value_snapshot(*place, message) for place, message in segment.traced().items()})
            segment.trace_next()
        return list(values.values())

    def _station_values(self) -> Iterator[tuple[tuple[str, str], ValueSnapshot]]:
        keepers: list[SourceLoop | WaitingNode] = [*self._parts.sources, *self._parts.waiting_nodes()]
        for keeper in keepers:
            for place, message in keeper.last.items():
                yield place, value_snapshot(*place, message)
