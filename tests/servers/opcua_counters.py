"""An OPC UA server with counting tags, a program of its own: `python opcua_counters.py PORT TAGS PERIOD_S`.

Tags `C0`, `C1`, ... all count together, each change with a source time of its own. Prints `ready` when it serves, ends
when its standard input closes.
"""

import asyncio
import logging
import sys
from datetime import UTC, datetime

from asyncua import Server, ua

URI = "http://flowhost.test/counters"


async def serve(port: int, tags: int, period_s: float) -> None:
    server = Server()
    await server.init()
    server.set_endpoint(f"opc.tcp://127.0.0.1:{port}")
    server.set_security_policy([ua.SecurityPolicyType.NoSecurity])
    index = await server.register_namespace(URI)
    nodes = [
        await server.nodes.objects.add_variable(ua.NodeId(f"C{number}", index), f"C{number}", 0, ua.VariantType.Int64)
        for number in range(tags)
    ]
    async with server:
        print("ready", flush=True)
        number = 0
        while True:
            number += 1
            now = datetime.now(UTC)
            value = ua.DataValue(ua.Variant(number, ua.VariantType.Int64), SourceTimestamp=now, ServerTimestamp=now)
            for node in nodes:
                await server.write_attribute_value(node.nodeid, value)
            await asyncio.sleep(period_s)


async def main() -> None:
    logging.disable(logging.CRITICAL)
    serving = asyncio.create_task(serve(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])))
    over = asyncio.create_task(asyncio.to_thread(sys.stdin.read))
    await asyncio.wait({serving, over}, return_when=asyncio.FIRST_COMPLETED)
    serving.cancel()
    await asyncio.gather(serving, return_exceptions=True)


if __name__ == "__main__":
    asyncio.run(main())
