"""The whole simulator: the line and its servers, each of which can be switched off and on while the rest runs."""

import asyncio
import logging
import time
from typing import Literal

from flowhost_sim.broker import EmbeddedBroker
from flowhost_sim.database_lock import LockableDatabase
from flowhost_sim.line import SLICE_S, Line
from flowhost_sim.modbus_meter import UNIT_ID, ModbusMeter
from flowhost_sim.mqtt_sensors import MqttSensors
from flowhost_sim.odd_sensor import OddSensor
from flowhost_sim.opcua_server import OpcUaServer, endpoint_url
from flowhost_sim.options import HOST, Addresses, PortTakenError, SimOptions
from flowhost_sim.parts import Part, PartFaultError, PartState, SwitchedPart
from flowhost_sim.ports import free_port, is_free

_log = logging.getLogger(__name__)

PartName = Literal["broker", "opcua", "modbus", "mqtt_sensors", "odd_sensor", "database"]
ServerName = Literal["broker", "opcua", "modbus"]

_ATTEMPTS = 5
_HEAD_START_S = 45.0  # who looks at the line finds it running, not starting up
_PART_STOP_S = 1.5
_LONGEST_PAUSE_S = 2.0
_TITLES: dict[ServerName, tuple[str, str]] = {
    "broker": ("MQTT broker", "--mqtt-port"),
    "opcua": ("OPC UA server", "--opcua-port"),
    "modbus": ("Modbus energy meter", "--modbus-port"),
}


class SimProgram:
    """Runs inside an asyncio loop; every server is bound to the loopback address.

    A part that was switched off comes back on the same port.
    """

    def __init__(self, options: SimOptions | None = None) -> None:
        self.options = options or SimOptions()
        self.line = Line(self.options.seed)
        self.line.step(_HEAD_START_S)
        self._parts: dict[PartName, SwitchedPart] = {}
        self._ports: dict[ServerName, int] = {}
        self._clock: asyncio.Task[None] | None = None

    @property
    def addresses(self) -> Addresses:
        """Valid while the simulator runs."""
        mqtt_host, mqtt_port = self._broker_address()
        opcua = endpoint_url(HOST, self._ports["opcua"])
        return Addresses(mqtt_host, mqtt_port, opcua, HOST, self._ports["modbus"], UNIT_ID)

    @property
    def parts(self) -> dict[PartName, bool]:
        """Every part, and whether it is on."""
        return {name: state.on for name, state in self.states.items()}

    @property
    def states(self) -> dict[PartName, PartState]:
        """Every part and how it really is."""
        return {name: part.state for name, part in self._parts.items()}

    async def start(self) -> None:
        """Starts the line and all its parts; returns when every server answers.

        Raises:
            PortTakenError: with `ports="default"`, when another program has one of the ports. Nothing runs then.
        """
        try:
            for name in _TITLES:
                if name != "broker" or self.options.broker is None:
                    await self._start_server(name)
            odd = OddSensor()
            self._parts["odd_sensor"] = SwitchedPart("old sensor of the capper", odd)
            await self.start_part("odd_sensor")
            sensors = MqttSensors(self.line, *self._broker_address(), odd)
            self._parts["mqtt_sensors"] = SwitchedPart("MQTT sensors", sensors)
            await self.start_part("mqtt_sensors")
            if self.options.database is not None:
                database = LockableDatabase(self.options.database)
                self._parts["database"] = SwitchedPart("database", database)
                await self.start_part("database")
        except BaseException:
            await self.stop()
            raise
        self._clock = asyncio.create_task(self._run_clock(), name="flowhost-sim clock")

    async def stop(self) -> None:
        """Stops everything within two seconds; safe at any time and any number of times."""
        if self._clock is not None:
            self._clock.cancel()
            await asyncio.wait([self._clock])
            self._clock = None
        if "database" in self._parts:
            await self.start_part("database")  # nothing stays locked
        await self._stop_firmly("mqtt_sensors")
        await asyncio.gather(*(self._stop_firmly(name) for name in _TITLES))

    async def wait(self) -> None:
        """Returns when the simulator was stopped; raises what broke it, should that happen."""
        clock = self._clock
        if clock is not None:
            await asyncio.wait([clock])
            if not clock.cancelled():
                clock.result()

    async def start_part(self, name: PartName) -> None:
        """Switches a part on; the database: lets it go.

        Raises:
            KeyError: this simulator has no such part (`broker` when one was given, `database` when none was named).
            PartFaultError: it did not start, most often because another program has taken the port meanwhile.
        """
        await self._parts[name].start()

    async def stop_part(self, name: PartName) -> None:
        """Switches a part off: its clients lose their connection and find nobody there; the database: locks it.

        Raises:
            KeyError: this simulator has no such part.
            PartFaultError: it did not stop in time.
        """
        await self._parts[name].stop()

    async def _stop_firmly(self, name: PartName) -> None:
        if name not in self._parts:
            return
        try:
            await self._parts[name].stop(_PART_STOP_S)
        except PartFaultError as error:
            _log.warning("%s; it ends with the program", error)

    async def _start_server(self, name: ServerName) -> None:
        for attempt in range(_ATTEMPTS):
            self._ports[name] = port = self._choose_port(name, preferred=attempt == 0)
            server = self._make_server(name, port)
            self._parts[name] = SwitchedPart(_TITLES[name][0], server, (HOST, port))
            try:
                await self.start_part(name)
            except OSError:  # somebody else took it between the look and the start
                if attempt + 1 == _ATTEMPTS or self._must_have(name, port):
                    raise
            else:
                return

    def _choose_port(self, name: ServerName, *, preferred: bool) -> int:
        wanted = self._wanted(name)
        if self._must_have(name, wanted) and not is_free(HOST, wanted):
            raise PortTakenError(_TITLES[name][0], wanted, _TITLES[name][1])
        return free_port(HOST, wanted if preferred else 0)

    def _must_have(self, name: ServerName, port: int) -> bool:
        return self.options.ports == "default" and port != 0 and port == self._wanted(name)

    def _wanted(self, name: ServerName) -> int:
        options = self.options
        return {"broker": options.mqtt_port, "opcua": options.opcua_port, "modbus": options.modbus_port}[name]

    def _make_server(self, name: ServerName, port: int) -> Part:
        match name:
            case "broker":
                return EmbeddedBroker(HOST, port)
            case "opcua":
                return OpcUaServer(self.line, HOST, port)
            case "modbus":
                return ModbusMeter(self.line, HOST, port)

    def _broker_address(self) -> tuple[str, int]:
        return self.options.broker or (HOST, self._ports["broker"])

    async def _run_clock(self) -> None:
        """Lets the line's time pass; a pause (a laptop that slept) is not made up for."""
        last = time.monotonic()
        while True:
            await asyncio.sleep(SLICE_S)
            now = time.monotonic()
            self.line.step(min(now - last, _LONGEST_PAUSE_S) * self.options.speed)
            last = now
            for part in tuple(self._parts.values()):
                await part.update()
