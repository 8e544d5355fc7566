"""Guards around every test: no blocking call on the event loop, no leaked task or thread, no unexpected error log."""

from __future__ import annotations

import asyncio
import inspect
import logging
import threading
from collections.abc import AsyncIterator, Iterator

import pytest
from blockbuster import blockbuster_ctx

OURS = ["flowhost", "flowhost_mqtt", "flowhost_opcua", "flowhost_modbus", "flowhost_sql", "flowhost_sim"]


@pytest.fixture(autouse=True)
def _no_blocking_call(request: pytest.FixtureRequest) -> Iterator[None]:
    """A blocking call made by our code on a running loop raises."""
    if request.node.get_closest_marker("browser"):
        yield
        return
    with blockbuster_ctx(OURS):
        yield


@pytest.fixture(autouse=True)
def _no_leaked_thread() -> Iterator[None]:
    """A test ends the threads it started."""
    before = set(threading.enumerate())
    yield
    for thread in set(threading.enumerate()) - before:
        if not thread.daemon and not thread.name.startswith(("asyncio_", "ThreadPoolExecutor")):
            thread.join(2)
            assert not thread.is_alive(), f"the test left thread {thread.name!r} running"


@pytest.fixture(autouse=True)
def _no_leaked_task(request: pytest.FixtureRequest) -> Iterator[None]:
    """An asynchronous test ends the tasks it started."""
    if inspect.iscoroutinefunction(getattr(request, "function", None)):
        request.getfixturevalue("_task_guard")
    return


@pytest.fixture
async def _task_guard() -> AsyncIterator[None]:
    before = asyncio.all_tasks()
    yield
    for _ in range(3):
        await asyncio.sleep(0)
    leaked = [t for t in asyncio.all_tasks() - before if not t.done() and t is not asyncio.current_task()]
    assert not leaked, f"the test left tasks running: {[task.get_name() for task in leaked]}"


@pytest.fixture(autouse=True)
def _no_unexpected_error(request: pytest.FixtureRequest) -> Iterator[None]:
    """An error in the log fails the test, unless it is marked `expects_error_log`."""
    keeper = ErrorKeeper()
    root = logging.getLogger()
    root.addHandler(keeper)
    yield
    root.removeHandler(keeper)
    if not request.node.get_closest_marker("expects_error_log"):
        assert not keeper.lines, f"unexpected errors in the log: {keeper.lines}"


class ErrorKeeper(logging.Handler):
    """Keeps error lines of our own loggers and of asyncio."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.name.split(".")[0] in (*OURS, "asyncio"):
            self.lines.append(f"{record.name}: {record.getMessage()}")
