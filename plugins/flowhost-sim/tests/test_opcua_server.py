"""The OPC UA server, read by asyncua's client."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from asyncua import Client, ua
from flowhost_sim.line import Line
from flowhost_sim.opcua_server import NAMESPACE, OpcUaServer
from flowhost_sim.options import HOST
from flowhost_sim.ports import free_port
from flowhost_sim.tags import tags


@pytest.fixture
async def server() -> AsyncIterator[tuple[Line, OpcUaServer]]:
    line = Line(1)
    running = OpcUaServer(line, HOST, free_port(HOST, 0))
    await running.start()
    yield line, running
    await running.stop()


async def test_every_tag_of_the_table_can_be_read(server: tuple[Line, OpcUaServer]) -> None:
    line, running = server
    line.step(100)
    await running.update()
    async with Client(running.endpoint) as client:
        assert await client.get_namespace_index(NAMESPACE) == 2
        nodes = [client.get_node(f"ns=2;s={tag.path}") for tag in tags()]
        values = await client.read_attributes(nodes)
        for tag, value in zip(tags(), values, strict=True):
            assert value.Value is not None
            assert value.Value.VariantType.name == tag.kind.value, tag.path
            assert value.SourceTimestamp > datetime.now(UTC) - timedelta(minutes=1)
        assert values[0].Value.Value == line.state
        read = {tag.path: value.Value.Value for tag, value in zip(tags(), values, strict=True)}
        assert read["Line1.ProducedCount"] == read["Line1.GoodCount"] + read["Line1.RejectCount"] > 0
        assert read["Line1.Order.Number"] == 4711


async def test_units_and_ranges_are_there(server: tuple[Line, OpcUaServer]) -> None:
    _, running = server
    async with Client(running.endpoint) as client:
        node = client.get_node("ns=2;s=Line1.Tank.Temperature")
        unit = await (await node.get_child("0:EngineeringUnits")).read_value()
        span = await (await node.get_child("0:EURange")).read_value()
    assert (unit.UnitId, unit.DisplayName.Text) == (4408652, "°C")
    assert (span.Low, span.High) == (0, 20)


async def test_the_tree_can_be_browsed(server: tuple[Line, OpcUaServer]) -> None:
    _, running = server
    async with Client(running.endpoint) as client:
        path = ["0:Objects", "2:Line1", "2:Filler", "2:Speed"]
        node = await client.nodes.root.get_child(path)
        assert node.nodeid.to_string() == "ns=2;s=Line1.Filler.Speed"


async def test_subscribers_get_what_changes(server: tuple[Line, OpcUaServer]) -> None:
    line, running = server
    async with Client(running.endpoint) as client:
        subscription = await client.create_subscription(50)
        await subscription.subscribe_data_change(client.get_node("ns=2;s=Line1.GoodCount"))
        line.step(120)
        await running.update()
        async with asyncio.timeout(10):
            async for event in subscription:
                if event.value > 0:
                    assert event.value == line.good
                    break
        await subscription.delete()


async def test_a_written_setpoint_reaches_the_line_and_is_shown_as_taken(server: tuple[Line, OpcUaServer]) -> None:
    line, running = server
    await running.update()
    async with Client(running.endpoint) as client:
        node = client.get_node("ns=2;s=Line1.SpeedSetpoint")
        for written, taken in ((180.0, 180), (900.0, 300), (float("nan"), 300)):
            await node.write_value(written)
            await running.update()
            assert line.speed_setpoint == taken
            assert await node.read_value() == taken
        with pytest.raises(ua.UaStatusCodeError):
            await client.get_node("ns=2;s=Line1.GoodCount").write_value(ua.Variant(0, ua.VariantType.UInt32))


async def test_a_value_that_cannot_be_trusted_says_so(server: tuple[Line, OpcUaServer]) -> None:
    line, running = server
    async with Client(running.endpoint) as client:
        while not line.hall.sensor_failed:
            line.step(1)
        await running.update()
        humidity = await client.get_node("ns=2;s=Line1.Hall.Humidity").read_data_value(raise_on_bad_status=False)
        assert humidity.StatusCode.name == "BadSensorFailure"
        assert humidity.Value.Value is None
        while line.machines[1].speed > 0:
            line.step(1)
        await running.update()
        torque = await client.get_node("ns=2;s=Line1.Capper.Torque").read_data_value(raise_on_bad_status=False)
        assert torque.StatusCode.name == "UncertainLastUsableValue"
        assert torque.Value.Value > 0


async def test_republish_of_a_forgotten_message_is_refused(server: tuple[Line, OpcUaServer]) -> None:
    """Regression: asyncua answers with an empty message, and its client then republishes for ever."""
    _, running = server
    async with Client(running.endpoint) as client:
        subscription = await client.create_subscription(1000)
        for number, error in (
            (subscription.subscription_id, "BadMessageNotAvailable"),
            (1, "BadSubscriptionIdInvalid"),
        ):
            with pytest.raises(ua.UaStatusCodeError, match=error):
                await subscription.server.republish(number, 4711)
        await subscription.delete()
