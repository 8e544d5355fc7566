"""A Modbus device as a program: `server_process.py PORT`; register n holds n."""

from __future__ import annotations

import asyncio
import logging
import sys

from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice


async def main() -> None:
    device = SimDevice(1, simdata=[SimData(0, values=list(range(200)), datatype=DataType.REGISTERS)])
    server = ModbusTcpServer(device, address=("127.0.0.1", int(sys.argv[1])))
    logging.getLogger("pymodbus.logging").setLevel(logging.CRITICAL)
    await server.serve_forever(background=True)
    print("ready", flush=True)
    await server.serving


asyncio.run(main())
