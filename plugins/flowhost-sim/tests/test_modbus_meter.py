"""The energy meter, read by pymodbus' client."""

from collections.abc import AsyncIterator

import pytest
from flowhost_sim.line import Line
from flowhost_sim.meter_registers import MODEL, registers
from flowhost_sim.modbus_meter import ModbusMeter
from flowhost_sim.options import HOST
from flowhost_sim.ports import free_port
from pymodbus.client import AsyncModbusTcpClient

TYPES = AsyncModbusTcpClient.DATATYPE
NAMES = {"float32": "FLOAT32", "float64": "FLOAT64", "uint16": "UINT16", "int16": "INT16", "uint32": "UINT32"}


@pytest.fixture
def line() -> Line:
    running = Line(1)
    running.step(600)
    return running


@pytest.fixture
async def client(line: Line) -> AsyncIterator[AsyncModbusTcpClient]:
    meter = ModbusMeter(line, HOST, free_port(HOST, 0))
    await meter.start()
    reader = AsyncModbusTcpClient(HOST, port=meter.port, retries=0)
    assert await reader.connect()
    yield reader
    reader.close()
    await meter.stop()


async def test_input_and_holding_registers_show_the_table(client: AsyncModbusTcpClient, line: Line) -> None:
    for read in (client.read_input_registers, client.read_holding_registers):
        words = (await read(0, count=80, device_id=1)).registers
        for register in registers():
            if register.layout not in NAMES:
                continue
            part = words[register.address : register.address + register.size]
            order = "little" if register.swapped else "big"
            raw = client.convert_from_registers(part, TYPES[NAMES[register.layout]], word_order=order)
            expected = float(register.read(line))
            assert raw * register.scale == pytest.approx(expected, rel=1e-6, abs=register.scale), register.meaning


async def test_values_belong_together(client: AsyncModbusTcpClient, line: Line) -> None:
    words = (await client.read_holding_registers(0, count=48, device_id=1)).registers
    phases = [client.convert_from_registers(words[at : at + 2], TYPES.FLOAT32) for at in (22, 24, 26)]
    total = client.convert_from_registers(words[0:2], TYPES.FLOAT32)
    assert sum(phases) == pytest.approx(total, rel=1e-5)
    assert client.convert_from_registers(words[34:38], TYPES.UINT64) == int(line.supply.energy_kwh * 1000)


async def test_texts_bits_and_the_way_they_move(client: AsyncModbusTcpClient, line: Line) -> None:
    words = (await client.read_input_registers(60, count=8, device_id=1)).registers
    assert client.convert_from_registers(words, TYPES.STRING).rstrip("\0") == MODEL
    for _ in range(3):
        bits = (await client.read_discrete_inputs(0, count=4, device_id=1)).bits
        assert bits[0] == (line.state.name == "EXECUTE")
        line.step(37)


async def test_settings_can_be_written_and_measured_values_cannot(client: AsyncModbusTcpClient, line: Line) -> None:
    assert not (await client.write_register(100, 5, device_id=1)).isError()
    assert line.supply.demand_period_min == 5
    assert (await client.read_holding_registers(100, device_id=1)).registers == [5]
    assert (await client.write_register(100, 0, device_id=1)).exception_code == 3
    assert (await client.write_register(0, 1, device_id=1)).exception_code == 2
    assert (await client.read_holding_registers(100, device_id=1)).registers == [5]


async def test_the_highest_demand_can_be_reset(client: AsyncModbusTcpClient, line: Line) -> None:
    line.supply.demand_max_kw = 99
    assert not (await client.write_coil(0, True, device_id=1)).isError()
    assert line.supply.demand_max_kw == line.supply.demand_kw
    assert (await client.read_coils(0, count=1, device_id=1)).bits[0] is False


async def test_beyond_the_table_is_an_illegal_address(client: AsyncModbusTcpClient) -> None:
    assert (await client.read_holding_registers(78, count=4, device_id=1)).exception_code == 2
    assert (await client.read_holding_registers(500, count=1, device_id=1)).exception_code == 2
