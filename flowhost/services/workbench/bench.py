"""The host's side of the workbench: one process, asked line by line, killed when it hangs."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from flowhost.errors import ConfigError, ConflictError, FlowHostError, HostError, NodeError
from flowhost.graph.references import SECRET_PREFIX

log = logging.getLogger(__name__)

MODULE = "flowhost.services.workbench.desk"
START_S = 60.0
"""How long the process may take to load its plugins, seconds."""
GRACE_S = 3.0
"""How much longer than its deadline a job may be silent before the process counts as stuck, seconds."""
IDLE_S = 300.0
"""The process ends when nobody has asked for so long, seconds."""
RETIRE_S = 3.0
"""How long it may take to end in order, seconds."""
MAX_JOBS = 32


class Workbench:
    """Tries things out in a process of its own. Every method runs on the host's loop and never blocks it."""

    def __init__(self) -> None:
        self._bench: _Bench | None = None
        self._starting = asyncio.Lock()
        self._idle: asyncio.TimerHandle | None = None
        self._jobs = 0

    async def do(self, job: str, deadline_s: float, **facts: Any) -> Any:
        """Have a job done.

        Args:
            job: its name, see `flowhost.services.workbench.desk`.
            deadline_s: how long it may take, seconds.
            **facts: what it needs, JSON-like.

        Raises:
            ConfigError: something is written wrongly; names the place.
            NodeError: a target refused, or is not there.
            HostError: it took too long, or the process went away.
        """
        if self._jobs >= MAX_JOBS:
            raise ConflictError("too much is being tried out at once: wait for the others to end, then try again")
        self._jobs += 1
        try:
            bench = await self._ready()
            try:
                async with asyncio.timeout(deadline_s + GRACE_S):
                    answer = await bench.ask(job, deadline_s, facts)
            except TimeoutError:
                log.warning("the workbench hangs in %r and is ended", job)
                bench.kill()
                raise HostError(f"no answer within {deadline_s:g} s: something hangs in a plugin; try again") from None
        finally:
            self._jobs -= 1
            self._end_when_idle()
        return _result(answer)

    async def close(self) -> None:
        """End the process. Safe at any time, any number of times."""
        if self._idle is not None:
            self._idle.cancel()
        bench, self._bench = self._bench, None
        if bench is not None:
            bench.retire()
            await asyncio.to_thread(bench.wait)

    async def _ready(self) -> _Bench:
        async with self._starting:
            if self._bench is None or self._bench.is_over:
                self._bench = await _Bench.start()
            bench = self._bench
            try:
                async with asyncio.timeout(START_S):
                    await bench.ready()
            except TimeoutError:
                bench.kill()
                raise HostError(f"the workbench was not ready within {START_S:g} s: the machine is very busy") from None
            return bench

    def _end_when_idle(self) -> None:
        if self._idle is not None:
            self._idle.cancel()
        if not self._jobs:
            self._idle = asyncio.get_running_loop().call_later(IDLE_S, self._retire)

    def _retire(self) -> None:
        if self._bench is not None and not self._jobs:
            self._bench.retire()


class _Bench:
    """One process and the jobs it has."""

    def __init__(self, process: subprocess.Popen[bytes], loop: asyncio.AbstractEventLoop) -> None:
        self._process = process
        self._loop = loop
        self._ready: asyncio.Future[None] = loop.create_future()
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._number = 0
        self._writing = asyncio.Lock()
        self.is_over = False
        threading.Thread(target=self._read, name=f"workbench-{process.pid}", daemon=True).start()

    @classmethod
    async def start(cls) -> _Bench:
        """Start the process. Raises `HostError` where the system refuses."""
        try:
            process = await asyncio.to_thread(_spawn)
        except OSError as error:
            raise HostError(f"the workbench cannot be started: {error}") from error
        return cls(process, asyncio.get_running_loop())

    async def ready(self) -> None:
        """Wait until it has loaded its plugins. Raises `HostError` if it ended instead."""
        await asyncio.shield(self._ready)

    async def ask(self, job: str, deadline_s: float, facts: Mapping[str, Any]) -> dict[str, Any]:
        self._number += 1
        number = self._number
        answer: asyncio.Future[dict[str, Any]] = self._loop.create_future()
        self._waiting[number] = answer
        line = json.dumps({"n": number, "job": job, "deadline_s": deadline_s, "facts": facts}).encode() + b"\n"
        try:
            async with self._writing:
                await asyncio.to_thread(self._write, line)
            return await answer
        finally:
            self._waiting.pop(number, None)

    def kill(self) -> None:
        """End it at once."""
        self.is_over = True
        if self._process.poll() is None:
            self._process.kill()

    def retire(self) -> None:
        """Let it end by itself: it closes its links first, and has a second for that."""
        self.is_over = True
        threading.Thread(target=self._close_stdin, name="workbench-retires", daemon=True).start()

    def _close_stdin(self) -> None:
        assert self._process.stdin is not None
        with suppress(OSError):
            self._process.stdin.close()

    def wait(self) -> None:
        """Until it has ended, with force after a while; blocks."""
        try:
            self._process.wait(RETIRE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _write(self, line: bytes) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(line)
            self._process.stdin.flush()
        except (OSError, ValueError) as error:
            raise HostError("the workbench went away: try again") from error

    def _read(self) -> None:
        """In a thread of its own, until the process closes its end."""
        process = self._process
        assert process.stdout is not None
        assert process.stdin is not None
        for line in process.stdout:
            self._tell(line)
        process.stdout.close()
        process.wait()
        self._tell(None)
        try:
            process.stdin.close()
        except OSError as error:
            log.debug("the workbench's stdin: %s", error)

    def _tell(self, line: bytes | None) -> None:
        try:
            self._loop.call_soon_threadsafe(self._take, line)
        except RuntimeError:
            return  # the loop is closed: nobody waits any more

    def _take(self, line: bytes | None) -> None:
        if line is None:
            self._over()
            return
        answer = json.loads(line)
        if answer["n"] == 0:
            if not self._ready.done():
                self._ready.set_result(None)
        elif (waiting := self._waiting.get(answer["n"])) is not None and not waiting.done():
            waiting.set_result(answer)

    def _over(self) -> None:
        self.is_over = True
        everybody: list[asyncio.Future[Any]] = [self._ready, *self._waiting.values()]
        for waiting in everybody:
            if not waiting.done():
                waiting.set_exception(HostError("the workbench ended before it answered: try again"))
                waiting.exception()  # taken note of, should nobody wait any more


def _result(answer: Mapping[str, Any]) -> Any:
    if "error" not in answer:
        return answer.get("value")
    message, place = answer["error"], answer.get("place", "")
    match answer.get("kind"):
        case "config":
            raise ConfigError(message, place)
        case "node":
            raise NodeError(message)
        case "time":
            raise HostError(message)
        case _:
            raise FlowHostError(message)


def _spawn() -> subprocess.Popen[bytes]:
    environ = {name: value for name, value in os.environ.items() if not name.startswith(SECRET_PREFIX)}
    command = [sys.executable, "-m", MODULE]
    if sys.platform == "win32":
        flags = subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW
        return subprocess.Popen(  # noqa: S603 - our own interpreter and module
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environ, creationflags=flags
        )
    # Ctrl-C in the host's terminal is for the host alone
    return subprocess.Popen(  # noqa: S603 - as above
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environ, start_new_session=True
    )
