"""A worker's conversation with its host."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Mapping

import msgspec

from flowhost import __version__
from flowhost.engine.outbox.pool import WriterPool
from flowhost.engine.snapshot import FlowSnapshot
from flowhost.fleet.frames import (
    HEARTBEAT_S,
    Ask,
    FromHost,
    FromWorker,
    Hello,
    Refusal,
    Reply,
    RunStatus,
    Shutdown,
    StartFlow,
    Status,
    StopFlow,
    WatchFlow,
    encode,
    read_from_host,
)
from flowhost.fleet.hosted_run import HostedRun
from flowhost.graph.library import NodeLibrary

log = logging.getLogger(__name__)

WATCHED_S = 0.2
"""Figures of a run that somebody looks at are told this often, seconds."""
HOST_LOST_DRAIN_S = 0.3
"""Nobody is left to tell: what can be finished in this time is, seconds."""
BACKLOG_LIMIT = 8 * 1024 * 1024
"""Unsent bytes beyond which figures are skipped until the host keeps up; events and answers never are."""


class WorkerSession:
    """Calls the host, takes orders, tells figures twice a second or more, until told to end or left alone."""

    def __init__(self, port: int, token: str, library: NodeLibrary) -> None:
        self._port = port
        self._token = token
        self._library = library
        self._pool = WriterPool()
        self._runs: dict[int, HostedRun] = {}
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._writer: asyncio.StreamWriter | None = None

    async def serve(self) -> None:
        """Returns when all runs have stopped, because the host said so or is gone."""
        try:
            reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
        except OSError as error:
            log.info("the host that started this worker is gone: %s", error)
            return
        self._send(Hello(self._token, os.getpid(), __version__))
        pulse = asyncio.create_task(self._pulse(), name="pulse")
        drain_s = HOST_LOST_DRAIN_S
        while (frame := await read_from_host(reader)) is not None:
            if isinstance(frame, Shutdown):
                drain_s = frame.drain_s
                break
            self._take(frame)
        await self._stop_all(drain_s)
        pulse.cancel()
        await self._close()

    def _take(self, frame: FromHost) -> None:
        match frame:
            case StartFlow():
                run = self._runs[frame.run] = HostedRun(frame, self._library, self._send, self._pool)
                task = asyncio.create_task(run.live(), name=f"run {frame.run} {frame.document.id}")
                self._tasks[frame.run] = task
                task.add_done_callback(lambda done: self._over(run.run, done))
            case StopFlow():
                if (known := self._runs.get(frame.run)) is not None:
                    known.stop(frame.drain_s)
            case WatchFlow():
                if (known := self._runs.get(frame.run)) is not None:
                    known.watch(frame.on)
            case Ask():
                if (known := self._runs.get(frame.run)) is not None:
                    known.ask(frame)
                else:
                    self._send(Reply(frame.number, refusal=Refusal("gone", f"run {frame.run} is over")))
            case Shutdown():
                raise AssertionError

    def _over(self, run: int, task: asyncio.Task[None]) -> None:
        del self._runs[run], self._tasks[run]
        if not task.cancelled() and (error := task.exception()) is not None:
            # a run reports its own failures; one that cannot is our fault, and its state is unknown: start afresh
            log.critical("run %s broke its worker", run, exc_info=error)
            os._exit(71)

    async def _pulse(self) -> None:
        while True:
            self._send_status(self._runs)
            for run in list(self._runs.values()):
                run.beat()
            beat = time.monotonic() + HEARTBEAT_S
            # runs that somebody looks at are told of more often than the heart beats
            while watched := {number: run for number, run in self._runs.items() if run.is_watched}:
                await asyncio.sleep(max(0.0, min(WATCHED_S, beat - time.monotonic())))
                if time.monotonic() >= beat:
                    break
                self._send_status(watched)
            await asyncio.sleep(max(0.0, beat - time.monotonic()))

    def _send_status(self, told: Mapping[int, HostedRun]) -> None:
        assert self._writer is not None
        behind = self._writer.transport.get_write_buffer_size() > BACKLOG_LIMIT
        runs = [] if behind else [RunStatus(n, s) for n, run in told.items() if (s := _figures(run)) is not None]
        try:
            self._send(Status(time.monotonic_ns(), runs))
        except (msgspec.MsgspecError, OverflowError, ValueError, TypeError) as error:
            # a value that cannot travel must not stop the heart: the figures go without values
            log.warning("last values cannot be shown: %s", error)
            for status in runs:
                status.snapshot.values = []
            self._send(Status(time.monotonic_ns(), runs))

    def _send(self, frame: FromWorker) -> None:
        assert self._writer is not None
        if not self._writer.is_closing():
            self._writer.write(encode(frame))

    async def _stop_all(self, drain_s: float) -> None:
        for run in self._runs.values():
            run.stop(drain_s)
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    async def _close(self) -> None:
        assert self._writer is not None
        self._writer.close()
        try:
            await self._writer.wait_closed()
        except OSError:
            log.debug("the host was gone before the connection was closed")


def _figures(run: HostedRun) -> FlowSnapshot | None:
    try:
        return run.snapshot()
    except Exception:
        log.exception("figures of run %s cannot be read", run.run)
        return None
