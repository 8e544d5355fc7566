"""Many people looking at one running flow cost the host little."""

from __future__ import annotations

import asyncio
import json
from contextlib import AsyncExitStack
from pathlib import Path

import psutil
import pytest
from browsing.editing import Served
from browsing.large_flow import large_flow, put_flow
from websockets.asyncio.client import ClientConnection, connect

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

NODES = 200
VIEWERS = 20
SECONDS = 3.0
WINDOWS = 3
"""Other programs can only make it dearer, so the cheapest of some spans is the truth."""
SHARE = 0.05
"""Of a core, for all viewers together."""


def started(served: Served, folder: Path) -> str:
    put_flow(folder, large_flow(NODES), running=True)
    return served.start()


class Viewer:
    """A tab that takes what comes."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self.pushes = 0
        self.known: set[str] = set()

    async def look(self, number: int) -> None:
        await self._socket.send(json.dumps({"t": "hello", "tab": f"t{number}", "rev": -1}))
        await self._socket.send(json.dumps({"t": "watch", "nodes": ["n1"]}))
        async for text in self._socket:
            frame = json.loads(text)
            if frame["t"] == "status":
                self.pushes += 1
                self.known |= frame["of"].keys()


async def cost(host: psutil.Process) -> float:
    """Share of a core that the host process takes."""
    found = []
    for _ in range(WINDOWS):
        before = host.cpu_times()
        await asyncio.sleep(SECONDS)
        after = host.cpu_times()
        found.append((after.user + after.system - before.user - before.system) / SECONDS)
    return min(found)


async def test_twenty_viewers(served: Served, tmp_path: Path) -> None:
    address = await asyncio.to_thread(started, served, tmp_path)
    host = psutil.Process(served.pid)
    alone = await cost(host)
    async with AsyncExitStack() as stack:
        viewers = []
        for number in range(VIEWERS):
            url = f"{address.replace('http', 'ws')}/api/v1/flows/large/live"
            viewers.append(Viewer(await stack.enter_async_context(connect(url, origin=address))))
            task = asyncio.create_task(viewers[-1].look(number))
            stack.callback(task.cancel)
        async with asyncio.timeout(20):
            while not all(viewer.known for viewer in viewers):
                await asyncio.sleep(0.05)
        before = [viewer.pushes for viewer in viewers]
        watched = await cost(host)
        rates = [(viewer.pushes - first) / SECONDS / WINDOWS for viewer, first in zip(viewers, before, strict=True)]
    print(f"{NODES} nodes: {alone:.1%} alone, {watched:.1%} with {VIEWERS} viewers at {min(rates):.1f} pushes a second")
    assert watched - alone < SHARE
    assert min(rates) > 4
