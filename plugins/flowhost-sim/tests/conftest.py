import asyncio
import time
from collections.abc import AsyncIterator, Callable

import pytest
from flowhost_sim.options import SimOptions
from flowhost_sim.program import SimProgram

ANY_PORTS = SimOptions(opcua_port=0, modbus_port=0, mqtt_port=0, speed=10)


@pytest.fixture
async def program() -> AsyncIterator[SimProgram]:
    running = SimProgram(ANY_PORTS)
    await running.start()
    yield running
    await running.stop()


@pytest.fixture
def eventually():
    async def wait(holds: Callable[[], bool], within_s: float = 10.0) -> None:
        deadline = time.monotonic() + within_s
        while not holds():
            assert time.monotonic() < deadline, "it did not happen in time"
            await asyncio.sleep(0.02)

    return wait
