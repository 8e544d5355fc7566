"""Runs a source as the engine does: one emit at a time, positions settled in order, opened again after a loss."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from flowhost.errors import ConfigError, PermanentError, TemporaryError
from flowhost.sdk import Message, Rejected, Settlement, Source
from flowhost.testing.conformance.stage import ended, until


class SourceDrive:
    """One life, or several, of a source.

    Args:
        node: the source, not opened yet.
        number_of: reads the number back out of a message.
        confirming: settle every batch at once; else `settle` does.

    Attributes:
        messages: everything emitted, in order.
        breaches: what the source did against the contract, in words.
        losses: how often `open` or `run` ended with an error that asks for another try.
        lives: how often it was opened.
        gate: cleared, every `emit` waits: the queue behind is full.
    """

    def __init__(self, node: Source[Any], number_of: Callable[[Message], int], *, confirming: bool = True) -> None:
        self.node = node
        self.messages: list[Message] = []
        self.rejected: list[Rejected] = []
        self.breaches: list[str] = []
        self.losses = 0
        self.lives = 0
        self.told = 0
        self.waiting = 0
        self.gate = asyncio.Event()
        self.gate.set()
        self._number_of = number_of
        self._confirming = confirming
        self._open: deque[tuple[Any, list[int]]] = deque()
        self._settled: asyncio.Queue[Any] = asyncio.Queue()
        self._tasks: list[asyncio.Task[None]] = []
        self._stopping = False

    @property
    def replayable(self) -> bool:
        """Whether positions are settled, as the node is configured."""
        return self.node.is_replayable(self.node.config)

    @property
    def stable_ids(self) -> bool:
        """Whether a message that comes again has the id it had, as the node is configured."""
        return self.node.has_stable_ids(self.node.config)

    @property
    def numbers(self) -> list[int]:
        """Numbers of the messages, in the order they came."""
        return [self._number_of(message) for message in self.messages]

    async def start(self) -> SourceDrive:
        """Begin to run."""
        loop = asyncio.get_running_loop()
        self._tasks = [
            loop.create_task(self._run(), name="conformance: source"),
            loop.create_task(self._confirm(), name="conformance: confirming"),
        ]
        return self

    async def arrived(self, numbers: Sequence[int], seconds: float = 15.0) -> None:
        """Wait until every one of these has come."""
        wanted = set(numbers)

        def all_here() -> bool:
            return wanted <= set(self.numbers) or self.over

        try:
            await until(all_here, "the messages have come", seconds)
        finally:
            missing = sorted(wanted - set(self.numbers))
        assert not missing, f"{len(missing)} of {len(wanted)} never came, e.g. {missing[:5]} {'; '.join(self.breaches)}"

    @property
    def over(self) -> bool:
        """The source has ended by itself."""
        return self._tasks[0].done()

    def settle(self, numbers: Sequence[int]) -> int:
        """Settle from the oldest on every position all of whose messages are among these; how many positions."""
        allowed, count = set(numbers), 0
        while self._open and set(self._open[0][1]) <= allowed:
            self._settled.put_nowait(self._open.popleft()[0])
            count += 1
        return count

    async def stop_run(self, *, firmly: bool = False) -> bool:
        """Ask the source to stop; firmly cuts an `emit` that waits. Whether it ended in time, by letting go."""
        self._stopping = True
        task = self._tasks[0]
        if self.waiting and not firmly:
            await until(lambda: not self.waiting or task.done(), "the emit under way has finished")
        if task.done():
            return True
        return await ended(task) and task.cancelled()

    async def close(self) -> None:
        """Tell what is settled, give up the rest, close."""
        self._tasks[1].cancel()
        await asyncio.wait([self._tasks[1]])
        while not self._settled.empty():
            await self._tell(self._settled.get_nowait(), Settlement.CONFIRMED)
        while self._open:
            await self._tell(self._open.popleft()[0], Settlement.ABANDONED)
        await self.node.close()

    async def stop(self) -> None:
        """A whole soft stop."""
        self.gate.set()
        await self.stop_run()
        await self.close()

    async def emit(
        self,
        messages: Sequence[Message],
        position: Any = None,
        *,
        port: str = "out",
        rejected: Sequence[Rejected] = (),
    ) -> None:
        """Take a batch (`flowhost.sdk.Emit`)."""
        self.waiting += 1
        try:
            if self.waiting > 1:
                self._breach("emit() was called while an earlier emit() had not returned")
            await self.gate.wait()
            self._take(messages, position, port, rejected)
        finally:
            self.waiting -= 1
        if self._stopping:
            self._tasks[0].cancel()
            await asyncio.sleep(0)

    def _take(self, messages: Sequence[Message], position: Any, port: str, rejected: Sequence[Rejected]) -> None:
        ports = self.node.output_ports(self.node.config)
        if port not in ports:
            self._breach(f"emit() names port {port!r}; the spec declares {', '.join(ports)}")
        if not all(isinstance(message, Message) for message in messages):
            self._breach("emit() was given something that is no Message")
        self.rejected.extend(rejected)
        if port == "out":
            self.messages.extend(messages)
        if not self.replayable:
            return
        self._open.append((position, [self._number_of(message) for message in messages] if port == "out" else []))
        if self._confirming:
            self._settled.put_nowait(self._open.popleft()[0])

    async def _run(self) -> None:
        while True:
            try:
                await self.node.open()
                self.lives += 1
                await self.node.run(self.emit)
            except (PermanentError, ConfigError) as error:
                self._breach(f"it gave up: {error}")
                return
            except (TemporaryError, OSError) as error:
                self.losses += 1
                await self.node.close()
                await asyncio.sleep(min(getattr(error, "after_s", None) or 0.05, 0.5))
            except Exception as error:  # noqa: BLE001 - the kit reports it
                self._breach(f"it failed: {type(error).__name__}: {error}")
                return
            else:
                return

    async def _confirm(self) -> None:
        while True:
            await self._tell(await self._settled.get(), Settlement.CONFIRMED)
            self.told += 1

    async def _tell(self, position: Any, settlement: Settlement) -> None:
        try:
            await self.node.on_outcome(position, settlement)
        except Exception as error:  # noqa: BLE001 - as in the engine: not confirmed, it comes again
            self._breach(f"on_outcome() failed: {type(error).__name__}: {error}")

    def _breach(self, text: str) -> None:
        if text not in self.breaches:
            self.breaches.append(text)
