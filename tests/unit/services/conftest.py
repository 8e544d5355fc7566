"""A real host with real workers and files."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from flowhost.services.host import Host
from flowhost.services.settings import load_settings


async def _until(condition: Callable[[], object], within_s: float = 20.0) -> None:
    """Wait until something is so; `condition` may be a coroutine function."""
    deadline = time.monotonic() + within_s
    while True:
        found = condition()
        if asyncio.iscoroutine(found):
            found = await found
        if found:
            return
        assert time.monotonic() < deadline, "it did not become so in time"
        await asyncio.sleep(0.02)


FLOW = """\
flowhost: 1
id: {id}
name: {name}
area: plant/line1
nodes:
  gen: {{type: sim.generate, name: Values, config: {config}}}
  even: {{type: filter, config: {{where: "payload.seq % 2 == 0"}}}}
  end: {{type: discard}}
wires:
  - gen -> even
  - even -> end
"""


def _flow(flow_id: str = "line", name: str = "Line 1", config: str = "{tags: 2, rate_hz: 100}") -> str:
    return FLOW.format(id=flow_id, name=name, config=config)


@pytest.fixture
def until():
    return _until


@pytest.fixture
def flow():
    return _flow


@pytest.fixture
async def open_host(tmp_path: Path):
    """Starts a host on a folder (the same one each time) once the one before has stopped; all end with the test."""
    hosts = []
    settings = await asyncio.to_thread(load_settings, data_dir=tmp_path / "data", shutdown_drain_s=1)

    async def opening() -> Host:
        host = Host(settings)
        hosts.append(host)
        await host.start()
        return host

    yield opening
    for host in hosts:
        await host.stop()


@pytest.fixture
async def host(open_host) -> Host:
    return await open_host()
