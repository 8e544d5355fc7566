"""The demo's switches over the real simulator: states as they are, and the flows that feel each."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from flowhost.errors import ForbiddenError, HostError, NotFoundError
from flowhost.graph.document import ConnectionEntry
from flowhost.services.access import LOCAL_USER, Principal
from flowhost.services.demo import DATABASE, gallery
from flowhost.services.demo_switches import address_of, hears
from flowhost.services.host import Host
from flowhost.services.plant_simulator import PlantSimulator
from flowhost.services.settings import load_settings

GALLERY = gallery()

pytestmark = pytest.mark.slow


@contextlib.asynccontextmanager
async def started(plant: PlantSimulator) -> AsyncIterator[PlantSimulator]:
    """The host starts it before there is a loop; here there is one."""
    await asyncio.to_thread(plant.__enter__)
    try:
        yield plant
    finally:
        await asyncio.to_thread(plant.__exit__, None, None, None)


@pytest.fixture
async def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Host]:
    """A host of the demo whose flows are there, but stopped."""
    async with started(PlantSimulator(tmp_path / DATABASE)) as plant:
        for name, value in plant.environ.items():
            monkeypatch.setenv(name, value)
        settings = await asyncio.to_thread(load_settings, data_dir=tmp_path, port=0)
        made = Host(settings, plant=plant)
        await made.start()
        for path in GALLERY:
            await made.flows.import_file(LOCAL_USER, path, tmp_path)
        yield made
        await made.stop()


async def test_the_plant_has_ports_of_its_own(tmp_path: Path) -> None:
    """At a usual one another broker could take over while the plant's is switched off."""
    async with started(PlantSimulator(tmp_path / DATABASE)) as plant:
        assert not {"1883", "5020"} & {plant.environ["PLANT_MQTT_PORT"], plant.environ["PLANT_MODBUS_PORT"]}
        assert ":4840" not in plant.environ["PLANT_OPCUA_ENDPOINT"]
        broker = plant.addresses["broker"]
        await plant.switch("broker", on=False)
        assert (await plant.switch("broker", on=True)).on
        assert plant.addresses["broker"] == broker


async def test_flows_on_a_connection_of_the_host_are_named_too(host: Host) -> None:
    broker = next(switch.address for switch in await host.demo.switches(LOCAL_USER) if switch.name == "broker")
    name, port = broker.split(":")
    config = {"host": name, "port": int(port)}
    await host.connections.create(LOCAL_USER, "plant", "mqtt.broker", config)
    text = """
flowhost: 1
id: shared
nodes:
  gen: {type: sim.generate}
  out: {type: mqtt.publish, connection: plant, config: {topic: t}}
wires: [gen -> out]
"""
    await host.flows.import_file(LOCAL_USER, text)
    switches = {switch.name: switch for switch in await host.demo.switches(LOCAL_USER)}
    assert "shared" in [flow.id for flow in switches["broker"].writers]


async def test_each_switch_names_the_flows_that_feel_it_and_is_for_operators(host: Host) -> None:
    switches = {switch.name: switch for switch in await host.demo.switches(LOCAL_USER)}
    assert list(switches) == ["broker", "plc", "meter", "database", "sensor"]
    assert all(switch.on and not switch.fault and switch.since is None for switch in switches.values())
    feel = {
        name: ([flow.id for flow in switch.readers], [flow.id for flow in switch.writers])
        for name, switch in switches.items()
    }
    assert feel == {
        "broker": (["sensor-names"], ["line-to-mqtt", "sensor-names"]),
        "plc": (["line-to-mqtt", "line-to-sql", "production-per-order"], []),
        "meter": (["energy-windows"], []),
        "database": ([], ["energy-windows", "line-to-sql", "production-per-order"]),
        "sensor": (["sensor-names"], []),
    }
    viewer = Principal("vera", frozenset({"viewer"}))
    assert len(await host.demo.switches(viewer)) == 5
    with pytest.raises(ForbiddenError):
        await host.demo.switch(viewer, "broker", on=False)
    with pytest.raises(NotFoundError, match="no switch 'boiler'"):
        await host.demo.switch(LOCAL_USER, "boiler", on=False)  # type: ignore[arg-type]


async def test_a_switch_says_how_its_part_is_and_since_when(host: Host, tmp_path: Path) -> None:
    off = await host.demo.switch(LOCAL_USER, "database", on=False)
    assert not off.on
    assert not off.turning
    assert off.since is not None
    with contextlib.closing(sqlite3.connect(tmp_path / DATABASE, timeout=0.05, isolation_level=None)) as db:
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            db.execute("BEGIN IMMEDIATE")
        on = await host.demo.switch(LOCAL_USER, "database", on=True)
        db.execute("BEGIN IMMEDIATE")
    assert on.on
    assert on.since is not None
    assert on.since >= off.since


async def test_a_simulator_that_is_gone_is_said_to_be_gone(tmp_path: Path, until: Callable) -> None:
    async with started(PlantSimulator(tmp_path / DATABASE)) as plant:
        assert plant._process is not None
        plant._process.kill()
        with pytest.raises(HostError, match="ended"):
            await plant.switch("broker", on=False)
        await until(lambda: not any(state.on for state in plant.parts.values()))
        assert all("ended with code" in state.fault for state in plant.parts.values())


@pytest.mark.parametrize(
    ("pattern", "heard"),
    [("a/b/c", True), ("a/+/c", True), ("a/#", True), ("#", True), ("a/b", False), ("a/b/c/d", False), ("+/c", False)],
)
def test_who_hears_a_topic(pattern: str, heard: bool) -> None:
    assert hears({"topics": ["x", pattern]}, "a/b/c") is heard
    assert not hears({}, "a/b/c")


@pytest.mark.parametrize(
    ("kind", "config", "address"),
    [
        ("mqtt.broker", {"host": "10.1.2.3"}, "10.1.2.3:1883"),
        ("modbus.client", {"host": {"env": "NO_SUCH", "default": "meter"}, "port": 5020}, "meter:5020"),
        ("opcua.client", {"endpoint": "opc.tcp://plc:4840", "security": "none"}, "opc.tcp://plc:4840"),
        ("sql.database", {"url": "sqlite:///plant.db"}, str(Path("/data") / "plant.db")),
        ("sql.database", {"url": "postgresql://db/plant"}, ""),
        ("mqtt.broker", {"host": {"secret": "host"}}, ""),
        ("mqtt.broker", {"host": {"env": 5}}, ""),
        ("http.client", {"base_url": "http://erp"}, ""),
    ],
)
def test_where_a_connection_leads(kind: str, config: dict, address: str) -> None:
    assert address_of(ConnectionEntry(name="x", type=kind, config=config), Path("/data")) == address
