"""A small MQTT broker inside the simulator, so that a demo needs nothing but Python.

MQTT 3.1.1 only, and nothing survives its end: for trying things out, never for a plant.
"""

import asyncio
import logging

# amqtt is annotated but ships no py.typed marker
from amqtt.broker import Broker  # type: ignore[import-untyped]
from amqtt.errors import BrokerError  # type: ignore[import-untyped]
from typing_extensions import override

_PLUGINS = {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}}
_GOODBYE_S = 1.0


class EmbeddedBroker:
    """Listens on one loopback address; anybody on this machine may publish and subscribe."""

    def __init__(self, host: str, port: int) -> None:
        self.host = host
        self.port = port
        self._broker: _Broker | None = None

    async def start(self) -> None:
        """Listens.

        Raises:
            OSError: the port is taken.
        """
        for name in ("amqtt", "transitions"):
            logging.getLogger(name).setLevel(
                logging.CRITICAL
            )  # every client that goes away would be an error in the log
        listener = {"type": "tcp", "bind": f"{self.host}:{self.port}", "max_connections": -1}
        broker = _Broker({"listeners": {"default": listener}, "plugins": dict(_PLUGINS)})
        try:
            await broker.start()
        except BrokerError as error:
            raise OSError(f"MQTT broker cannot listen on {self.host}:{self.port}: {error}") from error
        self._broker = broker

    async def stop(self) -> None:
        broker, self._broker = self._broker, None
        if broker is not None:
            await broker.shutdown()
            await broker.hang_up()

    async def update(self) -> None:
        """Nothing to do: a broker passes on what it is given."""


class _Broker(Broker):  # type: ignore[misc]  # untyped, see above
    """Knows its connections: amqtt leaves those open that have sent no CONNECT yet, or stay after the shutdown."""

    def __init__(self, config: dict[str, object]) -> None:
        super().__init__(config)
        self._connections: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    @override
    async def stream_connected(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, listener_name: str
    ) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections[task] = writer
        task.add_done_callback(self._connections.pop)
        await super().stream_connected(reader, writer, listener_name)

    async def hang_up(self) -> None:
        tasks = list(self._connections)
        for writer in self._connections.values():
            writer.close()
        if tasks:
            await asyncio.wait(tasks, timeout=_GOODBYE_S)
