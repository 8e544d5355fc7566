"""What a simulator is started with, and the addresses it is reached at."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

HOST = "127.0.0.1"
OPCUA_PORT = 4840
MODBUS_PORT = 5020
MQTT_PORT = 1883


@dataclass(frozen=True, slots=True)
class SimOptions:
    """Options of a simulator.

    Args:
        ports: `default`: the ports below or an error; `auto`: any free port where one of them is taken.
        opcua_port: port of the OPC UA server.
        modbus_port: port of the energy meter.
        mqtt_port: port of the embedded broker.
        broker: host and port of a broker that is there already; None: the simulator runs its own.
        speed: how much faster than the clock the process runs, 0.1 to 200.
        seed: the same seed gives the same course of events.
        database: a SQLite file the simulator can lock, as another program would; it never reads or writes it.
    """

    ports: Literal["default", "auto"] = "default"
    opcua_port: int = OPCUA_PORT
    modbus_port: int = MODBUS_PORT
    mqtt_port: int = MQTT_PORT
    broker: tuple[str, int] | None = None
    speed: float = 1.0
    seed: int = 1
    database: Path | None = None


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the simulator is reached."""

    mqtt_host: str
    mqtt_port: int
    opcua_endpoint: str
    modbus_host: str
    modbus_port: int
    modbus_unit_id: int

    def environment(self) -> dict[str, str]:
        """The variables the gallery's flows read their addresses from."""
        return {
            "PLANT_MQTT_HOST": self.mqtt_host,
            "PLANT_MQTT_PORT": str(self.mqtt_port),
            "PLANT_OPCUA_ENDPOINT": self.opcua_endpoint,
            "PLANT_MODBUS_HOST": self.modbus_host,
            "PLANT_MODBUS_PORT": str(self.modbus_port),
        }


class PortTakenError(Exception):
    """A port the simulator was told to use belongs to another program."""

    def __init__(self, what: str, port: int, option: str) -> None:
        super().__init__(
            f"Port {port} for the {what} is taken by another program. "
            f"Start with --ports auto, or choose a port with {option}."
        )
        self.port = port
