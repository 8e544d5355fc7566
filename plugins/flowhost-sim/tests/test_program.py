"""The whole simulator inside a program: ports, parts that are switched off and on, sensors on the broker."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable

import pytest
from asyncua import Client as OpcUaClient
from flowhost_sim.mqtt_sensors import first_seq
from flowhost_sim.options import HOST, PortTakenError, SimOptions
from flowhost_sim.ports import is_free
from flowhost_sim.program import SimProgram
from flowhost_sim.states import State
from flowhost_sim.topics import sensors
from paho.mqtt.client import Client, MQTTMessage, topic_matches_sub
from paho.mqtt.enums import CallbackAPIVersion
from pymodbus.client import AsyncModbusTcpClient


class Listener:
    """Hears what is asked for on a broker; everything, where nothing is."""

    def __init__(self, host: str, port: int, topic: str = "#") -> None:
        self.heard: dict[str, list[bytes]] = {}
        self.retained: set[str] = set()
        self._client = Client(CallbackAPIVersion.VERSION2)
        self._client.on_connect = lambda client, *_: client.subscribe(topic, qos=1)
        self._client.on_message = self._on_message
        self._client.reconnect_delay_set(1, 1)
        self._client.connect_async(host, port)

    async def open(self) -> "Listener":
        await asyncio.to_thread(self._client.loop_start)
        return self

    def _on_message(self, _client: Client, _data: object, message: MQTTMessage) -> None:
        self.heard.setdefault(message.topic, []).append(message.payload)
        if message.retain:
            self.retained.add(message.topic)

    async def close(self) -> None:
        self._client.disconnect()
        await asyncio.to_thread(self._client.loop_stop)


@pytest.fixture
async def listener(program: SimProgram) -> AsyncIterator[Listener]:
    hearing = await Listener(program.addresses.mqtt_host, program.addresses.mqtt_port).open()
    yield hearing
    await hearing.close()


async def test_every_topic_of_the_table_is_heard(listener: Listener, eventually: Callable) -> None:
    topics = {sensor.topic for sensor in sensors()}
    await eventually(lambda: topics <= listener.heard.keys())
    await eventually(lambda: len(listener.heard["plant/filler/temp"]) >= 3)
    messages = [json.loads(payload) for payload in listener.heard["plant/filler/temp"]]
    numbers = [message["seq"] for message in messages]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    assert all(set(message) == {"value", "seq"} and message["value"] > 0 for message in messages)
    assert json.loads(listener.heard["plant/line1/tank/temp"][0])["ts"].endswith("Z")
    assert listener.heard["plant/line1/order"][0].startswith(b'{"number": 47')
    assert "," in json.loads(listener.heard["Plant/LINE1/LAB/Vib_1"][0])["Value"]


def test_the_examples_pattern_gets_temperatures_of_machines_only() -> None:
    matching = {sensor.topic for sensor in sensors() if topic_matches_sub("plant/+/temp", sensor.topic)}
    assert {"plant/filler/temp", "plant/capper/temp", "plant/tank/temp"} <= matching
    assert all(topic.count("/") == 2 for topic in matching)


def test_sequence_numbers_do_not_repeat_after_a_restart() -> None:
    quickest_s = min(sensor.period_s for sensor in sensors() if sensor.period_s)
    begin = 1_800_000_000.0
    for ran_s in (1, 60, 86400):
        assert first_seq(begin) + ran_s / quickest_s < first_seq(begin + ran_s + 1)


async def test_sensors_come_back_when_the_broker_does(
    program: SimProgram, listener: Listener, eventually: Callable
) -> None:
    await eventually(lambda: "plant/line1/state" in listener.heard)
    await program.stop_part("broker")
    assert program.parts["broker"] is False
    listener.heard.clear()
    await program.start_part("broker")
    await eventually(lambda: {"plant/filler/temp", "plant/line1/state"} <= listener.heard.keys(), within_s=20)


async def test_what_comes_late_gets_the_state_at_once(program: SimProgram, eventually: Callable) -> None:
    first = await Listener(program.addresses.mqtt_host, program.addresses.mqtt_port).open()
    await eventually(lambda: "plant/line1/state" in first.heard)
    late = await Listener(program.addresses.mqtt_host, program.addresses.mqtt_port).open()
    try:
        await eventually(lambda: {"plant/line1/state", "plant/line1/order"} <= late.retained)
    finally:
        await first.close()
        await late.close()


async def test_a_client_gets_what_it_asks_for_and_nothing_of_others(program: SimProgram, eventually: Callable) -> None:
    everything = await Listener(program.addresses.mqtt_host, program.addresses.mqtt_port).open()
    await eventually(lambda: "plant/line1/state" in everything.heard)
    one = await Listener(program.addresses.mqtt_host, program.addresses.mqtt_port, "plant/line1/order").open()
    try:
        await eventually(lambda: one.heard)
        count = len(everything.heard["plant/filler/temp"])
        await eventually(lambda: len(everything.heard["plant/filler/temp"]) > count)
        assert set(one.heard) == {"plant/line1/order"}
    finally:
        await everything.close()
        await one.close()


async def test_each_server_can_be_switched_off_and_on(program: SimProgram) -> None:
    addresses = program.addresses
    await program.stop_part("opcua")
    await program.stop_part("modbus")
    await program.stop_part("modbus")
    assert is_free(HOST, addresses.modbus_port)
    with pytest.raises(OSError, match="Connect call failed"):
        await OpcUaClient(addresses.opcua_endpoint).connect()
    await program.start_part("opcua")
    await program.start_part("modbus")
    assert program.addresses == addresses
    assert program.parts == {"broker": True, "opcua": True, "modbus": True, "mqtt_sensors": True, "odd_sensor": True}
    async with OpcUaClient(addresses.opcua_endpoint) as client:
        assert await client.get_node("ns=2;s=Line1.Order.Number").read_value() >= 4711
    meter = AsyncModbusTcpClient(addresses.modbus_host, port=addresses.modbus_port)
    assert await meter.connect()
    meter.close()


async def test_a_server_that_stops_drops_its_clients(program: SimProgram, eventually: Callable) -> None:
    lost: list[bool] = []
    meter = AsyncModbusTcpClient(
        HOST,
        port=program.addresses.modbus_port,
        reconnect_delay=0,
        trace_connect=lambda connected: lost.append(not connected),
    )
    assert await meter.connect()
    await program.stop_part("modbus")
    await eventually(lambda: lost[-1:] == [True])
    meter.close()


def test_who_looks_at_the_line_finds_it_running() -> None:
    line = SimProgram().line
    assert line.state is State.EXECUTE
    assert line.good > 0


async def test_values_move_by_themselves(program: SimProgram, eventually: Callable) -> None:
    good = program.line.good
    await eventually(lambda: program.line.good > good, within_s=20)
    async with OpcUaClient(program.addresses.opcua_endpoint) as client:
        node = client.get_node("ns=2;s=Line1.Energy.Total")
        before = await node.read_value()
        deadline = asyncio.get_running_loop().time() + 10
        while await node.read_value() <= before:
            assert asyncio.get_running_loop().time() < deadline
            await asyncio.sleep(0.05)


def taken_port() -> socket.socket:
    other = socket.socket()
    other.bind((HOST, 0))
    other.listen()
    return other


async def test_auto_takes_another_port_where_one_is_taken() -> None:
    with taken_port() as other:
        port = other.getsockname()[1]
        program = SimProgram(SimOptions(ports="auto", opcua_port=0, modbus_port=port, mqtt_port=port))
        await program.start()
        try:
            assert port not in {program.addresses.modbus_port, program.addresses.mqtt_port}
        finally:
            await program.stop()


async def test_default_names_the_port_that_is_taken_and_leaves_nothing_running() -> None:
    with taken_port() as other:
        port = other.getsockname()[1]
        program = SimProgram(SimOptions(opcua_port=0, modbus_port=port, mqtt_port=0))
        with pytest.raises(PortTakenError, match=rf"Port {port} for the Modbus energy meter.*--modbus-port"):
            await program.start()
    assert not any(program.parts.values())
    assert {task.get_name() for task in asyncio.all_tasks()} == {asyncio.current_task().get_name()}


async def test_stopping_twice_and_leaving_nothing_behind(program: SimProgram) -> None:
    addresses = program.addresses
    loop = asyncio.get_running_loop()
    began = loop.time()
    await program.stop()
    assert loop.time() - began < 2
    await program.stop()
    await program.wait()
    assert is_free(HOST, addresses.mqtt_port)
    assert is_free(HOST, addresses.modbus_port)


async def test_with_a_broker_given_it_runs_none(program: SimProgram, eventually: Callable) -> None:
    given = (program.addresses.mqtt_host, program.addresses.mqtt_port)
    await program.stop_part("mqtt_sensors")
    listener = await Listener(*given).open()
    guest = SimProgram(SimOptions(opcua_port=0, modbus_port=0, broker=given))
    await guest.start()
    try:
        assert "broker" not in guest.parts
        assert (guest.addresses.mqtt_host, guest.addresses.mqtt_port) == given
        await eventually(lambda: "plant/line1/fil/TEMP01" in listener.heard)
    finally:
        await guest.stop()
        await listener.close()
