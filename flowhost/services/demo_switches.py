"""Switches of the demo's plant: turn a part off and on, and see which flows feel it."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from itertools import zip_longest
from pathlib import Path
from typing import Any, Protocol

from flowhost.errors import ConfigError, NotFoundError
from flowhost.graph.document import ConnectionEntry, FlowDocument
from flowhost.graph.references import resolve_for_lint
from flowhost.services.access import Principal, demand
from flowhost.services.host_views import DemoSwitchView, FlowRef, SwitchName
from flowhost.services.live import LiveFlow
from flowhost.services.plant_simulator import PartState

PARTS: dict[SwitchName, str] = {
    "broker": "broker", "plc": "opcua", "meter": "modbus", "database": "database", "sensor": "odd_sensor"
}  # fmt: skip
"""What the simulator calls the part of each switch."""
SQLITE = "sqlite:///"
Complete = Callable[[FlowDocument], FlowDocument]
"""Gives a flow the host's connections it names."""


class Plant(Protocol):
    """The plant of a demo, as its switches need it; see `PlantSimulator`."""

    @property
    def parts(self) -> Mapping[str, PartState]:
        """How each part is."""

    @property
    def addresses(self) -> Mapping[str, str]:
        """Where each part is reached, as `address_of` writes it."""

    async def switch(self, part: str, *, on: bool) -> PartState:
        """Switch a part; returns how it is then. Raises `HostError`."""


class DemoService:
    """What a caller may do with the demo's plant. Every method raises `ForbiddenError` for one without the role."""

    def __init__(
        self, plant: Plant, flows: Mapping[str, LiveFlow], data_dir: Path, complete: Complete = lambda flow: flow
    ) -> None:
        self._plant = plant
        self._flows = flows
        self._data_dir = data_dir
        self._complete = complete
        self._turning: list[SwitchName] = []
        self._changed: dict[SwitchName, datetime] = {}
        self._was_on: dict[SwitchName, bool] = {}

    async def switches(self, principal: Principal) -> tuple[DemoSwitchView, ...]:
        """Every switch, as its part really is."""
        demand(principal, "host.read")
        return tuple(self._view(name) for name, part in PARTS.items() if part in self._plant.parts)

    async def switch(self, principal: Principal, name: SwitchName, *, on: bool) -> DemoSwitchView:
        """Turn a part on or off; the answer says how it is then, which need not be what was asked for.

        Raises:
            NotFoundError: the demo has no such part.
            HostError: the simulator has ended, or gives no answer.
        """
        demand(principal, "demo.switch")
        part = PARTS.get(name, name)
        if part not in self._plant.parts:
            msg = f"the demo has no switch {name!r}"
            raise NotFoundError(msg)
        self._turning.append(name)
        try:
            await self._plant.switch(part, on=on)
        finally:
            self._turning.remove(name)
        return self._view(name)

    def _view(self, name: SwitchName) -> DemoSwitchView:
        state = self._plant.parts[PARTS[name]]
        if self._was_on.get(name, True) is not state.on:
            self._changed[name] = datetime.now(UTC)
        self._was_on[name] = state.on
        address = self._plant.addresses[PARTS[name]]
        # a sensor is reached through the broker: by those who subscribe to its topic
        readers, writers = self._who_uses(*address.split("/", 1)) if name == "sensor" else self._who_uses(address)
        return DemoSwitchView(
            name=name,
            address=address,
            on=state.on,
            turning=name in self._turning,
            fault=state.fault,
            since=self._changed.get(name),
            readers=readers,
            writers=writers,
        )

    def _who_uses(self, address: str, topic: str = "") -> tuple[tuple[FlowRef, ...], tuple[FlowRef, ...]]:
        """Flows that read there and flows that write there; with a topic, those that read it."""
        readers, writers = [], []
        for live in sorted(self._flows.values(), key=lambda live: live.document.name or live.id):
            base_dir = Path(live.record.base_dir) if live.record.base_dir else self._data_dir
            here = {
                name
                for name, connection in self._complete(live.document).connections.items()
                if address_of(connection, base_dir) == address
            }
            using = {node_id for node_id, node in live.document.nodes.items() if node.connection in here}
            flow = FlowRef(id=live.id, name=live.document.name or live.id)
            if any(not topic or hears(live.document.nodes[node].config, topic) for node in using - live.sinks):
                readers.append(flow)
            if using & live.sinks and not topic:
                writers.append(flow)
        return tuple(readers), tuple(writers)


def hears(config: Mapping[str, Any], topic: str) -> bool:
    """Whether a node with this configuration subscribes to an MQTT topic."""
    filters = config.get("topics")
    return isinstance(filters, list) and any(_matches(str(one), topic) for one in filters)


def _matches(pattern: str, topic: str) -> bool:
    for wanted, level in zip_longest(pattern.split("/"), topic.split("/")):
        if wanted == "#":
            return True
        if wanted is None or level is None or wanted not in ("+", level):
            return False
    return True


def address_of(connection: ConnectionEntry, base_dir: Path) -> str:
    """Where a connection of a flow leads: `host:port`, an endpoint or a file; empty where that is not known here."""
    try:
        config, unknown = resolve_for_lint(connection.config, os.environ)
    except ConfigError:  # written wrongly: lint says so, and the flow does not run
        return ""
    return "" if unknown else _address(connection.type, config, base_dir)


def _address(type_id: str, config: Mapping[str, Any], base_dir: Path) -> str:
    match type_id:
        case "mqtt.broker":
            return f"{config.get('host')}:{config.get('port', 1883)}"
        case "modbus.client":
            return f"{config.get('host')}:{config.get('port', 502)}"
        case "opcua.client":
            return str(config.get("endpoint"))
        case "sql.database" if str(config.get("url")).startswith(SQLITE):
            return str(base_dir / str(config["url"]).removeprefix(SQLITE))
    return ""
