"""A small MQTT broker inside the simulator, so that a demo needs nothing but Python.

MQTT 3.1.1 only, and nothing survives its end: for trying things out, never for a plant.
"""

import asyncio
import logging
from contextlib import suppress
from typing import Any

# amqtt is annotated but ships no py.typed marker
from amqtt.adapters import StreamReaderAdapter, StreamWriterAdapter  # type: ignore[import-untyped]
from amqtt.broker import Broker  # type: ignore[import-untyped]

_CONFIG = {
    "listeners": {"default": {"type": "external"}},
    "plugins": {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}},
}
_GOODBYE_S = 0.5


class _Broker(Broker):  # type: ignore[misc]
    """amqtt gives a client that connects the retained messages of everybody's subscriptions; ours of its own only."""

    async def _publish_retained_messages_for_subscription(self, subscription: tuple[str, int], session: Any) -> None:
        holders = self._subscriptions.get(subscription[0], ())
        if any(holder.client_id == session.client_id for holder, _ in holders):
            await super()._publish_retained_messages_for_subscription(subscription, session)


class EmbeddedBroker:
    """Listens on one loopback address; anybody on this machine may publish and subscribe.

    It listens itself and hands connections over to amqtt: amqtt's own listener takes new clients while it shuts down,
    and then waits for them.
    """

    def __init__(self, host: str, port: int) -> None:
        self.host = host
        self.port = port
        self._broker: Broker | None = None
        self._listener: asyncio.Server | None = None
        self._connections: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    async def start(self) -> None:
        """Listens.

        Raises:
            OSError: the port is taken.
        """
        for name in ("amqtt", "transitions"):  # every client that goes away would be an error in the log
            logging.getLogger(name).setLevel(logging.CRITICAL)
        broker = _Broker(_CONFIG)
        await broker.start()
        self._broker = broker
        try:
            self._listener = await asyncio.start_server(self._serve, self.host, self.port)
        except OSError:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Takes no new clients, cuts off those it has, then ends."""
        listener, self._listener = self._listener, None
        if listener is not None:
            listener.close()
            await self._cut_off()
        broker, self._broker = self._broker, None
        if broker is not None:
            await broker.shutdown()

    async def update(self) -> None:
        """Nothing to do: a broker passes on what it is given."""

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections[task] = writer
        task.add_done_callback(self._connections.pop)
        if self._broker is not None:
            # amqtt says goodbye to those it turns away without looking whether they are still there
            with suppress(OSError):
                await self._broker.external_connected(
                    StreamReaderAdapter(reader), StreamWriterAdapter(writer), "default"
                )

    async def _cut_off(self) -> None:
        for writer in self._connections.values():
            writer.transport.abort()
        if tasks := list(self._connections):
            await asyncio.wait(tasks, timeout=_GOODBYE_S)
