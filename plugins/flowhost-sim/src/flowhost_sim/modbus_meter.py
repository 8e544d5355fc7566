"""The line's energy meter as a Modbus TCP server (Modbus Application Protocol 1.1b3)."""

from pymodbus.constants import ExcCodes
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimAction, SimData, SimDevice

from flowhost_sim.line import Line
from flowhost_sim.meter_registers import (
    DEMAND_PERIOD,
    REGISTER_COUNT,
    RESET_DEMAND,
    discrete_inputs,
    registers,
)

UNIT_ID = 1
_READ_COILS = 1
_READ_DISCRETE_INPUTS = 2
_READ_REGISTERS = (3, 4)


class ModbusMeter:
    """Answers unit 1. Values are taken from the line when a request comes, so one answer holds one moment."""

    def __init__(self, line: Line, host: str, port: int) -> None:
        self.host = host
        self.port = port
        self._line = line
        self._registers = registers()
        self._server: ModbusTcpServer | None = None

    async def start(self) -> None:
        """Listens.

        Raises:
            OSError: the port is taken.
        """
        server = ModbusTcpServer(_device(self._on_request), address=(self.host, self.port))
        if not await server.listen():
            raise OSError(f"Modbus server cannot listen on {self.host}:{self.port}")
        self._server = server

    async def stop(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            await server.shutdown()  # type: ignore[no-untyped-call]  # pymodbus leaves it without annotations

    async def update(self) -> None:
        """Nothing to do: values are taken at each request."""

    async def _on_request(
        self,
        function_code: int,
        _start_address: int,
        address: int,
        _count: int,
        current: list[int],
        written: list[int] | list[bool] | None,
    ) -> ExcCodes | None:
        if written is not None:
            return self._take(address, written)
        if function_code == _READ_DISCRETE_INPUTS:
            current[0] = sum(bit << place for place, bit in enumerate(discrete_inputs(self._line)))
        elif function_code == _READ_COILS:
            current[0] = 0
        elif function_code in _READ_REGISTERS:
            self._fill(current)
        return None

    def _take(self, address: int, written: list[int] | list[bool]) -> ExcCodes | None:
        """Takes a written coil or setting; the server itself refuses writes to read-only registers."""
        supply = self._line.supply
        if isinstance(written[0], bool):
            if address == RESET_DEMAND and written[0]:
                supply.reset_demand_max()
            return None
        if not 1 <= written[0] <= 60:
            return ExcCodes.ILLEGAL_VALUE
        supply.demand_period_min = written[0]
        return None

    def _fill(self, current: list[int]) -> None:
        for register in self._registers:
            words = register.words(self._line)
            current[register.address : register.address + len(words)] = words


def _device(action: SimAction) -> SimDevice:
    measured = SimData(0, count=REGISTER_COUNT, values=0, datatype=DataType.REGISTERS, readonly=True)
    settings = SimData(DEMAND_PERIOD, values=15, datatype=DataType.UINT16)
    inputs = SimData(0, count=16, values=False, datatype=DataType.BITS, readonly=True)
    coils = SimData(0, count=16, values=False, datatype=DataType.BITS)
    return SimDevice(UNIT_ID, simdata=([coils], [inputs], [measured, settings], [measured]), action=action)
