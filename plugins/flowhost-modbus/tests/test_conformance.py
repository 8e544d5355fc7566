"""The kit that vendors use, against pymodbus behind a proxy that cuts and mutes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
from flowhost_modbus.answers import RefusedError, SilentError
from flowhost_modbus.connection import ModbusConnection
from flowhost_modbus.source_poll import ModbusPoll
from pymodbus.client import AsyncModbusTcpClient

from flowhost.sdk import Connection, NotConnectedError
from flowhost.testing.conformance import ConnectionConformance, ProxiedTarget, SourceConformance
from flowhost.testing.proxy import FaultProxy


class Meter(ProxiedTarget):
    """A device whose register 0 is written by another master, beside the proxy."""

    def __init__(self, proxy: FaultProxy, master: AsyncModbusTcpClient) -> None:
        super().__init__(proxy)
        self.master = master

    async def produce(self, numbers: Sequence[int]) -> None:
        for number in numbers:
            await self.master.write_register(0, number)


@pytest.fixture
async def target(plant: Any) -> AsyncIterator[Meter]:
    master = AsyncModbusTcpClient("127.0.0.1", port=plant.port)
    await master.connect()
    async with FaultProxy("127.0.0.1", plant.port) as proxy:
        yield Meter(proxy, master)
    master.close()


class ModbusConformance:
    """What both have in common."""

    connection_type = ModbusConnection

    @pytest.fixture
    def target(self, target: Meter) -> Meter:
        return target

    @pytest.fixture
    def connection_config(self, target: Meter) -> dict[str, Any]:
        return {"host": target.proxy.host, "port": target.proxy.port, "timeout_s": 1.0}


class TestConnection(ModbusConformance, ConnectionConformance):
    async def use(self, connection: Connection[Any]) -> None:
        assert isinstance(connection, ModbusConnection)
        try:
            await connection.read("holding", 1, 0, 1)
        except (RefusedError, SilentError) as error:
            raise NotConnectedError(str(error)) from error


class TestPoll(ModbusConformance, SourceConformance):
    node_type = ModbusPoll
    sampled = True

    @pytest.fixture
    def config(self) -> dict[str, Any]:
        return {"period_ms": 10, "tags": [{"name": "n", "address": 0}]}
