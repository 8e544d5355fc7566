"""A worker's operating-system process, started the same way on every system."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable

from flowhost.graph.references import SECRET_PREFIX

_MODULE = "flowhost.fleet.worker"


class WorkerProcess:
    """One process. Its stdin stays open as long as the host lives: when it closes, the worker knows it is alone.

    Started from a thread with plain `subprocess`, because on Windows only one of the two event loops could do it.
    """

    def __init__(self, process: subprocess.Popen[bytes], loop: asyncio.AbstractEventLoop) -> None:
        self._process = process
        self._gone = asyncio.Event()
        self._loop = loop
        threading.Thread(target=self._await_end, name=f"worker-{process.pid}-end", daemon=True).start()

    @classmethod
    async def start(cls) -> WorkerProcess:
        """Start a process that loads all plugins and waits to be hired. Raises `OSError` where the system refuses."""
        spawning = asyncio.create_task(asyncio.to_thread(_spawn), name="start a worker")
        try:
            process = await asyncio.shield(spawning)
        except asyncio.CancelledError:
            # a process that came into being meanwhile must not be left behind
            await asyncio.to_thread(_discard, await spawning)
            raise
        return cls(process, asyncio.get_running_loop())

    async def hire(self, port: int, token: str) -> None:
        """Have it call a host at this port and show this token. Raises `OSError` if it has died."""
        ticket = json.dumps({"port": port, "token": token}).encode() + b"\n"
        await asyncio.to_thread(self._write, ticket)

    def _write(self, ticket: bytes) -> None:
        # the token goes through stdin: arguments and environment of a process can be read by others
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(ticket)
        except ValueError as error:
            raise BrokenPipeError("the process has ended") from error

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    async def gone(self) -> int:
        """Wait until it has ended; its exit code, negative for a signal."""
        await self._gone.wait()
        return self._process.wait()

    def kill(self) -> None:
        """End it at once. Safe at any time, any number of times."""
        if not self._gone.is_set():
            self._process.kill()

    def _await_end(self) -> None:
        self._process.wait()
        if self._process.stdin is not None:
            self._process.stdin.close()
        _tell(self._loop, self._gone.set)


def describe_exit(code: int) -> str:
    """How a process ended, in words."""
    return f"was ended by signal {-code}" if code < 0 else f"ended with exit code {code}"


def _spawn() -> subprocess.Popen[bytes]:
    flags: dict[str, int | bool]
    if sys.platform == "win32":
        flags = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW}
    else:
        # Ctrl-C in the host's terminal is for the host alone; it then stops its workers in order
        flags = {"start_new_session": True}
    process: subprocess.Popen[bytes] = subprocess.Popen(  # noqa: S603 - our own interpreter and module
        [sys.executable, "-m", _MODULE], stdin=subprocess.PIPE, bufsize=0, env=_environment(), **flags
    )  # type: ignore[call-overload]  # the flags differ by system
    return process


def _discard(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()
    if process.stdin is not None:
        process.stdin.close()


def _environment() -> dict[str, str]:
    """The host's variables without secrets, which travel in frames to the flow that names them."""
    return {name: value for name, value in os.environ.items() if not name.startswith(SECRET_PREFIX)}


def _tell(loop: asyncio.AbstractEventLoop, call: Callable[[], None]) -> None:
    try:
        loop.call_soon_threadsafe(call)
    except RuntimeError:
        return  # the loop is closed: nobody is left to tell
