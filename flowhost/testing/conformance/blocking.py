"""Finds code that holds the event loop: calls that wait, and long work."""

from __future__ import annotations

import asyncio
import importlib
import sys
import threading
from contextlib import ExitStack
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any

from typing_extensions import override

from flowhost.testing.pytest_plugin import blocking_refused

STALL_S = 1.0
LOOK_S = 0.1


class LoopWatch:
    """While it is entered, keeps every wait and every stall that code of the package causes on the running loop.

    Waiting calls (sleep, files, sockets, sqlite3) raise, where blockbuster is installed; a thread notices stalls.

    Args:
        package: the top-level package or module that is watched.
    """

    def __init__(self, package: str) -> None:
        self.faults: list[str] = []
        self._package = package
        self._folder = _place(package)
        self._stack = ExitStack()
        self._over = threading.Event()
        self._beat = threading.Event()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> LoopWatch:
        """Begin."""
        self._stack.enter_context(blocking_refused([self._package]))
        self._record_refusals()
        loop, watched = asyncio.get_running_loop(), threading.get_ident()
        self._thread = threading.Thread(target=self._look, args=(loop, watched), name="loop watch", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End."""
        self._over.set()
        self._stack.close()

    def _record_refusals(self) -> None:
        """A plugin that catches the refusal is still found."""
        module: Any = sys.modules.get("blockbuster.blockbuster")
        if module is None:
            return
        plain = module.BlockingError

        def recorded(func: str) -> Exception:
            error: Exception = plain(func)
            self.faults.append(str(error))
            return error

        module.BlockingError = recorded
        self._stack.callback(setattr, module, "BlockingError", plain)

    def _look(self, loop: asyncio.AbstractEventLoop, watched: int) -> None:
        while not self._over.wait(LOOK_S):
            self._beat.clear()
            try:
                loop.call_soon_threadsafe(self._beat.set)
            except RuntimeError:  # the loop is closed: the test is over
                return
            if self._beat.wait(STALL_S) or self._over.is_set():
                continue
            culprit = self._culprit(sys._current_frames().get(watched))  # noqa: SLF001 - the documented way to look
            if culprit:
                self.faults.append(f"{culprit} held the loop for more than {STALL_S:g} s")
                return

    def _culprit(self, frame: FrameType | None) -> str:
        while frame is not None:
            if frame.f_code.co_filename.startswith(self._folder):
                return f"{frame.f_code.co_qualname} ({Path(frame.f_code.co_filename).name}, line {frame.f_lineno})"
            frame = frame.f_back
        return ""

    @override
    def __repr__(self) -> str:
        return f"LoopWatch({self._package!r})"


def _place(package: str) -> str:
    module = importlib.import_module(package)
    paths = getattr(module, "__path__", None)
    return str(next(iter(paths))) if paths else str(module.__file__)
