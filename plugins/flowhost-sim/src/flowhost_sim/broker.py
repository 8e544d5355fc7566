"""A small MQTT broker inside the simulator, so that a demo needs nothing but Python.

MQTT 3.1.1 only, and nothing survives its end: for trying things out, never for a plant.
"""

import logging

# amqtt is annotated but ships no py.typed marker
from amqtt.broker import Broker  # type: ignore[import-untyped]
from amqtt.errors import BrokerError  # type: ignore[import-untyped]

_CONFIG_PLUGINS = {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}}


class EmbeddedBroker:
    """Listens on one loopback address; anybody on this machine may publish and subscribe."""

    def __init__(self, host: str, port: int) -> None:
        self.host = host
        self.port = port
        self._broker: Broker | None = None

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
        broker = Broker({"listeners": {"default": listener}, "plugins": dict(_CONFIG_PLUGINS)})
        try:
            await broker.start()
        except BrokerError as error:
            raise OSError(f"MQTT broker cannot listen on {self.host}:{self.port}: {error}") from error
        self._broker = broker

    async def stop(self) -> None:
        broker, self._broker = self._broker, None
        if broker is not None:
            await broker.shutdown()

    async def update(self) -> None:
        """Nothing to do: a broker passes on what it is given."""
