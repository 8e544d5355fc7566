"""Guards around tests: no blocking call on the event loop, no leaked task or thread, no unexpected error log.

Loaded by pytest wherever FlowHost is installed, and silent until packages are named in the project's pytest settings:

```toml
[tool.pytest]
flowhost_guards = ["flowhost_acme"]
```

Test classes of the conformance kit are left alone: there each of these rules is a test with a name.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, nullcontext
from importlib.util import find_spec

import pytest
from typing_extensions import override

try:
    from pytest_asyncio import fixture as async_fixture
except ImportError:  # without it there are no asynchronous tests to guard
    async_fixture = pytest.fixture  # type: ignore[assignment]

pytest.register_assert_rewrite("flowhost.testing.conformance")

SETTING = "flowhost_guards"
KIT_MARK = "flowhost_conformance"
POOLS = ("asyncio_", "ThreadPoolExecutor")
"""Threads of the loop's own executor stay until the loop is closed."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """The setting that names the packages to watch."""
    parser.addini(SETTING, "packages FlowHost's test guards watch; none: guards are off", type="args", default=[])


def pytest_configure(config: pytest.Config) -> None:
    """Markers of this plugin."""
    config.addinivalue_line("markers", "expects_error_log: an error in the log is what the test wants to see")
    config.addinivalue_line("markers", f"{KIT_MARK}: a test of FlowHost's conformance kit")


@pytest.fixture(autouse=True)
def _no_blocking_call(request: pytest.FixtureRequest) -> Iterator[None]:
    """A blocking call made by watched code on a running loop raises."""
    browser = request.node.get_closest_marker("browser") is not None
    with nullcontext() if browser else blocking_refused(_watched(request)):
        yield


@pytest.fixture(autouse=True)
def _no_leaked_thread(request: pytest.FixtureRequest) -> Iterator[None]:
    """A test ends the threads it started."""
    before = set(threading.enumerate())
    yield
    if not _watched(request):
        return
    for thread in set(threading.enumerate()) - before:
        if not thread.daemon and not thread.name.startswith(POOLS):
            thread.join(2)
            assert not thread.is_alive(), f"the test left thread {thread.name!r} running"


@pytest.fixture(autouse=True)
def _no_leaked_task(request: pytest.FixtureRequest) -> None:
    """An asynchronous test ends the tasks it started."""
    if _watched(request) and inspect.iscoroutinefunction(getattr(request, "function", None)):
        request.getfixturevalue("_task_guard")


@async_fixture
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
    keeper = ErrorKeeper(_watched(request))
    root = logging.getLogger()
    root.addHandler(keeper)
    yield
    root.removeHandler(keeper)
    if not request.node.get_closest_marker("expects_error_log"):
        assert not keeper.lines, f"unexpected errors in the log: {keeper.lines}"


class ErrorKeeper(logging.Handler):
    """Keeps error lines of watched packages and of asyncio; nothing if no package is watched."""

    def __init__(self, packages: list[str]) -> None:
        super().__init__(logging.ERROR)
        self.lines: list[str] = []
        self._names = (*packages, "asyncio") if packages else ()

    @override
    def emit(self, record: logging.LogRecord) -> None:
        """Keep the line."""
        if record.name.split(".")[0] in self._names:
            self.lines.append(f"{record.name}: {record.getMessage()}")


@contextmanager
def blocking_refused(packages: list[str]) -> Iterator[None]:
    """Make blocking calls of these packages on the loop raise; does nothing where blockbuster is not installed."""
    if packages and find_spec("blockbuster"):
        from blockbuster import blockbuster_ctx

        with blockbuster_ctx(packages) as refusing:
            for function in refusing.functions.values():
                # where log lines go is the host's choice, not the plugin's
                function.can_block_in("logging/__init__.py", {"emit", "flush"})
            yield
    else:
        yield


def _watched(request: pytest.FixtureRequest) -> list[str]:
    """Packages to watch during this test."""
    if request.node.get_closest_marker(KIT_MARK):
        return []
    return list(request.config.getini(SETTING))
