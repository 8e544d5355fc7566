"""The supervisor of one worker: keeps a living process in its place."""

from __future__ import annotations

import asyncio
import logging
import secrets
from itertools import count
from typing import TypeVar

from flowhost.engine.by_hand import PATIENCE_S, SendByHand, SentByHand
from flowhost.engine.outbox.letter_requests import LetterAnswer, LetterRequest
from flowhost.errors import ConfigError, ConflictError, FlowHostError, HostError, NotFoundError
from flowhost.fleet.contract import FleetListener, FlowOrder, RunGoneError, WorkerState, WorkerStatus
from flowhost.fleet.frames import (
    Answer,
    Ask,
    Ended,
    FromWorker,
    Happened,
    Hello,
    Refusal,
    Reply,
    Request,
    Shutdown,
    StartFlow,
    Status,
    StopFlow,
)
from flowhost.fleet.frames import WatchFlow as Watch
from flowhost.fleet.link import Link, Reception
from flowhost.fleet.process import WorkerProcess, describe_exit
from flowhost.fleet.spare import Spare

T = TypeVar("T")
log = logging.getLogger(__name__)

HELLO_TIMEOUT_S = 60.0
"""A cold start loads every plugin from a slow disk."""
HEARTBEAT_TIMEOUT_S = 5.0
CHECK_S = 0.25
START_TIMEOUT_S = 30.0
ASK_TIMEOUT_S = 60.0
"""A thousand letters are changed in a fraction of a second; a disk under full load may take long over its commits."""
HAND_TIMEOUT_S = PATIENCE_S + 5.0
"""A person waits for the answer, and a worker that lives gives one within `PATIENCE_S`."""
STOP_MARGIN_S = 10.0
"""A flow that has not ended this long after its drain deadline hangs."""
BACKOFF_S = (0.0, 0.0, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
"""Before the first start, the second, ...: after one death a worker comes back at once."""
LAST_WORDS_S = 1.0
CALM_S = 60.0
"""A worker that lived this long starts its back-off anew."""


class WorkerSlot:
    """One place for a worker process. A dead or hung one is replaced; its runs are reported as lost.

    Args:
        name: for logs and screens.
        reception: where workers call in.
        spare: where processes come from.
        listener: hears about runs.
    """

    def __init__(self, name: str, reception: Reception, spare: Spare, listener: FleetListener) -> None:
        self.name = name
        self._reception = reception
        self._spare = spare
        self._listener = listener
        self._state: WorkerState = "starting"
        self._ready = asyncio.Event()
        self._process: WorkerProcess | None = None
        self._link: Link | None = None
        self._last_beat = 0.0
        self._restarts = 0
        self._kill_reason = ""
        self._answers: dict[int, asyncio.Future[Answer]] = {}
        self._over: dict[int, asyncio.Event] = {}
        self._replies: dict[int, asyncio.Future[Reply]] = {}
        self._numbers = count(1)
        self._task: asyncio.Task[None] | None = None
        self._closing = asyncio.Event()
        self._waiting = 0

    def open(self) -> None:
        """Begin to keep a process."""
        self._task = asyncio.create_task(self._keep(), name=f"keep {self.name}")

    async def close(self, drain_s: float) -> None:
        """Stop the runs, end the process; kill it where it does not end by itself."""
        self._closing.set()
        if self._link is not None and self._process is not None:
            self._link.send(Shutdown(drain_s))
            try:
                async with asyncio.timeout(drain_s + STOP_MARGIN_S / 5):
                    await self._process.gone()
            except TimeoutError:
                log.warning("%s did not end in time and is killed", self.name)
        if self._process is not None:
            self._process.kill()
            await self._process.gone()
        if self._task is not None:
            await asyncio.wait({self._task}, timeout=LAST_WORDS_S if self._link is not None else 0.0)
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self._state = "stopped"

    @property
    def runs(self) -> int:
        """How many runs it has or is starting."""
        return len(self._over) + self._waiting

    def has(self, run: int) -> bool:
        """Whether this run is here."""
        return run in self._over

    def status(self) -> WorkerStatus:
        """The worker now."""
        alive = self._state == "running"
        return WorkerStatus(
            name=self.name,
            state=self._state,
            pid=self._process.pid if self._process is not None and self._state != "stopped" else None,
            heartbeat_age_s=_now() - self._last_beat if alive else None,
            runs=self.runs,
            restarts=self._restarts,
        )

    async def start(self, order: FlowOrder) -> None:
        """Hand the order over once there is a worker. Raises `ConfigError` or `HostError`."""
        self._waiting += 1
        try:
            await self._worker_ready()
        finally:
            self._waiting -= 1
        answer = await self._hand_over(order)
        if (refusal := answer.refusal) is not None:
            if refusal.kind == "internal":
                raise HostError(f"flow {order.document.id} could not be started: {refusal.message}")
            raise error_of(refusal)

    async def stop(self, run: int, drain_s: float) -> None:
        """Ask for the end of a run and wait for it; a worker whose run hangs is killed."""
        over = self._over.get(run)
        if over is None or self._link is None:
            return
        self._link.send(StopFlow(run, drain_s))
        try:
            async with asyncio.timeout(drain_s + STOP_MARGIN_S):
                await over.wait()
        except TimeoutError:
            self._kill(f"run {run} did not stop")
            await over.wait()

    def watch(self, run: int, on: bool) -> None:
        """Collect last values of a run, or stop doing so."""
        if self._link is not None:
            self._link.send(Watch(run, on))

    async def ask(self, run: int, request: LetterRequest) -> LetterAnswer:
        """Have a run's outbox changed. Raises as `Fleet.ask` does."""
        came = await self._ask(run, request, ASK_TIMEOUT_S)
        return came.answer if isinstance(came.answer, LetterAnswer) else LetterAnswer()

    async def send_by_hand(self, run: int, request: SendByHand) -> SentByHand:
        """Have a source send now. Raises as `Fleet.send_by_hand` does."""
        came = await self._ask(run, request, HAND_TIMEOUT_S)
        if not isinstance(came.answer, SentByHand):
            raise HostError(f"{self.name} answered something else than was asked")
        return came.answer

    async def _ask(self, run: int, request: Request, timeout_s: float) -> Reply:
        if self._link is None:
            raise RunGoneError(f"run {run} is over")
        number = next(self._numbers)
        reply: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._replies[number] = reply
        self._link.send(Ask(run, number, request))
        try:
            async with asyncio.timeout(timeout_s):
                came = await reply
        except TimeoutError:
            raise HostError(
                f"{self.name} did not answer within {timeout_s:g} s: look what has become of it before asking again"
            ) from None
        finally:
            self._replies.pop(number, None)
        if came.refusal is not None:
            raise error_of(came.refusal)
        return came

    async def _worker_ready(self) -> None:
        try:
            async with asyncio.timeout(HELLO_TIMEOUT_S + START_TIMEOUT_S):
                await self._ready.wait()
        except TimeoutError:
            msg = f"{self.name} does not come up: see the host's log"
            raise HostError(msg) from None

    async def _hand_over(self, order: FlowOrder) -> Answer:
        if self._link is None:
            msg = f"{self.name} was gone before it could take flow {order.document.id}"
            raise HostError(msg)
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._answers[order.run], self._over[order.run] = answer, asyncio.Event()
        self._link.send(
            StartFlow(
                run=order.run,
                document=order.document,
                base_dir=str(order.base_dir),
                host_id=order.host_id,
                secrets=dict(order.secrets),
                watch=order.watch,
                revision=order.revision,
                outbox=str(order.outbox or ""),
                space=order.space,
            )
        )
        try:
            async with asyncio.timeout(START_TIMEOUT_S):
                return await answer
        except TimeoutError:
            self._over.pop(order.run, None)
            self._kill(f"flow {order.document.id} took longer than {START_TIMEOUT_S:g} s to start")
            msg = f"flow {order.document.id} did not start within {START_TIMEOUT_S:g} s"
            raise HostError(msg) from None
        except asyncio.CancelledError:
            # nobody will hear of this run any more: it must not go on unseen
            self._link.send(StopFlow(order.run, 0.0))
            raise
        finally:
            self._answers.pop(order.run, None)

    # -- one process after the other

    async def _keep(self) -> None:
        failures = 0
        while not self._closing.is_set():
            await asyncio.sleep(BACKOFF_S[min(failures, len(BACKOFF_S) - 1)])
            began = _now()
            reason = await self._one_life()
            if self._closing.is_set():
                return
            failures = 1 if _now() - began > CALM_S else failures + 1
            self._restarts += 1
            log.error("%s: %s; a new one is started", self.name, reason)

    async def _one_life(self) -> str:
        """Start a process, serve it until it is gone; why it is gone."""
        self._kill_reason = ""
        token = secrets.token_urlsafe(32)
        try:
            self._process = await self._spare.take(self._reception.port, token)
        except OSError as error:
            return f"the system does not start a process: {error}"
        reason = "the host is stopping"
        try:
            reason = await self._serve(self._process, token)
        finally:
            self._process.kill()
            self._lose_runs(reason)
        return reason

    async def _serve(self, process: WorkerProcess, token: str) -> str:
        end = asyncio.create_task(process.gone(), name=f"end of {self.name}")
        work = asyncio.create_task(self._converse(token), name=f"talk with {self.name}")
        watch = asyncio.create_task(self._watch_heart(), name=f"heart of {self.name}")
        try:
            await asyncio.wait({end, work, watch}, return_when=asyncio.FIRST_COMPLETED)
            process.kill()
            code = await end
            # what it said last is still in the stream
            await asyncio.wait({work}, timeout=LAST_WORDS_S)
            fault = _fault(work) or _fault(watch)
            return fault or self._kill_reason or f"the process {describe_exit(code)}"
        finally:
            for task in (end, work, watch):
                task.cancel()
            await asyncio.gather(end, work, watch, return_exceptions=True)
            self._reception.forget(token)

    async def _converse(self, token: str) -> None:
        async with asyncio.timeout(HELLO_TIMEOUT_S):
            link = await self._reception.expect(token)
        self._last_beat = _now()
        self._link, self._state = link, "running"
        self._ready.set()
        try:
            while (frame := await link.read()) is not None:
                self._last_beat = _now()
                self._take(frame)
        finally:
            link.close()

    async def _watch_heart(self) -> None:
        """Returns when the heart stopped. Time this host itself was held up is not counted against the worker."""
        await self._ready.wait()
        while True:
            before = _now()
            await asyncio.sleep(CHECK_S)
            self._last_beat += max(0.0, _now() - before - 2 * CHECK_S)
            if _now() - self._last_beat > HEARTBEAT_TIMEOUT_S:
                self._kill_reason = f"no sign of life for {HEARTBEAT_TIMEOUT_S:g} s, so the process was killed"
                return

    def _take(self, frame: FromWorker) -> None:
        match frame:
            case Status():
                for entry in frame.runs:
                    self._listener.run_status(entry.run, entry.snapshot, frame.at_ns)
            case Happened():
                self._listener.run_happened(frame.run, frame.events, frame.skipped)
            case Ended():
                self._run_over(frame.run)
                self._listener.run_ended(frame.run, frame.outcome, frame.reason, frame.snapshot)
            case Answer():
                if frame.refusal is not None:
                    self._run_over(frame.run)
                _resolve(self._answers.get(frame.run), frame)
            case Reply():
                _resolve(self._replies.get(frame.number), frame)
            case Hello():
                log.warning("%s greeted twice", self.name)

    def _run_over(self, run: int) -> None:
        if (over := self._over.pop(run, None)) is not None:
            over.set()

    def _kill(self, reason: str) -> None:
        self._kill_reason = f"{reason}, so the process was killed"
        if self._process is not None:
            self._process.kill()

    def _lose_runs(self, reason: str) -> None:
        """The process is gone: whoever waits for an answer hears it, all others through the listener."""
        self._link, self._state = None, "restarting"
        self._ready.clear()
        starting = {run: answer for run, answer in self._answers.items() if not answer.done()}
        lost = [run for run in self._over if run not in starting]
        for answer in starting.values():
            answer.set_exception(HostError(f"{self.name} is gone, and the flow did not start: {reason}"))
        for asked in self._replies.values():
            if not asked.done():
                asked.set_exception(HostError(f"{self.name} is gone and has not answered: {reason}"))
        for run in list(self._over):
            self._run_over(run)
        if lost:
            self._listener.runs_lost(lost, f"{self.name} is gone: {reason}")


def _resolve(waiting: asyncio.Future[T] | None, frame: T) -> None:
    if waiting is not None and not waiting.done():
        waiting.set_result(frame)


def error_of(refusal: Refusal) -> FlowHostError:
    """What a worker refused, as the error it stands for."""
    match refusal.kind:
        case "config":
            return ConfigError(refusal.message, refusal.place)
        case "not found":
            return NotFoundError(refusal.message)
        case "conflict":
            return ConflictError(refusal.message)
        case "gone":
            return RunGoneError(refusal.message)
        case "internal":
            return HostError(refusal.message)


def _now() -> float:
    return asyncio.get_running_loop().time()


def _fault(task: asyncio.Task[None]) -> str:
    if not task.done() or task.cancelled() or (error := task.exception()) is None:
        return ""
    if isinstance(error, TimeoutError):
        return f"it did not call in within {HELLO_TIMEOUT_S:g} s"
    return f"{type(error).__name__}: {error}"
