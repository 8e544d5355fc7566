"""One run inside a worker: from the order to the last figures."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable
from pathlib import Path

from flowhost.engine import FlowRunner, RunOptions
from flowhost.engine.by_hand import SendByHand, SentByHand
from flowhost.engine.outbox.letter_desk import DeskClosedError
from flowhost.engine.outbox.letter_requests import LetterAnswer
from flowhost.engine.outbox.outbox import Outbox
from flowhost.engine.outbox.pool import WriterPool
from flowhost.engine.snapshot import FlowSnapshot, RunEvent
from flowhost.errors import ConfigError, ConflictError, FlowHostError, HostError, NotFoundError
from flowhost.fleet.frames import (
    Answer,
    Ask,
    Ended,
    FromWorker,
    Happened,
    Refusal,
    Reply,
    Request,
    RunOutcome,
    StartFlow,
)
from flowhost.graph.library import NodeLibrary

log = logging.getLogger(__name__)

EVENTS_AT_ONCE = 200
"""Events of one run sent between two heartbeats; more are counted, not sent."""


class HostedRun:
    """Runs one revision and tells the host about it.

    Args:
        order: what to run.
        library: the installed types.
        send: hands a frame to the host; must not block.
        pool: threads that write the outbox files of all runs here.
    """

    def __init__(
        self, order: StartFlow, library: NodeLibrary, send: Callable[[FromWorker], None], pool: WriterPool
    ) -> None:
        self.run = order.run
        self._order = order
        self._library = library
        self._send = send
        self._pool = pool
        self._stop = asyncio.Event()
        self._drain_s = 0.0
        self._runner: FlowRunner | None = None
        self._events_sent = 0
        self._events_skipped = 0
        self._started: asyncio.Future[FlowRunner] = asyncio.get_running_loop().create_future()
        self._asks: set[asyncio.Task[None]] = set()

    async def live(self) -> None:
        """Start, run until the flow ends or `stop` is called, tell the host how it went."""
        order = self._order
        outbox = Outbox(Path(order.outbox), self._on_fault, self._pool, order.space) if order.outbox else None
        try:
            runner, fault = await self._live(outbox)
        finally:
            self._started.cancel()
            for task in self._asks:
                task.cancel()
            await asyncio.gather(*self._asks, return_exceptions=True)
            if outbox is not None:
                await outbox.close()
        # said once the file is free: whoever hears it may open it
        if runner is not None:
            self._say_how_it_ended(runner.snapshot(), fault)

    async def _live(self, outbox: Outbox | None) -> tuple[FlowRunner | None, str]:
        """The runner and what went wrong in the end, once it is over; no runner if the flow could not be started."""
        try:
            if outbox is not None:
                await outbox.open()
            # reading units and drivers takes a moment: not on the loop that other flows run on
            runner = await asyncio.to_thread(FlowRunner, self._order.document, self._library, self._options(outbox))
            self._runner = runner
            if self._order.watch:
                runner.watch(True)
            await runner.start()
        except ConfigError as error:
            self._send(Answer(self.run, Refusal("config", error.message, error.place)))
            return None, ""
        except Exception as error:
            log.exception("flow %s could not be started", self._order.document.id)
            self._send(Answer(self.run, Refusal("internal", f"{type(error).__name__}: {error}")))
            return None, ""
        self._started.set_result(runner)
        self._send(Answer(self.run))
        fault = await self._until_over(runner)
        try:
            await self._end(runner)
        except Exception as error:
            log.exception("flow %s did not stop cleanly", self._order.document.id)
            fault = fault or f"{type(error).__name__}: {error}"
        return runner, fault

    def stop(self, drain_s: float) -> None:
        """Ask for the end; a second call changes nothing."""
        if not self._stop.is_set():
            self._drain_s = drain_s
            self._stop.set()

    def ask(self, frame: Ask) -> None:
        """Have the run do something; a `Reply` follows."""
        task = asyncio.create_task(self._reply(frame), name=f"ask run {self.run}")
        self._asks.add(task)
        task.add_done_callback(self._asks.discard)

    async def _reply(self, frame: Ask) -> None:
        cut = Refusal("gone", f"run {self.run} is over")
        try:
            runner = await asyncio.shield(self._started)
            cut = Refusal("internal", f"run {self.run} ended meanwhile: look what has become of it")
            reply = Reply(frame.number, await _do(runner, frame.request))
        except asyncio.CancelledError:
            self._send(Reply(frame.number, refusal=cut))
            raise
        except Exception as error:
            if not isinstance(error, FlowHostError):
                log.exception("what run %s was asked failed", self.run)
            reply = Reply(frame.number, refusal=refusal_of(error))
        self._send(reply)

    def watch(self, on: bool) -> None:
        """Collect last values, or stop doing so."""
        if self._runner is not None:
            self._runner.watch(on)

    @property
    def is_watched(self) -> bool:
        """Whether somebody looks at its last values."""
        return self._runner is not None and self._runner.is_watched

    def snapshot(self) -> FlowSnapshot | None:
        """Figures now; None before the flow was built."""
        return None if self._runner is None else self._runner.snapshot()

    def beat(self) -> None:
        """A heartbeat passed: events may be sent again, skipped ones are told."""
        if self._events_skipped:
            self._send(Happened(self.run, [], self._events_skipped))
        self._events_sent = self._events_skipped = 0

    def _on_fault(self, error: HostError) -> None:
        if self._runner is not None:
            self._runner.fail(error)

    def _options(self, outbox: Outbox | None) -> RunOptions:
        order = self._order
        return RunOptions(
            base_dir=Path(order.base_dir),
            host_id=order.host_id,
            secrets=order.secrets,
            environ=dict(os.environ),
            on_event=self._on_event,
            outbox=outbox,
            revision=order.revision,
            flush_on_stop=False,
            leave_on_disk=True,
            by_hand=True,
        )

    def _on_event(self, event: RunEvent) -> None:
        if self._events_sent >= EVENTS_AT_ONCE:
            self._events_skipped += 1
            return
        self._events_sent += 1
        self._send(Happened(self.run, [event]))

    async def _until_over(self, runner: FlowRunner) -> str:
        """Wait for the flow's own end or the request to stop; what went wrong, if anything."""
        ending = asyncio.create_task(runner.wait(), name=f"wait {self._order.document.id}")
        stopping = asyncio.create_task(self._stop.wait(), name=f"stop {self._order.document.id}")
        try:
            await asyncio.wait({ending, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if not ending.done():
                return ""
            error = ending.exception()
            return "" if error is None else f"{type(error).__name__}: {error}"
        finally:
            ending.cancel()
            stopping.cancel()

    async def _end(self, runner: FlowRunner) -> None:
        """Stop the run. One that came to its end delivers all it holds first, however long its targets are away."""
        if self._stop.is_set() or runner.failed:
            await runner.stop(self._drain_s)
            return
        closing = asyncio.create_task(runner.stop(None), name=f"end of {self._order.document.id}")
        asked = asyncio.create_task(self._stop.wait(), name=f"stop {self._order.document.id}")
        try:
            await asyncio.wait({closing, asked}, return_when=asyncio.FIRST_COMPLETED)
            runner.hurry(self._drain_s)
            await closing
        finally:
            asked.cancel()

    def _say_how_it_ended(self, last: FlowSnapshot, fault: str) -> None:
        self.beat()
        outcome, reason = outcome_of(last, fault, asked=self._stop.is_set())
        self._send(Ended(self.run, outcome, reason, last))


async def _do(runner: FlowRunner, request: Request) -> LetterAnswer | SentByHand:
    if isinstance(request, SendByHand):
        return await runner.send_by_hand(request)
    return await runner.change_letters(request)


def refusal_of(error: Exception) -> Refusal:
    """An error as it travels to the host."""
    match error:
        case DeskClosedError():
            return Refusal("gone", str(error))
        case NotFoundError():
            return Refusal("not found", str(error))
        case ConflictError():
            return Refusal("conflict", str(error))
        case ConfigError():
            return Refusal("config", error.message, error.place)
        case FlowHostError():
            return Refusal("internal", str(error))
        case _:
            return Refusal("internal", f"{type(error).__name__}: {error}")


def outcome_of(last: FlowSnapshot, fault: str, asked: bool) -> tuple[RunOutcome, str]:
    """How a run went, from its last figures: a flow whose source gave up for good has failed, not ended."""
    if fault or last.state == "failed":
        return "failed", fault or last.text
    if asked:
        return "stopped", last.text
    broken = next((f"{name}: {n.last_error or n.text}" for name, n in last.nodes.items() if n.state == "failed"), "")
    return ("failed", broken) if broken else ("ended", last.text)
